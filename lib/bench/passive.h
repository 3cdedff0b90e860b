// SPDX-License-Identifier: MIT
// What passive measurement costs a packet on average: the real programs on TCP segments with time
// stamps, loaded with it as they are by default and without it, one after the other.
#pragma once
#include "bench/dataplane.h"

enum pt_passive_metric {
	PT_PASSIVE_OUT,      // segments that leave, of 131,072 flows in turn
	PT_PASSIVE_OUT_FEW,  // of 4,096 flows, whose tables stay in the caches
	PT_PASSIVE_BACK,     // acknowledgements that come
	PT_PASSIVE_BACK_FEW, //
	PT_PASSIVE_METRICS
};

// Needs root; -ENOTSUP with the reason where the kernel cannot. The baseline is the same packet
// without passive measurement, above an empty program; the value is what measuring adds.
int pt_passive_bench(const struct pt_dataplane_opts *o,
	struct pt_bench_result results[PT_PASSIVE_METRICS], struct pt_err *err);
