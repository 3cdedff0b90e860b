// SPDX-License-Identifier: MIT
#include "bench/cut.h"

#include <stdlib.h>

#define BACK_PACKETS   100 // that many arrivals: the traffic is back
#define BACK_SLACK_NS  (3 * PT_NS_PER_S)
#define BACK_INTERVALS 4 // detection periods a side may take before we call it lost
#define STEP_NS        (2 * PT_NS_PER_MS)
#define SETTLE_NS      (50 * PT_NS_PER_MS)
#define SETTLE_JITTER  (100 * PT_NS_PER_MS)

static bool traffic_flows(const void *ctx)
{
	const struct pt_cutter *c = ctx;

	return pt_feed_arrived(c->rig->stream, pt_mono_add(pt_mono_now(), -SETTLE_NS)) > 0;
}

// Somewhere in the table, as users are: whoever moves routes reaches some early and some late.
static void aim(struct pt_cutter *c, struct pt_feed *at, unsigned target)
{
	unsigned of_b = (c->o->prefixes + c->o->sites - 1) / c->o->sites;
	struct pt_prefix p = pt_sites_prefix(rand_r(&c->seed) % of_b * c->o->sites);

	p.addr.bytes[3] = 2;
	pt_feed_aim(at, target, &p.addr);
}

// Then cuts fall evenly into all phases of the probing: steps of the golden ratio.
int pt_cut_settle(struct pt_cutter *c, struct pt_err *err)
{
	int64_t interval_ns = c->o->interval_ms * PT_NS_PER_MS;
	int64_t now = pt_mono_now().ns + SETTLE_NS + rand_r(&c->seed) % SETTLE_JITTER;

	aim(c, c->rig->stream, 0);
	for (unsigned i = 0; c->rig->crowd && i < PT_FEED_TARGETS; i++)
		aim(c, c->rig->crowd, i);
	c->phase_ppm = (c->phase_ppm + 618034) % 1000000;
	int64_t phase = interval_ns * c->phase_ppm / 1000000;
	int64_t until = now - now % interval_ns + interval_ns + phase;
	return pt_rig_nap(until - pt_mono_now().ns, err);
}

static bool all_are_back(const struct pt_cutter *c, struct pt_mono cut)
{
	return !c->rig->crowd || pt_feed_reached(c->rig->crowd, cut).ns;
}

// Until the last packet to any of them is lost. Not until each is reached again: these are reached
// in turn, and whoever moves all at one instant would be charged the whole round.
static int64_t crowd_us(const struct pt_feed *crowd, struct pt_mono cut, struct pt_mono now)
{
	struct pt_mono reached = pt_feed_reached(crowd, cut);
	struct pt_mono last = reached.ns ? pt_feed_last_lost(crowd, cut, reached) : now;

	return last.ns ? pt_mono_diff(last, cut) / PT_NS_PER_US : 0;
}

// The traffic's side of one cut, the same for subject and baseline: cuts the first WAN, waits until
// the traffic is back (or limit_ns are over: then the outage is at least that), and looks.
int pt_cut_look(struct pt_cutter *c, int64_t limit_ns, struct pt_mono *cut,
	int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	const struct pt_rig_wait traffic = { traffic_flows, c, BACK_SLACK_NS, "no traffic" };
	const struct pt_feed *stream = c->rig->stream;
	int code = pt_rig_wait(&traffic, err);

	if (code)
		return code;
	*cut = pt_mono_now();
	pt_sites_cut(&c->rig->sites, 0, true);
	struct pt_mono end = pt_mono_add(*cut, limit_ns), now;
	uint64_t back;
	do {
		code = pt_rig_nap(STEP_NS, err);
		now = pt_mono_now();
		back = pt_feed_arrived(stream, pt_mono_add(*cut, PT_NS_PER_MS / 10));
	} while (!code && (back < BACK_PACKETS || !all_are_back(c, *cut)) &&
		pt_mono_diff(now, end) < 0);
	if (code)
		return code;
	// Packets on their way at either end are neither lost nor late: leave them out.
	struct pt_feed_look l = pt_feed_look(
		stream, pt_mono_add(*cut, -5 * PT_NS_PER_MS), pt_mono_add(now, -2 * PT_NS_PER_MS));
	out[PT_CUT_OUTAGE_US] = (back ? l.gap_ns : pt_mono_diff(now, *cut)) / PT_NS_PER_US;
	if (c->rig->crowd)
		out[PT_CUT_ALL_US] = crowd_us(c->rig->crowd, *cut, now);
	out[PT_CUT_LOST] = (int64_t)l.lost;
	out[PT_CUT_DISORDER] = (int64_t)(l.duplicated + l.reordered);
	return 0;
}

// A false alarm just before the cut had already moved the traffic: such a cut measures nothing. One
// that nobody noticed stays, with the whole time waited as its outage.
void pt_cut_note(struct pt_mono decided, struct pt_mono committed, struct pt_mono cut,
	int64_t out[PT_BENCH_SERIES])
{
	if (decided.ns && decided.ns < cut.ns)
		for (unsigned k = 0; k < PT_BENCH_SERIES; k++)
			out[k] = PT_BENCH_NONE;
	if (!committed.ns || decided.ns < cut.ns)
		return;
	out[PT_CUT_DETECT_US] = pt_mono_diff(decided, cut) / PT_NS_PER_US;
	out[PT_CUT_SWITCH_NS] = pt_mono_diff(committed, decided);
}

int64_t pt_cut_limit_ns(int64_t interval_ns, unsigned threshold)
{
	return BACK_INTERVALS * interval_ns * threshold + BACK_SLACK_NS;
}
