// SPDX-License-Identifier: MIT
// pt-tune lint: every rule that a profile breaks.
#include <string.h>

#include "base/cleanup.h"
#include "tune.h"
#include "tune/lint.h"

#define MAX_FINDINGS 1024

const struct argp_option tune_lint_options[] = {
	TUNE_HOST_OPTIONS,
	{ "here", TUNE_OPT_HERE, NULL, 0,
		"Judge for this host instead of the guide's own medium machine", 0 },
	{ "only", TUNE_OPT_ONLY, "PATTERN", 0, "Only keys like this; repeatable", 0 },
	{ "skip", TUNE_OPT_SKIP, "PATTERN", 0, "No keys like this; repeatable", 0 },
	{ 0 },
};

struct findings {
	struct pt_item item[MAX_FINDINGS];
	unsigned n, bad;
};

static void on_finding(void *ctx, const struct pt_item *it)
{
	struct findings *f = ctx;

	f->bad += it->action == PT_TUNE_REFUSE || it->action == PT_TUNE_ADAPT;
	if (f->n < MAX_FINDINGS)
		f->item[f->n++] = *it;
}

static int run(struct pt_ctx *ctx, const struct tune_opts *o, const char *name, struct tune_job *j)
{
	bool here = o->here || o->root;

	if (tune_job_host(ctx, o, j) < 0)
		return PT_EXIT_FAIL;
	if (!here)
		pt_lint_reference(&j->facts);
	if (tune_job_profile(ctx, o, name, j) < 0)
		return PT_EXIT_FAIL;
	struct findings *f = pt_arena_alloc(&j->arena, sizeof(*f));
	if (!here) {
		j->ask.host = NULL;
		j->ask.nics = NULL;
	}
	if (pt_lint(&j->ask, on_finding, f, &j->arena, &ctx->err) < 0 ||
		tune_put_items(ctx, f->item, f->n, true) < 0)
		return PT_EXIT_FAIL;
	return f->bad ? PT_EXIT_NO : PT_EXIT_OK;
}

int tune_lint(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct tune_job j;

	(void)argc;
	int code = run(ctx, opts, argv[0], &j);
	tune_job_done(&j);
	return code;
}
