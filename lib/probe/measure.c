// SPDX-License-Identifier: MIT
#include "probe/measure.h"

#include <stdlib.h>

#define STEP_SLACK_NS (100 * PT_NS_PER_US)
#define SLEW_PER_TRIP 1000 // a clock that is being slewed moves by less than 1/1000 of the time

struct span {
	int64_t from_ns, to_ns; // CLOCK_REALTIME
};

static void one_way(const struct span *trip, const struct pt_stamp_reflected *r,
	const struct pt_clock_error *ours, struct pt_sample *out)
{
	struct pt_clock_error theirs;
	if (!ours->synced || pt_clock_error_decode(r->error, &theirs) || !theirs.synced ||
		theirs.ptp)
		return;
	out->out_ns = pt_ntp_to_unix_ns(r->received_ntp) - trip->from_ns;
	out->back_ns = trip->to_ns - pt_ntp_to_unix_ns(r->ntp);
	if (__builtin_add_overflow(ours->bound_ns, theirs.bound_ns, &out->owd_error_ns))
		out->owd_error_ns = INT64_MAX;
}

// Time the reflector held the packet, as far as it can be believed.
static int64_t residence(const struct pt_stamp_reflected *r, int64_t most_ns)
{
	struct pt_clock_error theirs;
	bool ptp = pt_clock_error_decode(r->error, &theirs) == 0 && theirs.ptp;
	int64_t ns = ptp ? pt_ptp_to_unix_ns(r->ntp) - pt_ptp_to_unix_ns(r->received_ntp)
			 : pt_ntp_to_unix_ns(r->ntp) - pt_ntp_to_unix_ns(r->received_ntp);
	return ns > 0 && ns < most_ns ? ns : 0;
}

struct pt_mono pt_arrived(const struct pt_sent_probe *probe, const struct pt_arrival *arrival)
{
	int64_t waited_ns = arrival->real_ns - arrival->kernel_ns; // to be read
	bool sound = arrival->kernel_ns && waited_ns >= 0 &&
		waited_ns <= pt_mono_diff(arrival->at, probe->at);
	return sound ? pt_mono_add(arrival->at, -waited_ns) : arrival->at;
}

struct pt_sample pt_measure(const struct pt_sent_probe *probe, const struct pt_arrival *arrival,
	const struct pt_stamp_reflected *reply, const struct pt_clock_error *clock)
{
	int64_t user_ns = pt_mono_diff(arrival->at, probe->at);
	struct span trip = {
		.from_ns = probe->kernel_ns ? probe->kernel_ns : probe->real_ns,
		.to_ns = arrival->kernel_ns ? arrival->kernel_ns : arrival->real_ns,
	};
	struct pt_sample out = {
		.rtt_ns = trip.to_ns - trip.from_ns,
		.out_ns = PT_NULL,
		.back_ns = PT_NULL,
		.owd_error_ns = PT_NULL,
		.kernel = probe->kernel_ns && arrival->kernel_ns,
	};
	int64_t step_ns = llabs(arrival->real_ns - probe->real_ns - user_ns);
	if (step_ns > STEP_SLACK_NS + user_ns / SLEW_PER_TRIP || out.rtt_ns < 0 ||
		out.rtt_ns > user_ns + STEP_SLACK_NS) {
		out.rtt_ns = user_ns;
		out.kernel = false;
	} else if (reply) {
		one_way(&trip, reply, clock, &out);
	}
	if (reply)
		out.rtt_ns -= residence(reply, out.rtt_ns);
	return out;
}
