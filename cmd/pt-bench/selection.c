// SPDX-License-Identifier: MIT
#include "cmd/pt-bench/selection.h"

#include <errno.h>
#include <unistd.h>

#include "base/parse.h"
#include "bench/selection.h"

#define DEFAULT_RUNS 20000
#define MAX_RUNS     1000000

enum { KEY_ITERATIONS = 'n', KEY_CANDIDATES = 'c' };

const struct argp_option selection_options[] = {
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

int selection_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct selection_args *a = opts;

	if (key == KEY_ITERATIONS)
		return pt_parse_u32(arg, 1, MAX_RUNS, &a->runs)
			? pt_err_set(&ctx->err, -EINVAL, "--iterations: 1 to %d, not '%s'",
				  MAX_RUNS, arg)
			: 0;
	if (key == KEY_CANDIDATES)
		return pt_parse_u32(arg, 2, PT_SELECTION_CANDIDATES_MAX, &a->candidates)
			? pt_err_set(&ctx->err, -EINVAL, "--candidates: 2 to %d, not '%s'",
				  PT_SELECTION_CANDIDATES_MAX, arg)
			: 0;
	return ARGP_ERR_UNKNOWN;
}

static int write_records(const struct pt_bench_result *results, struct pt_err *err)
{
	struct pt_record_writer *w = NULL;
	char host[64] = "", src[96];
	int rc;

	if (gethostname(host, sizeof(host) - 1))
		return pt_err_errno(err, -errno, "host name");
	(void)snprintf(src, sizeof(src), "%s/pt-bench", host);
	rc = pt_record_writer_new(src, STDOUT_FILENO, NULL, &w, err);
	for (unsigned i = 0; rc == 0 && i < PT_SELECTION_METRICS; i++)
		rc = pt_record_write(w, "bench", pt_bench_to_json(&results[i]), err);
	pt_record_writer_free(w);
	return rc == -EPIPE ? 0 : rc; // the reader has had enough
}

static int print_table(const struct pt_bench_result *results, struct pt_err *err)
{
	struct pt_emit *e = NULL;
	int rc = pt_emit_new(PT_EMIT_TABLE, stdout, &e);

	if (rc < 0)
		return pt_err_errno(err, rc, "output");
	(void)pt_bench_print(e, results, PT_SELECTION_METRICS);
	rc = pt_emit_end(e);
	return rc < 0 && rc != -EPIPE ? pt_err_errno(err, rc, "standard output") : 0;
}

int bench_selection(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct selection_args *a = opts;
	const struct pt_selection_opts o = {
		.candidates = a->candidates ? a->candidates : PT_SELECTION_CANDIDATES,
		.runs = a->runs ? a->runs : DEFAULT_RUNS,
	};
	struct pt_selection_report report = { 0 };
	bool met = true;
	int rc = pt_selection_bench(&o, &report, &ctx->err);

	(void)argc; // none are taken
	(void)argv;
	if (rc == 0)
		rc = ctx->json ? write_records(report.results, &ctx->err)
			       : print_table(report.results, &ctx->err);
	if (rc < 0)
		return PT_EXIT_FAIL;
	for (unsigned i = 0; i < PT_SELECTION_METRICS; i++)
		met &= pt_bench_judge(&report.results[i]) != PT_BENCH_FAIL;
	return met ? PT_EXIT_OK : PT_EXIT_NO;
}
