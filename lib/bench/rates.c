// SPDX-License-Identifier: MIT
#include "bench/rates.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/blast.h"
#include "bench/proc.h"
#include "bench/tcp.h"
#include "bench/turns.h"
#include "plane/hook.h"
#include "plane/state.h"
#include "plane/xdp.h"

#define TCX_INGRESS ((enum bpf_attach_type)46) // newer than the headers of Debian 12
#define NFT_NS      (10 * PT_NS_PER_S)
#define TCP_MORE    3 // TCP varies: so many turns for one of packets

enum {
	SIDE_TC,
	SIDE_BARE_TC,
	SIDE_BARE_NEIGH,
	SIDE_KERNEL,
	SIDE_MARK,
	SIDE_XDP,
	SIDE_BARE_XDP,
	SIDE_COUNT
};
enum { TCP_TC, TCP_KERNEL, TCP_COUNT };

#define ROW(text, own, base, least, says)            \
	{                                            \
		.metric = { .name = (text),          \
			.unit = "packets/s",         \
			.q_ppm = 500000,             \
			.target = (least),           \
			.of_ratio = true,            \
			.higher_better = true,       \
			.doc = (says) },             \
		.subject = (own), .baseline = (base) \
	}

static const struct pt_turns_metric packet_metrics[PT_RATES_METRICS] = {
	[PT_RATES_TC_REDIRECT] = ROW("tc_to_redirect", SIDE_TC, SIDE_BARE_TC, 920000,
		"tc, against a program that only redirects"),
	[PT_RATES_TC_NEIGH] = ROW("tc_to_neighbour", SIDE_TC, SIDE_BARE_NEIGH, PT_BENCH_NONE,
		"tc, against a program that only redirects to a next hop"),
	[PT_RATES_TC_KERNEL] = ROW("tc_to_kernel", SIDE_TC, SIDE_KERNEL, 1050000,
		"tc, against the kernel's own forwarding"),
	[PT_RATES_TC_MARK] = ROW("tc_to_mark", SIDE_TC, SIDE_MARK, 1900000,
		"tc, against connection tracking, marks and policy rules"),
	[PT_RATES_XDP_REDIRECT] = ROW("xdp_to_redirect", SIDE_XDP, SIDE_BARE_XDP, 800000,
		"XDP, against a program that only redirects"),
	[PT_RATES_XDP_KERNEL] = ROW("xdp_to_kernel", SIDE_XDP, SIDE_KERNEL, 2300000,
		"XDP, against the kernel's own forwarding"),
};

static const struct pt_turns_metric tcp_metrics[] = {
	{ .metric = { .name = "tcp_to_kernel",
		  .unit = "bit/s",
		  .q_ppm = 500000,
		  .target = 970000,
		  .of_ratio = true,
		  .higher_better = true,
		  .doc = "One TCP connection by tc, against the kernel's own forwarding" },
		.subject = TCP_TC,
		.baseline = TCP_KERNEL },
};

// As mwan3 does: a connection keeps the mark that its first packet was given.
static const char mark_up[] = "table ip pt_bench {\n"
			      "	chain pre {\n"
			      "		type filter hook prerouting priority mangle;\n"
			      "		meta mark set ct mark\n"
			      "		meta mark 0 iifname \"lan0\" meta mark set 0x100\n"
			      "		ct mark set meta mark\n"
			      "	}\n"
			      "}\n";
static const char mark_down[] = "delete table ip pt_bench\n";
static const char mark_routes[] = "route add default via 192.0.2.1 table 1001\n"
				  "rule add fwmark 0x100/0x3f00 lookup 1001 priority 100\n";
static const char mark_no_routes[] = "rule del priority 100\nroute flush table 1001\n";

struct bench {
	const struct pt_rates_opts *o;
	char dir[PT_PIN_PATH];
	struct pt_lane lane;
	struct pt_fleet fleet;
	struct pt_programs progs;
	struct pt_plane *plane;
	struct pt_blast *blast;
	const char *lan_names[1];
	struct pt_link links[2];
	char *why; // there is no XDP; of the report
	int bare;  // link of a bare redirect, -1
};

// ---- the contenders ----

static int steer_up(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;
	const struct {
		const struct pt_link *link;
		enum pt_hook_dir dir;
	} rows[] = {
		{ &b->lane.wan, PT_HOOK_WATCH_IN },
		{ &b->lane.wan, PT_HOOK_WATCH_OUT },
		{ &b->lane.lan, PT_HOOK_STEER },
	};
	int ret = 0;

	for (size_t i = 0; i < PT_ARRAY_LEN(rows) && !ret; i++)
		ret = pt_hook_attach(
			b->plane, &b->progs, rows[i].link, rows[i].dir, PT_HOOK_KIND_AUTO, err);
	return ret;
}

static int xdp_up(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;
	int ret = steer_up(b, err);

	b->plane->meta->flags = PT_META_XDP;
	return ret ? ret : pt_xdp_put(b->plane, &b->fleet.setup, &b->progs, err);
}

static int steer_down(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;

	return pt_hook_sweep(b->plane, NULL, NULL, err);
}

static int bare_filter(const struct bench *b, int prog, bool on)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)b->lane.lan.ifindex,
		.attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog);
	int ret;

	if (!on) {
		hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
		return bpf_tc_hook_destroy(&hook);
	}
	ret = bpf_tc_hook_create(&hook);
	return ret && ret != -EEXIST ? ret : bpf_tc_attach(&hook, &opts);
}

static int bare_up(struct bench *b, int prog, struct pt_err *err)
{
	int ret = 0;

	b->bare = bpf_link_create(prog, (int)b->lane.lan.ifindex, TCX_INGRESS, NULL);
	if (b->bare < 0)
		ret = bare_filter(b, prog, true);
	return ret ? pt_err_errno(err, ret, "bare redirect") : 0;
}

static int bare_tc_up(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;

	return bare_up(b, pt_blast_bare_tc(b->blast), err);
}

static int bare_neigh_up(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;

	return bare_up(b, pt_blast_bare_neigh(b->blast), err);
}

static int bare_down(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;
	int ret = b->bare < 0 ? bare_filter(b, -1, false) : 0;

	pt_cleanup_fd(&b->bare);
	b->bare = -1;
	return ret ? pt_err_errno(err, ret, "bare redirect") : 0;
}

static int bare_xdp_up(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);

	b->bare = bpf_link_create(
		pt_blast_bare_xdp(b->blast), (int)b->lane.lan.ifindex, BPF_XDP, &opts);
	return b->bare < 0 ? pt_err_errno(err, b->bare, "bare XDP redirect") : 0;
}

static int bare_xdp_down(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;

	(void)err;
	pt_cleanup_fd(&b->bare);
	b->bare = -1;
	return 0;
}

static int nft(const struct bench *b, const char *rules, struct pt_err *err)
{
	const char *const argv[] = { "ip", "netns", "exec", b->lane.nodes.netns[PT_LANE_ROUTER],
		"nft", "-f", "-", NULL };

	return pt_proc_run(argv, rules, NFT_NS, err);
}

static int mark_on(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;
	int ret = pt_nodes_ip(b->lane.nodes.netns[PT_LANE_ROUTER], mark_routes, err);

	return ret ? ret : nft(b, mark_up, err);
}

static int mark_off(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;
	int ret = nft(b, mark_down, err);

	return ret ? ret : pt_nodes_ip(b->lane.nodes.netns[PT_LANE_ROUTER], mark_no_routes, err);
}

static int nothing(void *ctx, struct pt_err *err)
{
	(void)ctx;
	(void)err;
	return 0;
}

static const struct contender {
	int (*up)(void *ctx, struct pt_err *err), (*down)(void *ctx, struct pt_err *err);
	bool steers;
	enum pt_stat by; // what counts its packets
} contenders[SIDE_COUNT] = {
	[SIDE_TC] = { steer_up, steer_down, true, PT_STAT_STEERED },
	[SIDE_BARE_TC] = { bare_tc_up, bare_down, false, PT_STAT_STEERED },
	[SIDE_BARE_NEIGH] = { bare_neigh_up, bare_down, false, PT_STAT_STEERED },
	[SIDE_KERNEL] = { nothing, nothing, false, PT_STAT_STEERED },
	[SIDE_MARK] = { mark_on, mark_off, false, PT_STAT_STEERED },
	[SIDE_XDP] = { xdp_up, steer_down, true, PT_STAT_XDP },
	[SIDE_BARE_XDP] = { bare_xdp_up, bare_xdp_down, false, PT_STAT_STEERED },
};

// ---- a turn ----

static uint64_t steered(const struct bench *b, enum pt_stat by)
{
	uint64_t stats[PT_STAT_COUNT] = { 0 };

	return pt_stat_read(b->plane, stats) ? 0 : stats[by];
}

static int blast(struct bench *b, const struct contender *c, int64_t *rate, struct pt_err *err)
{
	uint64_t sunk = pt_blast_sunk(b->blast), ours = steered(b, c->by);
	int ret = pt_blast_run(b->blast, b->o->turn_ns, rate, err);

	if (ret)
		return ret;
	sunk = pt_blast_sunk(b->blast) - sunk;
	ours = steered(b, c->by) - ours;
	if (!sunk)
		return pt_err_set(err, -EPROTO, "no packet arrived");
	// Whatever came another way would measure something else; a few of XDP's are tc's.
	if (c->steers ? ours < sunk - sunk / 100 : ours != 0)
		return pt_err_set(err, -EPROTO,
			"%" PRIu64 " packets arrived, %" PRIu64 " were steered", sunk, ours);
	return 0;
}

static int in_router(struct bench *b, int (*fn)(void *, struct pt_err *), struct pt_err *err)
{
	return pt_nodes_in(&b->lane.nodes, PT_LANE_ROUTER, fn, b, err);
}

static int packets_once(void *ctx, unsigned side, int64_t *value, struct pt_err *err)
{
	struct bench *b = ctx;
	const struct contender *c = &contenders[side];
	int ret = in_router(b, c->up, err), down;

	if (!ret)
		ret = blast(b, c, value, err);
	down = in_router(b, c->down, ret ? NULL : err);
	return ret ? ret : down;
}

static int tcp_once(void *ctx, unsigned side, int64_t *value, struct pt_err *err)
{
	struct bench *b = ctx;
	bool steers = side == TCP_TC;
	uint64_t ours = steered(b, PT_STAT_STEERED);
	int ret = steers ? in_router(b, steer_up, err) : 0, down;

	if (!ret)
		ret = pt_tcp_run(&b->lane, b->o->turn_ns, value, err);
	if (!ret && steers != (steered(b, PT_STAT_STEERED) != ours))
		ret = pt_err_set(err, -EPROTO, "TCP took the other way");
	down = in_router(b, steer_down, ret ? NULL : err);
	return ret ? ret : down;
}

// ---- the plan ----

// Once the far end polls and the near end finishes its checksums.
static int can_xdp(void *ctx, struct pt_err *err)
{
	struct bench *b = ctx;

	return pt_xdp_check(&b->fleet.setup, err);
}

static int run_packets(struct bench *b, struct pt_bench_result *out, struct pt_err *err)
{
	struct pt_turns_side sides[SIDE_COUNT] = {
		[SIDE_TC] = { .name = "tc" },
		[SIDE_BARE_TC] = { .name = "bare tc redirect" },
		[SIDE_KERNEL] = { .name = "kernel forwarding" },
		[SIDE_MARK] = { .name = "conntrack, marks, rules" },
		[SIDE_XDP] = { .name = "xdp" },
		[SIDE_BARE_XDP] = { .name = "bare XDP redirect" },
	};
	const struct pt_turns t = {
		.workload = "dataplane",
		.sides = sides,
		.n_sides = SIDE_COUNT,
		.metrics = packet_metrics,
		.n_metrics = PT_RATES_METRICS,
		.rounds = b->o->runs,
		.once = packets_once,
		.ctx = b,
		.progress = b->o->progress,
		.progress_ctx = b->o->progress_ctx,
	};
	struct pt_err why = { 0 };
	int ret;

	if (nft(b, "list ruleset\n", NULL))
		sides[SIDE_MARK].skipped = "no nft(8) here";
	ret = pt_lane_for_xdp(&b->lane, true, err);
	if (!ret)
		ret = pt_blast_sink(b->blast, true, err);
	if (!ret && in_router(b, can_xdp, &why)) {
		(void)snprintf(b->why, PT_RATES_WHY, "%s", why.msg);
		sides[SIDE_XDP].skipped = b->why;
	}
	return ret ? ret : pt_turns_run(&t, out, err);
}

static int run_tcp(struct bench *b, struct pt_bench_result *out, struct pt_err *err)
{
	static const struct pt_turns_side sides[TCP_COUNT] = {
		[TCP_TC] = { .name = "tc" },
		[TCP_KERNEL] = { .name = "kernel forwarding" },
	};
	const struct pt_turns t = {
		.workload = "dataplane",
		.sides = sides,
		.n_sides = TCP_COUNT,
		.metrics = tcp_metrics,
		.n_metrics = PT_ARRAY_LEN(tcp_metrics),
		.rounds = TCP_MORE * b->o->runs,
		.once = tcp_once,
		.ctx = b,
		.progress = b->o->progress,
		.progress_ctx = b->o->progress_ctx,
	};
	int ret = pt_lane_for_xdp(&b->lane, false, err); // as devices come

	if (!ret)
		ret = pt_blast_sink(b->blast, false, err);
	return ret ? ret : pt_turns_run(&t, out, err);
}

static int set_up(struct bench *b, struct pt_err *err)
{
	int ret = pt_fleet_init(&b->fleet, b->o->sites, b->o->policies, err);

	(void)snprintf(b->dir, sizeof(b->dir), "/sys/fs/bpf/pt-bench-%d/rates", getpid());
	if (!ret)
		ret = pt_lane_up(&b->lane, err);
	if (ret)
		return ret;
	b->fleet.link = b->lane.wan; // the paths' device
	b->links[0] = b->lane.wan;
	b->links[1] = b->lane.lan;
	b->fleet.links = (struct pt_links){ .link = b->links, .n_link = 2 };
	b->lan_names[0] = b->lane.lan.name;
	b->fleet.net.sites[0].lan = b->lan_names;
	b->fleet.net.sites[0].n_lan = 1;
	ret = pt_fleet_load(&b->fleet, b->dir, &b->progs, &b->plane, err);
	if (!ret) {
		b->progs.sizes.paths = b->plane->entries[PT_MAP_HOP];
		ret = pt_load_some(b->dir, PT_PROGRAM_BIT(PT_PROGRAM_XDP), &b->progs, err);
	}
	return ret ? ret : pt_blast_new(&b->lane, &b->fleet, b->o->flows, &b->blast, err);
}

int pt_rates_bench(const struct pt_rates_opts *o, struct pt_rates_report *out, struct pt_err *err)
{
	struct bench b = { .o = o,
		.why = out->why,
		.progs = PT_PROGRAMS_NONE,
		.lane = { .nodes = PT_NODES_NONE },
		.bare = -1 };
	int ret = set_up(&b, err);

	if (!ret)
		ret = run_packets(&b, out->packets, err);
	if (!ret)
		ret = run_tcp(&b, out->tcp, err);
	out->packet_socket = b.blast && !pt_blast_is_live(b.blast);
	pt_blast_free(b.blast);
	pt_programs_done(&b.progs);
	pt_plane_free(b.plane);
	if (b.dir[0])
		(void)pt_pin_remove(b.dir, NULL); // nothing to add to the first error
	pt_lane_down(&b.lane);
	pt_fleet_done(&b.fleet);
	return ret;
}
