// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "tune.h"

static int add_glob(struct pt_ctx *ctx, const char *list[], unsigned *n, const char *arg)
{
	if (*n == TUNE_MAX_GLOBS)
		return pt_err_set(
			&ctx->err, -EINVAL, "%s: more than %d patterns", ctx->verb, TUNE_MAX_GLOBS);
	list[(*n)++] = arg;
	return 0;
}

int tune_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct tune_opts *o = opts;

	switch (key) {
	case TUNE_OPT_ROOT:
		o->root = arg;
		return 0;
	case TUNE_OPT_PROFILE:
		o->profile = arg;
		return 0;
	case TUNE_OPT_SCALE:
		o->scale = arg;
		return 0;
	case TUNE_OPT_ONLY:
		return add_glob(ctx, o->only, &o->n_only, arg);
	case TUNE_OPT_SKIP:
		return add_glob(ctx, o->skip, &o->n_skip, arg);
	case TUNE_OPT_IF:
		o->device = arg;
		return 0;
	case TUNE_OPT_LABEL:
		o->label = arg;
		return 0;
	case TUNE_OPT_MAN:
		o->man = true;
		return 0;
	case TUNE_OPT_HERE:
		o->here = true;
		return 0;
	case TUNE_OPT_BPF:
		o->bpf = true;
		return 0;
	case TUNE_OPT_TIME:
		if (pt_parse_duration_ns(arg, PT_NS_PER_S, &o->window_ns) < 0 || o->window_ns <= 0)
			return pt_err_set(
				&ctx->err, -EINVAL, "%s: --time %s: not a time", ctx->verb, arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}
