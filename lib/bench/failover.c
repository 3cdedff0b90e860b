// SPDX-License-Identifier: MIT
#include "bench/failover.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "bench/peer.h"
#include "bench/rival.h"

#define READY_NS (20 * PT_NS_PER_S)

const char *const pt_failover_baselines[] = {
	[PT_FAILOVER_DAEMON] = "daemon",
	[PT_FAILOVER_PING] = "ping",
	[PT_FAILOVER_ALONE] = "none",
	NULL,
};

static const struct pt_bench_metric table[PT_FAILOVER_METRICS] = {
	[PT_FAILOVER_OUTAGE_P50] = { .name = "outage_p50",
		.unit = "us",
		.series = PT_CUT_OUTAGE_US,
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.doc = "Longest silence between two packets at the receiver" },
	[PT_FAILOVER_OUTAGE_MAX] = { .name = "outage_max",
		.unit = "us",
		.series = PT_CUT_OUTAGE_US,
		.q_ppm = 1000000,
		.target = PT_BENCH_NONE,
		.doc = "The worst of these" },
	[PT_FAILOVER_OUTAGE_ALL] = { .name = "outage_all_p50",
		.unit = "us",
		.series = PT_CUT_ALL_US,
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.of_ratio = true,
		.doc = "Until the last packet to 16 prefixes out of all is lost" },
	[PT_FAILOVER_DETECT_P50] = { .name = "detect_p50",
		.unit = "us",
		.series = PT_CUT_DETECT_US,
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.doc = "From the cut to the verdict" },
	[PT_FAILOVER_SWITCH_MAX] = { .name = "switch_max",
		.unit = "ns",
		.series = PT_CUT_SWITCH_NS,
		.q_ppm = 1000000,
		.target = 10000,
		.doc = "From the verdict until every packet takes another path" },
	[PT_FAILOVER_FIRST_P99] = { .name = "first_packet_p99",
		.unit = "ns",
		.series = PT_CUT_FIRST_NS,
		.q_ppm = 990000,
		.target = 10000,
		.doc = "From then, or from its own sending if that is later, until the first "
		       "packet takes it" },
	[PT_FAILOVER_LOST_P50] = { .name = "lost_p50",
		.unit = "packets",
		.series = PT_CUT_LOST,
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.doc = "Packets of the stream that never arrived" },
	[PT_FAILOVER_DISORDER_MAX] = { .name = "disorder_max",
		.unit = "packets",
		.series = PT_CUT_DISORDER,
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
	{ 1, 3, PT_FAILOVER_OUTAGE_MAX, 5000 },
};

// And beside whom: BIRD has to move each prefix, we do not.
#define RATIO_PEER     "bird"
#define RATIO_PREFIXES 4000
#define RATIO_PPM      650000

struct bench {
	const struct pt_failover_opts *o;
	struct pt_rig rig;
	struct pt_cutter cutter;
};

static bool paths_answer(const void *ctx)
{
	const struct bench *b = ctx;

	return pt_rig_paths_answer(&b->rig);
}

#define STRAGGLE_NS PT_NS_PER_MS // no packet takes longer to the edge

// The packet that avoided the path first is the one that arrived first: all before it were lost.
static struct pt_mono first_sent(const struct pt_rig *r, struct pt_mono committed)
{
	struct pt_mono since = pt_mono_add(committed, -STRAGGLE_NS);
	struct pt_feed_first one = pt_feed_first(r->stream, since), other = { { 0 }, { 0 } };

	if (r->crowd)
		other = pt_feed_first(r->crowd, since);
	return other.got.ns && (!one.got.ns || other.got.ns < one.got.ns) ? other.sent : one.sent;
}

// The edge's stamp of the first packet on the new path, beyond the commit or that packet's sending.
static void note_first(const struct bench *b, struct pt_mono cut, int64_t out[PT_BENCH_SERIES])
{
	struct pt_mono from = { (int64_t)b->rig.down.committed_ns };
	struct pt_mono first = { (int64_t)b->rig.avoided.detected_ns };
	struct pt_mono sent;

	if (!first.ns || !from.ns || (int64_t)b->rig.down.detected_ns < cut.ns)
		return;
	sent = first_sent(&b->rig, from);
	if (!sent.ns)
		return;
	if (pt_mono_diff(sent, from) > 0)
		from = sent;
	int64_t late = pt_mono_diff(first, from); // on another CPU it may be before we stamp
	out[PT_CUT_FIRST_NS] = late > 0 ? late : 0;
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
	int code = pt_cut_settle(&b->cutter, err);

	if (!code)
		code = pt_proc_check(&b->rig.watch, err);
	if (code || !pt_rig_paths_answer(&b->rig)) // a false alarm a moment ago: no sample
		return code;
	pt_rig_forget(&b->rig);
	code = pt_cut_look(&b->cutter,
		pt_cut_limit_ns(b->o->interval_ms * PT_NS_PER_MS, b->o->threshold), &cut, out, err);
	pt_sites_cut(&b->rig.sites, 0, false);
	if (!code)
		code = pt_rig_verdicts(&b->rig, err);
	if (code)
		return code;
	const struct pt_event *down = &b->rig.down;
	pt_cut_note((struct pt_mono){ (int64_t)down->detected_ns },
		(struct pt_mono){ (int64_t)down->committed_ns }, cut, out);
	note_first(b, cut, out);
	return pt_rig_wait(&healed, err);
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
	if (o->baseline == PT_FAILOVER_PEER && o->interval_ms == 10 && o->threshold == 3 &&
		o->prefixes >= RATIO_PREFIXES && strcmp(pt_peer_name(o->peer), RATIO_PEER) == 0)
		out->metrics[PT_FAILOVER_OUTAGE_ALL].target = RATIO_PPM;
	(void)snprintf(out->workload, sizeof(out->workload), "failover-%" PRId64 "ms-x%u-%up",
		o->interval_ms, o->threshold, o->prefixes);
	size_t len = strlen(out->workload);
	if (o->sites > 1)
		(void)snprintf(out->workload + len, sizeof(out->workload) - len, "-%us", o->sites);
}

int pt_failover_bench(
	const struct pt_failover_opts *o, struct pt_failover_report *out, struct pt_err *err)
{
	struct bench b = { .o = o, .cutter = { .o = o, .rig = &b.rig, .seed = 1 } };
	struct pt_rival rival = { .cutter = &b.cutter };
	const struct pt_rig_opts rig = {
		.interval_ms = o->interval_ms,
		.threshold = o->threshold,
		.prefixes = o->prefixes,
		.sites = o->sites,
		.stream_ns = o->stream_ns,
		.tools_dir = o->tools_dir,
	};
	const struct pt_bench_plan plan = {
		.workload = out->workload,
		.metrics = out->metrics,
		.n_metrics = PT_FAILOVER_METRICS,
		.subject = { "patronus", prepare_subject, cut_subject, finish_subject, &b },
		.baseline = pt_rival_side(&rival),
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
