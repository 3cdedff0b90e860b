// SPDX-License-Identifier: MIT
// Contenders that take turns, each once a round: what disturbs the machine disturbs all alike, and
// a ratio is taken between neighbours in time.
#pragma once
#include "bench/runner.h"

#define PT_TURNS_MAX 12

struct pt_turns_side {
	const char *name;
	const char *skipped; // why it cannot run here, NULL: it can
};

struct pt_turns_metric {
	struct pt_bench_metric metric; // series is not used: all runs are one
	unsigned subject, baseline;    // sides
};

struct pt_turns {
	const char *workload;
	const struct pt_turns_side *sides;
	unsigned n_sides; // at most PT_TURNS_MAX
	const struct pt_turns_metric *metrics;
	size_t n_metrics;
	unsigned rounds; // one more before them is not counted
	int (*once)(void *ctx, unsigned side, int64_t *value, struct pt_err *err);
	void *ctx;
	void (*progress)(void *ctx, const char *side, unsigned run, unsigned runs); // may be NULL
	void *progress_ctx;
};

// One result a metric.
int pt_turns_run(const struct pt_turns *t, struct pt_bench_result *results, struct pt_err *err);
