// SPDX-License-Identifier: MIT
#include "bench/tuneplan.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "bench/nodes.h"
#include "tune/tuning.h"

#define WARMUP    2
#define TARGET_US 200000
#define PROFILE   "sdwan-medium"

static const struct pt_bench_metric metrics[PT_TUNEPLAN_METRICS] = {
	[PT_TUNEPLAN_P50] = { .name = "plan_p50",
		.unit = "us",
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.doc = "Facts, devices, profile and rules, median" },
	[PT_TUNEPLAN_WORST] = { .name = "plan_worst",
		.unit = "us",
		.q_ppm = 1000000,
		.target = TARGET_US,
		.doc = "The same, the slowest" },
};

struct bench {
	struct pt_nodes nodes;
	unsigned devices, planned;
};

static int prepare(void *ctx, struct pt_err *err)
{
	static const char *const names[] = { "tune" };
	struct bench *b = ctx;
	pt_autobuf lines = { 0 };
	int rc = pt_nodes_up(names, 1, &b->nodes, err);

	for (unsigned i = 0; i < b->devices / 2; i++)
		pt_buf_printf(&lines, "link add wan%u type veth peer name far%u\n", i, i);
	pt_buf_puts(&lines,
		"addr add 192.0.2.1/24 dev wan0\nlink set wan0 up\nlink set far0 up\n"
		"route add default via 192.0.2.2 dev wan0\n");
	return rc < 0 ? rc : pt_nodes_ip(b->nodes.netns[0], pt_buf_str(&lines), err);
}

static void finish(void *ctx)
{
	struct bench *b = ctx;

	pt_nodes_down(&b->nodes);
}

static int make_plan(
	const struct pt_host *host, struct pt_arena *a, struct bench *b, struct pt_err *err)
{
	struct pt_facts facts;
	struct pt_nics nics = { 0 };
	struct pt_profile profile;
	struct pt_tuning plan = { 0 };

	pt_facts_read(host, &facts);
	int rc = pt_profile_load(host, PROFILE, a, &profile, err);
	if (rc == 0) {
		pt_profile_set_facts(&profile, &facts);
		for (size_t i = 0; i < profile.n_items; i++) // every device, not the WAN alone
			profile.items[i].match = (struct pt_profile_match){ 0 };
		rc = pt_nics_read(host, &nics, err);
	}
	const struct pt_tuning_ask ask = {
		.host = host, .facts = &facts, .profile = &profile, .nics = &nics
	};
	if (rc == 0)
		rc = pt_tuning_make(&ask, a, &plan, err);
	b->planned = plan.n;
	if (rc == 0 && nics.n < b->devices)
		rc = pt_err_set(err, -ENODEV, "%u devices instead of %u", nics.n, b->devices);
	pt_nics_done(&nics);
	return rc;
}

static int plan_inside(void *ctx, struct pt_err *err)
{
	pt_autoarena a = { 0 };
	struct pt_host host = PT_HOST_NONE;
	int rc = pt_host_open(NULL, &host, err);

	if (rc == 0)
		rc = make_plan(&host, &a, ctx, err);
	pt_host_close(&host);
	return rc;
}

static int once(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct bench *b = ctx;
	int64_t start = pt_mono_now().ns;
	int rc = pt_nodes_in(&b->nodes, 0, plan_inside, b, err);

	out[0] = (pt_mono_now().ns - start) / PT_NS_PER_US;
	return rc;
}

int pt_tuneplan_bench(
	unsigned devices, unsigned runs, struct pt_tuneplan_report *out, struct pt_err *err)
{
	struct bench b = { .nodes = PT_NODES_NONE, .devices = devices };
	const struct pt_bench_plan plan = {
		.workload = "tune",
		.metrics = out->metrics,
		.n_metrics = PT_TUNEPLAN_METRICS,
		.subject = { .name = "plan",
			.prepare = prepare,
			.once = once,
			.finish = finish,
			.ctx = &b },
		.warmup = WARMUP,
		.runs = runs,
	};

	for (unsigned i = 0; i < PT_TUNEPLAN_METRICS; i++) {
		out->metrics[i] = metrics[i];
		if (devices > PT_TUNEPLAN_DEVICES)
			out->metrics[i].target = PT_BENCH_NONE;
	}
	return pt_bench_run(&plan, out->results, err);
}
