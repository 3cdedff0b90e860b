// SPDX-License-Identifier: MIT
// Attach, upgrade, another kind of hook, detach, all while hundreds of thousands of packets a
// second pass: not one is lost but those that the kernel's queues dropped and counted. Before and
// after, the kernel's own routes carry them.
#include <time.h>

#include "base/clock.h"
#include "bench/blast.h"
#include "net/xdp.h"
#include "plane/state.h"
#include "tests/bpf/site.h"

#define FLOWS    256
#define UPGRADES 3
#define RATE     500000 // a second, that must pass meanwhile

static struct pt_lane lane;
static struct pt_fleet fleet;
static struct pt_blast *blast;
static struct pt_link both[2];
static const char *lans[] = { "lan0" };

// ---- what the kernel counted ----

struct counts {
	uint64_t entered; // frames that lan0 received
	uint64_t dropped; // by any device
};

// Adds those of the calling thread's namespace.
static int count_here(void *ctx, struct pt_err *e)
{
	FILE *f = fopen("/proc/thread-self/net/dev", "r");
	struct counts *sum = ctx;
	char line[512], name[32];

	(void)e;
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long in, lost[2];

		// bytes packets errs drop and four more, of what came; the same of what left
		if (sscanf(line, " %31[^:]: %*u %llu %*u %llu %*u %*u %*u %*u %*u %*u %*u %llu",
			    name, &in, &lost[0], &lost[1]) != 4)
			continue;
		sum->dropped += lost[0] + lost[1];
		sum->entered += strcmp(name, "lan0") ? 0 : in;
	}
	if (f)
		fclose(f);
	return 0;
}

static struct counts count(void)
{
	struct counts sum = {};

	for (unsigned i = PT_LANE_ROUTER; i < PT_LANE_NODES; i++)
		T_EQ(pt_nodes_in(&lane.nodes, i, count_here, &sum, &err), 0);
	return sum;
}

static void nap(int64_t ms)
{
	const struct timespec ts = { 0, ms * PT_NS_PER_MS };

	(void)nanosleep(&ts, NULL);
}

static struct counts since(const struct counts *before)
{
	struct counts now = count();

	return (struct counts){ now.entered - before->entered, now.dropped - before->dropped };
}

// Until nothing is on its way any more: all that entered has arrived or was counted as dropped. An
// emulated processor may stand still for longer than seems possible.
static struct counts drain(const struct counts *before, uint64_t sunk)
{
	struct counts now;

	for (int i = 0; i < 200; i++) {
		now = since(before);
		if (now.entered - (pt_blast_sunk(blast) - sunk) <= now.dropped)
			break;
		nap(20);
	}
	return now;
}

// ---- what happens meanwhile ----

static uint64_t steered(void)
{
	uint64_t stats[PT_STAT_COUNT] = {};

	return plane && !pt_stat_read(plane, stats) ? stats[PT_STAT_STEERED] : 0;
}

static int do_attach(void *ctx, struct pt_err *e)
{
	struct pt_setup_result done;
	uint64_t before = steered();
	int ret;

	(void)other_build(); // else its programs stay
	setup.hook = *(enum pt_hook_kind *)ctx;
	ret = pt_setup_attach(dir, &setup, &done, e);
	if (!ret && !plane)
		ret = pt_plane_open(dir, PT_PLANE_READ, &plane, e);
	if (ret)
		T_FAIL("%s", e->msg);
	for (int i = 0; i < 100 && steered() == before; i++) // a moment of it at least
		nap(10);
	T_OK(steered() > before);
	return ret;
}

static int do_detach(void *ctx, struct pt_err *e)
{
	(void)ctx;
	forget();
	return pt_setup_detach(dir, e);
}

static void attach_kind(enum pt_hook_kind kind)
{
	T_EQ(pt_nodes_in(&lane.nodes, PT_LANE_ROUTER, do_attach, &kind, &err), 0);
}

static void under_load(const enum pt_hook_kind *kinds, size_t n)
{
	struct counts before = count(), passed;
	uint64_t sunk = pt_blast_sunk(blast), lost, rate;
	int64_t start = pt_mono_now().ns, ms;

	T_NEED(pt_blast_start(blast, &err) == 0);
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < UPGRADES; k++)
			attach_kind(kinds[i]);
	T_EQ(pt_nodes_in(&lane.nodes, PT_LANE_ROUTER, do_detach, NULL, &err), 0);
	nap(20);
	pt_blast_stop(blast);
	ms = (pt_mono_now().ns - start) / PT_NS_PER_MS;
	passed = drain(&before, sunk);
	lost = passed.entered - (pt_blast_sunk(blast) - sunk);
	rate = passed.entered * 1000 / (uint64_t)ms;
	printf("# %" PRIu64 " packets in %" PRId64 " ms (%" PRIu64 " a second), %" PRIu64
	       " did not arrive, %" PRIu64 " dropped by queues\n",
		passed.entered, ms, rate, lost, passed.dropped);
	T_OK(passed.entered > 1000);
	T_OK((int64_t)lost >= 0 && lost <= passed.dropped);
	T_OK(nothing_left());
	if (!t_failed && rate < RATE)
		T_SKIP("nothing lost, but the machine makes less than 500,000 packets a second");
}

static void as_the_kernel_has_it(void)
{
	under_load((const enum pt_hook_kind[]){ PT_HOOK_KIND_AUTO }, 1);
}

static void by_clsact(void)
{
	under_load((const enum pt_hook_kind[]){ PT_HOOK_KIND_CLSACT }, 1);
}

static int wan_facts(void *ctx, struct pt_err *e)
{
	return pt_xdp_facts(&lane.wan, ctx, e);
}

static void from_kind_to_kind(void)
{
	struct pt_xdp_facts facts = {};

	T_EQ(pt_nodes_in(&lane.nodes, PT_LANE_ROUTER, wan_facts, &facts, &err), 0);
	if (!facts.told)
		T_SKIP("this kernel does not tell what devices can do for XDP (Linux 6.3 does)");
	under_load((const enum pt_hook_kind[]){ PT_HOOK_KIND_AUTO, PT_HOOK_KIND_CLSACT,
			   PT_HOOK_KIND_XDP, PT_HOOK_KIND_CLSACT },
		4);
}

// Nothing but our packets shall enter.
static int quiet(void *ctx, struct pt_err *e)
{
	FILE *f = fopen("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w");

	(void)ctx;
	if (f) { // none without IPv6
		fputs("1", f);
		fclose(f);
	}
	(void)e;
	return 0;
}

static bool build(void)
{
	if (pt_fleet_init(&fleet, 20, 8, &err) || pt_lane_up(&lane, &err))
		return false;
	fleet.link = lane.wan;
	both[0] = lane.wan;
	both[1] = lane.lan;
	fleet.links = (struct pt_links){ .link = both, .n_link = 2 };
	fleet.net.sites[0].lan = lans;
	fleet.net.sites[0].n_lan = 1;
	setup = fleet.setup;
	return !pt_nodes_in(&lane.nodes, PT_LANE_FROM, quiet, NULL, &err) &&
		!pt_blast_new(&lane, &fleet, FLOWS, &blast, &err) &&
		!pt_lane_for_xdp(&lane, true, &err) && !pt_blast_sink(blast, true, &err);
}

int main(void)
{
	static const struct t_case cases[] = {
		{ "attach, upgrade and detach as the kernel has it", as_the_kernel_has_it },
		{ "attach, upgrade and detach by clsact", by_clsact },
		{ "from one kind of hook to the other, XDP too", from_kind_to_kind },
	};
	int ret = 77;

	snprintf(dir, sizeof(dir), "/sys/fs/bpf/pt-test-%d-upgrade/1", getpid());
	lane.nodes = PT_NODES_NONE;
	if (geteuid() != 0)
		printf("1..0 # SKIP needs root\n");
	else if (!build())
		printf("1..0 # SKIP %s\n", err.msg);
	else
		ret = t_run(cases, sizeof(cases) / sizeof(cases[0]));
	forget();
	pt_blast_free(blast);
	(void)pt_pin_remove(dir, NULL); // what a failed test left
	pt_lane_down(&lane);
	pt_fleet_done(&fleet);
	return ret;
}
