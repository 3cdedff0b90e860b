// SPDX-License-Identifier: MIT
// Mergeable log-linear histogram of microseconds: PT_HIST_SUB linear buckets per power of two, so
// that a quantile is off by at most 1/PT_HIST_SUB (6.25%) of its value. Buckets never depend on the
// data, so histograms of any two windows, paths or hosts add up.
#pragma once
#include <jansson.h>
#include <stdint.h>

#define PT_HIST_SUB     16
#define PT_HIST_BUCKETS 512 // covers 0 to 2^35 us

struct pt_hist {
	uint64_t count;
	uint64_t sum_us;
	uint32_t bucket[PT_HIST_BUCKETS];
};

void pt_hist_add(struct pt_hist *h, uint64_t value_us);
void pt_hist_remove(struct pt_hist *h, uint64_t value_us); // of a value added before
void pt_hist_merge(struct pt_hist *into, const struct pt_hist *from);
unsigned pt_hist_index(uint64_t value_us);
uint64_t pt_hist_lower(unsigned index); // lowest value of the bucket
// Value at quantile q_ppm (500000 = median), the middle of its bucket; -1 when empty.
int64_t pt_hist_quantile(const struct pt_hist *h, uint32_t q_ppm);

// Sparse JSON: [[index, count], ...], rising. from_json checks every number and bound.
json_t *pt_hist_to_json(const struct pt_hist *h);
// As `stats` records carry it: {"count", "sum", "buckets"}.
json_t *pt_hist_summary(const struct pt_hist *h);
int pt_hist_from_json(const json_t *j, struct pt_hist *out);
