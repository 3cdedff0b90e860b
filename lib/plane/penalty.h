// SPDX-License-Identifier: MIT
// How long a path that came back is held: the more often it fell lately, the longer (RFC 2439). The
// figure of merit rises with each fall and halves with each half-life; from one fall to the next
// the hold doubles. Pure functions of what pt_penalty holds.
#pragma once
#include <stdint.h>

#include "bpf/plane.h"
#include "model/config.h"

#define PT_PENALTY_FALL 1000 // to the figure for a fall
#define PT_PENALTY_LATE 500  // for one that was taken back: nothing is held before the third
#define PT_PENALTY_MOST 20000

// The figure as it has decayed until now.
uint32_t pt_penalty_figure(const struct pt_penalty *p, const struct pt_config *cfg, int64_t now_ns);
void pt_penalty_add(
	struct pt_penalty *p, const struct pt_config *cfg, uint32_t weight, int64_t now_ns);
// For how long a path with this figure is held; 0: not at all.
int64_t pt_penalty_hold_ns(const struct pt_penalty *p, const struct pt_config *cfg, int64_t now_ns);
