// SPDX-License-Identifier: MIT
// pt-bench tune.
#include "bench/tuneplan.h"

#include "bench.h"

#define DEFAULT_RUNS 20
#define MAX_RUNS     1000

enum { KEY_ITERATIONS = 'n', KEY_DEVICES = 'd' };

const struct argp_option bench_tune_options[] = {
	{ .name = "iterations", .key = KEY_ITERATIONS, .arg = "N", .doc = "Plans (default 20)" },
	{ .name = "devices",
		.key = KEY_DEVICES,
		.arg = "N",
		.doc = "Devices of the host (default 20)" },
	{ 0 },
};

int bench_tune_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct bench_tune_args *a = opts;

	switch (key) {
	case KEY_ITERATIONS:
		return bench_count(
			ctx, &(struct bench_bounds){ "iterations", 1, MAX_RUNS }, arg, &a->runs);
	case KEY_DEVICES:
		return bench_count(ctx,
			&(struct bench_bounds){ "devices", 2, PT_TUNEPLAN_DEVICES_MAX }, arg,
			&a->devices);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int bench_tune(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct bench_tune_args *a = opts;
	struct pt_tuneplan_report report = { 0 };

	(void)argc; // none are taken
	(void)argv;
	if (pt_tuneplan_bench(a->devices ? a->devices : PT_TUNEPLAN_DEVICES,
		    a->runs ? a->runs : DEFAULT_RUNS, &report, &ctx->err))
		return PT_EXIT_FAIL;
	const struct bench_rows rows = { report.results, PT_TUNEPLAN_METRICS };
	return bench_show(ctx, &rows, 1);
}
