// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "tune.h"
#include "tune/apply.h"

static int add_glob(struct pt_ctx *ctx, const char *list[], unsigned *n, const char *arg)
{
	if (*n == TUNE_MAX_GLOBS)
		return pt_err_set(
			&ctx->err, -EINVAL, "%s: more than %d patterns", ctx->verb, TUNE_MAX_GLOBS);
	list[(*n)++] = arg;
	return 0;
}

static int parse_time(struct pt_ctx *ctx, const char *name, const char *arg, int64_t *out)
{
	if (pt_parse_duration_ns(arg, PT_NS_PER_S, out) < 0 || *out < 0)
		return pt_err_set(
			&ctx->err, -EINVAL, "%s: --%s %s: not a time", ctx->verb, name, arg);
	return 0;
}

static int parse_scope(struct pt_ctx *ctx, const char *arg, struct tune_opts *o)
{
	o->netns_only = strcmp(arg, "netns") == 0;
	if (o->netns_only || strcmp(arg, "host") == 0)
		return 0;
	return pt_err_set(&ctx->err, -EINVAL, "%s: --scope %s: host or netns", ctx->verb, arg);
}

// A rule is set aside with a reason, or not at all.
static int parse_allow(struct pt_ctx *ctx, char *arg, struct tune_opts *o)
{
	char *eq = strchr(arg, '=');

	if (!eq || !eq[1] || eq == arg)
		return pt_err_set(
			&ctx->err, -EINVAL, "%s: --allow %s: needs RULE=REASON", ctx->verb, arg);
	*eq = '\0';
	return add_glob(ctx, o->allow, &o->n_allow, arg);
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
	case TUNE_OPT_TEXTFILE:
		o->textfile = arg;
		return 0;
	case TUNE_OPT_TO:
		o->to = arg;
		return 0;
	case TUNE_OPT_URL:
		o->url = arg;
		return 0;
	case TUNE_OPT_STATE:
		o->state = arg;
		return 0;
	case TUNE_OPT_SCOPE:
		return parse_scope(ctx, arg, o);
	case TUNE_OPT_TIMEOUT:
		return parse_time(ctx, "confirm-timeout", arg, &o->timeout_ns);
	case TUNE_OPT_EXTEND:
		return parse_time(ctx, "extend", arg, &o->extend_ns);
	case TUNE_OPT_SETTLE:
		o->settle_given = true;
		return parse_time(ctx, "settle", arg, &o->settle_ns);
	case TUNE_OPT_PROBE: // a slip of the pen is told before anything is written
		if (pt_probe_check(arg, &ctx->err) < 0)
			return -EINVAL;
		return add_glob(ctx, o->probe, &o->n_probe, arg);
	case TUNE_OPT_ALLOW:
		return parse_allow(ctx, arg, o);
	case TUNE_OPT_NO_CONFIRM:
		o->no_confirm = true;
		return 0;
	case TUNE_OPT_RUNTIME_ONLY:
		o->runtime_only = true;
		return 0;
	case TUNE_OPT_FORCE:
		o->force = true;
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
