// SPDX-License-Identifier: MIT
// pt-bench: measures the promises, each with its baseline in the same run.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "bench/failover.h"
#include "bench/sites.h"
#include "cmd/pt-bench/selection.h"

#define MAX_INTERVALS 4
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
	KEY_BASELINE_ITERATIONS
};

static const struct argp_option failover_options[] = {
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
		       "ping: the same once a second; none" },
	{ .name = "baseline-iterations",
		.key = KEY_BASELINE_ITERATIONS,
		.arg = "N",
		.doc = "Cuts for the baseline (default as --iterations, 3 for ping)" },
	{ .name = "prefixes",
		.key = KEY_PREFIXES,
		.arg = "N",
		.doc = "Prefixes of the far site, up to 4000 (default 1)" },
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

struct failover_args {
	uint32_t runs, baseline_runs, threshold, prefixes;
	int64_t interval_ms[MAX_INTERVALS];
	unsigned n_intervals;
	enum pt_failover_baseline baseline;
	int64_t stream_ns;
	const char *tools;
};

static int count_of(
	struct pt_ctx *ctx, const char *option, const char *arg, uint32_t max, uint32_t *out)
{
	if (pt_parse_u32(arg, 1, max, out))
		return pt_err_set(&ctx->err, -EINVAL, "--%s: 1 to %u, not '%s'", option, max, arg);
	return 0;
}

static int add_interval(struct pt_ctx *ctx, const char *arg, struct failover_args *a)
{
	int64_t ns;

	if (a->n_intervals == MAX_INTERVALS)
		return pt_err_set(&ctx->err, -E2BIG, "--interval: at most %d", MAX_INTERVALS);
	if (pt_parse_duration_ns(arg, PT_NS_PER_MS, &ns) || ns % PT_NS_PER_MS ||
		ns < PT_NS_PER_MS || ns > PT_NS_PER_S)
		return pt_err_set(&ctx->err, -EINVAL,
			"--interval: whole milliseconds from 1ms to 1s, not '%s'", arg);
	a->interval_ms[a->n_intervals++] = ns / PT_NS_PER_MS;
	return 0;
}

static int set_baseline(struct pt_ctx *ctx, const char *arg, struct failover_args *a)
{
	for (int i = 0; pt_failover_baselines[i]; i++) {
		if (strcmp(arg, pt_failover_baselines[i]) == 0) {
			a->baseline = (enum pt_failover_baseline)i;
			return 0;
		}
	}
	return pt_err_set(&ctx->err, -EINVAL, "--baseline %s: one of daemon ping none", arg);
}

static int set_stream(struct pt_ctx *ctx, const char *arg, struct failover_args *a)
{
	if (pt_parse_duration_ns(arg, PT_NS_PER_US, &a->stream_ns) ||
		a->stream_ns < 20 * PT_NS_PER_US || a->stream_ns > 10 * PT_NS_PER_MS)
		return pt_err_set(&ctx->err, -EINVAL, "--stream: 20us to 10ms, not '%s'", arg);
	return 0;
}

static int failover_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct failover_args *a = opts;

	switch (key) {
	case KEY_ITERATIONS:
		return count_of(ctx, "iterations", arg, MAX_CUTS, &a->runs);
	case KEY_BASELINE_ITERATIONS:
		return count_of(ctx, "baseline-iterations", arg, MAX_CUTS, &a->baseline_runs);
	case KEY_THRESHOLD:
		return count_of(ctx, "threshold", arg, MAX_THRESHOLD, &a->threshold);
	case KEY_PREFIXES:
		return count_of(ctx, "prefixes", arg, PT_SITES_PREFIXES, &a->prefixes);
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
static void set_defaults(struct failover_args *a)
{
	if (!a->runs)
		a->runs = 20;
	if (!a->baseline_runs)
		a->baseline_runs = a->baseline == PT_FAILOVER_PING ? 3 : a->runs;
	if (!a->threshold)
		a->threshold = 3;
	if (!a->prefixes)
		a->prefixes = 1;
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

static int measure(const struct failover_args *a, bool tell, struct pt_failover_report *reports,
	struct pt_err *err)
{
	for (unsigned i = 0; i < a->n_intervals; i++) {
		struct pt_failover_opts o = {
			.interval_ms = a->interval_ms[i],
			.threshold = a->threshold,
			.prefixes = a->prefixes,
			.runs = a->runs,
			.baseline_runs = a->baseline_runs,
			.baseline = a->baseline,
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

// True when every target was met.
static bool all_met(const struct pt_failover_report *reports, unsigned n)
{
	bool met = true;

	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < PT_FAILOVER_METRICS; k++)
			met &= pt_bench_judge(&reports[i].results[k]) != PT_BENCH_FAIL;
	}
	return met;
}

static int write_records(const struct pt_failover_report *reports, unsigned n, struct pt_err *err)
{
	struct pt_record_writer *w = NULL;
	char host[64] = "", src[96];

	if (gethostname(host, sizeof(host) - 1))
		return pt_err_errno(err, -errno, "host name");
	(void)snprintf(src, sizeof(src), "%s/pt-bench", host);
	int code = pt_record_writer_new(src, STDOUT_FILENO, NULL, &w, err);
	for (unsigned i = 0; !code && i < n; i++) {
		for (unsigned k = 0; !code && k < PT_FAILOVER_METRICS; k++)
			code = pt_record_write(
				w, "bench", pt_bench_to_json(&reports[i].results[k]), err);
	}
	pt_record_writer_free(w);
	return code;
}

static int print_tables(const struct pt_failover_report *reports, unsigned n, struct pt_err *err)
{
	struct pt_emit *e = NULL;
	int code = pt_emit_new(PT_EMIT_TABLE, stdout, &e);

	if (code)
		return pt_err_errno(err, code, "output");
	for (unsigned i = 0; i < n; i++)
		(void)pt_bench_print(e, reports[i].results, PT_FAILOVER_METRICS);
	code = pt_emit_end(e);
	return code && code != -EPIPE ? pt_err_errno(err, code, "standard output") : 0;
}

static int bench_failover(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct failover_args *a = opts;
	struct pt_failover_report reports[MAX_INTERVALS] = { 0 };
	sigset_t set;

	(void)argc; // none are taken
	(void)argv;
	set_defaults(a);
	// Before any thread exists: the waits of the benchmark take these and clean up.
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	int code = measure(a, !ctx->quiet && isatty(STDERR_FILENO), reports, &ctx->err);
	if (!code)
		code = ctx->json ? write_records(reports, a->n_intervals, &ctx->err)
				 : print_tables(reports, a->n_intervals, &ctx->err);
	if (code)
		return PT_EXIT_FAIL;
	return all_met(reports, a->n_intervals) ? PT_EXIT_OK : PT_EXIT_NO;
}

static const struct pt_verb verbs[] = {
	{ .name = "failover",
		.run = bench_failover,
		.options = failover_options,
		.parse = failover_parse,
		.opts_size = sizeof(struct failover_args),
		.args = "",
		.need = PT_NEED_ROOT | PT_NEED_JSON,
		.doc = "Cut a WAN silently, again and again: how long does the traffic stop?" },
	{ .name = "path-selection",
		.run = bench_selection,
		.options = selection_options,
		.parse = selection_parse,
		.opts_size = sizeof(struct selection_args),
		.args = "",
		.need = PT_NEED_JSON,
		.doc = "Change the verdict of one path: how long until the best of all is known?" },
	{ .name = NULL },
};

static const struct pt_tool tool = {
	.name = "pt-bench",
	.doc = "Measures what Patronus promises, each time beside a baseline.",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return pt_cli_main(&tool, argc, argv);
}
