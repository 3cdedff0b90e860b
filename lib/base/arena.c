// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_BYTES 16384u

struct pt_arena_block {
	struct pt_arena_block *next;
	size_t used, size;
	max_align_t data[];
};

static struct pt_arena_block *block_new(size_t size)
{
	struct pt_arena_block *b = NULL;

	if (size <= SIZE_MAX - sizeof(*b))
		b = calloc(1, sizeof(*b) + size);
	if (!b)
		abort(); // the contract: no caller is written to go on without memory
	b->size = size;
	return b;
}

void *pt_arena_alloc(struct pt_arena *a, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct pt_arena_block *b = a->blocks;

	if (size > SIZE_MAX - align)
		abort();
	size = (size + align - 1) / align * align;
	if (size == 0)
		size = align; // two objects never share an address
	if (!b || b->size - b->used < size) {
		b = block_new(size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES);
		b->next = a->blocks;
		a->blocks = b;
	}
	void *p = (char *)b->data + b->used;
	b->used += size;
	return p;
}

char *pt_arena_strndup(struct pt_arena *a, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = pt_arena_alloc(a, len + 1);

	memcpy(copy, s, len);
	return copy;
}

char *pt_arena_strdup(struct pt_arena *a, const char *s)
{
	return pt_arena_strndup(a, s, strlen(s));
}

char *pt_arena_printf(struct pt_arena *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		abort();
	char *s = pt_arena_alloc(a, (size_t)len + 1);
	va_start(ap, fmt);
	(void)vsnprintf(s, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return s;
}

void pt_arena_done(struct pt_arena *a)
{
	while (a->blocks) {
		struct pt_arena_block *b = a->blocks;
		a->blocks = b->next;
		free(b);
	}
}
