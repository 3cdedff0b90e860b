// SPDX-License-Identifier: MIT
// pt-bench failover.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "bench/failover.h"
#include "bench/sites.h"

#include "bench.h"

#define MAX_CUTS      10000
#define MAX_THRESHOLD 50

enum {
	KEY_ITERATIONS = 'n',
	KEY_INTERVAL = 'i',
	KEY_THRESHOLD = 't',
	KEY_BASELINE = 'b',
	KEY_STREAM = 's',
	KEY_PREFIXES = 'p',
	KEY_TOOLS = 0x100,
	KEY_SITES,
	KEY_BASELINE_ITERATIONS
};

const struct argp_option bench_failover_options[] = {
	{ .name = "iterations", .key = KEY_ITERATIONS, .arg = "N", .doc = "Cuts (default 20)" },
	{ .name = "interval",
		.key = KEY_INTERVAL,
		.arg = "TIME",
		.doc = "Between probes; may be repeated (default 10ms and 1ms)" },
	{ .name = "threshold",
		.key = KEY_THRESHOLD,
		.arg = "N",
		.doc = "Unanswered probes that make a path down (default 3)" },
	{ .name = "baseline",
		.key = KEY_BASELINE,
		.arg = "WORD",
		.doc = "daemon: user space at the same pace moves a kernel route (default); "
		       "ping: the same once a second; none; or a program of routing daemons, "
		       "with a '/'" },
	{ .name = "baseline-iterations",
		.key = KEY_BASELINE_ITERATIONS,
		.arg = "N",
		.doc = "Cuts for the baseline (default as --iterations, 3 for ping)" },
	{ .name = "prefixes",
		.key = KEY_PREFIXES,
		.arg = "N",
		.doc = "Prefixes of the far site, up to 4000 (default 1)" },
	{ .name = "sites",
		.key = KEY_SITES,
		.arg = "N",
		.doc = "Far sites, which hold the prefixes in turn (default 1)" },
	{ .name = "stream",
		.key = KEY_STREAM,
		.arg = "TIME",
		.doc = "Between user packets (default 100us)" },
	{ .name = "tools",
		.key = KEY_TOOLS,
		.arg = "DIR",
		.doc = "Where pt-failover and pt-probe are (default: beside this program)" },
	{ 0 },
};

static int add_interval(struct pt_ctx *ctx, const char *arg, struct bench_failover_args *a)
{
	int64_t ns;

	if (a->n_intervals == BENCH_INTERVALS)
		return pt_err_set(&ctx->err, -E2BIG, "--interval: at most %d", BENCH_INTERVALS);
	if (pt_parse_duration_ns(arg, PT_NS_PER_MS, &ns) || ns % PT_NS_PER_MS ||
		ns < PT_NS_PER_MS || ns > PT_NS_PER_S)
		return pt_err_set(&ctx->err, -EINVAL,
			"--interval: whole milliseconds from 1ms to 1s, not '%s'", arg);
	a->interval_ms[a->n_intervals++] = ns / PT_NS_PER_MS;
	return 0;
}

static int set_baseline(struct pt_ctx *ctx, const char *arg, struct bench_failover_args *a)
{
	if (strchr(arg, '/')) {
		a->baseline = PT_FAILOVER_PEER;
		a->peer = arg;
		return 0;
	}
	for (int i = 0; pt_failover_baselines[i]; i++) {
		if (strcmp(arg, pt_failover_baselines[i]) == 0) {
			a->baseline = i;
			return 0;
		}
	}
	return pt_err_set(&ctx->err, -EINVAL,
		"--baseline %s: one of daemon ping none, or a program with a '/'", arg);
}

static int set_stream(struct pt_ctx *ctx, const char *arg, struct bench_failover_args *a)
{
	if (pt_parse_duration_ns(arg, PT_NS_PER_US, &a->stream_ns) ||
		a->stream_ns < 20 * PT_NS_PER_US || a->stream_ns > 10 * PT_NS_PER_MS)
		return pt_err_set(&ctx->err, -EINVAL, "--stream: 20us to 10ms, not '%s'", arg);
	return 0;
}

int bench_failover_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct bench_failover_args *a = opts;

	switch (key) {
	case KEY_ITERATIONS:
		return bench_count(
			ctx, &(struct bench_bounds){ "iterations", 1, MAX_CUTS }, arg, &a->runs);
	case KEY_BASELINE_ITERATIONS:
		return bench_count(ctx,
			&(struct bench_bounds){ "baseline-iterations", 1, MAX_CUTS }, arg,
			&a->baseline_runs);
	case KEY_THRESHOLD:
		return bench_count(ctx, &(struct bench_bounds){ "threshold", 1, MAX_THRESHOLD },
			arg, &a->threshold);
	case KEY_PREFIXES:
		return bench_count(ctx, &(struct bench_bounds){ "prefixes", 1, PT_SITES_PREFIXES },
			arg, &a->prefixes);
	case KEY_SITES:
		return bench_count(
			ctx, &(struct bench_bounds){ "sites", 1, PT_SITES_FAR }, arg, &a->sites);
	case KEY_INTERVAL:
		return add_interval(ctx, arg, a);
	case KEY_BASELINE:
		return set_baseline(ctx, arg, a);
	case KEY_STREAM:
		return set_stream(ctx, arg, a);
	case KEY_TOOLS:
		a->tools = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

// What was not given.
static void set_defaults(struct bench_failover_args *a)
{
	if (!a->runs)
		a->runs = 20;
	if (!a->baseline_runs)
		a->baseline_runs = a->baseline == PT_FAILOVER_PING ? 3 : a->runs;
	if (!a->threshold)
		a->threshold = 3;
	if (!a->sites)
		a->sites = 1;
	if (a->prefixes < a->sites) // each has one at least
		a->prefixes = a->sites;
	if (!a->stream_ns)
		a->stream_ns = 100 * PT_NS_PER_US;
	if (!a->n_intervals) {
		a->interval_ms[0] = 10;
		a->interval_ms[1] = 1;
		a->n_intervals = 2;
	}
}

static void on_progress(void *ctx, const char *side, unsigned run, unsigned runs)
{
	const char *workload = ctx;

	if (run == 0)
		(void)fprintf(stderr, "\r\033[K%s: %s, warming up", workload, side);
	else
		(void)fprintf(stderr, "\r\033[K%s: %s, cut %u of %u", workload, side, run, runs);
}

static int measure(const struct bench_failover_args *a, bool tell,
	struct pt_failover_report *reports, struct pt_err *err)
{
	for (unsigned i = 0; i < a->n_intervals; i++) {
		struct pt_failover_opts o = {
			.interval_ms = a->interval_ms[i],
			.threshold = a->threshold,
			.prefixes = a->prefixes,
			.sites = a->sites,
			.peer = a->peer,
			.runs = a->runs,
			.baseline_runs = a->baseline_runs,
			.baseline = (enum pt_failover_baseline)a->baseline,
			.stream_ns = a->stream_ns,
			.tools_dir = a->tools,
			.progress = tell ? on_progress : NULL,
			.progress_ctx = reports[i].workload,
		};
		int code = pt_failover_bench(&o, &reports[i], err);
		if (tell)
			(void)fprintf(stderr, "\r\033[K");
		if (code)
			return code;
	}
	return 0;
}

int bench_failover(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct bench_failover_args *a = opts;
	struct pt_failover_report reports[BENCH_INTERVALS] = { 0 };
	sigset_t set;

	(void)argc; // none are taken
	(void)argv;
	set_defaults(a);
	// Before any thread exists: the waits of the benchmark take these and clean up.
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (measure(a, !ctx->quiet && isatty(STDERR_FILENO), reports, &ctx->err))
		return PT_EXIT_FAIL;
	struct bench_rows rows[BENCH_INTERVALS];
	for (unsigned i = 0; i < a->n_intervals; i++)
		rows[i] = (struct bench_rows){ reports[i].results, PT_FAILOVER_METRICS };
	return bench_show(ctx, rows, a->n_intervals);
}
