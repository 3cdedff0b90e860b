// SPDX-License-Identifier: MIT
// What measuring costs: pt-probe beside fping, echo requests to many hosts behind one cable, and
// STAMP to many paths.
#pragma once
#include "bench/runner.h"

enum pt_health_metric {
	PT_HEALTH_CPU,       // at one probe a host and second
	PT_HEALTH_BARE,      // the same, beside what the kernel takes for it
	PT_HEALTH_MACHINE,   // the same, of the whole machine
	PT_HEALTH_RATE,      // answers a second, as fast as asked for
	PT_HEALTH_RATE_CPU,  // of each
	PT_HEALTH_STAMP_CPU, // of a core, for all paths 100 times a second
	PT_HEALTH_STAMP_LATE,
	PT_HEALTH_MEMORY,       // of a path beyond a hundred
	PT_HEALTH_ERROR,        // of round trips, beside the clock of bench/truth.h
	PT_HEALTH_ERROR_LOADED, // the same with all processors busy
	PT_HEALTH_ERROR_BURST,  // of probes to all hosts, which leave in bursts
	PT_HEALTH_METRICS
};

#define PT_HEALTH_TARGETS     1000
#define PT_HEALTH_TARGETS_MAX 4000

struct pt_health_opts {
	unsigned targets, runs, rounds;
	const char *tools_dir; // NULL: beside the running program
	void (*progress)(void *ctx, const char *side, unsigned run, unsigned runs); // may be NULL
	void *progress_ctx;
};

struct pt_health_report {
	struct pt_bench_metric metrics[PT_HEALTH_METRICS];
	struct pt_bench_result results[PT_HEALTH_METRICS];
};

// Targets are those for PT_HEALTH_TARGETS; other numbers have none. Without fping there is no
// baseline. The report points into itself: it must not be moved.
int pt_health_bench(
	const struct pt_health_opts *o, struct pt_health_report *out, struct pt_err *err);
