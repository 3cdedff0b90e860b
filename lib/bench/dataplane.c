// SPDX-License-Identifier: MIT
#include "bench/dataplane.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/flows.h"
#include "bench/lane.h"
#include "plane/state.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" // generated code
#include "bpf/flows.skel.h"
#pragma GCC diagnostic pop

#define REPEAT 200000

enum { SERIES_RELOAD = PT_DATAPLANE_RELOAD, SERIES_LOAD = PT_DATAPLANE_LOAD };

static const struct pt_bench_metric metrics[PT_DATAPLANE_METRICS] = {
	[PT_DATAPLANE_HOT] = { .name = "decision_hot",
		.unit = "ns",
		.series = PT_DATAPLANE_HOT,
		.q_ppm = 500000,
		.target = 45,
		.doc = "One IPv4 flow, over and over" },
	[PT_DATAPLANE_RANDOM] = { .name = "decision_random",
		.unit = "ns",
		.series = PT_DATAPLANE_RANDOM,
		.q_ppm = 500000,
		.target = 45,
		.doc = "131,072 IPv4 flows in turn, to all prefixes" },
	[PT_DATAPLANE_HOT6] = { .name = "decision6_hot",
		.unit = "ns",
		.series = PT_DATAPLANE_HOT6,
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.doc = "One IPv6 flow, over and over" },
	[PT_DATAPLANE_RANDOM6] = { .name = "decision6_random",
		.unit = "ns",
		.series = PT_DATAPLANE_RANDOM6,
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.doc = "131,072 IPv6 flows in turn" },
	[PT_DATAPLANE_MEMORY] = { .name = "memory_random",
		.unit = "ns",
		.series = PT_DATAPLANE_MEMORY,
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.doc = "A bare program that reads four cache lines for each of 131,072 flows" },
	[PT_DATAPLANE_RELOAD] = { .name = "reload",
		.unit = "us",
		.series = SERIES_RELOAD,
		.q_ppm = 500000,
		.target = 20000,
		.doc = "All tables of the network, seen by packets at once" },
	[PT_DATAPLANE_LOAD] = { .name = "load",
		.unit = "us",
		.series = SERIES_LOAD,
		.q_ppm = 500000,
		.target = 50000,
		.doc = "The programs of an edge on Ethernet, which is half of what attach takes" },
};

struct bench {
	char dir[PT_PIN_PATH];
	struct pt_lane lane; // so that there is a device with neighbours
	struct pt_fleet fleet;
	struct pt_programs progs;
	struct pt_plane *plane;
	struct flows_bpf *skel;
	uint8_t frame[2][PT_FLOWS_FRAME6]; // IPv4, IPv6
};

// ---- packets ----

struct turn {
	int prog;
	struct bpf_test_run_opts *opts;
};

static int test_run(void *ctx, struct pt_err *err)
{
	struct turn *t = ctx;
	int ret = bpf_prog_test_run_opts(t->prog, t->opts);

	return ret ? pt_err_errno(err, ret, "test run") : 0;
}

static int run(
	struct bench *b, int family, int target, uint32_t want, int64_t *ns, struct pt_err *err)
{
	bool v6 = family == AF_INET6;
	uint32_t key = 0;
	uint8_t out[PT_FLOWS_FRAME6];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = b->frame[v6],
		.data_size_in = v6 ? PT_FLOWS_FRAME6 : PT_FLOWS_FRAME, .data_out = out,
		.data_size_out = sizeof(out), .repeat = REPEAT);
	struct turn turn = { bpf_program__fd(b->skel->progs.flows), &opts };
	int ret = bpf_map_update_elem(
		bpf_map__fd(b->skel->maps.flow_target), &key, &target, BPF_ANY);

	if (ret)
		return pt_err_errno(err, ret, "the program to measure");
	ret = pt_nodes_in(&b->lane.nodes, PT_LANE_ROUTER, test_run, &turn, err);
	if (ret)
		return ret;
	// A packet that is not steered costs less: that would measure something else.
	if (opts.retval != want)
		return pt_err_set(
			err, -EPROTO, "the program answered %u, not %u", opts.retval, want);
	*ns = opts.duration;
	return 0;
}

static uint64_t steered(const struct bench *b)
{
	uint64_t stats[PT_STAT_COUNT] = { 0 };

	return pt_stat_read(b->plane, stats) ? 0 : stats[PT_STAT_STEERED];
}

// ns[0] with the real program, ns[1] with the empty one.
static int measure(struct bench *b, int family, bool many, int64_t ns[2], struct pt_err *err)
{
	uint64_t before = steered(b);
	int ret;

	b->skel->bss->flow_mask = many ? PT_FLOWS - 1 : 0;
	ret = run(b, family, b->progs.fd[PT_PROGRAM_STEER], TC_ACT_REDIRECT, &ns[0], err);
	if (!ret && steered(b) - before != REPEAT)
		ret = pt_err_set(err, -EPROTO, "only %" PRIu64 " of %d packets were steered",
			steered(b) - before, REPEAT);
	if (!ret)
		ret = run(b, family, bpf_program__fd(b->skel->progs.flows_end),
			(uint32_t)TC_ACT_UNSPEC, &ns[1], err);
	return ret;
}

// Many flows, then one; above the empty program.
static int measure_memory(struct bench *b, int64_t out[2][PT_BENCH_SERIES], struct pt_err *err)
{
	int touch = bpf_program__fd(b->skel->progs.flows_touch);
	int64_t ns = 0;
	int ret = pt_flows_fill(&b->fleet, AF_INET, bpf_map__fd(b->skel->maps.flow_rows), err);

	for (int one = 0; one < 2 && !ret; one++) {
		b->skel->bss->flow_mask = one ? 0 : PT_FLOWS - 1;
		ret = run(b, AF_INET, touch, (uint32_t)TC_ACT_UNSPEC, &ns, err);
		out[one][PT_DATAPLANE_MEMORY] = ns -
			out[1][one ? PT_DATAPLANE_HOT : PT_DATAPLANE_RANDOM];
	}
	return ret;
}

// ---- the plan ----

static int measure_all(struct bench *b, int64_t out[2][PT_BENCH_SERIES], struct pt_err *err)
{
	static const struct {
		unsigned series;
		int family;
		bool many;
	} rows[] = {
		{ PT_DATAPLANE_HOT, AF_INET, false },
		{ PT_DATAPLANE_RANDOM, AF_INET, true },
		{ PT_DATAPLANE_HOT6, AF_INET6, false },
		{ PT_DATAPLANE_RANDOM6, AF_INET6, true },
	};
	int ret = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !ret; i++) {
		int64_t ns[2];

		if (!rows[i].many)
			ret = pt_flows_fill(&b->fleet, rows[i].family,
				bpf_map__fd(b->skel->maps.flow_rows), err);
		if (!ret)
			ret = measure(b, rows[i].family, rows[i].many, ns, err);
		if (ret)
			break;
		out[0][rows[i].series] = ns[0] - ns[1];
		out[1][rows[i].series] = ns[1];
	}
	return ret ? ret : measure_memory(b, out, err);
}

static int load(const struct bench *b, int64_t *us, struct pt_err *err)
{
	const uint32_t set = PT_PROGRAM_BIT(PT_PROGRAM_STEER) | PT_PROGRAM_BIT(PT_PROGRAM_IN) |
		PT_PROGRAM_BIT(PT_PROGRAM_OUT);
	struct pt_programs again = PT_PROGRAMS_NONE;
	int64_t start = pt_mono_now().ns;
	int ret;

	again.sizes = b->progs.sizes;
	again.generation = b->progs.generation;
	again.seed = b->progs.seed;
	ret = pt_load_some(b->dir, set, &again, err);
	*us = (pt_mono_now().ns - start) / PT_NS_PER_US;
	pt_programs_done(&again);
	return ret;
}

static int once(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct bench *b = ctx;
	int64_t both[2][PT_BENCH_SERIES], start = pt_mono_now().ns;
	int ret = pt_fleet_reload(&b->fleet, b->plane, err);

	out[SERIES_RELOAD] = (pt_mono_now().ns - start) / PT_NS_PER_US;
	if (!ret)
		ret = load(b, &out[SERIES_LOAD], err);
	if (!ret)
		ret = measure_all(b, both, err);
	for (unsigned i = 0; i < SERIES_RELOAD && !ret; i++)
		out[i] = both[0][i];
	return ret;
}

static int empty_once(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	int64_t both[2][PT_BENCH_SERIES];
	int ret = measure_all(ctx, both, err);

	for (unsigned i = 0; i < SERIES_RELOAD && !ret; i++)
		out[i] = both[1][i];
	return ret;
}

static int open_bench(struct bench *b, const struct pt_dataplane_opts *o, struct pt_err *err)
{
	int ret = pt_fleet_init(&b->fleet, o->sites, o->policies, err);

	(void)snprintf(b->dir, sizeof(b->dir), "/sys/fs/bpf/pt-bench-%d/plane", getpid());

	if (!ret)
		ret = pt_lane_up(&b->lane, err);
	b->fleet.link = b->lane.wan; // the paths' device
	if (!ret)
		ret = pt_fleet_load(&b->fleet, b->dir, &b->progs, &b->plane, err);
	if (ret)
		return ret;
	b->skel = flows_bpf__open_and_load();
	if (!b->skel)
		return pt_err_errno(err, errno ? -errno : -EINVAL, "loading the program of flows");
	pt_flows_frame(AF_INET, b->frame[0]);
	pt_flows_frame(AF_INET6, b->frame[1]);
	return 0;
}

int pt_dataplane_bench(
	const struct pt_dataplane_opts *o, struct pt_dataplane_report *out, struct pt_err *err)
{
	struct bench b = { .progs = PT_PROGRAMS_NONE, .lane = { .nodes = PT_NODES_NONE } };
	const struct pt_bench_plan plan = {
		.workload = "dataplane",
		.metrics = metrics,
		.n_metrics = PT_DATAPLANE_METRICS,
		.subject = { .name = "steer", .once = once, .ctx = &b },
		.baseline = { .name = "empty program", .once = empty_once, .ctx = &b },
		.warmup = 1,
		.runs = o->runs,
		.baseline_runs = o->runs,
		.progress = o->progress,
		.progress_ctx = o->progress_ctx,
	};
	int ret = open_bench(&b, o, err);

	if (!ret)
		ret = pt_bench_run(&plan, out->results, err);
	flows_bpf__destroy(b.skel);
	pt_programs_done(&b.progs);
	pt_plane_free(b.plane);
	if (b.dir[0])
		(void)pt_pin_remove(b.dir, NULL); // nothing to add to the first error
	pt_lane_down(&b.lane);
	pt_fleet_done(&b.fleet);
	return ret;
}
