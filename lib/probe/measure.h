// SPDX-License-Identifier: MIT
// One answered probe's times, out of all stamps there are of it: the kernel's where they can be
// believed, ours otherwise, and the reflector's.
#pragma once
#include <stdint.h>

#include "base/clock.h"
#include "probe/stats.h"
#include "probe/track.h"
#include "wire/ntp.h"
#include "wire/stamp.h"

struct pt_arrival {
	struct pt_mono at; // when we saw the answer
	int64_t real_ns;   // the same moment, CLOCK_REALTIME
	int64_t kernel_ns; // when the kernel did, CLOCK_REALTIME; 0: it does not say
};

// When the answer reached the kernel, on the monotonic clock: by its stamp where that can be true
// of this probe, else when we saw it.
struct pt_mono pt_arrived(const struct pt_sent_probe *probe, const struct pt_arrival *arrival);

// The round trip leaves out the time that the reflector held the packet, if it tells (reply NULL:
// it does not). Kernel stamps are wall time: when that was stepped while the probe was on its way,
// our monotonic stamps serve instead. One-way delays need both clocks synchronised (`clock` is
// ours, the S bit of the reply theirs) and both in NTP format; their error bound is the sum of
// both.
struct pt_sample pt_measure(const struct pt_sent_probe *probe, const struct pt_arrival *arrival,
	const struct pt_stamp_reflected *reply, const struct pt_clock_error *clock);
