// SPDX-License-Identifier: MIT
// One cut of the first WAN of a rig as users see it: the same for whoever has to notice it.
#pragma once
#include "bench/failover.h"
#include "bench/rig.h"

// The samples of one cut.
enum pt_cut_sample {
	PT_CUT_OUTAGE_US,
	PT_CUT_ALL_US,
	PT_CUT_DETECT_US,
	PT_CUT_SWITCH_NS,
	PT_CUT_FIRST_NS,
	PT_CUT_LOST,
	PT_CUT_DISORDER,
};

struct pt_cutter {
	const struct pt_failover_opts *o;
	struct pt_rig *rig;
	unsigned seed, phase_ppm;
};

// Aims the streams anew and waits for the moment of the next cut.
int pt_cut_settle(struct pt_cutter *c, struct pt_err *err);
// Cuts, waits until the traffic is back (or limit_ns are over: then the outage is at least that),
// and looks. The WAN stays cut.
int pt_cut_look(struct pt_cutter *c, int64_t limit_ns, struct pt_mono *cut,
	int64_t out[PT_BENCH_SERIES], struct pt_err *err);
// When it was noticed (0: it was not) and acted upon.
void pt_cut_note(struct pt_mono decided, struct pt_mono committed, struct pt_mono cut,
	int64_t out[PT_BENCH_SERIES]);
// After which nobody will notice any more.
int64_t pt_cut_limit_ns(int64_t interval_ns, unsigned threshold);
