// SPDX-License-Identifier: MIT
// Address -> line and column: open addressing, doubled at half full, old tables left to the arena.
#include "model/node.h"

struct mark {
	const void *at; // NULL: free
	uint32_t line, column;
};

struct pt_marks {
	struct pt_arena *arena;
	const char *file;
	struct mark *slots;
	size_t mask, used;
};

struct pt_marks *pt_marks_new(struct pt_arena *a, const char *file)
{
	enum { FIRST = 256 };
	struct pt_marks *m = pt_arena_alloc(a, sizeof(*m));

	m->arena = a;
	m->file = pt_arena_strdup(a, file);
	m->slots = pt_arena_alloc(a, FIRST * sizeof(struct mark));
	m->mask = FIRST - 1;
	return m;
}

static struct mark *find(struct mark *slots, size_t mask, const void *at)
{
	uint64_t h = (uint64_t)(uintptr_t)at * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h >> 32) & mask;

	while (slots[i].at && slots[i].at != at)
		i = (i + 1) & mask;
	return &slots[i];
}

static void grow(struct pt_marks *m)
{
	size_t mask = m->mask * 2 + 1;
	struct mark *slots = pt_arena_alloc(m->arena, (mask + 1) * sizeof(struct mark));

	for (size_t i = 0; i <= m->mask; i++) {
		if (m->slots[i].at)
			*find(slots, mask, m->slots[i].at) = m->slots[i];
	}
	m->slots = slots;
	m->mask = mask;
}

void pt_marks_put(struct pt_marks *m, const void *at, uint32_t line, uint32_t column)
{
	if (m->used * 2 > m->mask)
		grow(m);
	struct mark *slot = find(m->slots, m->mask, at);
	m->used += !slot->at;
	*slot = (struct mark){ at, line, column };
}

const char *pt_marks_where(const struct pt_marks *m, const void *at)
{
	const struct mark *found = find(m->slots, m->mask, at);

	if (!at || !found->at)
		return m->file;
	return pt_arena_printf(m->arena, "%s:%u:%u", m->file, found->line, found->column);
}

bool pt_marks_has(const struct pt_marks *m, const void *at)
{
	return at && find(m->slots, m->mask, at)->at;
}
