// SPDX-License-Identifier: MIT
// pt-bench health-check.
#include "bench/health.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "bench.h"

#define DEFAULT_RUNS   3
#define DEFAULT_ROUNDS 10

enum { KEY_ITERATIONS = 'n', KEY_TARGETS = 't', KEY_ROUNDS = 'r', KEY_TOOLS = 0x100 };

const struct argp_option bench_health_options[] = {
	{ .name = "iterations", .key = KEY_ITERATIONS, .arg = "N", .doc = "Runs (default 3)" },
	{ .name = "targets",
		.key = KEY_TARGETS,
		.arg = "N",
		.doc = "Hosts and paths to measure (default 1000)" },
	{ .name = "rounds",
		.key = KEY_ROUNDS,
		.arg = "N",
		.doc = "Probes to each host in a run, one a second (default 10)" },
	{ .name = "tools",
		.key = KEY_TOOLS,
		.arg = "DIR",
		.doc = "Where pt-probe is (default: beside this program)" },
	{ 0 },
};

int bench_health_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct bench_health_args *a = opts;

	switch (key) {
	case KEY_ITERATIONS:
		return bench_count(
			ctx, &(struct bench_bounds){ "iterations", 1, 1000 }, arg, &a->runs);
	case KEY_TARGETS:
		return bench_count(ctx,
			&(struct bench_bounds){ "targets", 1, PT_HEALTH_TARGETS_MAX }, arg,
			&a->targets);
	case KEY_ROUNDS:
		return bench_count(
			ctx, &(struct bench_bounds){ "rounds", 1, 1000 }, arg, &a->rounds);
	case KEY_TOOLS:
		a->tools = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void on_progress(void *ctx, const char *side, unsigned run, unsigned runs)
{
	(void)ctx;
	(void)fprintf(stderr, "\r\033[K%s: %u of %u", side, run, runs);
}

int bench_health(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct bench_health_args *a = opts;
	bool show = !ctx->quiet && isatty(STDERR_FILENO);
	const struct pt_health_opts o = {
		.targets = a->targets ? a->targets : PT_HEALTH_TARGETS,
		.runs = a->runs ? a->runs : DEFAULT_RUNS,
		.rounds = a->rounds ? a->rounds : DEFAULT_ROUNDS,
		.tools_dir = a->tools,
		.progress = show ? on_progress : NULL,
	};
	struct pt_health_report report = { 0 };
	sigset_t set;

	(void)argc; // none are taken
	(void)argv;
	// The waits of the benchmark take these and clean up.
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	int code = pt_health_bench(&o, &report, &ctx->err);
	if (show)
		(void)fprintf(stderr, "\r\033[K");
	if (code)
		return PT_EXIT_FAIL;
	const struct bench_rows rows = { report.results, PT_HEALTH_METRICS };
	return bench_show(ctx, &rows, 1);
}
