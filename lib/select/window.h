// SPDX-License-Identifier: MIT
// What the health records of one path say about a span of time. Samples are sums, so the answer
// does not depend on the order in which records arrived.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "model/records.h"

#define PT_WINDOW_SLOTS 64 // samples of one path; past it the oldest goes

struct pt_reading {
	int64_t end_ns; // selection time of the record (select/input.h)
	int64_t seq;    // tells two records of one instant apart
	int32_t span_ms;
	uint32_t sent, received, lost;
	int32_t rtt_p95_us, jitter_us; // -1: not known
};

struct pt_window {
	struct pt_reading *samples; // by end_ns rising
	uint32_t n, cap;
};

struct pt_measure {
	uint32_t samples; // 0: nothing is known
	int64_t sent, received, lost;
	int64_t loss_ppm;   // PT_NULL: nothing was sent
	int64_t rtt_p95_us; // mean of the records' p95, weighted by what they received; or PT_NULL
	int64_t jitter_us;  // weighted alike; or PT_NULL
	int64_t span_ns;    // from the start of the first sample to the end of the last
	int64_t newest_ns;  // end of the last sample; PT_NULL when there is none
};

// False when the record says nothing (nothing was sent, or the counts contradict each other).
bool pt_reading_from_health(
	const struct pt_health *h, int64_t end_ns, int64_t seq, struct pt_reading *out);

void pt_window_add(struct pt_window *w, const struct pt_reading *s); // a repeat replaces itself
void pt_window_copy(struct pt_window *to, const struct pt_window *from);
void pt_window_done(struct pt_window *w);

// The samples that ended within (now - span, now], and always the newest one: how old it may be is
// the SLA's business (stale_secs).
void pt_window_measure(
	const struct pt_window *w, int64_t now_ns, int64_t span_ns, struct pt_measure *out);
