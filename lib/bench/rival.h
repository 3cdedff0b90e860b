// SPDX-License-Identifier: MIT
// The baselines of pt-bench failover: what others do about the same cut.
#pragma once
#include "bench/cut.h"

struct pt_rival {
	struct pt_cutter *cutter;
	struct pt_daemon *daemon;
	struct pt_peer *peer;
};

// What cutter->o->baseline names, on this rival.
struct pt_bench_side pt_rival_side(struct pt_rival *r);
