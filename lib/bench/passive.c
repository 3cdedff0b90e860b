// SPDX-License-Identifier: MIT
#include "bench/passive.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bench/flows.h"
#include "plane/passive.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" // generated code
#include "bpf/flows.skel.h"
#pragma GCC diagnostic pop

#define REPEAT 200000
#define FEW    4096

static const struct pt_bench_metric metrics[PT_PASSIVE_METRICS] = {
	[PT_PASSIVE_OUT] = { .name = "passive_out",
		.unit = "ns",
		.series = PT_PASSIVE_OUT,
		.q_ppm = 500000,
		.target = 15,
		.doc = "What measuring adds to a TCP segment that leaves, 131,072 flows in turn" },
	[PT_PASSIVE_OUT_FEW] = { .name = "passive_out_few",
		.unit = "ns",
		.series = PT_PASSIVE_OUT_FEW,
		.q_ppm = 500000,
		.target = 15,
		.doc = "The same, 4,096 flows" },
	[PT_PASSIVE_BACK] = { .name = "passive_back",
		.unit = "ns",
		.series = PT_PASSIVE_BACK,
		.q_ppm = 500000,
		.target = 15,
		.doc = "What it adds to one that comes, 131,072 flows in turn" },
	[PT_PASSIVE_BACK_FEW] = { .name = "passive_back_few",
		.unit = "ns",
		.series = PT_PASSIVE_BACK_FEW,
		.q_ppm = 500000,
		.target = 15,
		.doc = "The same, 4,096 flows" },
};

static const struct {
	bool back, few;
} rows[PT_PASSIVE_METRICS] = {
	[PT_PASSIVE_OUT] = { false, false },
	[PT_PASSIVE_OUT_FEW] = { false, true },
	[PT_PASSIVE_BACK] = { true, false },
	[PT_PASSIVE_BACK_FEW] = { true, true },
};

struct bench {
	char dir[PT_PIN_PATH];
	struct pt_fleet fleet;
	struct pt_programs on, off;
	struct pt_plane *plane;
	struct flows_bpf *skel;
	bool back; // what the rows hold
	uint8_t frame[PT_FLOWS_FRAME_TCP];
};

static int run(struct bench *b, int target, uint32_t want, int64_t *ns, struct pt_err *err)
{
	uint8_t out[PT_FLOWS_FRAME_TCP];
	uint32_t key = 0;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = b->frame, .data_size_in = sizeof(b->frame),
		.data_out = out, .data_size_out = sizeof(out), .repeat = REPEAT);
	int ret = bpf_map_update_elem(
		bpf_map__fd(b->skel->maps.flow_target), &key, &target, BPF_ANY);

	if (!ret)
		ret = bpf_prog_test_run_opts(bpf_program__fd(b->skel->progs.flows), &opts);
	if (ret)
		return pt_err_errno(err, ret, "test run");
	if (opts.retval != want)
		return pt_err_set(
			err, -EPROTO, "the program answered %u, not %u", opts.retval, want);
	*ns = opts.duration;
	return 0;
}

static int use_rows(struct bench *b, unsigned which, struct pt_err *err)
{
	int ret = 0;

	if (b->back != rows[which].back || !b->skel->bss->flow_mask)
		ret = pt_flows_fill_way(
			&b->fleet, bpf_map__fd(b->skel->maps.flow_rows), rows[which].back, err);
	b->back = rows[which].back;
	b->skel->bss->flow_mask = (rows[which].few ? FEW : PT_FLOWS) - 1;
	return ret;
}

// ns[0] with measuring, ns[1] without: off, on, on, off, so that what drifts does so for both.
static int both(struct bench *b, unsigned which, int64_t ns[2], struct pt_err *err)
{
	static const bool turns[] = { false, true, true, false };
	enum pt_program program = rows[which].back ? PT_PROGRAM_IN : PT_PROGRAM_STEER;
	uint32_t want = rows[which].back ? (uint32_t)TC_ACT_UNSPEC : TC_ACT_REDIRECT;
	int64_t one, sum[2] = { 0 };
	int ret = use_rows(b, which, err);

	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]) && !ret; i++) {
		ret = run(b, (turns[i] ? &b->on : &b->off)->fd[program], want, &one, err);
		sum[turns[i]] += ret ? 0 : one;
	}
	ns[0] = sum[1] / 2;
	ns[1] = sum[0] / 2;
	return ret;
}

static int once(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	int64_t ns[2];
	int ret = 0;

	for (unsigned i = 0; i < PT_PASSIVE_METRICS && !ret; i++) {
		ret = both(ctx, i, ns, err);
		out[i] = ns[0] - ns[1];
	}
	return ret;
}

static int without(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct bench *b = ctx;
	int64_t ns[2], empty = 0;
	int ret = 0;

	for (unsigned i = 0; i < PT_PASSIVE_METRICS && !ret; i++) {
		ret = both(b, i, ns, err);
		if (!ret)
			ret = run(b, bpf_program__fd(b->skel->progs.flows_end),
				(uint32_t)TC_ACT_UNSPEC, &empty, err);
		out[i] = ns[1] - empty;
	}
	return ret;
}

// A figure of flows that nobody followed would be worth nothing.
static int check_followed(const struct bench *b, struct pt_err *err)
{
	pt_autofree struct pt_rtt_key *keys = NULL;
	struct pt_passive_sum sum;
	uint64_t segments = 0;
	uint32_t n = 0;
	int ret = pt_passive_list(b->plane, &keys, &n, err);

	for (uint32_t i = 0; i < n; i++)
		if (!pt_passive_read(b->plane, &keys[i], &sum))
			segments += sum.segments;
	if (!ret && segments < REPEAT / 64)
		ret = pt_err_set(err, -EPROTO, "only %llu segments of followed flows",
			(unsigned long long)segments);
	return ret;
}

static int open_bench(struct bench *b, const struct pt_dataplane_opts *o, struct pt_err *err)
{
	struct pt_sizes none = {};
	int ret = pt_fleet_init(&b->fleet, o->sites, o->policies, err);

	(void)snprintf(b->dir, sizeof(b->dir), "/sys/fs/bpf/pt-bench-%d/passive", getpid());
	if (!ret)
		ret = pt_fleet_load(&b->fleet, b->dir, &b->on, &b->plane, err);
	if (!ret) // over the same maps, which keep their sizes
		ret = pt_load(b->dir, &none, 1, &b->off, err);
	if (ret)
		return ret;
	b->skel = flows_bpf__open_and_load();
	if (!b->skel)
		return pt_err_errno(err, errno ? -errno : -EINVAL, "loading the program of flows");
	pt_flows_frame_tcp(b->frame);
	return 0;
}

int pt_passive_bench(const struct pt_dataplane_opts *o,
	struct pt_bench_result results[PT_PASSIVE_METRICS], struct pt_err *err)
{
	struct bench b = { .on = PT_PROGRAMS_NONE, .off = PT_PROGRAMS_NONE };
	const struct pt_bench_plan plan = {
		.workload = "dataplane",
		.metrics = metrics,
		.n_metrics = PT_PASSIVE_METRICS,
		.subject = { .name = "passive", .once = once, .ctx = &b },
		.baseline = { .name = "passive off", .once = without, .ctx = &b },
		.warmup = 1,
		.runs = o->runs,
		.baseline_runs = o->runs,
		.progress = o->progress,
		.progress_ctx = o->progress_ctx,
	};
	int ret = open_bench(&b, o, err);

	if (!ret)
		ret = pt_bench_run(&plan, results, err);
	if (!ret)
		ret = check_followed(&b, err);
	flows_bpf__destroy(b.skel);
	pt_programs_done(&b.on);
	pt_programs_done(&b.off);
	pt_plane_free(b.plane);
	if (b.dir[0])
		(void)pt_pin_remove(b.dir, NULL); // nothing to add to the first error
	pt_fleet_done(&b.fleet);
	return ret;
}
