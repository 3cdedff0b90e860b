// SPDX-License-Identifier: MIT
// pt-select explain: one (site, policy), every candidate, in the order that would be decided now.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/emit.h"
#include "base/log.h"
#include "model/network_shared.h"
#include "select/explain.h"
#include "verbs.h"

struct explain {
	const char *site, *policy;
	struct pt_buf reason; // of the decision in force
};

static void on_decision(void *ctx, const struct pt_decision *d, int64_t at_ns)
{
	struct explain *e = ctx;

	(void)at_ns;
	if (strcmp(d->site, e->site) != 0 || strcmp(d->policy, e->policy) != 0)
		return;
	pt_buf_clear(&e->reason);
	pt_buf_puts(&e->reason, d->reason);
}

static int find(const struct select_setup *setup, const struct explain *e,
	struct pt_select_view *out, struct pt_err *err)
{
	pt_autobuf sites = { 0 }, policies = { 0 };
	const char *last = "";

	for (uint32_t i = 0; pt_select_group(setup->select, i, out); i++) {
		if (strcmp(out->site->id, e->site) == 0 &&
			strcmp(out->rules->policy->id, e->policy) == 0)
			return 0;
		if (strcmp(last, out->site->id) != 0)
			pt_buf_printf(&sites, " %s", last = out->site->id);
	}
	if (!pt_network_policy(&setup->network, e->policy)) {
		for (uint32_t i = 0; i < setup->network.n_policies; i++)
			pt_buf_printf(&policies, " %s", setup->network.policies[i].id);
		return pt_err_set(
			err, -ENOENT, "no policy '%s': one of%s", e->policy, pt_buf_str(&policies));
	}
	return pt_err_set(err, -ENOENT, "no path from %s to a site '%s': there are some to%s",
		setup->self->id, e->site, sites.len ? pt_buf_str(&sites) : " none");
}

static const struct pt_column columns[] = {
	{ .key = "rank", .heading = "#", .right = true },
	{ .key = "path", .heading = "PATH" },
	{ .key = "state", .heading = "STATE" },
	{ .key = "loss_ppm", .heading = "LOSS ppm", .right = true },
	{ .key = "rtt_p95_us", .heading = "RTT p95 ms", .right = true },
	{ .key = "jitter_us", .heading = "JITTER ms", .right = true },
	{ .key = "score_milli", .heading = "SCORE", .right = true },
	{ .key = "age_ns", .heading = "AGE s", .right = true },
	{ .key = "why", .heading = "WHY" },
	{ .key = NULL },
};

static void put_i64(struct pt_emit *e, int64_t value)
{
	if (value == PT_NULL)
		pt_emit_null(e);
	else
		pt_emit_i64(e, value);
}

// unit: how many of the value make one of what people read, shown with one digit behind the point
static void put_tenths(struct pt_emit *e, int64_t value, int64_t unit)
{
	char text[32];
	int64_t tenths = (value + unit / 20) / (unit / 10);

	if (value == PT_NULL) {
		pt_emit_null(e);
		return;
	}
	(void)snprintf(text, sizeof(text), "%" PRId64 ".%" PRId64, tenths / 10, tenths % 10);
	pt_emit_i64_as(e, value, text);
}

static void put_row(struct pt_emit *e, const struct pt_select_view *v, uint32_t rank)
{
	const struct pt_candidate *c = &v->candidates[v->standing->order[rank]];
	const struct pt_candidate *first = &v->candidates[v->standing->order[0]];
	const struct pt_measure *m = &c->evidence->brief;
	pt_autobuf why = { 0 };

	if (rank == 0)
		pt_explain_state(&why, v->rules, c, v->now_ns);
	else
		pt_explain_rejection(&why, v->rules, c, first, v->now_ns);
	pt_explain_share(&why, v->rules, c, v->candidates, v->standing->n);
	pt_emit_row(e);
	pt_emit_i64(e, rank + 1);
	pt_emit_str(e, c->path->id);
	pt_emit_str(e, pt_verdict_names[c->verdict.state]);
	put_i64(e, m->samples ? m->loss_ppm : PT_NULL);
	put_tenths(e, m->samples ? m->rtt_p95_us : PT_NULL, 1000);
	put_tenths(e, m->samples ? m->jitter_us : PT_NULL, 1000);
	put_tenths(
		e, c->verdict.known != PT_VERDICT_UNKNOWN ? c->verdict.score_long : PT_NULL, 1000);
	put_tenths(e, m->samples ? v->now_ns - m->newest_ns : PT_NULL, PT_NS_PER_S);
	pt_emit_str(e, pt_buf_str(&why));
}

static void put_limit(struct pt_buf *b, const char *what, int64_t limit, const char *unit)
{
	if (limit != PT_NULL)
		pt_buf_printf(b, ", %s at most %" PRId64 " %s", what, limit, unit);
}

// The rules, in words: what the table below is judged by.
static void put_rules(
	const struct pt_select_view *v, const struct select_setup *setup, const struct explain *e)
{
	const struct pt_policy *p = v->rules->policy;
	pt_autobuf b = { 0 };
	char brief[32], lasting[32], cooldown[32];

	pt_duration_format(setup->opts.short_ns, brief, sizeof(brief));
	pt_duration_format(setup->opts.long_ns, lasting, sizeof(lasting));
	pt_duration_format(v->rules->cooldown_ns, cooldown, sizeof(cooldown));
	pt_buf_printf(&b, "%s/%s: %s", v->site->id, p->id, pt_strategy_names[p->strategy]);
	put_limit(&b, "loss", p->sla.loss_ppm, "ppm");
	put_limit(&b, "rtt p95", p->sla.rtt_ms, "ms");
	put_limit(&b, "jitter", p->sla.jitter_ms, "ms");
	pt_buf_printf(&b, "; fails on %s, recovers on %s, cooldown %s, margin %" PRId64 " %%\n",
		brief, lasting, cooldown, p->margin_percent);
	if (e->reason.len)
		pt_buf_printf(
			&b, "%s: %s\n", v->drop ? "drop" : "decision", pt_buf_str(&e->reason));
	printf("%s\n", pt_buf_str(&b));
}

static const struct pt_column shared_columns[] = {
	{ .key = "prefix", .heading = "SHARED PREFIX" },
	{ .key = "sites", .heading = "SITES, EACH WHEN NO PATH TO THOSE BEFORE IS USABLE" },
	{ .key = NULL },
};

// What the kernel makes of decisions for this site beyond the site itself.
static void put_shared(struct pt_emit *e, const struct pt_network *net,
	const struct pt_shared *shared, const struct pt_site *site)
{
	for (uint32_t i = 0; i < shared->n_prefixes; i++) {
		const struct pt_shared_set *set = &shared->set[shared->prefix[i].set];
		const char *sites[PT_SHARED_SITES];
		bool holds = false;
		char text[PT_PREFIX_LEN];

		for (uint32_t k = 0; k < set->n; k++) {
			sites[k] = net->sites[set->site[k]].id;
			holds |= strcmp(sites[k], site->id) == 0;
		}
		if (!holds)
			continue;
		pt_prefix_format(&shared->prefix[i].prefix, text);
		pt_emit_row(e);
		pt_emit_str(e, text);
		pt_emit_strs(e, sites, set->n);
	}
}

static int show(struct pt_ctx *ctx, const struct select_setup *setup, const struct explain *e)
{
	struct pt_select_view v;
	struct pt_emit *emit;
	pt_autoshared shared = { 0 };
	int rc = find(setup, e, &v, &ctx->err);

	if (rc == 0)
		rc = pt_shared_find(&setup->network, setup->self, &shared, &ctx->err);
	if (rc < 0)
		return PT_EXIT_FAIL;
	if (!ctx->json)
		put_rules(&v, setup, e);
	rc = pt_emit_new(ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &emit);
	if (rc < 0)
		return PT_EXIT_FAIL;
	pt_emit_table(emit, "candidates", columns);
	for (uint32_t i = 0; i < v.standing->n; i++)
		put_row(emit, &v, i);
	if (shared.n_prefixes || ctx->json) {
		pt_emit_table(emit, "shared", shared_columns);
		put_shared(emit, &setup->network, &shared, v.site);
	}
	return pt_emit_end(emit) < 0 ? PT_EXIT_FAIL : PT_EXIT_OK;
}

// Spools are alive, so there silence counts; a file's last record is its now.
static void catch_up(struct pt_input *input)
{
	char boot[PT_BOOT_ID_LEN];

	if (pt_boot_id(boot) == 0)
		pt_select_advance(
			input->select, pt_input_time(input, boot, pt_mono_now().ns, pt_wall_us()));
}

int select_explain(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct explain e = { .site = argv[0], .policy = argv[1] };
	const struct pt_select_sink sink = { .decision = on_decision, .ctx = &e };
	struct select_setup setup;
	struct select_sources sources;
	struct pt_select_view v;
	struct pt_input input = { .take_decisions = true };
	int code = PT_EXIT_FAIL;

	if (select_setup_init(&setup, ctx, opts, &sink, &ctx->err) < 0)
		return PT_EXIT_FAIL;
	input.select = setup.select;
	pt_select_mute(setup.select, true);
	if (find(&setup, &e, &v, &ctx->err) == 0 &&
		select_sources_open(&sources, ctx, argc - 2, argv + 2, &input, &ctx->err) == 0) {
		if (select_sources_drain(&sources, &ctx->err) == 0) {
			pt_select_finish(setup.select, true);
			if (sources.live)
				catch_up(&input);
			code = show(ctx, &setup, &e);
		}
		select_sources_close(&sources);
	}
	pt_buf_done(&e.reason);
	select_setup_done(&setup);
	return code;
}
