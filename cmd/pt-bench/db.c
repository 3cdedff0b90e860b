// SPDX-License-Identifier: MIT
// pt-bench db.
#include "bench/db.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bench.h"
#include "model/config.h"

#define DEFAULT_ROUNDS 5
#define DEFAULT_RUNS   50
#define MAX_RUNS       100000

enum { KEY_ITERATIONS = 'n', KEY_ROWS = 'r', KEY_DIR = 'd', KEY_HISTORY = 'f' };

const struct argp_option bench_db_options[] = {
	{ .name = "iterations",
		.key = KEY_ITERATIONS,
		.arg = "N",
		.doc = "Rounds of 60,000 records each (default 5)" },
	{ .name = "rows",
		.key = KEY_ROWS,
		.arg = "N",
		.doc = "Rows of the history (default 200000); 10000000 take minutes and 7 GB" },
	{ .name = "dir",
		.key = KEY_DIR,
		.arg = "DIR",
		.doc = "Where the files go meanwhile (default /var/tmp): the disk is measured, "
		       "too" },
	{ .name = "file",
		.key = KEY_HISTORY,
		.arg = "FILE",
		.doc = "The history; stays for the next time, which adds to it" },
	{ 0 },
};

int bench_db_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct bench_db_args *a = opts;

	switch (key) {
	case KEY_ITERATIONS:
		return bench_count(
			ctx, &(struct bench_bounds){ "iterations", 1, MAX_RUNS }, arg, &a->rounds);
	case KEY_ROWS:
		return bench_count(
			ctx, &(struct bench_bounds){ "rows", 1000, PT_DB_ROWS_MAX }, arg, &a->rows);
	case KEY_DIR:
		a->dir = arg;
		return 0;
	case KEY_HISTORY:
		a->file = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void on_progress(void *ctx, const char *side, unsigned run, unsigned runs)
{
	(void)ctx;
	(void)fprintf(stderr, "\r\033[Kdb: %s, %u of %u", side, run, runs);
}

int bench_db(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct bench_db_args *a = opts;
	bool tell = !ctx->quiet && isatty(STDERR_FILENO);
	pt_autoarena arena = { 0 };
	struct pt_config config;
	const struct pt_db_opts o = {
		.config = &config,
		.dir = a->dir ? a->dir : "/var/tmp",
		.history = a->file,
		.rows = a->rows ? a->rows : PT_DB_ROWS,
		.rounds = a->rounds ? a->rounds : DEFAULT_ROUNDS,
		.runs = DEFAULT_RUNS,
		.progress = tell ? on_progress : NULL,
	};
	struct pt_db_report *report = calloc(1, sizeof(*report));

	(void)argc; // none are taken
	(void)argv;
	// The defaults, whatever /etc says: figures of two hosts are of one kind.
	int code = report
		? pt_config_load(ctx->config_given ? ctx->config : NULL, &arena, &config, &ctx->err)
		: -ENOMEM;
	if (!code)
		code = pt_db_bench(&o, report, &ctx->err);
	if (tell)
		(void)fprintf(stderr, "\r\033[K");
	if (!code) {
		const struct bench_rows rows[] = { { report->ingest, PT_DB_INGEST_METRICS },
			{ report->history, PT_DB_HISTORY_METRICS },
			{ report->readers, PT_DB_READERS_METRICS } };
		code = bench_show(ctx, rows, 3);
	}
	free(report);
	return code < 0 ? PT_EXIT_FAIL : code;
}
