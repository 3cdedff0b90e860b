// SPDX-License-Identifier: MIT
// Many rows of one series into one, so that it says what a single long measurement would have said:
// counts add up, means are weighted, percentiles come from the added histograms.
#pragma once
#include "base/hist.h"
#include "store/types.h"

// How each column of a type is merged; columns without a rule keep the newest known value.
struct pt_merge {
	struct pt_row_map map;
	struct {
		unsigned char kind;   // enum in merge.c
		unsigned char weight; // column
		uint32_t q_ppm;
	} rule[PT_ROW_MAX_COLUMNS];
	int min, max, hist; // columns; -1: none
};
void pt_merge_init(struct pt_merge *m, enum pt_store_type t);

struct pt_merged {
	struct pt_row row; // texts are its own
	double weight[PT_ROW_MAX_COLUMNS];
	double sum[PT_ROW_MAX_COLUMNS];
	struct pt_hist hist;
	uint32_t n; // rows merged, by the caller's count
};
// Zeroed is empty. `n` is what the row stands for.
void pt_merged_add(
	const struct pt_merge *m, struct pt_merged *into, const struct pt_row *row, uint32_t n);
// Brings the row up to date with what was added: means, percentiles, the histogram's text.
void pt_merged_finish(const struct pt_merge *m, struct pt_merged *r);
void pt_merged_done(struct pt_merged *r);

// "[[80,3],[81,4]]". What is no histogram is an empty one.
void pt_merge_hist_read(const char *text, size_t len, struct pt_hist *out);
