// SPDX-License-Identifier: MIT
// pt-bench claims.
#include "bench/claims.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "bench.h"

#define DEFAULT_ROUNDS 9
#define MAX_ROUNDS     1000
#define DEFAULT_TURN   (200 * PT_NS_PER_MS)

enum { KEY_ITERATIONS = 'n', KEY_DIR = 'd', KEY_TURN = 't', KEY_TOOLS = 0x2101 };

const struct argp_option bench_claims_options[] = {
	{ .name = "iterations",
		.key = KEY_ITERATIONS,
		.arg = "N",
		.doc = "Rounds in which all take their turn (default 9)" },
	{ .name = "turn",
		.key = KEY_TURN,
		.arg = "TIME",
		.doc = "How long each works in a round (default 200ms)" },
	{ .name = "dir",
		.key = KEY_DIR,
		.arg = "DIR",
		.doc = "Where databases go meanwhile (default /var/tmp): the disk is measured, "
		       "too" },
	{ .name = "tools",
		.key = KEY_TOOLS,
		.arg = "DIR",
		.doc = "Where pt-db is (default: beside this program)" },
	{ 0 },
};

int bench_claims_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct bench_claims_args *a = opts;

	switch (key) {
	case KEY_ITERATIONS:
		return bench_count(ctx, &(struct bench_bounds){ "iterations", 1, MAX_ROUNDS }, arg,
			&a->rounds);
	case KEY_TURN:
		if (pt_parse_duration_ns(arg, PT_NS_PER_S, &a->turn_ns) < 0 || a->turn_ns <= 0)
			return pt_err_set(&ctx->err, -EINVAL, "--turn: not a time: '%s'", arg);
		return 0;
	case KEY_DIR:
		a->dir = arg;
		return 0;
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
	(void)fprintf(stderr, "\r\033[Kclaims: %s, %u of %u", side, run, runs);
}

static int show(struct pt_ctx *ctx, const struct pt_claim_result *r, unsigned n)
{
	struct pt_emit *e = NULL;

	if (ctx->json) {
		json_t *records[PT_CLAIMS_MAX];
		for (unsigned i = 0; i < n; i++)
			records[i] = pt_claim_to_json(&r[i]);
		return bench_write(ctx, records, n);
	}
	int code = pt_emit_new(PT_EMIT_TABLE, stdout, &e);
	if (code)
		return pt_err_errno(&ctx->err, code, "output");
	pt_claims_print(e, r, n);
	code = pt_emit_end(e);
	return code && code != -EPIPE ? pt_err_errno(&ctx->err, code, "standard output") : 0;
}

int bench_claims(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct bench_claims_args *a = opts;
	bool tell = !ctx->quiet && isatty(STDERR_FILENO);
	const struct pt_claims_opts o = {
		.dir = a->dir ? a->dir : "/var/tmp",
		.tools = a->tools,
		.rounds = a->rounds ? a->rounds : DEFAULT_ROUNDS,
		.turn_ns = a->turn_ns ? a->turn_ns : DEFAULT_TURN,
		.progress = tell ? on_progress : NULL,
	};
	struct pt_claim_result results[PT_CLAIMS_MAX];
	unsigned n = 0;

	(void)argc; // none are taken
	(void)argv;
	int code = pt_claims_bench(&o, results, &n, &ctx->err);
	if (tell)
		(void)fprintf(stderr, "\r\033[K");
	if (code == 0)
		code = show(ctx, results, n);
	return code ? PT_EXIT_FAIL : PT_EXIT_OK;
}
