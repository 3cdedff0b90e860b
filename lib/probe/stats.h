// SPDX-License-Identifier: MIT
// What one window of probes of one stream amounts to. A probe enters the window in which its fate
// is known: answered, or overdue (RFC 7680's bound on waiting). A loss can be revoked while its
// window lasts: an answer that comes after all makes it received, and late. So sent = received +
// lost holds in every window, and windows of one stream add up without gaps. Times are nanoseconds.
// Round trips are those of RFC 2681, one-way delays of RFC 7679.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/tally.h"
#include "model/records.h"
#include "probe/split.h"

struct pt_sample {
	int64_t rtt_ns;          // without the reflector's own time where it tells
	int64_t out_ns, back_ns; // one way; PT_NULL unless both clocks are synchronised
	int64_t owd_error_ns;    // largest error of those; PT_NULL with them
	bool kernel;             // both of our time stamps are the kernel's
};

struct pt_stats {
	int64_t received, lost;
	int64_t late;       // answered after the timeout, received or not
	int64_t duplicates; // further answers to an answered probe
	int64_t reordered;  // RFC 4737 section 3: sequence below what had arrived before
	int64_t min_ns, max_ns, sum_ns;
	int64_t owd_count, out_sum_ns, back_sum_ns, owd_error_ns;
	int64_t user_stamps; // samples without kernel time stamps

	// The jitter estimator runs on across windows (RFC 3550 section 6.4.1): the smoothed
	// difference of successive transit times, here of the round trip, which needs no clocks in
	// step. In sixteenths of a nanosecond.
	int64_t jitter_x16, last_rtt_ns;
	uint64_t samples;
	uint16_t window;       // number of this one; wraps
	struct pt_split split; // runs on, too
	struct pt_tally rtt;
};

void pt_stats_reply(struct pt_stats *s, const struct pt_sample *sample);
// An answer after the timeout. `window`: the one that has counted the probe as lost.
void pt_stats_late(struct pt_stats *s, const struct pt_sample *sample, uint16_t window);
// Forgets the window, keeps the jitter estimator.
void pt_stats_next_window(struct pt_stats *s);
// Fills every measured field of a record: what was measured, PT_NULL for what was not. rtt_hist
// borrows hist, which it fills. Percentiles come from the histogram, clamped to the exact minimum
// and maximum; one-way delays are means.
void pt_stats_health(const struct pt_stats *s, struct pt_hist *hist, struct pt_health *out);
void pt_stats_done(struct pt_stats *s); // zeroed or used
