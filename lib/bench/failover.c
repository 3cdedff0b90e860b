// SPDX-License-Identifier: MIT
#include "bench/failover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "bench/daemon.h"
#include "bench/rig.h"

#define READY_NS       (20 * PT_NS_PER_S)
#define BACK_PACKETS   100 // that many arrivals: the traffic is back
#define BACK_SLACK_NS  (3 * PT_NS_PER_S)
#define BACK_INTERVALS 4 // detection periods a side may take before we call it lost
#define STEP_NS        (2 * PT_NS_PER_MS)
#define SETTLE_NS      (50 * PT_NS_PER_MS)
#define SETTLE_JITTER  (100 * PT_NS_PER_MS)
#define PING_INTERVAL  PT_NS_PER_S

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

struct bench {
	const struct pt_failover_opts *o;
	struct pt_rig rig;
	struct pt_daemon *daemon;
	unsigned seed;
};

static bool daemon_sees_target(const void *ctx)
{
	const struct bench *b = ctx;

	return pt_daemon_alive(b->daemon);
}

static bool paths_answer(const void *ctx)
{
	const struct bench *b = ctx;

	return pt_rig_paths_answer(&b->rig);
}

static bool traffic_flows(const void *ctx)
{
	const struct bench *b = ctx;

	return pt_feed_arrived(b->rig.stream, pt_mono_add(pt_mono_now(), -SETTLE_NS)) > 0;
}

// So that cuts fall into every phase of the probing.
static int settle(struct bench *b, struct pt_err *err)
{
	return pt_rig_nap(SETTLE_NS + rand_r(&b->seed) % SETTLE_JITTER, err);
}

// The traffic's side of one cut, the same for subject and baseline: cuts the first WAN, waits until
// the traffic is back (or limit_ns are over: then the outage is at least that), and looks.
static int cut_and_look(struct bench *b, int64_t limit_ns, struct pt_mono *cut,
	int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	const struct pt_rig_wait traffic = { traffic_flows, b, BACK_SLACK_NS, "no traffic" };
	const struct pt_feed *stream = b->rig.stream;
	int code = pt_rig_wait(&traffic, err);

	if (code)
		return code;
	*cut = pt_mono_now();
	pt_sites_cut(&b->rig.sites, 0, true);
	struct pt_mono end = pt_mono_add(*cut, limit_ns), now;
	uint64_t back;
	do {
		code = pt_rig_nap(STEP_NS, err);
		now = pt_mono_now();
		back = pt_feed_arrived(stream, pt_mono_add(*cut, PT_NS_PER_MS / 10));
	} while (!code && back < BACK_PACKETS && pt_mono_diff(now, end) < 0);
	if (code)
		return code;
	// Packets on their way at either end are neither lost nor late: leave them out.
	struct pt_feed_look l = pt_feed_look(
		stream, pt_mono_add(*cut, -5 * PT_NS_PER_MS), pt_mono_add(now, -2 * PT_NS_PER_MS));
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

// Subject

static int prepare_subject(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;

	return pt_rig_attach(&b->rig, err);
}

static void finish_subject(void *ctx)
{
	struct bench *b = ctx;

	pt_rig_detach(&b->rig);
}

static int cut_subject(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct bench *b = ctx;
	const struct pt_rig_wait healed = { paths_answer, b, READY_NS,
		"the healed path stays down" };
	struct pt_mono cut = { 0 };
	int code = settle(b, err);

	if (!code)
		code = pt_proc_check(&b->rig.watch, err);
	if (code || !pt_rig_paths_answer(&b->rig)) // a false alarm a moment ago: no sample
		return code;
	pt_rig_forget(&b->rig);
	code = cut_and_look(
		b, limit_of(b->o->interval_ms * PT_NS_PER_MS, b->o->threshold), &cut, out, err);
	pt_sites_cut(&b->rig.sites, 0, false);
	if (!code)
		code = pt_rig_verdicts(&b->rig, err);
	if (code)
		return code;
	const struct pt_event *down = &b->rig.down;
	note_verdict((struct pt_mono){ (int64_t)down->detected_ns },
		(struct pt_mono){ (int64_t)down->committed_ns }, cut, out);
	return pt_rig_wait(&healed, err);
}

// Baseline

static int64_t baseline_interval_ns(const struct pt_failover_opts *o)
{
	return o->baseline == PT_FAILOVER_PING ? PING_INTERVAL : o->interval_ms * PT_NS_PER_MS;
}

static int prepare_baseline(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;
	const struct pt_rig_wait ready = { daemon_sees_target, b, READY_NS,
		"the baseline's target does not answer" };
	struct pt_daemon_opts o = {
		.netns = b->rig.sites.nodes.netns[PT_NODE_EA],
		.device = "wan0",
		.interval_ns = baseline_interval_ns(b->o),
		.threshold = b->o->threshold,
		.prefix = pt_sites_prefix,
		.prefixes = b->o->prefixes,
	};

	// Constants of ours: they parse.
	(void)pt_addr_parse("10.9.0.2", &o.target);
	(void)pt_addr_parse("10.9.0.2", &o.first);
	(void)pt_addr_parse("10.9.1.2", &o.second);
	int code = pt_daemon_new(&o, &b->daemon, err);
	return code ? code : pt_rig_wait(&ready, err);
}

static void finish_baseline(void *ctx)
{
	struct bench *b = ctx;

	pt_daemon_free(b->daemon);
	b->daemon = NULL;
}

static int cut_baseline(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct bench *b = ctx;
	const struct pt_rig_wait healed = { daemon_sees_target, b, READY_NS,
		"the baseline's target stays silent" };
	struct pt_mono cut = { 0 };
	int code = settle(b, err);

	if (!code)
		code = cut_and_look(
			b, limit_of(baseline_interval_ns(b->o), b->o->threshold), &cut, out, err);
	pt_sites_cut(&b->rig.sites, 0, false);
	if (code)
		return code;
	struct pt_daemon_verdict v = pt_daemon_verdict(b->daemon);
	if (v.error)
		return pt_err_errno(err, v.error, "baseline: moving the route");
	note_verdict(v.decided, v.committed, cut, out);
	code = pt_rig_wait(&healed, err);
	return code ? code : pt_daemon_rearm(b->daemon, err);
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
	struct bench b = { .o = o, .seed = 1 };
	const struct pt_rig_opts rig = {
		.interval_ms = o->interval_ms,
		.threshold = o->threshold,
		.prefixes = o->prefixes,
		.stream_ns = o->stream_ns,
		.tools_dir = o->tools_dir,
	};
	bool alone = o->baseline == PT_FAILOVER_ALONE;
	const struct pt_bench_plan plan = {
		.workload = out->workload,
		.metrics = out->metrics,
		.n_metrics = PT_FAILOVER_METRICS,
		.subject = { "patronus", prepare_subject, cut_subject, finish_subject, &b },
		.baseline = { pt_failover_baselines[o->baseline], prepare_baseline,
			alone ? NULL : cut_baseline, finish_baseline, &b },
		.warmup = 1,
		.runs = o->runs,
		.baseline_runs = o->baseline_runs,
		.progress = o->progress,
		.progress_ctx = o->progress_ctx,
	};

	set_targets(o, out);
	int code = pt_rig_open(&rig, &b.rig, err);
	if (!code)
		code = pt_bench_run(&plan, out->results, err);
	pt_rig_close(&b.rig);
	return code;
}
