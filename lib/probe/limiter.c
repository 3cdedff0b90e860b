// SPDX-License-Identifier: MIT
#include "probe/limiter.h"

#include <stdlib.h>

#include "base/cleanup.h"

#define BURST_NS (100 * PT_NS_PER_MS)
#define SETS     1024 // a power of two
#define WAYS     4

struct source {
	struct pt_addr from;
	int64_t next_ns;
};

struct pt_limiter {
	int64_t gap_ns, source_gap_ns; // 0: no limit
	int64_t next_ns;
	uint64_t seed;
	struct source (*sources)[WAYS];
};

struct pt_limiter *pt_limiter_new(uint64_t rate_pps, uint64_t source_rate_pps, uint64_t seed)
{
	struct pt_limiter *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->seed = seed;
	l->gap_ns = rate_pps ? PT_NS_PER_S / (int64_t)rate_pps : 0;
	l->source_gap_ns = source_rate_pps ? PT_NS_PER_S / (int64_t)source_rate_pps : 0;
	l->sources = source_rate_pps ? calloc(SETS, sizeof(*l->sources)) : NULL;
	if (source_rate_pps && !l->sources) {
		free(l);
		return NULL;
	}
	return l;
}

void pt_limiter_free(struct pt_limiter *l)
{
	if (l)
		free(l->sources);
	free(l);
}

// FNV-1a over the seed and the address: who knows no seed can aim at no set.
static uint64_t hash(const struct pt_limiter *l, const struct pt_addr *a)
{
	uint64_t h = 0xcbf29ce484222325 ^ l->seed;

	for (size_t i = 0; i < sizeof(a->bytes); i++)
		h = (h ^ a->bytes[i]) * 0x100000001b3;
	return h >> 32 ^ h;
}

// The sender's own, or that of who was quiet longest.
static int64_t *next_of(struct pt_limiter *l, const struct pt_addr *from)
{
	struct source *set = l->sources[hash(l, from) & (SETS - 1)], *oldest = set;

	for (struct source *s = set; s < set + WAYS; s++) {
		if (s->from.family && pt_addr_eq(&s->from, from))
			return &s->next_ns;
		if (s->next_ns < oldest->next_ns)
			oldest = s;
	}
	*oldest = (struct source){ .from = *from };
	return &oldest->next_ns;
}

static bool take(int64_t *next_ns, int64_t gap_ns, int64_t now_ns)
{
	int64_t due_ns = *next_ns > now_ns ? *next_ns : now_ns;

	if (due_ns - now_ns > BURST_NS)
		return false;
	*next_ns = due_ns + gap_ns;
	return true;
}

bool pt_limiter_take(struct pt_limiter *l, const struct pt_addr *from, struct pt_mono now)
{
	if (l->source_gap_ns && !take(next_of(l, from), l->source_gap_ns, now.ns))
		return false;
	return !l->gap_ns || take(&l->next_ns, l->gap_ns, now.ns);
}
