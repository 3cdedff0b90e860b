// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/ours.h"
#include "plane/block.h"
#include "plane/nexthop.h"
#include "plane/state.h"
#include "plane/table.h"
#include "plane/underlay.h"
#include "watch.h"

// Devices, addresses and routes change in flurries; tables follow when a flurry is over, or has
// lasted too long for that.
#define SETTLE_NS      (10 * PT_NS_PER_MS)
#define SETTLE_MOST_NS (40 * PT_NS_PER_MS)
#define RETRY_NS       PT_NS_PER_S

void watch_settle_soon(struct watch *w)
{
	struct pt_mono now = pt_mono_now(), at = pt_mono_add(now, SETTLE_NS);

	if (!w->settle_by_ns)
		w->settle_by_ns = now.ns + SETTLE_MOST_NS;
	if (at.ns > w->settle_by_ns)
		at.ns = w->settle_by_ns;
	(void)pt_loop_timer_set(w->settle, at, 0);
}

static void for_device(struct watch *w, const char *device,
	void (*fn)(struct watch *, uint32_t path, bool usable), bool usable)
{
	for (uint32_t i = 1; i < w->plane->meta->path_cap; i++) {
		const char *own = pt_names_id(&w->names, PT_NAME_PATH_DEVICE, i);

		if (own && !strcmp(own, device))
			fn(w, i, usable);
	}
}

static void note_carrier(struct watch *w, uint32_t path, bool usable)
{
	(void)usable;
	watch_note(w, path, "carrier", PT_NULL);
}

static void hold_path(struct watch *w, uint32_t path, bool usable)
{
	(void)usable;
	watch_hold(w, path, pt_mono_now().ns);
}

static void block_path(struct watch *w, uint32_t path, bool usable)
{
	(void)pt_block_path(w->plane, path, PT_BLOCK_CARRIER, !usable);
}

static bool is_path_device(const struct watch *w, const char *device)
{
	for (uint32_t i = 1; i < w->plane->meta->path_cap; i++) {
		const char *own = pt_names_id(&w->names, PT_NAME_PATH_DEVICE, i);

		if (own && !strcmp(own, device))
			return true;
	}
	return false;
}

// Any path of the device lacks its carrier, as far as packets are concerned.
static bool is_blocked(const struct watch *w, const char *device)
{
	const struct pt_block *block = w->plane->block;

	for (uint32_t i = 1; i < w->plane->meta->path_cap; i++) {
		const char *own = pt_names_id(&w->names, PT_NAME_PATH_DEVICE, i);

		if (own && !strcmp(own, device) &&
			(block->path[i] | block->uplink[w->plane->hop[i].uplink]) &
				PT_BLOCK_CARRIER)
			return true;
	}
	return false;
}

// Uplinks are blocked as such, so that one store takes all their paths out of use; a path over a
// device of its own (a tunnel) is blocked by itself.
static bool block_device(struct watch *w, const struct pt_link *link)
{
	const struct pt_network *net = &w->in->net;
	bool usable = pt_link_usable(link), changed = false, is_uplink = false;

	if (usable && is_blocked(w, link->name)) // held before it is free, or it would be used
		for_device(w, link->name, hold_path, true);
	for (uint32_t i = 0; i < net->n_uplinks; i++) {
		const struct pt_uplink *u = &net->uplinks[i];
		uint32_t index;

		if (strcmp(u->device, link->name) != 0 || strcmp(u->site, w->in->self->id) != 0)
			continue;
		index = pt_names_index(&w->names, PT_NAME_UPLINK, u->id);
		if (index == PT_NAMES_NONE)
			continue;
		is_uplink = true;
		changed |= pt_block_uplink(w->plane, index, PT_BLOCK_CARRIER, !usable);
	}
	if (is_uplink || !is_path_device(w, link->name))
		return changed;
	changed = is_blocked(w, link->name) == usable;
	if (changed)
		for_device(w, link->name, block_path, usable);
	return changed;
}

static void hold_freed(void *ctx, uint32_t path)
{
	watch_hold(ctx, path, pt_mono_now().ns);
}

// After any change of an uplink's block: what rides on it follows, and all is told.
static void tell_blocked(struct watch *w, const char *cause)
{
	const struct pt_underlay riders = {
		.plane = w->plane,
		.names = &w->names,
		.net = &w->in->net,
		.self = w->in->self,
		.before_free = hold_freed,
		.ctx = w,
	};
	bool riding = pt_underlay_follow(&riders);

	watch_look(w, cause);
	for (uint32_t i = 1; riding && i < w->plane->meta->path_cap; i++)
		if (w->plane->hop[i].flags & PT_HOP_USED)
			watch_note(w, i, "underlay", PT_NULL);
}

// The path leaves by this device, but not as the device is now.
static bool is_stale(struct watch *w, const struct pt_path *path, const struct pt_link *link,
	const struct pt_link *was)
{
	uint32_t index;

	if (strcmp(path->source, w->in->self->id) != 0 || strcmp(path->device, link->name) != 0)
		return false;
	// The kernel drops routes of a device that goes down without a word.
	if (!was || (was->flags ^ link->flags) & IFF_UP)
		return true;
	index = pt_names_index(&w->names, PT_NAME_PATH, path->id);
	return index != PT_NAMES_NONE &&
		(w->plane->hop[index].ifindex != link->ifindex ||
			w->plane->hop[index].mtu != pt_table_mtu(path, link));
}

static bool is_lan(const struct watch *w, const char *device)
{
	for (uint32_t i = 0; i < w->in->self->n_lan; i++)
		if (!strcmp(w->in->self->lan[i], device))
			return true;
	return false;
}

static void gone_path(struct watch *w, uint32_t path, bool usable)
{
	(void)usable;
	w->guard[path].gone = true;
	watch_note(w, path, "device", PT_NULL);
}

static bool block_gone(struct watch *w, const char *device)
{
	struct pt_link gone = {}; // neither up nor running

	(void)snprintf(gone.name, sizeof(gone.name), "%s", device);
	return block_device(w, &gone);
}

// What had this index is no device of ours any longer, if it was one.
static void forget_device(struct watch *w, uint32_t ifindex, const char *name)
{
	bool ours = false;

	for (uint32_t i = 1; i < w->plane->meta->path_cap; i++) {
		if (w->plane->hop[i].ifindex != ifindex)
			continue;
		pt_plane_changing(w->plane);
		__atomic_store_n(&w->plane->hop[i].ifindex, 0, __ATOMIC_RELEASE);
		pt_plane_changed(w->plane);
		ours = true;
	}
	ours |= block_gone(w, name);
	w->devices_changed |= ours || is_lan(w, name);
	if (!ours)
		return;
	tell_blocked(w, "device");
	for_device(w, name, gone_path, false);
}

static void on_new(struct watch *w, const struct pt_link *link)
{
	const struct pt_link *was = pt_links_at(&w->devices.links, link->ifindex);

	if (was && strcmp(was->name, link->name) != 0) { // renamed
		forget_device(w, link->ifindex, was->name);
		was = NULL;
	}
	if (block_device(w, link)) {
		tell_blocked(w, "carrier");
		for_device(w, link->name, note_carrier, pt_link_usable(link));
	}
	for (uint32_t i = 0; i < w->in->net.n_paths; i++)
		w->devices_changed |= is_stale(w, &w->in->net.paths[i], link, was);
	w->devices_changed |= is_lan(w, link->name);
}

static void on_gone(struct watch *w, const struct pt_link *link)
{
	forget_device(w, link->ifindex, link->name);
}

// An uplink without its device is out of use, and so is what rides on it.
static bool block_missing(struct watch *w, const struct pt_links *links)
{
	const struct pt_network *net = &w->in->net;
	bool changed = false;

	for (uint32_t i = 0; i < net->n_uplinks; i++) {
		const struct pt_uplink *u = &net->uplinks[i];
		uint32_t index;

		if (strcmp(u->site, w->in->self->id) != 0 || pt_links_named(links, u->device))
			continue;
		index = pt_names_index(&w->names, PT_NAME_UPLINK, u->id);
		if (index != PT_NAMES_NONE)
			changed |= pt_block_uplink(w->plane, index, PT_BLOCK_CARRIER, true);
	}
	return changed;
}

static void follow_links(struct watch *w, const struct pt_links *links)
{
	bool changed = block_missing(w, links);

	for (uint32_t i = 0; i < links->n_link; i++)
		if (block_device(w, &links->link[i])) {
			for_device(w, links->link[i].name, note_carrier, true);
			changed = true;
		}
	// Also without a change: the files may say now what rides on what.
	tell_blocked(w, changed ? "carrier" : "device");
}

static bool same_id(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

// Slots that have another owner now: nothing is known of it.
static void forget_retired(struct watch *w, const struct pt_names *now)
{
	for (uint32_t i = 1; w->guard && i < w->plane->meta->path_cap; i++)
		if (!same_id(pt_names_id(&w->names, PT_NAME_PATH, i),
			    pt_names_id(now, PT_NAME_PATH, i)))
			w->guard[i] = (struct guard){};
}

static void on_gateway(void *ctx, const struct pt_gateway *row)
{
	struct watch *w = ctx;

	if (!row || pt_nexthop_concerns(&w->setup, row))
		watch_settle_soon(w);
}

static void on_routes(void *ctx, int fd, uint32_t events)
{
	struct watch *w = ctx;
	struct pt_err err = {};

	(void)fd;
	(void)events;
	if (pt_gateway_monitor_read(w->routes, on_gateway, w, &err))
		pt_log(PT_LOG_WARN, "%s", err.msg);
}

// Before they are read: nothing falls between. Whoever needs no gateways is not woken by routes.
static int follow_routes(struct watch *w, const struct pt_inputs *in, struct pt_err *err)
{
	const struct pt_setup setup = { .net = &in->net, .self = in->self };
	int ret;

	if (w->routes || !pt_nexthop_wanted(&setup))
		return 0;
	ret = pt_gateway_monitor_new(PT_NET_PROTOCOL, &w->routes, err);
	if (ret)
		return ret;
	ret = pt_loop_fd_add(w->loop, pt_gateway_monitor_fd(w->routes), EPOLLIN, on_routes, w);
	return ret ? pt_err_errno(err, ret, "loop") : 0;
}

void watch_devices_done(struct watch *w)
{
	pt_devices_done(&w->devices);
	pt_gateway_monitor_free(w->routes);
	pt_link_monitor_free(w->monitor);
}

static void keep_devices(struct watch *w, struct pt_devices *now, const struct pt_setup *setup)
{
	pt_devices_done(&w->devices);
	w->devices = *now;
	w->setup = *setup;
	w->setup.links = &w->devices.links;
	w->setup.gateways = &w->devices.gateways;
	w->setup.firewall = &w->devices.firewall;
	*now = (struct pt_devices){};
}

int watch_refresh(struct watch *w, const struct pt_inputs *in, bool groups, struct pt_err *err)
{
	pt_autodevices now = {};
	pt_autonames names = {};
	struct pt_setup setup;
	int ret = follow_routes(w, in, err);

	if (!ret)
		ret = pt_devices_read(in, &now, &setup, err);
	if (!ret && groups)
		ret = pt_setup_check(&setup, err);
	if (!ret)
		ret = pt_setup_refresh(w->plane, &setup, &w->progs, groups, err);
	if (!ret)
		ret = pt_names_read(w->plane, &names, err);
	if (ret)
		return ret;
	keep_devices(w, &now, &setup);
	forget_retired(w, &names);
	pt_names_done(&w->names);
	w->names = names;
	names = (struct pt_names){};
	watch_ways_sync(w);
	return 0;
}

// Says what is wrong with the devices, once for each fault; nothing when it is over.
static void complain(struct watch *w, const char *why)
{
	if (*why && strcmp(why, w->complaint) != 0)
		pt_log(PT_LOG_WARN, "%s", why);
	(void)snprintf(w->complaint, sizeof(w->complaint), "%s", why); // cut short is as good
}

// What one device lacks must not keep the others off: it is told, and they go on.
static void settle(struct watch *w)
{
	struct pt_err err = {};
	int ret;

	w->settle_by_ns = 0;
	ret = watch_refresh(w, w->in, false, &err);
	if (ret) {
		complain(w, err.msg);
		(void)pt_loop_timer_set(w->settle, pt_mono_add(pt_mono_now(), RETRY_NS), 0);
		return;
	}
	(void)pt_setup_check(&w->setup, &err);
	complain(w, err.msg);
	follow_links(w, &w->devices.links);
	for (uint32_t i = 1; i < w->plane->meta->path_cap; i++) {
		bool gone = w->plane->hop[i].flags & PT_HOP_USED && !pt_state_leads(w->plane, i);

		if (gone == w->guard[i].gone)
			continue;
		w->guard[i].gone = gone;
		watch_note(w, i, w->plane->hop[i].ifindex ? "next-hop" : "device", PT_NULL);
	}
	watch_look(w, "device");
}

void watch_on_settle(void *ctx, uint64_t expirations)
{
	(void)expirations;
	settle(ctx);
}

void watch_on_link(void *ctx, enum pt_link_change change, const struct pt_link *link)
{
	struct watch *w = ctx;

	w->devices_changed = false;
	watch_ways_stir(w); // with a device the kernel drops its routes, and tells nobody
	switch (change) {
	case PT_LINK_NEW:
		on_new(w, link);
		break;
	case PT_LINK_GONE:
		on_gone(w, link);
		break;
	case PT_LINK_ADDR:
	case PT_LINK_LOST:
		w->devices_changed = true;
		break;
	}
	if (w->devices_changed)
		watch_settle_soon(w);
}
