// SPDX-License-Identifier: MIT
#include "bench/health.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "bench/bare.h"
#include "bench/cgroup.h"
#include "bench/health_stamp.h"
#include "bench/health_truth.h"
#include "bench/nodes.h"
#include "bench/proc.h"
#include "bench/turns.h"

#define SLOW_MS       1000
#define FAST_MS       95 // a wave of a thousand: a little more than 10,000 probes a second
#define FAST_WAVES    40
#define FPING_GAP     "1" // ms between two of its probes, so that a wave fits its period
#define TOOL_LIMIT_NS (120 * PT_NS_PER_S)

enum side {
	SLOW,
	SLOW_FPING,
	SLOW_BARE,
	SLOW_MACHINE, // of the run before, as all below that do not run
	SLOW_FPING_MACHINE,
	FAST,
	FAST_FPING,
	FAST_CPU,
	FAST_FPING_CPU,
	SIDES
};

// What one run took.
struct cost {
	int64_t cpu_ns, machine_ns; // a probe
	int64_t rate;               // probes a second
};

struct bench {
	const struct pt_health_opts *o;
	struct pt_nodes nodes;
	struct pt_cgroup cgroup;
	struct pt_buf hosts; // one a line
	struct sockaddr_in *addresses;
	char probe_tool[PATH_MAX], netns[64];
	struct cost last[SIDES];
};

static const struct pt_turns_metric metrics[] = {
	{ { .name = "cpu_per_probe",
		  .unit = "ns",
		  .q_ppm = 500000,
		  .target = 120000,
		  .of_ratio = true,
		  .doc = "Processor time of a probe, the kernel's included" },
		SLOW, SLOW_FPING },
	{ { .name = "cpu_beside_bare",
		  .unit = "ns",
		  .q_ppm = 500000,
		  .target = PT_BENCH_NONE,
		  .doc = "The same, beside bursts of the same size that nobody looks at" },
		SLOW, SLOW_BARE },
	{ { .name = "machine_per_probe",
		  .unit = "ns",
		  .q_ppm = 500000,
		  .target = PT_BENCH_NONE,
		  .doc = "The same of the whole machine, with all else that ran on it" },
		SLOW_MACHINE, SLOW_FPING_MACHINE },
	{ { .name = "rate",
		  .unit = "probes/s",
		  .q_ppm = 500000,
		  .target = 10000,
		  .higher_better = true,
		  .doc = "Answered probes a second, from start to end" },
		FAST, FAST_FPING },
	{ { .name = "rate_cpu_per_probe",
		  .unit = "ns",
		  .q_ppm = 500000,
		  .target = PT_BENCH_NONE,
		  .doc = "Processor time of each of these" },
		FAST_CPU, FAST_FPING_CPU },
};
_Static_assert(sizeof(metrics) / sizeof(metrics[0]) == PT_HEALTH_STAMP_CPU, "in their order");

static int network_up(struct bench *b, struct pt_err *err)
{
	static const char *const names[] = { "near", "far" };
	char lines[512];
	int code = pt_nodes_up(names, 2, &b->nodes, err);
	if (code)
		return code;
	(void)snprintf(lines, sizeof(lines),
		"link add v0 netns %s type veth peer name v1 netns %s\n", b->nodes.netns[0],
		b->nodes.netns[1]);
	code = pt_nodes_ip(NULL, lines, err);
	if (!code)
		code = pt_nodes_ip(b->nodes.netns[0],
			"link set lo up\naddr add 192.0.2.1/30 dev v0\nlink set v0 up\n"
			"route add 198.18.0.0/15 via 192.0.2.2\n",
			err);
	if (!code) // all of the benchmarking range (RFC 2544) is one host
		code = pt_nodes_ip(b->nodes.netns[1],
			"link set lo up\naddr add 192.0.2.2/30 dev v1\nlink set v1 up\n"
			"route add local 198.18.0.0/15 dev lo\n",
			err);
	(void)snprintf(b->netns, sizeof(b->netns), "--net=/run/netns/%s", b->nodes.netns[0]);
	return code;
}

// Runs a tool on all hosts inside the near namespace; it fails when any host stays silent.
static int run_argv(struct bench *b, const void *argv, struct pt_err *err)
{
	struct pt_proc p = PT_PROC_NONE;
	int code = pt_proc_start(argv, pt_buf_str(&b->hosts), &p, err);
	int back = pt_cgroup_leave(&b->cgroup, code ? NULL : err);
	if (!code)
		code = pt_proc_wait(&p, TOOL_LIMIT_NS, err);
	return code ? code : back;
}

static int bare_waves(void *ctx, struct pt_err *err)
{
	return pt_bare_run(ctx, err);
}

static int run_bare(struct bench *b, const void *waves, struct pt_err *err)
{
	struct pt_bare bare = { .hosts = b->addresses,
		.n = b->o->targets,
		.waves = *(const unsigned *)waves,
		.period_ns = SLOW_MS * PT_NS_PER_MS,
		.burst = PT_BARE_BURST };
	int code = pt_nodes_in(&b->nodes, 0, bare_waves, &bare, err);
	int back = pt_cgroup_leave(&b->cgroup, code ? NULL : err);
	return code ? code : back;
}

// What fn costs, which begins inside the control group and leaves it.
static int run_tool(struct bench *b,
	int (*fn)(struct bench *b, const void *what, struct pt_err *err), const void *what,
	unsigned waves, struct cost *out, struct pt_err *err)
{
	int64_t cpu[2] = { 0 }, machine[2] = { 0 };
	int code = pt_cgroup_usage_us(&b->cgroup, &cpu[0], err);
	if (!code)
		code = pt_machine_busy_us(&machine[0], err);
	if (!code)
		code = pt_cgroup_enter(&b->cgroup, err);
	if (code)
		return code;
	struct pt_mono start = pt_mono_now();
	code = fn(b, what, err);
	int64_t took_ns = pt_mono_diff(pt_mono_now(), start);
	if (!code)
		code = pt_cgroup_usage_us(&b->cgroup, &cpu[1], err);
	if (!code)
		code = pt_machine_busy_us(&machine[1], err);
	if (code)
		return code;
	int64_t probes = (int64_t)b->o->targets * waves;
	*out = (struct cost){
		.cpu_ns = (cpu[1] - cpu[0]) * PT_NS_PER_US / probes,
		.machine_ns = (machine[1] - machine[0]) * PT_NS_PER_US / probes,
		.rate = probes * PT_NS_PER_S / took_ns,
	};
	return 0;
}

static int run_probe(
	struct bench *b, unsigned period_ms, unsigned waves, struct cost *out, struct pt_err *err)
{
	char count[16], interval[16];
	const char *const argv[] = { "nsenter", b->netns, b->probe_tool, "ping", "-q", "-c", count,
		"-i", interval, "-W", "500ms", "-f", "-", NULL };
	(void)snprintf(count, sizeof(count), "%u", waves);
	(void)snprintf(interval, sizeof(interval), "%ums", period_ms);
	return run_tool(b, run_argv, argv, waves, out, err);
}

static int run_fping(
	struct bench *b, unsigned period_ms, unsigned waves, struct cost *out, struct pt_err *err)
{
	char count[16], period[16];
	const char *gap = period_ms < SLOW_MS ? "0" : FPING_GAP;
	const char *const argv[] = { "nsenter", b->netns, "fping", "-q", "-c", count, "-p", period,
		"-i", gap, "-t", "500", "-f", "-", NULL };
	(void)snprintf(count, sizeof(count), "%u", waves);
	(void)snprintf(period, sizeof(period), "%u", period_ms);
	return run_tool(b, run_argv, argv, waves, out, err);
}

static int once(void *ctx, unsigned side, int64_t *value, struct pt_err *err)
{
	struct bench *b = ctx;
	unsigned waves = b->o->rounds;
	int code = 0;
	switch ((enum side)side) {
	case SLOW:
		code = run_probe(b, SLOW_MS, waves, &b->last[SLOW], err);
		break;
	case SLOW_FPING:
		code = run_fping(b, SLOW_MS, waves, &b->last[SLOW_FPING], err);
		break;
	case SLOW_BARE:
		code = run_tool(b, run_bare, &waves, waves, &b->last[SLOW_BARE], err);
		break;
	case FAST:
		code = run_probe(b, FAST_MS, FAST_WAVES, &b->last[FAST], err);
		break;
	case FAST_FPING:
		code = run_fping(b, FAST_MS, FAST_WAVES, &b->last[FAST_FPING], err);
		break;
	default:
		break;
	}
	const int64_t values[SIDES] = {
		[SLOW] = b->last[SLOW].cpu_ns,
		[SLOW_FPING] = b->last[SLOW_FPING].cpu_ns,
		[SLOW_BARE] = b->last[SLOW_BARE].cpu_ns,
		[SLOW_MACHINE] = b->last[SLOW].machine_ns,
		[SLOW_FPING_MACHINE] = b->last[SLOW_FPING].machine_ns,
		[FAST] = b->last[FAST].rate,
		[FAST_FPING] = b->last[FAST_FPING].rate,
		[FAST_CPU] = b->last[FAST].cpu_ns,
		[FAST_FPING_CPU] = b->last[FAST_FPING].cpu_ns,
	};
	*value = values[side];
	return code;
}

static int run_echo(struct bench *b, struct pt_health_report *out, struct pt_err *err)
{
	static const char *const version[] = { "fping", "-v", NULL };
	bool lacking = pt_proc_run(version, NULL, TOOL_LIMIT_NS, NULL);
	const char *why = lacking ? "no fping here" : NULL;
	struct pt_turns_metric rows[PT_HEALTH_STAMP_CPU];
	const struct pt_turns_side sides[SIDES] = {
		[SLOW] = { .name = "pt-probe" },
		[SLOW_FPING] = { .name = "fping", .skipped = why },
		[SLOW_BARE] = { .name = "bare bursts" },
		[SLOW_MACHINE] = { .name = "pt-probe" },
		[SLOW_FPING_MACHINE] = { .name = "fping", .skipped = why },
		[FAST] = { .name = "pt-probe" },
		[FAST_FPING] = { .name = "fping", .skipped = why },
		[FAST_CPU] = { .name = "pt-probe" },
		[FAST_FPING_CPU] = { .name = "fping", .skipped = why },
	};
	const struct pt_turns turns = { .workload = "health-check",
		.sides = sides,
		.n_sides = SIDES,
		.metrics = rows,
		.n_metrics = PT_HEALTH_STAMP_CPU,
		.rounds = b->o->runs,
		.once = once,
		.ctx = b,
		.progress = b->o->progress,
		.progress_ctx = b->o->progress_ctx };
	for (size_t i = 0; i < PT_HEALTH_STAMP_CPU; i++) {
		rows[i] = metrics[i];
		if (b->o->targets != PT_HEALTH_TARGETS)
			rows[i].metric.target = PT_BENCH_NONE;
		out->metrics[i] = rows[i].metric;
	}
	int code = pt_turns_run(&turns, out->results, err);
	for (size_t i = 0; !code && i < PT_HEALTH_STAMP_CPU; i++)
		out->results[i].metric = &out->metrics[i]; // rows go
	return code;
}

static int list_hosts(struct bench *b, struct pt_err *err)
{
	b->addresses = calloc(b->o->targets, sizeof(*b->addresses));
	if (!b->addresses)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < b->o->targets; i++) {
		uint32_t host = i / 250 << 8 | (i % 250 + 1);
		pt_buf_printf(&b->hosts, "198.18.%u.%u\n", host >> 8, host & 0xff);
		b->addresses[i] = (struct sockaddr_in){ .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(198u << 24 | 18u << 16 | host) };
	}
	return 0;
}

int pt_health_bench(
	const struct pt_health_opts *o, struct pt_health_report *out, struct pt_err *err)
{
	struct bench b = { .o = o, .nodes = PT_NODES_NONE };
	int code = list_hosts(&b, err);
	if (!code)
		code = pt_proc_tool(o->tools_dir, "pt-probe", b.probe_tool, PATH_MAX, err);
	if (!code)
		code = pt_cgroup_open(&b.cgroup, err);
	if (!code)
		code = network_up(&b, err);
	if (!code)
		code = run_echo(&b, out, err);
	const struct pt_health_stamp stamp = {
		.near = b.nodes.netns[0],
		.far = b.nodes.netns[1],
		.tool = b.probe_tool,
		.cgroup = &b.cgroup,
		.o = o,
	};
	if (!code)
		code = pt_health_stamp(&stamp, out, err);
	const struct pt_health_truth truth = {
		.nodes = &b.nodes, .tool = b.probe_tool, .hosts = pt_buf_str(&b.hosts), .o = o
	};
	if (!code)
		code = pt_health_truth(&truth, out, err);
	pt_nodes_down(&b.nodes);
	pt_cgroup_close(&b.cgroup);
	pt_buf_done(&b.hosts);
	free(b.addresses);
	return code;
}
