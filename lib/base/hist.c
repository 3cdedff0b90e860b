// SPDX-License-Identifier: MIT
#include "base/hist.h"

#include <errno.h>
#include <string.h>

// Values below PT_HIST_SUB have a bucket each; from there on every power of two has PT_HIST_SUB.
#define SUB_BITS 4
_Static_assert(1 << SUB_BITS == PT_HIST_SUB, "SUB_BITS and PT_HIST_SUB go together");

unsigned pt_hist_index(uint64_t value_us)
{
	if (value_us < PT_HIST_SUB)
		return (unsigned)value_us;
	unsigned shift = 63 - (unsigned)__builtin_clzll(value_us) - SUB_BITS;
	unsigned index = PT_HIST_SUB * shift + (unsigned)(value_us >> shift);
	return index < PT_HIST_BUCKETS ? index : PT_HIST_BUCKETS - 1;
}

uint64_t pt_hist_lower(unsigned index)
{
	if (index < 2 * PT_HIST_SUB)
		return index;
	unsigned shift = index / PT_HIST_SUB - 1;
	return (uint64_t)(index % PT_HIST_SUB + PT_HIST_SUB) << shift;
}

static uint64_t bucket_middle(unsigned index)
{
	uint64_t lower = pt_hist_lower(index);

	return lower + (pt_hist_lower(index + 1) - lower) / 2;
}

static uint64_t add_capped(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

void pt_hist_add(struct pt_hist *h, uint64_t value_us)
{
	uint32_t *bucket = &h->bucket[pt_hist_index(value_us)];

	if (*bucket == UINT32_MAX)
		return; // full: count stays the sum of the buckets
	(*bucket)++;
	h->count++;
	h->sum_us = add_capped(h->sum_us, value_us);
}

void pt_hist_remove(struct pt_hist *h, uint64_t value_us)
{
	uint32_t *bucket = &h->bucket[pt_hist_index(value_us)];

	if (*bucket == 0)
		return;
	(*bucket)--;
	h->count--;
	h->sum_us -= value_us < h->sum_us ? value_us : h->sum_us;
}

void pt_hist_merge(struct pt_hist *into, const struct pt_hist *from)
{
	for (unsigned i = 0; i < PT_HIST_BUCKETS; i++) {
		uint32_t room = UINT32_MAX - into->bucket[i];
		uint32_t n = from->bucket[i] < room ? from->bucket[i] : room;
		into->bucket[i] += n;
		into->count += n;
	}
	into->sum_us = add_capped(into->sum_us, from->sum_us);
}

int64_t pt_hist_quantile(const struct pt_hist *h, uint32_t q_ppm)
{
	if (h->count == 0)
		return -1;
	if (q_ppm > 1000000)
		q_ppm = 1000000;
	// The smallest value with at least q of the samples at or below it.
	__extension__ typedef unsigned __int128 wide;
	uint64_t rank = (uint64_t)(((wide)h->count * q_ppm + 999999) / 1000000);
	uint64_t seen = 0;
	for (unsigned i = 0; i < PT_HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (h->bucket[i] && seen >= rank)
			return (int64_t)bucket_middle(i);
	}
	return -1;
}

json_t *pt_hist_to_json(const struct pt_hist *h)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < PT_HIST_BUCKETS; i++) {
		if (h->bucket[i])
			(void)json_array_append_new(
				list, json_pack("[II]", (json_int_t)i, (json_int_t)h->bucket[i]));
	}
	return list;
}

json_t *pt_hist_summary(const struct pt_hist *h)
{
	return json_pack("{s:I,s:I,s:o}", "count", (json_int_t)h->count, "sum",
		(json_int_t)h->sum_us, "buckets", pt_hist_to_json(h));
}

int pt_hist_from_json(const json_t *j, struct pt_hist *out)
{
	struct pt_hist h = { 0 };
	json_int_t last = -1;
	size_t i;
	json_t *pair;

	if (!json_is_array(j))
		return -EINVAL;
	json_array_foreach(j, i, pair) {
		const json_t *index = json_array_get(pair, 0), *count = json_array_get(pair, 1);
		json_int_t at = json_integer_value(index), n = json_integer_value(count);
		if (json_array_size(pair) != 2 || !json_is_integer(index) ||
			!json_is_integer(count))
			return -EINVAL;
		if (at <= last || at >= PT_HIST_BUCKETS || n < 1 || n > UINT32_MAX)
			return -ERANGE;
		last = at;
		h.bucket[at] = (uint32_t)n;
		h.count += (uint64_t)n;
		// The sparse form carries no sum: the middle of the bucket stands for its values.
		uint64_t part;
		if (__builtin_mul_overflow(bucket_middle((unsigned)at), (uint64_t)n, &part))
			part = UINT64_MAX;
		h.sum_us = add_capped(h.sum_us, part);
	}
	*out = h;
	return 0;
}
