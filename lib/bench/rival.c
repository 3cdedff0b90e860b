// SPDX-License-Identifier: MIT
#include "bench/rival.h"

#include <errno.h>

#include "bench/daemon.h"
#include "bench/peer.h"

#define READY_NS      (20 * PT_NS_PER_S)
#define PING_INTERVAL PT_NS_PER_S
#define PEER_NS       (90 * PT_NS_PER_S) // for routing daemons to converge
#define PEER_STEP_NS  (200 * PT_NS_PER_MS)
#define PEER_LOOKS    8

static bool daemon_sees_target(const void *ctx)
{
	const struct pt_rival *r = ctx;

	return pt_daemon_alive(r->daemon);
}

// The daemon of our own

static int64_t baseline_interval_ns(const struct pt_failover_opts *o)
{
	return o->baseline == PT_FAILOVER_PING ? PING_INTERVAL : o->interval_ms * PT_NS_PER_MS;
}

static int prepare_baseline(void *ctx, struct pt_err *err)
{
	struct pt_rival *r = ctx;
	const struct pt_rig_wait ready = { daemon_sees_target, r, READY_NS,
		"the baseline's target does not answer" };
	struct pt_daemon_opts o = {
		.netns = r->cutter->rig->sites.nodes.netns[PT_NODE_EA],
		.device = "wan0",
		.interval_ns = baseline_interval_ns(r->cutter->o),
		.threshold = r->cutter->o->threshold,
		.prefix = pt_sites_prefix,
		.prefixes = r->cutter->o->prefixes,
	};

	// Constants of ours: they parse.
	(void)pt_addr_parse("10.9.0.2", &o.target);
	(void)pt_addr_parse("10.9.0.2", &o.first);
	(void)pt_addr_parse("10.9.1.2", &o.second);
	int code = pt_daemon_new(&o, &r->daemon, err);
	return code ? code : pt_rig_wait(&ready, err);
}

static void finish_baseline(void *ctx)
{
	struct pt_rival *r = ctx;

	pt_daemon_free(r->daemon);
	r->daemon = NULL;
}

static int cut_baseline(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct pt_rival *r = ctx;
	const struct pt_rig_wait healed = { daemon_sees_target, r, READY_NS,
		"the baseline's target stays silent" };
	struct pt_mono cut = { 0 };
	int code = pt_cut_settle(r->cutter, err);

	if (!code)
		code = pt_cut_look(r->cutter,
			pt_cut_limit_ns(
				baseline_interval_ns(r->cutter->o), r->cutter->o->threshold),
			&cut, out, err);
	pt_sites_cut(&r->cutter->rig->sites, 0, false);
	if (code)
		return code;
	struct pt_daemon_verdict v = pt_daemon_verdict(r->daemon);
	if (v.error)
		return pt_err_errno(err, v.error, "baseline: moving the route");
	pt_cut_note(v.decided, v.committed, cut, out);
	code = pt_rig_wait(&healed, err);
	return code ? code : pt_daemon_rearm(r->daemon, err);
}

// Somebody else's daemons

// Steadily, so that the other WAN is ready, too. Looking at thousands of routes is work: seldom.
static int await_peer(struct pt_rival *r, struct pt_err *err)
{
	struct pt_mono end = pt_mono_add(pt_mono_now(), PEER_NS);
	unsigned settled = 0;

	for (;;) {
		int code = pt_peer_check(r->peer, err);
		if (!code)
			code = pt_rig_nap(PEER_STEP_NS, err);
		if (code)
			return code;
		settled = pt_peer_is_settled(r->peer) ? settled + 1 : 0;
		if (settled == PEER_LOOKS)
			return 0;
		if (pt_mono_diff(pt_mono_now(), end) > 0)
			return pt_err_set(err, -ETIMEDOUT, "%s: not all routes leave by wan0",
				r->cutter->o->peer);
	}
}

static int prepare_peer(void *ctx, struct pt_err *err)
{
	struct pt_rival *r = ctx;
	const struct pt_peer_opts o = {
		.program = r->cutter->o->peer,
		.sites = &r->cutter->rig->sites,
		.interval_ms = r->cutter->o->interval_ms,
		.threshold = r->cutter->o->threshold,
		.prefixes = r->cutter->o->prefixes,
	};

	return pt_peer_new(&o, &r->peer, err);
}

static void finish_peer(void *ctx)
{
	struct pt_rival *r = ctx;

	pt_peer_free(r->peer);
	r->peer = NULL;
}

// A false alarm of theirs a moment before a cut cannot be told from the cut: it counts for them.
static int cut_peer(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct pt_rival *r = ctx;
	struct pt_mono cut = { 0 };
	int code = await_peer(r, err);

	if (!code)
		code = pt_cut_settle(r->cutter, err);
	if (!code)
		code = pt_cut_look(r->cutter,
			pt_cut_limit_ns(
				r->cutter->o->interval_ms * PT_NS_PER_MS, r->cutter->o->threshold),
			&cut, out, err);
	pt_sites_cut(&r->cutter->rig->sites, 0, false);
	return code;
}

struct pt_bench_side pt_rival_side(struct pt_rival *r)
{
	const struct pt_failover_opts *o = r->cutter->o;
	const char *name = o->baseline == PT_FAILOVER_PEER ? pt_peer_name(o->peer)
							   : pt_failover_baselines[o->baseline];

	switch (o->baseline) {
	case PT_FAILOVER_ALONE:
		return (struct pt_bench_side){ .name = name };
	case PT_FAILOVER_PEER:
		return (struct pt_bench_side){ name, prepare_peer, cut_peer, finish_peer, r };
	default:
		return (struct pt_bench_side){ name, prepare_baseline, cut_baseline,
			finish_baseline, r };
	}
}
