// SPDX-License-Identifier: MIT
#include "base/hist.h"

#include <errno.h>

#include "base/cleanup.h"
#include "test.h"

static void buckets_tile_the_line(void)
{
	T_EQ(pt_hist_lower(0), 0);
	for (unsigned i = 0; i + 1 < PT_HIST_BUCKETS; i++) {
		uint64_t lo = pt_hist_lower(i), next = pt_hist_lower(i + 1);
		T_OK(next > lo);
		T_EQ(pt_hist_index(lo), i);
		T_EQ(pt_hist_index(next - 1), i);
		T_OK((next - lo) * PT_HIST_SUB <= (lo > PT_HIST_SUB ? lo : PT_HIST_SUB));
	}
	T_EQ(pt_hist_index((1ULL << 35) - 1), PT_HIST_BUCKETS - 1);
	T_EQ(pt_hist_index(1ULL << 35), PT_HIST_BUCKETS - 1);
	T_EQ(pt_hist_index(UINT64_MAX), PT_HIST_BUCKETS - 1);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void quantiles_against_sorted_samples(void)
{
	enum { N = 10007 };
	static uint64_t v[N];
	static const uint32_t q[] = { 1, 10000, 250000, 500000, 950000, 990000, 999999, 1000000 };
	uint64_t seed = 0x9e3779b97f4a7c15;

	for (int shape = 0; shape < 4; shape++) {
		struct pt_hist h = { 0 };
		for (int i = 0; i < N; i++) {
			uint64_t r = next_random(&seed);
			v[i] = shape == 0    ? r % 100
				: shape == 1 ? r % 50000000
				: shape == 2 ? 1ULL << r % 34
					     : 20000 + r % 3000;
			pt_hist_add(&h, v[i]);
		}
		qsort(v, N, sizeof(v[0]), by_value);
		for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
			uint64_t rank = ((uint64_t)N * q[i] + 999999) / 1000000;
			int64_t want = (int64_t)v[rank - 1], got = pt_hist_quantile(&h, q[i]);
			int64_t off = got > want ? got - want : want - got;
			if (off * PT_HIST_SUB > want)
				T_FAIL("shape %d q %u: %" PRId64 " for %" PRId64, shape, q[i], got,
					want);
		}
	}
}

static void empty_and_remove(void)
{
	struct pt_hist h = { 0 }, zero = { 0 };

	T_EQ(pt_hist_quantile(&h, 500000), -1);
	pt_hist_remove(&h, 5); // never added: nothing to take
	T_OK(memcmp(&h, &zero, sizeof(h)) == 0);
	pt_hist_add(&h, 100);
	pt_hist_add(&h, 200000);
	pt_hist_remove(&h, 100);
	T_EQ(h.count, 1);
	T_EQ(h.sum_us, 200000);
	T_EQ(pt_hist_quantile(&h, 0), pt_hist_quantile(&h, 1000000));
	pt_hist_remove(&h, 200000);
	T_OK(memcmp(&h, &zero, sizeof(h)) == 0);
}

static void merge_is_addition(void)
{
	struct pt_hist a = { 0 }, b = { 0 }, both = { 0 };
	uint64_t seed = 42;

	for (int i = 0; i < 5000; i++) {
		uint64_t v = next_random(&seed) % 1000000;
		pt_hist_add(i % 3 ? &a : &b, v);
		pt_hist_add(&both, v);
	}
	pt_hist_merge(&a, &b);
	T_OK(memcmp(&a, &both, sizeof(a)) == 0);
}

static void full_buckets_keep_the_count_true(void)
{
	struct pt_hist a = { .count = UINT32_MAX, .bucket = { [3] = UINT32_MAX } };
	struct pt_hist b = { .count = 10, .sum_us = UINT64_MAX, .bucket = { [3] = 9, [4] = 1 } };

	pt_hist_add(&a, 3);
	T_EQ(a.count, UINT32_MAX);
	pt_hist_merge(&a, &b);
	T_EQ(a.bucket[3], UINT32_MAX);
	T_EQ(a.count, (int64_t)UINT32_MAX + 1);
	pt_hist_merge(&a, &b);
	T_OK(a.sum_us == UINT64_MAX);
}

static void json_there_and_back(void)
{
	struct pt_hist h = { 0 }, back;

	for (uint64_t v = 1; v < 1ULL << 34; v = v * 3 + 1)
		pt_hist_add(&h, v);
	pt_autojson json_t *j = pt_hist_to_json(&h);
	T_EQ(pt_hist_from_json(j, &back), 0);
	T_EQ(back.count, h.count);
	T_OK(memcmp(h.bucket, back.bucket, sizeof(h.bucket)) == 0);
	pt_autojson json_t *none = json_array();
	T_EQ(pt_hist_from_json(none, &back), 0);
	T_EQ(back.count, 0);
}

static void hostile_json(void)
{
	static const char *const bad[] = { "null", "7", "{}", "[7]", "[[]]", "[[1]]", "[[1,2,3]]",
		"[[1,\"2\"]]", "[[1.5,2]]", "[[1,2.0]]", "[[-1,2]]", "[[512,1]]", "[[1,0]]",
		"[[1,-1]]", "[[1,4294967296]]", "[[2,1],[1,1]]", "[[1,1],[1,1]]", "[[1,1],null]" };
	struct pt_hist h = { .count = 77 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pt_autojson json_t *j = json_loads(bad[i], JSON_DECODE_ANY, NULL);
		T_NEED(j);
		if (pt_hist_from_json(j, &h) >= 0)
			T_FAIL("took %s", bad[i]);
	}
	T_EQ(pt_hist_from_json(NULL, &h), -EINVAL);
	T_EQ(h.count, 77);
}

T_MAIN({ "buckets tile the line within 1/16", buckets_tile_the_line },
	{ "quantiles within 1/16 of sorted samples", quantiles_against_sorted_samples },
	{ "empty, removal", empty_and_remove }, { "merge is addition", merge_is_addition },
	{ "full buckets", full_buckets_keep_the_count_true },
	{ "JSON there and back", json_there_and_back }, { "hostile JSON", hostile_json })
