// SPDX-License-Identifier: MIT
// A histogram of base/hist.h for one of thousands of paths, whose values all lie near each other:
// only the octaves that have a value take room, 64 bytes each.
#pragma once
#include "base/hist.h"

#define PT_TALLY_OCTAVES (PT_HIST_BUCKETS / PT_HIST_SUB)

struct pt_tally {
	uint64_t sum_us;
	uint32_t (*octave)[PT_HIST_SUB];
	uint8_t used, room;
	uint8_t at[PT_TALLY_OCTAVES]; // index + 1 in octave; 0: no value there
};

// Out of memory the value is left out.
void pt_tally_add(struct pt_tally *t, uint64_t value_us);
void pt_tally_clear(struct pt_tally *t); // keeps room for as much as there usually is
void pt_tally_done(struct pt_tally *t);
void pt_tally_read(const struct pt_tally *t, struct pt_hist *out);
