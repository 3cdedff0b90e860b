// SPDX-License-Identifier: MIT
// pt-bench dataplane.
#include "bench/dataplane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bench.h"
#include "bench/flows.h"
#include "bench/passive.h"
#include "bench/rates.h"

#define DEFAULT_RUNS 9
#define MAX_RUNS     1000
#define TURN_NS      (250 * PT_NS_PER_MS)

enum { KEY_ITERATIONS = 'n', KEY_SITES = 's', KEY_POLICIES = 'p', KEY_FLOWS = 'f', KEY_WHAT = 'w' };

enum { WHAT_DECISION = 1, WHAT_RATES = 2, WHAT_PASSIVE = 4, WHAT_ALL = 7 };
static const struct {
	const char *name;
	unsigned what;
} whats[] = { { "decision", WHAT_DECISION }, { "passive", WHAT_PASSIVE }, { "rates", WHAT_RATES },
	{ "all", WHAT_ALL } };

const struct argp_option bench_dataplane_options[] = {
	{ .name = "what",
		.key = KEY_WHAT,
		.arg = "WHAT",
		.doc = "decision: the program alone; passive: what measuring users' flows "
		       "adds; rates: packets through a router; all (default)" },
	{ .name = "iterations",
		.key = KEY_ITERATIONS,
		.arg = "N",
		.doc = "Runs: 200,000 decisions each, a quarter of a second of packets each "
		       "(default 9)" },
	{ .name = "sites",
		.key = KEY_SITES,
		.arg = "N",
		.doc = "Sites, with five IPv4 prefixes and one of IPv6 each (default 2000)" },
	{ .name = "policies", .key = KEY_POLICIES, .arg = "N", .doc = "Policies (default 64)" },
	{ .name = "flows",
		.key = KEY_FLOWS,
		.arg = "N",
		.doc = "Flows of the rates, a power of two (default 256)" },
	{ 0 },
};

static int parse_what(struct pt_ctx *ctx, const char *arg, unsigned *out)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(whats); i++) {
		if (!strcmp(arg, whats[i].name)) {
			*out = whats[i].what;
			return 0;
		}
	}
	return pt_err_set(
		&ctx->err, -EINVAL, "--what: decision, passive, rates or all, not '%s'", arg);
}

static int parse_flows(struct pt_ctx *ctx, const char *arg, uint32_t *out)
{
	int ret = bench_count(ctx, &(struct bench_bounds){ "flows", 1, PT_FLOWS }, arg, out);

	if (!ret && *out & (*out - 1))
		ret = pt_err_set(&ctx->err, -EINVAL, "--flows: a power of two, not %u", *out);
	return ret;
}

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
	case KEY_FLOWS:
		return parse_flows(ctx, arg, &a->flows);
	case KEY_WHAT:
		return parse_what(ctx, arg, &a->what);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void on_progress(void *ctx, const char *side, unsigned run, unsigned runs)
{
	struct pt_ctx *c = ctx;

	if (!c->quiet && isatty(STDERR_FILENO))
		(void)fprintf(stderr, "\r\033[K%s %u/%u%s", side, run, runs,
			run == runs ? "\r\033[K" : "");
}

int bench_dataplane(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct bench_dataplane_args *a = opts;
	const struct pt_dataplane_opts o = {
		.sites = a->sites ? a->sites : PT_DATAPLANE_SITES,
		.policies = a->policies ? a->policies : PT_DATAPLANE_POLICIES,
		.runs = a->runs ? a->runs : DEFAULT_RUNS,
		.progress = on_progress,
		.progress_ctx = ctx,
	};
	const struct pt_rates_opts rates = {
		.sites = o.sites,
		.policies = o.policies,
		.runs = o.runs,
		.flows = a->flows ? a->flows : PT_RATES_FLOWS,
		.turn_ns = TURN_NS,
		.progress = on_progress,
		.progress_ctx = ctx,
	};
	unsigned what = a->what ? a->what : WHAT_ALL, n = 0;
	struct pt_dataplane_report report = { 0 };
	struct pt_rates_report rated = { 0 };
	struct pt_bench_result passive[PT_PASSIVE_METRICS] = { 0 };
	struct bench_rows rows[4];

	(void)argc; // none are taken
	(void)argv;
	if (what & WHAT_DECISION) {
		if (pt_dataplane_bench(&o, &report, &ctx->err))
			return PT_EXIT_FAIL;
		rows[n++] = (struct bench_rows){ report.results, PT_DATAPLANE_METRICS };
	}
	if (what & WHAT_PASSIVE) {
		if (pt_passive_bench(&o, passive, &ctx->err))
			return PT_EXIT_FAIL;
		rows[n++] = (struct bench_rows){ passive, PT_PASSIVE_METRICS };
	}
	if (what & WHAT_RATES) {
		if (pt_rates_bench(&rates, &rated, &ctx->err))
			return PT_EXIT_FAIL;
		rows[n++] = (struct bench_rows){ rated.packets, PT_RATES_METRICS };
		rows[n++] = (struct bench_rows){ rated.tcp, PT_ARRAY_LEN(rated.tcp) };
	}
	if (rated.packet_socket && !ctx->quiet)
		(void)fprintf(stderr,
			"pt-bench: no live frames in this kernel (5.18 has them): packets come "
			"from a socket, which costs more than what is measured\n");
	return bench_show(ctx, rows, n);
}
