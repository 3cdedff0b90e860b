// SPDX-License-Identifier: MIT
#include "base/tally.h"

#include <stdlib.h>
#include <string.h>

#define USUAL 4 // octaves

// NULL: out of memory.
static uint32_t *octave_of(struct pt_tally *t, unsigned octave)
{
	if (t->at[octave])
		return t->octave[t->at[octave] - 1];
	if (t->used == t->room) {
		void *more = realloc(t->octave, (t->room + 1u) * sizeof(*t->octave));
		if (!more)
			return NULL;
		t->octave = more;
		t->room++;
	}
	memset(t->octave[t->used], 0, sizeof(*t->octave));
	t->at[octave] = ++t->used;
	return t->octave[t->used - 1];
}

void pt_tally_add(struct pt_tally *t, uint64_t value_us)
{
	unsigned index = pt_hist_index(value_us);
	uint32_t *octave = octave_of(t, index / PT_HIST_SUB);

	if (!octave || octave[index % PT_HIST_SUB] == UINT32_MAX)
		return;
	octave[index % PT_HIST_SUB]++;
	if (__builtin_add_overflow(t->sum_us, value_us, &t->sum_us))
		t->sum_us = UINT64_MAX;
}

void pt_tally_clear(struct pt_tally *t)
{
	if (t->room > USUAL)
		pt_tally_done(t);
	t->sum_us = 0;
	t->used = 0;
	memset(t->at, 0, sizeof(t->at));
}

void pt_tally_done(struct pt_tally *t)
{
	free(t->octave);
	*t = (struct pt_tally){ 0 };
}

void pt_tally_read(const struct pt_tally *t, struct pt_hist *out)
{
	memset(out, 0, sizeof(*out));
	out->sum_us = t->sum_us;
	for (unsigned i = 0; i < PT_HIST_BUCKETS; i++) {
		unsigned at = t->at[i / PT_HIST_SUB];
		out->bucket[i] = at ? t->octave[at - 1][i % PT_HIST_SUB] : 0;
		out->count += out->bucket[i];
	}
}
