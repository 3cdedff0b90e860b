// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/ours.h"
#include "net/route.h"
#include "plane/nat.h"
#include "plane/ways.h"
#include "watch.h"

#define STIR_NS     (10 * PT_NS_PER_MS) // changes come in flurries
#define PACE        4                   // of five parts of time reading and comparing takes one
#define PACE_MAX_NS (5 * PT_NS_PER_S)   // however long it was held up
#define CHECK_NS    (30 * PT_NS_PER_S)  // for what no message tells

struct watch_ways {
	struct pt_ways *ways;
	struct pt_route_monitor *monitor;
	struct pt_firewall_monitor *firewall;
	struct pt_nat nat;
	struct pt_timer *stir, *check;
	bool stirred;
	int64_t cost_ns;                                      // of the last sync
	char complaint[sizeof(((struct pt_err *)NULL)->msg)]; // told last
};

// Once for each fault; nothing when it is over.
static void complain(struct watch_ways *v, const char *why)
{
	if (*why && strcmp(why, v->complaint) != 0)
		pt_log(PT_LOG_WARN, "the kernel's routes: %s", why);
	(void)snprintf(v->complaint, sizeof(v->complaint), "%s", why); // cut short is as good
}

static void sync_with(struct watch *w, const struct pt_setup *setup)
{
	struct watch_ways *v = w->ways;
	struct pt_ways_done done = {};
	int64_t from = pt_mono_now().ns;
	struct pt_err err = {};

	(void)pt_ways_sync(v->ways, w->plane, setup, &done, &err); // err tells
	v->cost_ns = pt_mono_now().ns - from;
	complain(v, err.msg);
	if (done.put || done.removed)
		pt_log(PT_LOG_INFO, "the kernel's routes: %u put, %u removed", done.put,
			done.removed);
}

void watch_ways_sync(struct watch *w)
{
	sync_with(w, &w->setup);
}

void watch_ways_stir(struct watch *w)
{
	int64_t pause_ns = PACE * w->ways->cost_ns;

	if (pause_ns > PACE_MAX_NS)
		pause_ns = PACE_MAX_NS;
	if (w->ways->stirred)
		return;
	w->ways->stirred = true;
	if (pause_ns < STIR_NS)
		pause_ns = STIR_NS;
	(void)pt_loop_timer_set(w->ways->stir, pt_mono_add(pt_mono_now(), pause_ns), 0);
}

// Translated flows of a path that has died get an address of the one they go by now.
static void forget_dead(struct watch *w)
{
	struct pt_err err = {};
	uint32_t n;

	if (pt_nat_look(&w->ways->nat, &w->devices.links, &n, &err))
		pt_log(PT_LOG_WARN, "%s", err.msg);
	if (n)
		pt_log(PT_LOG_INFO, "forgot %u translated flows of dead paths", n);
}

void watch_ways_follow(struct watch *w)
{
	struct pt_err err = {};
	uint32_t moved;
	int ret = pt_ways_follow(w->ways->ways, w->plane, &moved, &err);

	if (ret) // a device may have gone meanwhile, and its object with it
		watch_ways_stir(w);
	if (moved)
		pt_log(PT_LOG_DEBUG, "the kernel's routes: %u moved", moved);
	forget_dead(w);
}

// Devices are read anew, because the kernel takes no route by one that has no carrier; those in
// w->devices are what watch_devices.c compares with.
static void on_stir(void *ctx, uint64_t expirations)
{
	struct watch *w = ctx;
	struct pt_setup setup = w->setup;
	pt_autolinks links = {};
	struct pt_err err = {};

	(void)expirations;
	w->ways->stirred = false;
	setup.links = &links;
	if (pt_links_read(&links, &err))
		complain(w->ways, err.msg);
	else
		sync_with(w, &setup);
}

static void on_change(void *ctx, enum pt_route_kind kind, bool gone, const void *what)
{
	struct watch *w = ctx;
	bool ours = kind == PT_ROUTE_LOST;

	if (kind == PT_ROUTE_ROUTE)
		ours = ((const struct pt_route *)what)->protocol == PT_NET_PROTOCOL && gone;
	else if (kind == PT_ROUTE_RULE)
		ours = ((const struct pt_route_rule *)what)->protocol == PT_NET_PROTOCOL && gone;
	else if (kind == PT_ROUTE_NEXTHOP)
		ours = ((const struct pt_nexthop *)what)->protocol == PT_NET_PROTOCOL &&
			(gone || !pt_ways_expects(w->ways->ways, what));
	if (ours)
		watch_ways_stir(w);
}

static void on_monitor(void *ctx, int fd, uint32_t events)
{
	struct watch *w = ctx;
	struct pt_err err = {};

	(void)fd;
	(void)events;
	if (pt_route_monitor_read(w->ways->monitor, on_change, w, &err))
		pt_log(PT_LOG_WARN, "%s", err.msg);
}

// A firewall that comes or goes changes what mode auto is.
static void on_firewall(void *ctx, int fd, uint32_t events)
{
	struct watch *w = ctx;
	struct pt_firewall now = {};

	(void)fd;
	(void)events;
	pt_firewall_monitor_drain(w->ways->firewall);
	if (!pt_firewall_read(&now, NULL) && strcmp(now.names, w->devices.firewall.names) != 0)
		watch_settle_soon(w);
}

int watch_ways_init(struct watch *w, struct pt_err *err)
{
	const struct pt_mono first = pt_mono_add(pt_mono_now(), CHECK_NS);
	struct watch_ways *v = calloc(1, sizeof(*v));
	int ret;

	w->ways = v;
	if (!v)
		return pt_err_set(err, -ENOMEM, "out of memory");
	ret = pt_nat_init(&v->nat, w->plane, err);
	if (!ret)
		ret = pt_ways_new(&v->ways, err);
	if (!ret) // changes are subscribed to before the present is read
		ret = pt_route_monitor_new(&v->monitor, err);
	if (ret)
		return ret;
	if (pt_firewall_monitor_new(&v->firewall, NULL)) // a kernel without nftables
		v->firewall = NULL;
	ret = pt_loop_timer_add(w->loop, (struct pt_mono){ INT64_MAX }, 0, on_stir, w, &v->stir);
	if (!ret)
		ret = pt_loop_timer_add(w->loop, first, CHECK_NS, on_stir, w, &v->check);
	if (!ret)
		ret = pt_loop_fd_add(
			w->loop, pt_route_monitor_fd(v->monitor), EPOLLIN, on_monitor, w);
	if (!ret && v->firewall)
		ret = pt_loop_fd_add(
			w->loop, pt_firewall_monitor_fd(v->firewall), EPOLLIN, on_firewall, w);
	return ret ? pt_err_errno(err, ret, "loop") : 0;
}

void watch_ways_done(struct watch *w)
{
	if (!w->ways)
		return;
	pt_route_monitor_free(w->ways->monitor);
	pt_firewall_monitor_free(w->ways->firewall);
	pt_ways_free(w->ways->ways);
	pt_nat_done(&w->ways->nat);
	free(w->ways);
}
