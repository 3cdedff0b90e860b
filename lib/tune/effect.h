// SPDX-License-Identifier: MIT
// What a change did: the kernel's counters in a window before it beside those in one of the same
// length after it.
#pragma once
#include "tune/apply.h"
#include "tune/facts.h"

struct pt_window {
	struct pt_facts first, last;
	int64_t ms; // 0: not measured
};

// Waits for so long.
void pt_window_take(const struct pt_host *h, int64_t ms, struct pt_window *out);
// "tcp_retrans=1.5>0 rx_packets=900>950": a second, before and after, of those that moved.
void pt_window_effect(
	const struct pt_window *before, const struct pt_window *after, struct pt_buf *out);
// A counter of the profile's guards that moved too far: -EREMOTEIO.
int pt_window_guard(const struct pt_profile *p, const struct pt_window *w, struct pt_err *err);
