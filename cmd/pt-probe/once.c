// SPDX-License-Identifier: MIT
// pt-probe once: one round of every path, or of those that are named, judged as pt-select does.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/emit.h"
#include "base/log.h"
#include "base/record.h"
#include "probe/round.h"
#include "select/explain.h"
#include "select/select.h"
#include "verbs.h"

struct once {
	struct pt_ctx *ctx;
	struct pt_arena arena;
	struct pt_config config;
	struct pt_network network;
	const struct pt_site *self;
	const struct pt_path **paths; // to measure
	uint32_t n;
	struct pt_loop *loop;
	struct pt_round *round;
	struct pt_select *select;
	struct pt_record_writer *out; // NULL: none are written
	struct pt_emit *table;        // NULL: none is shown
};

// ---- which ----

static int add_all(struct once *o)
{
	for (uint32_t i = 0; i < o->network.n_paths; i++)
		if (strcmp(o->network.paths[i].source, o->self->id) == 0)
			o->paths[o->n++] = &o->network.paths[i];
	return o->n ? 0
		    : pt_err_set(&o->ctx->err, -ENOENT, "%s: no path starts at site %s",
			      o->ctx->network, o->self->id);
}

static int add_named(struct once *o, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const struct pt_path *p = pt_network_path(&o->network, argv[i]);
		if (!p || strcmp(p->source, o->self->id) != 0)
			return pt_err_set(&o->ctx->err, -ENOENT, "no path of site %s is named %s",
				o->self->id, argv[i]);
		o->paths[o->n++] = p;
	}
	return 0;
}

static int load(struct once *o, int argc, char **argv)
{
	struct pt_err *err = &o->ctx->err;
	int code = pt_config_load(o->ctx->config, &o->arena, &o->config, err);

	if (!code)
		code = pt_network_load(o->ctx->network, &o->arena, &o->network, err);
	if (code)
		return code;
	o->self = pt_network_self(&o->network, o->config.edge);
	if (!o->self)
		return pt_err_set(err, -ENOENT,
			"%s: no site has the edge '%s' (`edge` of config.yaml)", o->ctx->network,
			o->config.edge ? o->config.edge : "this host");
	o->paths = pt_arena_alloc(
		&o->arena, (o->network.n_paths + (uint32_t)argc + 1) * sizeof(const void *));
	return argc ? add_named(o, argc, argv) : add_all(o);
}

// ---- what is thought of it ----

static void on_decision(void *ctx, const struct pt_decision *d, int64_t at_ns)
{
	(void)ctx; // verdicts are asked for, not orders
	(void)d;
	(void)at_ns;
}

// The first policy that the path is not fit for, or the first at all: "voice: loss ...". True: fit.
static bool judge(const struct once *o, const struct pt_path *p, struct pt_buf *out)
{
	struct pt_select_view v;

	for (int pass = 0; pass < 2; pass++)
		for (uint32_t g = 0; pt_select_group(o->select, g, &v); g++)
			for (uint32_t i = 0; i < v.standing->n; i++) {
				const struct pt_candidate *c = &v.candidates[i];
				bool fit = c->verdict.state == PT_VERDICT_INSIDE ||
					c->verdict.state == PT_VERDICT_MAINTENANCE;
				if (strcmp(c->path->id, p->id) != 0 || (fit && !pass))
					continue;
				if (!fit)
					pt_buf_printf(out, "%s: ", v.rules->policy->id);
				pt_explain_state(out, v.rules, c, v.now_ns);
				return fit;
			}
	pt_buf_puts(out, "unknown");
	return false;
}

// ---- telling ----

static int write_record(
	struct once *o, const char *type, const struct pt_schema *schema, const void *body)
{
	return o->out ? pt_record_write(o->out, type, pt_json_write(schema, body), &o->ctx->err)
		      : 0;
}

static void emit_count(struct pt_emit *e, int64_t n)
{
	if (n == PT_NULL)
		pt_emit_null(e);
	else
		pt_emit_i64(e, n);
}

static void emit_ms(struct pt_emit *e, int64_t us)
{
	if (us == PT_NULL)
		pt_emit_null(e);
	else
		pt_emit_milli(e, us);
}

struct measured {
	int64_t sent, received, loss_ppm, p50, p95, jitter;
	char targets[32];
};

static void put_row(const struct once *o, const struct pt_path *p, const struct measured *m,
	const char *verdict)
{
	pt_emit_row(o->table);
	pt_emit_str(o->table, p->id);
	emit_count(o->table, m->sent);
	emit_count(o->table, m->received);
	emit_ms(o->table, m->loss_ppm == PT_NULL ? PT_NULL : m->loss_ppm / 10);
	emit_ms(o->table, m->p50);
	emit_ms(o->table, m->p95);
	emit_ms(o->table, m->jitter);
	pt_emit_str(o->table, m->targets[0] ? m->targets : NULL);
	pt_emit_str(o->table, verdict);
}

// Takes path i's figures into records and into the engine.
static int take(struct once *o, uint32_t i, struct measured *m)
{
	struct pt_health h;
	struct pt_reach r;
	int64_t now_ns = pt_mono_now().ns;
	int code = 0;

	*m = (struct measured){ .sent = PT_NULL,
		.received = PT_NULL,
		.loss_ppm = PT_NULL,
		.p50 = PT_NULL,
		.p95 = PT_NULL,
		.jitter = PT_NULL };
	if (pt_round_health(o->round, i, &h)) {
		*m = (struct measured){ h.sent, h.received, h.loss_ppm, h.rtt_us.p50, h.rtt_us.p95,
			h.jitter_us, "" };
		pt_select_health(o->select, now_ns, 2 * i, &h);
		code = write_record(o, "health", &pt_health_schema, &h);
	}
	if (!code && pt_round_reach(o->round, i, &r)) {
		(void)snprintf(m->targets, sizeof(m->targets), "%lld/%u of %lld",
			(long long)r.answering, r.n_targets, (long long)r.quorum);
		pt_select_reach(o->select, now_ns, 2 * i + 1, &r);
		code = write_record(o, "reach", &pt_reach_schema, &r);
	}
	return code;
}

static int tell(struct once *o)
{
	pt_autofree struct measured *m = calloc(o->n + 1, sizeof(*m));
	pt_autobuf unfit = { 0 };
	uint32_t n_unfit = 0;

	if (!m)
		return pt_err_set(&o->ctx->err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < o->n; i++) {
		int code = take(o, i, &m[i]);
		if (code)
			return code;
	}
	pt_select_finish(o->select, false);
	for (uint32_t i = 0; i < o->n; i++) {
		pt_autobuf verdict = { 0 };
		const char *fault = pt_round_fault(o->round, i);
		bool fit = judge(o, o->paths[i], &verdict);
		if (!fit && fault)
			pt_buf_printf(&verdict, " (probes cannot leave: %s)", fault);
		if (!fit)
			pt_buf_printf(&unfit, "%s%s (%s)", n_unfit++ ? ", " : "", o->paths[i]->id,
				verdict.data);
		if (o->table)
			put_row(o, o->paths[i], &m[i], pt_buf_str(&verdict));
	}
	int code = o->table ? pt_emit_end(pt_take(&o->table)) : 0;
	if (code)
		return pt_err_errno(&o->ctx->err, code, "standard output");
	if (!n_unfit)
		return PT_EXIT_OK;
	pt_log(PT_LOG_WARN, "%u of %u paths are not in SLA: %s", n_unfit, o->n, unfit.data);
	return PT_EXIT_NO;
}

static int open_output(struct once *o)
{
	static const struct pt_column columns[] = {
		{ "path", "path", false },
		{ "sent", "sent", true },
		{ "received", "answered", true },
		{ "loss", "loss %", true },
		{ "p50", "p50 ms", true },
		{ "p95", "p95 ms", true },
		{ "jitter", "jitter ms", true },
		{ "targets", "targets", false },
		{ "verdict", "verdict", false },
		{ NULL, NULL, false },
	};
	bool records = o->ctx->json || !isatty(STDOUT_FILENO);
	char src[128];
	int code = 0;

	probe_source(src, sizeof(src), "-once");
	if (records || o->ctx->spool)
		code = pt_record_writer_new(
			src, records ? STDOUT_FILENO : -1, o->ctx->spool, &o->out, &o->ctx->err);
	if (code || records || o->ctx->quiet)
		return code;
	code = pt_emit_new(PT_EMIT_TABLE, stdout, &o->table);
	if (code)
		return pt_err_errno(&o->ctx->err, code, "standard output");
	pt_emit_table(o->table, "paths", columns);
	return 0;
}

static void on_signal(void *ctx, int signo)
{
	(void)signo;
	pt_loop_stop(ctx, PT_EXIT_FAIL);
}

static int measure(struct once *o)
{
	static const int signals[] = { SIGINT, SIGTERM, 0 };
	const struct pt_select_sink sink = { .decision = on_decision };
	int64_t check_ns = pt_config_check_ms(&o->config) * PT_NS_PER_MS;
	const struct pt_select_opts so = { .short_ns = PT_SELECT_SHORT_ROUNDS * check_ns,
		.long_ns = PT_SELECT_LONG_ROUNDS * check_ns };
	const struct pt_round_opts ro = { .config = &o->config, .paths = o->paths, .n = o->n };
	int code = pt_select_new(&o->network, o->self, &so, &sink, &o->select, &o->ctx->err);

	if (code)
		return code;
	pt_select_mute(o->select, true);
	code = pt_loop_signals(o->loop, signals, on_signal, o->loop);
	if (code)
		return pt_err_errno(&o->ctx->err, code, "signals");
	code = pt_round_new(&ro, o->loop, &o->round, &o->ctx->err);
	if (!code)
		code = pt_loop_run(o->loop);
	if (code)
		return code < 0 ? code : pt_err_set(&o->ctx->err, -EINTR, "interrupted");
	return tell(o);
}

int probe_once(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct once o = { .ctx = ctx };
	int code = load(&o, argc, argv);

	(void)opts;
	if (!code)
		code = pt_loop_new(&o.loop, &ctx->err);
	if (!code)
		code = open_output(&o);
	if (!code)
		code = measure(&o);
	if (o.table)
		(void)pt_emit_end(o.table); // after another failure
	pt_round_free(o.round);
	pt_select_free(o.select);
	pt_record_writer_free(o.out);
	pt_loop_free(o.loop);
	pt_arena_done(&o.arena);
	return code < 0 ? PT_EXIT_FAIL : code;
}
