// SPDX-License-Identifier: MIT
// pt-probe trace: every hop on the way to a host.
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/emit.h"
#include "base/record.h"
#include "probe/trace.h"
#include "verbs.h"

#define DEFAULT_HOPS   30
#define DEFAULT_ROUNDS 10

const struct argp_option probe_trace_options[] = {
	PROBE_WAY_OPTIONS,
	{ .name = "hops", .key = 'M', .arg = "N", .doc = "Look no farther (default 30)" },
	{ .name = "count", .key = 'c', .arg = "N", .doc = "Probes to each hop (default 10)" },
	{ .name = "interval",
		.key = 'i',
		.arg = "TIME",
		.doc = "Between two probes to a hop (default 200ms)" },
	{ .name = "timeout",
		.key = 'W',
		.arg = "TIME",
		.doc = "Later answers count as lost (default 1s)" },
	{ 0 },
};

int probe_trace_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct probe_trace_opts *o = opts;
	switch (key) {
	case 'M':
		return probe_parse_number(ctx, "hops", arg, 1, PT_TRACE_HOPS, &o->hops);
	case 'c':
		return probe_parse_number(ctx, "count", arg, 1, 1000, &o->rounds);
	case 'i':
		return probe_parse_time(ctx, "interval", arg, &o->interval_ns);
	case 'W':
		return probe_parse_time(ctx, "timeout", arg, &o->timeout_ns);
	default:
		return probe_way_parse(ctx, key, arg, &o->way);
	}
}

static int64_t rtt_us(const struct pt_trace_hop *h, uint32_t q_ppm)
{
	int64_t us = pt_hist_quantile(&h->rtt, q_ppm);
	int64_t least = h->min_ns / PT_NS_PER_US, most = h->max_ns / PT_NS_PER_US;
	return us < least ? least : us > most ? most : us;
}

static unsigned names_of(const struct pt_trace_hop *h, char text[][PT_ADDR_LEN], const char *out[])
{
	for (unsigned i = 0; i < h->n_from; i++) {
		pt_addr_format(&h->from[i], text[i]);
		out[i] = text[i];
	}
	return h->n_from;
}

// A hop loses what its own loss and that of all behind it have in common; more is its own words
// that it keeps to itself.
static const char *remark(const struct pt_trace *t, unsigned i)
{
	const struct pt_trace_hop *h = &t->hop[i];
	if (!h->n_from)
		return i + 1 < t->n || t->reached ? "silent" : "";
	if (h->code)
		return strerrordesc_np(-h->code);
	return h->loss_ppm > h->path_loss_ppm ? "answers less than it forwards" : "";
}

static void emit_hop(struct pt_emit *e, const struct pt_trace *t, unsigned i)
{
	const struct pt_trace_hop *h = &t->hop[i];
	char text[PT_TRACE_ADDRS][PT_ADDR_LEN];
	const char *names[PT_TRACE_ADDRS];
	pt_emit_row(e);
	pt_emit_i64(e, i + 1);
	if (h->n_from)
		pt_emit_strs(e, names, names_of(h, text, names));
	else
		pt_emit_str(e, NULL);
	pt_emit_i64(e, h->sent);
	pt_emit_i64(e, h->received);
	pt_emit_milli(e, h->loss_ppm / 10);
	pt_emit_milli(e, h->path_loss_ppm / 10);
	if (h->received) {
		pt_emit_milli(e, h->min_ns / PT_NS_PER_US);
		pt_emit_milli(e, rtt_us(h, 500000));
		pt_emit_milli(e, rtt_us(h, 950000));
		pt_emit_milli(e, h->max_ns / PT_NS_PER_US);
	} else {
		for (int n = 0; n < 4; n++)
			pt_emit_null(e);
	}
	pt_emit_str(e, remark(t, i));
}

static int write_table(struct pt_ctx *ctx, const struct pt_trace *t)
{
	static const struct pt_column columns[] = {
		{ "hop", "hop", true },
		{ "from", "router", false },
		{ "sent", "sent", true },
		{ "received", "answered", true },
		{ "loss", "silent %", true },
		{ "path_loss", "path loss %", true },
		{ "min", "min ms", true },
		{ "p50", "p50 ms", true },
		{ "p95", "p95 ms", true },
		{ "max", "max ms", true },
		{ "remark", "", false },
		{ NULL, NULL, false },
	};
	struct pt_emit *e = NULL;
	int code = pt_emit_new(PT_EMIT_TABLE, stdout, &e);
	if (code)
		return pt_err_errno(&ctx->err, code, "standard output");
	pt_emit_table(e, "hops", columns);
	for (unsigned i = 0; i < t->n; i++)
		emit_hop(e, t, i);
	code = pt_emit_end(e);
	return code ? pt_err_errno(&ctx->err, code, "standard output") : 0;
}

static json_t *hop_json(const struct pt_trace_hop *h, unsigned hop)
{
	char text[PT_TRACE_ADDRS][PT_ADDR_LEN];
	const char *names[PT_TRACE_ADDRS];
	json_t *from = json_array();
	unsigned n = names_of(h, text, names);
	for (unsigned i = 0; i < n; i++)
		(void)json_array_append_new(from, json_string(names[i]));
	json_t *rtt = h->received
		? json_pack("{s:I,s:I,s:I,s:I,s:I}", "min", (json_int_t)(h->min_ns / PT_NS_PER_US),
			  "p50", (json_int_t)rtt_us(h, 500000), "p95",
			  (json_int_t)rtt_us(h, 950000), "max",
			  (json_int_t)(h->max_ns / PT_NS_PER_US), "mean",
			  (json_int_t)(h->sum_ns / h->received / PT_NS_PER_US))
		: json_null();
	return json_pack("{s:i,s:o,s:i,s:i,s:I,s:I,s:o}", "hop", (int)hop, "from", from, "sent",
		(int)h->sent, "received", (int)h->received, "loss_ppm", (json_int_t)h->loss_ppm,
		"path_loss_ppm", (json_int_t)h->path_loss_ppm, "rtt_us", rtt);
}

static int write_record(struct pt_ctx *ctx, const char *name, const struct pt_addr *target,
	const struct pt_trace *t)
{
	struct pt_record_writer *w = NULL;
	char src[128], address[PT_ADDR_LEN];
	json_t *hops = json_array();
	for (unsigned i = 0; i < t->n; i++)
		(void)json_array_append_new(hops, hop_json(&t->hop[i], i + 1));
	probe_source(src, sizeof(src), "");
	pt_addr_format(target, address);
	json_t *body = json_pack("{s:s,s:s,s:s,s:b,s:o}", "host", name, "target", address, "family",
		target->family == AF_INET6 ? "ipv6" : "ipv4", "reached", (int)t->reached, "hops",
		hops);
	int code = pt_record_writer_new(src, STDOUT_FILENO, NULL, &w, &ctx->err);
	if (code)
		json_decref(body);
	else
		code = pt_record_write(w, "trace", body, &ctx->err);
	pt_record_writer_free(w);
	return code;
}

int probe_trace(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	static struct pt_trace t; // too big for a stack
	struct probe_trace_opts *o = opts;
	struct pt_trace_opts to = { .hops = o->hops ? o->hops : DEFAULT_HOPS,
		.rounds = o->rounds ? o->rounds : DEFAULT_ROUNDS,
		.interval_ns = o->interval_ns ? o->interval_ns : 200 * PT_NS_PER_MS,
		.timeout_ns = o->timeout_ns ? o->timeout_ns : PT_NS_PER_S };
	(void)argc; // one
	int code = probe_way_complete(ctx, &o->way);
	if (!code)
		code = probe_echo_opts(ctx, argv[0], &o->way, &to.echo);
	if (!code)
		code = pt_trace_run(&to, &t, &ctx->err);
	if (!code)
		code = ctx->json ? write_record(ctx, argv[0], &to.echo.target, &t)
				 : write_table(ctx, &t);
	if (code)
		return PT_EXIT_FAIL;
	if (t.reached)
		return PT_EXIT_OK;
	(void)pt_err_set(&ctx->err, -ETIMEDOUT, "%s: not reached", argv[0]);
	return PT_EXIT_NO;
}
