// SPDX-License-Identifier: MIT
#include "bench/failover.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bench/daemon.h"
#include "bench/proc.h"
#include "bench/sites.h"
#include "bench/feed.h"
#include "plane/event.h"
#include "plane/names.h"
#include "plane/plane.h"
#include "plane/state.h"

#define WANS           3
#define STAMP_PORT     862
#define STREAM_PORT    5000
#define TOOL_NS        (20 * PT_NS_PER_S) // for a tool to do its work and end
#define READY_NS       (20 * PT_NS_PER_S) // for all paths to answer
#define BACK_PACKETS   100                // that many arrivals: the traffic is back
#define BACK_SLACK_NS  (3 * PT_NS_PER_S)
#define BACK_INTERVALS 4 // detection periods a side may take before we call it lost
#define STEP_NS        (2 * PT_NS_PER_MS)
#define SETTLE_NS      (50 * PT_NS_PER_MS)
#define SETTLE_JITTER  (100 * PT_NS_PER_MS) // so that cuts fall into every phase of the probing
#define PING_INTERVAL  (PT_NS_PER_S)

const char *const pt_failover_baselines[] = {
	[PT_FAILOVER_DAEMON] = "daemon",
	[PT_FAILOVER_PING] = "ping",
	[PT_FAILOVER_ALONE] = "none",
	NULL,
};

// Samples of one cut.
enum { OUTAGE_US, DETECT_US, SWITCH_NS, LOST, DISORDER };

static const struct pt_bench_metric table[PT_FAILOVER_METRICS] = {
	[PT_FAILOVER_OUTAGE_P50] = { .name = "outage_p50",
		.unit = "us",
		.series = OUTAGE_US,
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.doc = "Longest silence between two packets at the receiver" },
	[PT_FAILOVER_OUTAGE_MAX] = { .name = "outage_max",
		.unit = "us",
		.series = OUTAGE_US,
		.q_ppm = 1000000,
		.target = PT_BENCH_NONE,
		.doc = "The worst of these" },
	[PT_FAILOVER_DETECT_P50] = { .name = "detect_p50",
		.unit = "us",
		.series = DETECT_US,
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.doc = "From the cut to the verdict" },
	[PT_FAILOVER_SWITCH_MAX] = { .name = "switch_max",
		.unit = "ns",
		.series = SWITCH_NS,
		.q_ppm = 1000000,
		.target = 10000,
		.doc = "From the verdict until every packet takes another path" },
	[PT_FAILOVER_LOST_P50] = { .name = "lost_p50",
		.unit = "packets",
		.series = LOST,
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.doc = "Packets of the stream that never arrived" },
	[PT_FAILOVER_DISORDER_MAX] = { .name = "disorder_max",
		.unit = "packets",
		.series = DISORDER,
		.q_ppm = 1000000,
		.target = 0,
		.doc = "Packets of the stream that came twice or overtaken" },
};

// What we promise, by probe interval and threshold.
static const struct {
	int64_t interval_ms;
	unsigned threshold;
	enum pt_failover_metric metric;
	int64_t target;
} targets[] = {
	{ 10, 3, PT_FAILOVER_OUTAGE_P50, 27000 },
	{ 10, 3, PT_FAILOVER_OUTAGE_MAX, 35000 },
	{ 1, 3, PT_FAILOVER_OUTAGE_P50, 3000 },
};

struct rig {
	const struct pt_failover_opts *o;
	struct pt_sites sites;
	struct pt_feed *stream;
	struct pt_proc reflect, watch;
	char probe_tool[PATH_MAX], failover_tool[PATH_MAX], pin_dir[64];
	char config[PATH_MAX], network[PATH_MAX];
	bool attached;
	struct pt_plane *plane;
	struct pt_events *events;
	uint32_t cut_path;    // index of wan0's path
	struct pt_event down; // its first since the last cut; detected_ns 0: none
	struct pt_daemon *daemon;
	unsigned seed;
};

// Sleeps; -EINTR when the user has had enough.
static int nap(int64_t ns, struct pt_err *err)
{
	struct timespec ts = { ns / PT_NS_PER_S, ns % PT_NS_PER_S };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	return sigtimedwait(&set, NULL, &ts) > 0 ? pt_err_set(err, -EINTR, "interrupted") : 0;
}

// 0 once `done` says so, -ETIMEDOUT, -EINTR.
static int wait_for(struct rig *r, bool (*done)(struct rig *), int64_t limit_ns, struct pt_err *err)
{
	struct pt_mono end = pt_mono_add(pt_mono_now(), limit_ns);

	while (!done(r)) {
		int code = nap(STEP_NS, err);
		if (code)
			return code;
		if (pt_mono_diff(pt_mono_now(), end) > 0)
			return pt_err_set(err, -ETIMEDOUT, "not within %d ms",
				(int)(limit_ns / PT_NS_PER_MS));
	}
	return 0;
}

static int settle(struct rig *r, struct pt_err *err)
{
	return nap(SETTLE_NS + rand_r(&r->seed) % SETTLE_JITTER, err);
}

// The kernel holds all paths up and every one has been answered lately.
static bool paths_answer(struct rig *r)
{
	unsigned answering = 0;

	for (uint32_t i = 1; i < r->plane->meta->path_cap; i++) {
		struct pt_state s;
		if (!(r->plane->hop[i].flags & PT_HOP_USED))
			continue;
		if (pt_state_read(r->plane, i, &s, NULL) || s.down || s.watch.replies < 5)
			return false;
		answering++;
	}
	return answering == WANS;
}

static bool daemon_sees_target(struct rig *r)
{
	return pt_daemon_alive(r->daemon);
}

static bool traffic_flows(struct rig *r)
{
	return pt_feed_arrived(r->stream, pt_mono_add(pt_mono_now(), -SETTLE_NS)) > 0;
}

// Subject

static void on_event(void *ctx, const struct pt_event *event)
{
	struct rig *r = ctx;

	if (event->kind == PT_EVENT_DOWN && event->path == r->cut_path && !r->down.detected_ns)
		r->down = *event;
}

static int find_cut_path(struct rig *r, struct pt_err *err)
{
	pt_autonames names = { 0 };
	int code = pt_names_read(r->plane, &names, err);

	if (code)
		return code;
	r->cut_path = pt_names_index(&names, PT_NAME_PATH, "wan0");
	return r->cut_path == PT_NAMES_NONE ? pt_err_set(err, -ENOENT, "failover: no path wan0")
					    : 0;
}

static int attach(struct rig *r, struct pt_err *err)
{
	const char *const argv[] = { r->failover_tool, "attach", "--config", r->config, "--network",
		r->network, "--pin-dir", r->pin_dir, "--netns", r->sites.netns[PT_NODE_EA], NULL };
	int code = pt_proc_run(argv, NULL, TOOL_NS, err);

	if (code)
		return code;
	r->attached = true;
	code = pt_plane_open(r->pin_dir, PT_PLANE_READ, &r->plane, err);
	if (!code)
		code = find_cut_path(r, err);
	return code ? code : pt_events_new(r->plane, on_event, r, &r->events, err);
}

static int prepare_subject(void *ctx, struct pt_err *err)
{
	struct rig *r = ctx;
	const char *const argv[] = { r->probe_tool, "watch", "--config", r->config, "--network",
		r->network, "--netns", r->sites.netns[PT_NODE_EA], NULL };
	int code = attach(r, err);

	if (!code)
		code = pt_proc_start(argv, NULL, &r->watch, err);
	if (code)
		return code;
	code = wait_for(r, paths_answer, READY_NS, err);
	if (code == -ETIMEDOUT && pt_proc_check(&r->watch, err) == 0)
		pt_err_set(err, code, "failover: a path is not answered");
	return code;
}

static void finish_subject(void *ctx)
{
	struct rig *r = ctx;
	const char *const argv[] = { r->failover_tool, "detach", "--pin-dir", r->pin_dir, "--netns",
		r->sites.netns[PT_NODE_EA], NULL };

	pt_proc_stop(&r->watch);
	pt_events_free(r->events);
	r->events = NULL;
	pt_plane_free(r->plane);
	r->plane = NULL;
	if (r->attached)
		(void)pt_proc_run(argv, NULL, TOOL_NS, NULL); // an error on the way is told first
	r->attached = false;
}

// The traffic's side of one cut, the same for subject and baseline: cuts the first WAN, waits until
// the traffic is back (or limit_ns are over: then the outage is at least that), and looks.
static int cut_and_look(struct rig *r, int64_t limit_ns, struct pt_mono *cut,
	int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	int code = wait_for(r, traffic_flows, BACK_SLACK_NS, err);

	if (code)
		return code == -ETIMEDOUT ? pt_err_set(err, code, "failover: no traffic") : code;
	*cut = pt_mono_now();
	pt_sites_cut(&r->sites, 0, true);
	struct pt_mono end = pt_mono_add(*cut, limit_ns), now;
	uint64_t back;
	do {
		code = nap(STEP_NS, err);
		now = pt_mono_now();
		back = pt_feed_arrived(r->stream, pt_mono_add(*cut, PT_NS_PER_MS / 10));
	} while (!code && back < BACK_PACKETS && pt_mono_diff(now, end) < 0);
	if (code)
		return code;
	// Packets on their way at either end are neither lost nor late: leave them out.
	struct pt_feed_look l = pt_feed_look(r->stream, pt_mono_add(*cut, -5 * PT_NS_PER_MS),
		pt_mono_add(now, -2 * PT_NS_PER_MS));
	out[OUTAGE_US] = (back ? l.gap_ns : pt_mono_diff(now, *cut)) / PT_NS_PER_US;
	out[LOST] = (int64_t)l.lost;
	out[DISORDER] = (int64_t)(l.duplicated + l.reordered);
	return 0;
}

// A false alarm just before the cut had already moved the traffic: such a cut measures nothing. One
// that nobody noticed stays, with the whole time waited as its outage.
static void note_verdict(struct pt_mono decided, struct pt_mono committed, struct pt_mono cut,
	int64_t out[PT_BENCH_SERIES])
{
	if (decided.ns && decided.ns < cut.ns)
		for (unsigned k = 0; k < PT_BENCH_SERIES; k++)
			out[k] = PT_BENCH_NONE;
	if (!committed.ns || decided.ns < cut.ns)
		return;
	out[DETECT_US] = pt_mono_diff(decided, cut) / PT_NS_PER_US;
	out[SWITCH_NS] = pt_mono_diff(committed, decided);
}

static int64_t limit_of(int64_t interval_ns, unsigned threshold)
{
	return BACK_INTERVALS * interval_ns * threshold + BACK_SLACK_NS;
}

static int cut_subject(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct rig *r = ctx;
	struct pt_mono cut = { 0 };
	int code = settle(r, err);

	if (!code)
		code = pt_proc_check(&r->watch, err);
	if (code)
		return code;
	if (!paths_answer(r)) // a false alarm a moment ago
		return 0;
	(void)pt_events_read(r->events); // what came before
	r->down = (struct pt_event){ 0 };
	code = cut_and_look(
		r, limit_of(r->o->interval_ms * PT_NS_PER_MS, r->o->threshold), &cut, out, err);
	pt_sites_cut(&r->sites, 0, false);
	if (code)
		return code;
	code = pt_events_read(r->events);
	if (code < 0)
		return pt_err_errno(err, code, "failover: events");
	note_verdict((struct pt_mono){ (int64_t)r->down.detected_ns },
		(struct pt_mono){ (int64_t)r->down.committed_ns }, cut, out);
	code = wait_for(r, paths_answer, READY_NS, err);
	return code == -ETIMEDOUT ? pt_err_set(err, code, "failover: the healed path stays down")
				  : code;
}

// Baseline

static int prepare_baseline(void *ctx, struct pt_err *err)
{
	struct rig *r = ctx;
	struct pt_daemon_opts o = {
		.netns = r->sites.netns[PT_NODE_EA],
		.device = "wan0",
		.interval_ns = r->o->baseline == PT_FAILOVER_PING
			? PING_INTERVAL
			: r->o->interval_ms * PT_NS_PER_MS,
		.threshold = r->o->threshold,
		.prefix = pt_sites_prefix,
		.prefixes = r->o->prefixes,
	};

	// Constants of ours: they parse.
	(void)pt_addr_parse("10.9.0.2", &o.target);
	(void)pt_addr_parse("10.9.0.2", &o.first);
	(void)pt_addr_parse("10.9.1.2", &o.second);
	int code = pt_daemon_new(&o, &r->daemon, err);
	if (!code)
		code = wait_for(r, daemon_sees_target, READY_NS, err);
	return code;
}

static void finish_baseline(void *ctx)
{
	struct rig *r = ctx;

	pt_daemon_free(r->daemon);
	r->daemon = NULL;
}

static int cut_baseline(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct rig *r = ctx;
	int64_t interval_ns = r->o->baseline == PT_FAILOVER_PING ? PING_INTERVAL
								 : r->o->interval_ms * PT_NS_PER_MS;
	struct pt_mono cut = { 0 };
	int code = settle(r, err);

	if (!code)
		code = cut_and_look(r, limit_of(interval_ns, r->o->threshold), &cut, out, err);
	pt_sites_cut(&r->sites, 0, false);
	if (code)
		return code;
	struct pt_daemon_verdict v = pt_daemon_verdict(r->daemon);
	if (v.error)
		return pt_err_errno(err, v.error, "baseline: moving the route");
	note_verdict(v.decided, v.committed, cut, out);
	code = wait_for(r, daemon_sees_target, READY_NS, err);
	return code ? code : pt_daemon_rearm(r->daemon, err);
}

// Both

static int open_rig(struct rig *r, struct pt_err *err)
{
	struct pt_feed_opts so = { .port = STREAM_PORT, .interval_ns = r->o->stream_ns };
	int code = pt_proc_tool(
		r->o->tools_dir, "pt-probe", r->probe_tool, sizeof(r->probe_tool), err);

	if (!code)
		code = pt_proc_tool(r->o->tools_dir, "pt-failover", r->failover_tool,
			sizeof(r->failover_tool), err);
	if (!code)
		code = pt_sites_up(WANS, &r->sites, err);
	if (code)
		return code;
	(void)snprintf(r->config, sizeof(r->config), "%s/config.yaml", r->sites.scratch);
	(void)snprintf(r->network, sizeof(r->network), "%s/network.yaml", r->sites.scratch);
	(void)snprintf(
		r->pin_dir, sizeof(r->pin_dir), "/sys/fs/bpf/pt-bench-%d/plane", (int)getpid());
	const struct pt_sites_profile profile = {
		.interval_ms = r->o->interval_ms,
		.threshold = r->o->threshold,
		.port = STAMP_PORT,
		.prefixes = r->o->prefixes,
	};
	code = pt_sites_configure(&r->sites, &profile, err);
	const char *const reflect[] = { r->probe_tool, "reflect", "--netns",
		r->sites.netns[PT_NODE_EB], NULL };
	if (!code)
		code = pt_proc_start(reflect, NULL, &r->reflect, err);
	so.from_netns = r->sites.netns[PT_NODE_HA];
	so.to_netns = r->sites.netns[PT_NODE_HB];
	(void)pt_addr_parse("10.1.0.2", &so.from);
	(void)pt_addr_parse("10.2.0.2", &so.to);
	return code ? code : pt_feed_new(&so, &r->stream, err);
}

static void close_rig(struct rig *r)
{
	pt_feed_free(r->stream);
	pt_proc_stop(&r->reflect);
	pt_sites_down(&r->sites);
}

static void set_targets(const struct pt_failover_opts *o, struct pt_failover_report *out)
{
	for (unsigned i = 0; i < PT_FAILOVER_METRICS; i++)
		out->metrics[i] = table[i];
	for (size_t i = 0; i < PT_ARRAY_LEN(targets); i++) {
		if (targets[i].interval_ms == o->interval_ms &&
			targets[i].threshold == o->threshold)
			out->metrics[targets[i].metric].target = targets[i].target;
	}
	(void)snprintf(out->workload, sizeof(out->workload), "failover-%" PRId64 "ms-x%u-%up",
		o->interval_ms, o->threshold, o->prefixes);
}

int pt_failover_bench(
	const struct pt_failover_opts *o, struct pt_failover_report *out, struct pt_err *err)
{
	struct rig r = { .o = o,
		.reflect = PT_PROC_NONE,
		.watch = PT_PROC_NONE,
		.sites = { .home = -1 },
		.seed = 1 };
	bool alone = o->baseline == PT_FAILOVER_ALONE;
	struct pt_bench_plan plan = {
		.workload = out->workload,
		.metrics = out->metrics,
		.n_metrics = PT_FAILOVER_METRICS,
		.subject = { "patronus", prepare_subject, cut_subject, finish_subject, &r },
		.baseline = { pt_failover_baselines[o->baseline], prepare_baseline,
			alone ? NULL : cut_baseline, finish_baseline, &r },
		.warmup = 1,
		.runs = o->runs,
		.baseline_runs = o->baseline_runs,
		.progress = o->progress,
		.progress_ctx = o->progress_ctx,
	};

	set_targets(o, out);
	int code = open_rig(&r, err);
	if (!code)
		code = pt_bench_run(&plan, out->results, err);
	close_rig(&r);
	return code;
}
