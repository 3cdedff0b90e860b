// SPDX-License-Identifier: MIT
// pt-bench path-selection.
#include "bench/selection.h"

#include "bench.h"

#define DEFAULT_RUNS 20000
#define MAX_RUNS     1000000

enum { KEY_ITERATIONS = 'n', KEY_CANDIDATES = 'c' };

const struct argp_option bench_selection_options[] = {
	{ .name = "iterations",
		.key = KEY_ITERATIONS,
		.arg = "N",
		.doc = "Selections (default 20000)" },
	{ .name = "candidates",
		.key = KEY_CANDIDATES,
		.arg = "N",
		.doc = "Paths to choose among (default 1000)" },
	{ 0 },
};

int bench_selection_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct bench_selection_args *a = opts;

	switch (key) {
	case KEY_ITERATIONS:
		return bench_count(
			ctx, &(struct bench_bounds){ "iterations", 1, MAX_RUNS }, arg, &a->runs);
	case KEY_CANDIDATES:
		return bench_count(ctx,
			&(struct bench_bounds){ "candidates", 2, PT_SELECTION_CANDIDATES_MAX }, arg,
			&a->candidates);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int bench_selection(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct bench_selection_args *a = opts;
	const struct pt_selection_opts o = {
		.candidates = a->candidates ? a->candidates : PT_SELECTION_CANDIDATES,
		.runs = a->runs ? a->runs : DEFAULT_RUNS,
	};
	struct pt_selection_report report = { 0 };

	(void)argc; // none are taken
	(void)argv;
	if (pt_selection_bench(&o, &report, &ctx->err))
		return PT_EXIT_FAIL;
	const struct bench_rows rows = { report.results, PT_SELECTION_METRICS };
	return bench_show(ctx, &rows, 1);
}
