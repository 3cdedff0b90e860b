// SPDX-License-Identifier: MIT
// pt-tune plan: what a profile would change here. Reads only.
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "tune.h"

const struct argp_option tune_plan_options[] = {
	TUNE_PLAN_OPTIONS,
	{ 0 },
};

// What is left undone decides the exit status.
static int plan_exit(struct pt_ctx *ctx, const struct pt_tuning *p)
{
	if (p->count[PT_TUNE_REFUSE]) {
		(void)pt_err_set(&ctx->err, -EPERM, "%u refused by a rule; see RULE and WHY",
			p->count[PT_TUNE_REFUSE]);
		return TUNE_REFUSED;
	}
	return p->count[PT_TUNE_SET] || p->count[PT_TUNE_ADAPT] ? PT_EXIT_NO : PT_EXIT_OK;
}

static int run(struct pt_ctx *ctx, const struct tune_opts *o, struct tune_job *j)
{
	if (tune_job_host(ctx, o, j) < 0 || tune_job_profile(ctx, o, NULL, j) < 0 ||
		pt_tuning_make(&j->ask, &j->arena, &j->plan, &ctx->err) < 0)
		return PT_EXIT_FAIL;
	if (!ctx->json && !ctx->quiet)
		pt_log(PT_LOG_INFO, "profile %s", j->profile.name);
	if (tune_put_items(ctx, j->plan.item, j->plan.n, ctx->verbose > 0) < 0)
		return PT_EXIT_FAIL;
	return plan_exit(ctx, &j->plan);
}

int tune_plan(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct tune_job j;

	(void)argc;
	(void)argv;
	int code = run(ctx, opts, &j);
	tune_job_done(&j);
	return code;
}
