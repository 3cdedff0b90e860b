// SPDX-License-Identifier: MIT
// Loss by direction, out of a reflector's own counts (direct measurement, RFC 8972 section 4.5):
// what was sent but not received there is lost on the way out, what was answered there and never
// came is lost on the way back. Between the newest answers of two windows, so that nothing that is
// still on its way counts.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "wire/stamp_tlv.h"

struct pt_split_point {
	uint32_t sent, received; // as the newest answered probe says
	uint32_t answers;        // that have come until then
};

struct pt_split {
	bool based;
	uint32_t answers;
	struct pt_split_point base, newest;
};

void pt_split_answer(struct pt_split *s, const struct pt_stamp_counts *c); // no duplicates
void pt_split_next_window(struct pt_split *s);
// Of what was sent in the window, in ppm. False: unknowable, for want of two answers, or because
// the reflector has begun to count anew.
bool pt_split_loss(const struct pt_split *s, int64_t *out_ppm, int64_t *back_ppm);
