// SPDX-License-Identifier: MIT
// pt-bench tune: how long does it take to plan a host with many devices? Facts, devices, profile
// and rules, as `pt-tune plan` does it, in a network namespace with as many devices.
#pragma once
#include "bench/runner.h"

enum pt_tuneplan_metric { PT_TUNEPLAN_P50, PT_TUNEPLAN_WORST, PT_TUNEPLAN_METRICS };

#define PT_TUNEPLAN_DEVICES     20
#define PT_TUNEPLAN_DEVICES_MAX 200

struct pt_tuneplan_report {
	struct pt_bench_metric metrics[PT_TUNEPLAN_METRICS];
	struct pt_bench_result results[PT_TUNEPLAN_METRICS];
};

// The target is for PT_TUNEPLAN_DEVICES; more have none. The report points into itself: it must not
// be moved.
int pt_tuneplan_bench(
	unsigned devices, unsigned runs, struct pt_tuneplan_report *out, struct pt_err *err);
