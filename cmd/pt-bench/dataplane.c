// SPDX-License-Identifier: MIT
// pt-bench dataplane.
#include "bench/dataplane.h"

#include "bench.h"

#define DEFAULT_RUNS 9
#define MAX_RUNS     1000

enum { KEY_ITERATIONS = 'n', KEY_SITES = 's', KEY_POLICIES = 'p' };

const struct argp_option bench_dataplane_options[] = {
	{ .name = "iterations",
		.key = KEY_ITERATIONS,
		.arg = "N",
		.doc = "Runs of 200,000 packets each (default 9)" },
	{ .name = "sites",
		.key = KEY_SITES,
		.arg = "N",
		.doc = "Sites, with five IPv4 prefixes and one of IPv6 each (default 2000)" },
	{ .name = "policies", .key = KEY_POLICIES, .arg = "N", .doc = "Policies (default 64)" },
	{ 0 },
};

int bench_dataplane_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct bench_dataplane_args *a = opts;

	switch (key) {
	case KEY_ITERATIONS:
		return bench_count(
			ctx, &(struct bench_bounds){ "iterations", 1, MAX_RUNS }, arg, &a->runs);
	case KEY_SITES:
		return bench_count(ctx,
			&(struct bench_bounds){ "sites", 2, PT_DATAPLANE_SITES_MAX }, arg,
			&a->sites);
	case KEY_POLICIES:
		return bench_count(ctx,
			&(struct bench_bounds){ "policies", 1, PT_DATAPLANE_POLICIES }, arg,
			&a->policies);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int bench_dataplane(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct bench_dataplane_args *a = opts;
	const struct pt_dataplane_opts o = {
		.sites = a->sites ? a->sites : PT_DATAPLANE_SITES,
		.policies = a->policies ? a->policies : PT_DATAPLANE_POLICIES,
		.runs = a->runs ? a->runs : DEFAULT_RUNS,
	};
	struct pt_dataplane_report report = { 0 };

	(void)argc; // none are taken
	(void)argv;
	if (pt_dataplane_bench(&o, &report, &ctx->err))
		return PT_EXIT_FAIL;
	const struct bench_rows rows = { report.results, PT_DATAPLANE_METRICS };
	return bench_show(ctx, &rows, 1);
}
