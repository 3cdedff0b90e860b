// SPDX-License-Identifier: MIT
// The samples of one measurement, one a run. Exact: all are kept and sorted.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct pt_series {
	int64_t *v; // rising once summed up
	size_t n, cap;
};

void pt_series_add(struct pt_series *s, int64_t value);
void pt_series_done(struct pt_series *s);

struct pt_summary {
	uint64_t runs;
	int64_t value; // at the quantile that was asked for
	int64_t median, min, max;
	int64_t spread; // between the quartiles: half of all runs lie within it
};

// Sorts. q_ppm 500000: value is the median; 1000000: the worst of a lower-is-better series.
// Returns -ENODATA without samples.
int pt_series_summary(struct pt_series *s, uint32_t q_ppm, struct pt_summary *out);
