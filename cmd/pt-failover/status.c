// SPDX-License-Identifier: MIT
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/emit.h"
#include "base/loop.h"
#include "base/parse.h"
#include "failover.h"
#include "plane/bank.h"
#include "plane/names.h"
#include "plane/nexthop.h"
#include "plane/passive.h"
#include "plane/trip.h"
#include "plane/state.h"

static const struct pt_column path_columns[] = {
	{ "path", "PATH", false },
	{ "site", "TO", false },
	{ "device", "DEVICE", false },
	{ "next_hop", "NEXT HOP", false },
	{ "next_hop6", "NEXT HOP 6", false },
	{ "uplink", "UPLINK", false },
	{ "mode", "MODE", false },
	{ "mark", "MARK", false },
	{ "status", "STATUS", false },
	{ "blocked", "BLOCKED", false },
	{ "since_ns", "SINCE", true },
	{ "srtt_us", "RTT", true },
	{ "last_reply_ns", "LAST REPLY", true },
	{ "probes_sent", "PROBES", true },
	{ "replies", "REPLIES", true },
	{ "tx_packets", "TX PACKETS", true },
	{ "tx_bytes", "TX BYTES", true },
	{ "rx_packets", "RX PACKETS", true },
	{ "rx_bytes", "RX BYTES", true },
	{},
};

static const struct pt_column group_columns[] = {
	{ "site", "SITE", false },
	{ "policy", "POLICY", false },
	{ "paths", "ORDER", false },
	{ "uses", "USES", false },
	{ "because", "BECAUSE", false },
	{},
};

static const struct pt_column trip_columns[] = {
	{ "path", "PATH", false },
	{ "rtt_p50_us", "PROBE RTT P50", true },
	{ "rtt_p95_us", "P95", true },
	{ "rtt_p99_us", "P99", true },
	{ "rtt_sum_us", "SUM", true },
	{ "rtt_hist", "REPLIES", true },
	{},
};

static const struct pt_column passive_columns[] = {
	{ "path", "PATH", false },
	{ "policy", "POLICY", false },
	{ "rtt_p50_us", "RTT P50", true },
	{ "rtt_p95_us", "P95", true },
	{ "rtts", "RTTS", true },
	{ "segments", "SEGMENTS", true },
	{ "retransmitted", "RETRANSMITTED", true },
	{ "retransmitted_ppm", "PPM", true },
	{ "crossed", "CROSSED", true },
	{},
};

static const struct pt_column counter_columns[] = {
	{ "counter", "COUNTER", false },
	{ "value", "PACKETS", true },
	{ "meaning", "MEANING", false },
	{},
};

// Age of a moment: the raw time for machines, "12 ms ago" for people, nothing for never.
static void emit_age(struct pt_emit *e, uint64_t at_ns, int64_t now_ns)
{
	char text[32];

	if (!at_ns) {
		pt_emit_null(e);
		return;
	}
	pt_duration_format(now_ns - (int64_t)at_ns, text, sizeof(text));
	pt_emit_i64_as(e, (int64_t)at_ns, text);
}

static void emit_rtt(struct pt_emit *e, uint64_t srtt_ns)
{
	char text[32];

	if (!srtt_ns) {
		pt_emit_null(e);
		return;
	}
	pt_duration_format((int64_t)srtt_ns, text, sizeof(text));
	pt_emit_i64_as(e, (int64_t)srtt_ns / PT_NS_PER_US, text);
}

static void emit_received(struct pt_emit *e, const struct pt_state *s, uint64_t value)
{
	if (s->rx_known)
		pt_emit_i64(e, (int64_t)value);
	else
		pt_emit_null(e);
}

static void emit_next_hop(struct pt_emit *e, const struct pt_hop *hop, uint16_t family)
{
	pt_autobuf text = {};

	pt_emit_str(e, pt_nexthop_format(hop, family, &text) ? pt_buf_str(&text) : NULL);
}

static void emit_way(struct pt_emit *e, const struct pt_hop *hop)
{
	char text[16];

	pt_emit_str(e, hop->flags & (PT_HOP_MARK | PT_HOP_GUARD) ? "mark" : "redirect");
	(void)snprintf(text, sizeof(text), "0x%08x", hop->mark);
	if (hop->mark)
		pt_emit_i64_as(e, hop->mark, text);
	else
		pt_emit_null(e);
}

static int emit_path(struct pt_emit *e, const struct pt_plane *p, const struct pt_names *n,
	uint32_t path, struct pt_err *err)
{
	int64_t now = pt_mono_now().ns;
	pt_autobuf why = {};
	struct pt_state s;
	int ret = pt_state_read(p, path, &s, err);

	if (ret)
		return ret;
	pt_block_format(s.why, &why);
	pt_emit_row(e);
	pt_emit_str(e, pt_names_id(n, PT_NAME_PATH, path));
	pt_emit_str(e, pt_names_id(n, PT_NAME_SITE, p->hop[path].site));
	pt_emit_str(e, pt_names_id(n, PT_NAME_PATH_DEVICE, path));
	emit_next_hop(e, &p->hop[path], AF_INET);
	emit_next_hop(e, &p->hop[path], AF_INET6);
	pt_emit_str(e, pt_names_id(n, PT_NAME_UPLINK, p->hop[path].uplink));
	emit_way(e, &p->hop[path]);
	pt_emit_str(e, pt_path_status_names[s.status]);
	pt_emit_str(e, why.len ? pt_buf_str(&why) : NULL);
	emit_age(e, s.watch.changed_ns, now);
	emit_rtt(e, s.watch.srtt_ns);
	emit_age(e, s.watch.last_reply_ns, now);
	pt_emit_i64(e, (int64_t)s.watch.sent);
	pt_emit_i64(e, (int64_t)s.watch.replies);
	pt_emit_i64(e, (int64_t)s.traffic.tx_packets);
	pt_emit_i64(e, (int64_t)s.traffic.tx_bytes);
	emit_received(e, &s, s.traffic.rx_packets);
	emit_received(e, &s, s.traffic.rx_bytes);
	return 0;
}

static void emit_group(struct pt_emit *e, const struct pt_plane *p, const struct pt_names *n,
	uint32_t site, uint32_t policy)
{
	const struct pt_group *g = pt_group_active(p, site, policy);
	const char *order[PT_GROUP_PATHS];
	struct pt_choice choice;
	unsigned count = 0;

	if (!g || (!g->count && !g->flags))
		return;
	for (uint32_t i = 0; i < g->count && i < PT_GROUP_PATHS; i++) {
		order[count] = pt_names_id(n, PT_NAME_PATH, g->path[i]);
		count += order[count] != NULL;
	}
	choice = pt_choice_of(p, g);
	pt_emit_row(e);
	pt_emit_str(e, pt_names_id(n, PT_NAME_SITE, site));
	pt_emit_str(e, pt_names_id(n, PT_NAME_POLICY, policy));
	pt_emit_strs(e, order, count);
	pt_emit_str(e, pt_names_id(n, PT_NAME_PATH, choice.path));
	pt_emit_str(e,
		choice.path                        ? pt_choice_names[choice.rank]
			: g->flags & PT_GROUP_DROP ? "drop"
						   : "kernel-routes");
}

static void emit_us(struct pt_emit *e, int64_t us)
{
	char text[32];

	pt_duration_format(us * PT_NS_PER_US, text, sizeof(text));
	pt_emit_i64_as(e, us, text);
}

static void emit_quantile(struct pt_emit *e, const struct pt_hist *h, uint32_t q_ppm)
{
	int64_t us = pt_hist_quantile(h, q_ppm);

	if (us < 0)
		pt_emit_null(e);
	else
		emit_us(e, us);
}

// As long as there are replies.
static void emit_trips(struct pt_emit *e, const struct pt_plane *p, const struct pt_names *n)
{
	struct pt_hist h;

	pt_emit_table(e, "round_trips", trip_columns);
	for (uint32_t i = 1; i < p->meta->path_cap; i++) {
		if (!(p->hop[i].flags & PT_HOP_USED) || pt_trip_read(p, i, &h) || !h.count)
			continue;
		pt_emit_row(e);
		pt_emit_str(e, pt_names_id(n, PT_NAME_PATH, i));
		emit_quantile(e, &h, 500000);
		emit_quantile(e, &h, 950000);
		emit_quantile(e, &h, 990000);
		emit_us(e, (int64_t)h.sum_us);
		pt_emit_hist(e, &h);
	}
}

static int emit_passive(
	struct pt_emit *e, const struct pt_plane *p, const struct pt_names *n, struct pt_err *err)
{
	pt_autofree struct pt_rtt_key *keys = NULL;
	struct pt_passive_sum sum;
	uint32_t count = 0;
	int ret = pt_passive_list(p, &keys, &count, err);

	pt_emit_table(e, "passive", passive_columns);
	for (uint32_t i = 0; i < count; i++) {
		const char *path = pt_names_id(n, PT_NAME_PATH, keys[i].path);

		if (!path || pt_passive_read(p, &keys[i], &sum))
			continue; // gone by now
		pt_emit_row(e);
		pt_emit_str(e, path);
		pt_emit_str(e, pt_names_id(n, PT_NAME_POLICY, keys[i].policy));
		emit_quantile(e, &sum.rtt, 500000);
		emit_quantile(e, &sum.rtt, 950000);
		pt_emit_i64(e, (int64_t)sum.rtt.count);
		pt_emit_i64(e, (int64_t)sum.segments);
		pt_emit_i64(e, (int64_t)sum.again);
		if (sum.segments)
			pt_emit_i64(e, (int64_t)(sum.again * 1000000 / sum.segments));
		else
			pt_emit_null(e);
		pt_emit_i64(e, (int64_t)sum.crossed);
	}
	return ret;
}

static int emit_counters(
	struct pt_emit *e, const struct pt_ctx *ctx, const struct pt_plane *p, struct pt_err *err)
{
	uint64_t stat[PT_STAT_COUNT];
	int ret = pt_stat_read(p, stat);

	if (ret)
		return pt_err_errno(err, ret, "pt_stat");
	pt_emit_table(e, "counters", counter_columns);
	for (int i = 0; i < PT_STAT_COUNT; i++) {
		if (!stat[i] && !ctx->json && !ctx->verbose)
			continue;
		pt_emit_row(e);
		pt_emit_str(e, pt_stat_docs[i].key);
		pt_emit_i64(e, (int64_t)stat[i]);
		pt_emit_str(e, pt_stat_docs[i].doc);
	}
	return 0;
}

static int emit_all(struct pt_emit *e, const struct pt_ctx *ctx, const struct pt_plane *p,
	const struct pt_names *n, struct pt_err *err)
{
	int ret = 0;

	pt_emit_table(e, "paths", path_columns);
	for (uint32_t i = 1; i < p->meta->path_cap && !ret; i++)
		if (p->hop[i].flags & PT_HOP_USED)
			ret = emit_path(e, p, n, i, err);
	if (ret)
		return ret;
	pt_emit_table(e, "groups", group_columns);
	for (uint32_t site = 1; site < p->meta->site_cap; site++)
		for (uint32_t policy = 0; policy < PT_MAX_POLICY; policy++)
			emit_group(e, p, n, site, policy);
	emit_trips(e, p, n);
	ret = emit_passive(e, p, n, err);
	return ret ? ret : emit_counters(e, ctx, p, err);
}

const struct argp_option status_options[] = {
	{ .name = "watch",
		.key = 'w',
		.arg = "SECONDS",
		.doc = "Show it again and again, until interrupted" },
	{},
};

int status_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct status_opts *o = opts;

	if (key != 'w')
		return ARGP_ERR_UNKNOWN;
	if (pt_parse_u64(arg, 1, 3600, &o->watch_s))
		return pt_err_set(&ctx->err, -EINVAL, "%s: 1 to 3600 seconds", arg);
	return 0;
}

struct showing {
	struct pt_ctx *ctx;
	struct pt_plane *plane;
	struct pt_loop *loop; // NULL: once
};

static int show(const struct showing *s)
{
	pt_autonames names = {}; // a reload may have changed them
	struct pt_emit *e = NULL;
	struct pt_err *err = &s->ctx->err;
	int ret = pt_names_read(s->plane, &names, err);

	if (s->loop && isatty(STDOUT_FILENO))
		(void)fputs("\033[H\033[2J", stdout); // home, clear
	if (!ret)
		ret = pt_emit_new(s->ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e);
	if (ret)
		return ret;
	ret = emit_all(e, s->ctx, s->plane, &names, err);
	if (pt_emit_end(e) && !ret)
		ret = -EIO; // the dispatcher says why
	return ret || fflush(stdout) ? -EIO : 0;
}

static void on_time(void *ctx, uint64_t expirations)
{
	const struct showing *s = ctx;

	(void)expirations;
	if (show(s))
		pt_loop_stop(s->loop, PT_EXIT_FAIL);
}

static void on_signal(void *ctx, int signo)
{
	const struct showing *s = ctx;

	(void)signo;
	pt_loop_stop(s->loop, PT_EXIT_OK);
}

static int show_on(struct showing *s, int64_t period_ns)
{
	static const int signals[] = { SIGINT, SIGTERM, 0 };
	struct pt_err *err = &s->ctx->err;
	struct pt_timer *timer;
	int ret = pt_loop_new(&s->loop, err);

	if (!ret)
		ret = pt_loop_signals(s->loop, signals, on_signal, s);
	if (!ret)
		ret = pt_loop_timer_add(s->loop, pt_mono_now(), period_ns, on_time, s, &timer);
	if (!ret)
		ret = pt_loop_run(s->loop);
	pt_loop_free(s->loop);
	return ret;
}

int failover_status(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct status_opts *o = opts;
	struct showing s = { .ctx = ctx };
	int ret = pt_plane_open(pt_pin_dir(ctx), PT_PLANE_READ, &s.plane, &ctx->err);

	(void)argc; // none are taken
	(void)argv;
	if (!ret)
		ret = o->watch_s ? show_on(&s, (int64_t)o->watch_s * PT_NS_PER_S) : show(&s);
	pt_plane_free(s.plane);
	return ret ? PT_EXIT_FAIL : PT_EXIT_OK;
}
