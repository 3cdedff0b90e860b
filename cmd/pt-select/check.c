// SPDX-License-Identifier: MIT
// pt-select check: do the two files hold, and what do they amount to?
#include <inttypes.h>

#include "base/emit.h"
#include "verbs.h"

static void on_decision(void *ctx, const struct pt_decision *d, int64_t at_ns)
{
	(void)ctx;
	(void)d;
	(void)at_ns;
}

static const struct pt_column value_columns[] = {
	{ .key = "edge", .heading = "EDGE" },
	{ .key = "short_window_ns", .heading = "FAILS ON", .right = true },
	{ .key = "long_window_ns", .heading = "RECOVERS ON", .right = true },
	{ .key = "config", .heading = "CONFIG" },
	{ .key = NULL },
};

static const struct pt_column group_columns[] = {
	{ .key = "site", .heading = "SITE" },
	{ .key = "policy", .heading = "POLICY" },
	{ .key = "strategy", .heading = "STRATEGY" },
	{ .key = "loss_ppm", .heading = "LOSS ppm", .right = true },
	{ .key = "rtt_ms", .heading = "RTT ms", .right = true },
	{ .key = "jitter_ms", .heading = "JITTER ms", .right = true },
	{ .key = "stale_secs", .heading = "STALE s", .right = true },
	{ .key = "margin_percent", .heading = "MARGIN %", .right = true },
	{ .key = "cooldown_ns", .heading = "COOLDOWN", .right = true },
	{ .key = "paths", .heading = "PATHS, IN CONFIGURED ORDER" },
	{ .key = NULL },
};

static void put_time(struct pt_emit *e, int64_t ns)
{
	char text[32];

	pt_duration_format(ns, text, sizeof(text));
	pt_emit_i64_as(e, ns, text);
}

static void put_limit(struct pt_emit *e, int64_t limit)
{
	if (limit == PT_NULL)
		pt_emit_null(e);
	else
		pt_emit_i64(e, limit);
}

static void put_group(struct pt_emit *e, const struct pt_select_view *v)
{
	const struct pt_policy *p = v->rules->policy;
	pt_autoarena a = { 0 };
	const char **paths = pt_arena_alloc(&a, (v->standing->n + 1) * sizeof(*paths));

	for (uint32_t i = 0; i < v->standing->n; i++)
		paths[i] = v->candidates[i].path->id;
	pt_emit_row(e);
	pt_emit_str(e, v->site->id);
	pt_emit_str(e, p->id);
	pt_emit_str(e, pt_strategy_names[p->strategy]);
	put_limit(e, p->sla.loss_ppm);
	put_limit(e, p->sla.rtt_ms);
	put_limit(e, p->sla.jitter_ms);
	put_limit(e, p->sla.stale_secs);
	pt_emit_i64(e, p->margin_percent);
	put_time(e, v->rules->cooldown_ns);
	pt_emit_strs(e, paths, v->standing->n);
}

static int show(const struct pt_ctx *ctx, const struct select_setup *s)
{
	struct pt_select_view v;
	struct pt_emit *e;
	int rc = pt_emit_new(ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e);

	if (rc < 0)
		return rc;
	pt_emit_table(e, "values", value_columns);
	pt_emit_row(e);
	pt_emit_str(e, s->self->edge ? s->self->edge : s->self->id);
	put_time(e, s->opts.short_ns);
	put_time(e, s->opts.long_ns);
	pt_emit_str(e, pt_select_config_hash(s->select));
	pt_emit_table(e, "groups", group_columns);
	for (uint32_t i = 0; pt_select_group(s->select, i, &v); i++)
		put_group(e, &v);
	return pt_emit_end(e);
}

int select_check(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct pt_select_sink sink = { .decision = on_decision };
	struct select_setup setup;
	int rc = 0;

	(void)argc;
	(void)argv;
	if (select_setup_init(&setup, ctx, opts, &sink, &ctx->err) < 0)
		return PT_EXIT_FAIL;
	if (ctx->verbose || ctx->json)
		rc = show(ctx, &setup);
	select_setup_done(&setup);
	return rc < 0 ? PT_EXIT_FAIL : PT_EXIT_OK;
}
