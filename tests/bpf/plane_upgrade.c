// SPDX-License-Identifier: MIT
// Attach, upgrade, another kind of hook, detach, all while hundreds of thousands of packets a
// second pass: not one is lost but those that the kernel's queues dropped and counted. Before and
// after, the kernel's own routes carry them.
#include <time.h>

#include "base/clock.h"
#include "bench/blast.h"
#include "plane/state.h"
#include "tests/bpf/site.h"

#define FLOWS    256
#define UPGRADES 3

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

// Until nothing arrives any more, for two seconds at most.
static void drain(void)
{
	uint64_t was = 0;

	for (int i = 0; i < 40 && pt_blast_sunk(blast) != was; i++) {
		was = pt_blast_sunk(blast);
		nap(50);
	}
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
	struct counts before = count(), after;
	uint64_t sunk = pt_blast_sunk(blast), lost;
	int64_t start = pt_mono_now().ns, ms;

	T_NEED(pt_blast_start(blast, &err) == 0);
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < UPGRADES; k++)
			attach_kind(kinds[i]);
	T_EQ(pt_nodes_in(&lane.nodes, PT_LANE_ROUTER, do_detach, NULL, &err), 0);
	nap(20);
	pt_blast_stop(blast);
	ms = (pt_mono_now().ns - start) / PT_NS_PER_MS;
	drain();
	after = count();
	after.entered -= before.entered;
	after.dropped -= before.dropped;
	lost = after.entered - (pt_blast_sunk(blast) - sunk);
	printf("# %llu packets in %lld ms, %llu did not arrive, %llu dropped by queues\n",
		(unsigned long long)after.entered, (long long)ms, (unsigned long long)lost,
		(unsigned long long)after.dropped);
	T_OK(after.entered > 1000);
	T_OK((int64_t)lost >= 0 && lost <= after.dropped);
	T_OK(nothing_left());
}

static void as_the_kernel_has_it(void)
{
	under_load((const enum pt_hook_kind[]){ PT_HOOK_KIND_AUTO }, 1);
}

static void by_clsact(void)
{
	under_load((const enum pt_hook_kind[]){ PT_HOOK_KIND_CLSACT }, 1);
}

static void from_kind_to_kind(void)
{
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
