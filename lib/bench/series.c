// SPDX-License-Identifier: MIT
#include "bench/series.h"

#include <errno.h>
#include <stdlib.h>

#define MILLION 1000000u

void pt_series_add(struct pt_series *s, int64_t value)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->v = reallocarray(s->v, s->cap, sizeof(*s->v));
		if (!s->v)
			abort(); // as everywhere in the house: never on with half the data
	}
	s->v[s->n++] = value;
}

void pt_series_done(struct pt_series *s)
{
	free(s->v);
	*s = (struct pt_series){ 0 };
}

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

// The smallest sample with at least q of all at or below it: always one that was measured.
static int64_t quantile(const struct pt_series *s, uint32_t q_ppm)
{
	uint64_t rank = ((uint64_t)s->n * q_ppm + MILLION - 1) / MILLION;

	return s->v[rank ? rank - 1 : 0];
}

int pt_series_summary(struct pt_series *s, uint32_t q_ppm, struct pt_summary *out)
{
	if (!s->n)
		return -ENODATA;
	qsort(s->v, s->n, sizeof(*s->v), by_value);
	*out = (struct pt_summary){
		.runs = s->n,
		.value = quantile(s, q_ppm > MILLION ? MILLION : q_ppm),
		.median = quantile(s, MILLION / 2),
		.min = s->v[0],
		.max = s->v[s->n - 1],
	};
	if (__builtin_sub_overflow(
		    quantile(s, MILLION / 4 * 3), quantile(s, MILLION / 4), &out->spread))
		out->spread = INT64_MAX;
	return 0;
}
