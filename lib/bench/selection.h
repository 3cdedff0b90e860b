// SPDX-License-Identifier: MIT
// pt-bench path-selection: how long does it take to choose among many candidates when the verdict
// of one of them changes? The same code as pt-select runs. The baseline
// compares all candidates with each other's best, field by field, as one would write it first.
#pragma once
#include "bench/runner.h"
#include "model/network.h"

enum pt_selection_metric {
	PT_SELECTION_PICK_P50, // a new verdict: key, best of all
	PT_SELECTION_PICK_P99,
	PT_SELECTION_ORDER_P50, // and the whole order, damped
	PT_SELECTION_ORDER_P99,
	PT_SELECTION_METRICS
};

#define PT_SELECTION_CANDIDATES     1000
#define PT_SELECTION_CANDIDATES_MAX PT_MAX_PATHS

struct pt_selection_opts {
	unsigned candidates, runs;
};

struct pt_selection_report {
	struct pt_bench_metric metrics[PT_SELECTION_METRICS];
	struct pt_bench_result results[PT_SELECTION_METRICS];
};

// Targets are those for PT_SELECTION_CANDIDATES; more have none. The report points into itself: it
// must not be moved.
int pt_selection_bench(
	const struct pt_selection_opts *o, struct pt_selection_report *out, struct pt_err *err);
