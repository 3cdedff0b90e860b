// SPDX-License-Identifier: MIT
#include "probe/reflect_kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bpf/reflect.h"
#include "net/link.h"
#include "probe/env.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" // generated code
#include "bpf/reflect.skel.h"
#pragma GCC diagnostic pop

#define TCX_INGRESS   ((enum bpf_attach_type)46) // Debian 12's headers are older
#define CLOCK_LOOK_NS (250 * PT_NS_PER_MS)
#define BURST_NS      (100 * PT_NS_PER_MS)

struct device {
	char name[IF_NAMESIZE];
	bool xdp;
	uint32_t ifindex; // that the link is, or could not be, on; 0 none
	int link;
};

struct pt_kreflector {
	struct reflect_bpf *skel;
	struct device *devices;
	uint32_t n;
	struct pt_addr *bind;
	uint32_t n_bind;
	struct pt_loop *loop;
	struct pt_link_monitor *monitor;
	struct pt_timer *clock_timer;
	struct pt_clock_watch clock;
	bool stale; // a device or an address has changed
};

static struct pt_reflect_addr mapped(const struct pt_addr *a)
{
	struct pt_reflect_addr m = { { [10] = 0xff, [11] = 0xff } };

	if (a->family == AF_INET)
		memcpy(m.bytes + 12, a->bytes, 4);
	else
		memcpy(m.bytes, a->bytes, 16);
	return m;
}

// ---- clock ----

static void on_clock(void *ctx, uint64_t expirations)
{
	struct pt_kreflector *k = ctx;
	struct pt_mono mono = pt_mono_now();

	(void)expirations;
	pt_clock_watch_update(&k->clock, mono);
	k->skel->bss->pt_reflect_conf.wall_offset_ns = pt_wall_ns() - mono.ns;
	k->skel->bss->pt_reflect_conf.error = htobe16(k->clock.wire);
}

// ---- our addresses ----

static bool is_bound(const struct pt_kreflector *k, const struct pt_addr *a)
{
	for (uint32_t i = 0; i < k->n_bind; i++)
		if (pt_addr_eq(&k->bind[i], a))
			return true;
	return !k->n_bind;
}

static bool is_known(
	const struct pt_kreflector *k, const struct pt_links *l, const struct pt_reflect_addr *key)
{
	for (uint32_t i = 0; i < l->n_addr; i++) {
		struct pt_reflect_addr m = mapped(&l->addr[i].local);

		if (!memcmp(&m, key, sizeof(m)))
			return is_bound(k, &l->addr[i].local);
	}
	return false;
}

// New ones first, so that none is missing meanwhile.
static void follow_addresses(struct pt_kreflector *k, const struct pt_links *l)
{
	int fd = bpf_map__fd(k->skel->maps.reflect_local);
	struct pt_reflect_addr key, *prev = NULL, gone[PT_REFLECT_ADDRESSES];
	uint32_t yes = 1, n = 0;

	for (uint32_t i = 0; i < l->n_addr; i++) {
		key = mapped(&l->addr[i].local);
		if (is_bound(k, &l->addr[i].local) && bpf_map_update_elem(fd, &key, &yes, BPF_ANY))
			pt_log(PT_LOG_INFO, "more addresses than the kernel's reflector knows");
	}
	for (; n < PT_ARRAY_LEN(gone) && !bpf_map_get_next_key(fd, prev, &key); prev = &key)
		if (!is_known(k, l, &key))
			gone[n++] = key;
	while (n)
		(void)bpf_map_delete_elem(fd, &gone[--n]); // it was there
}

// ---- devices ----

static int attach(const struct pt_kreflector *k, const struct device *d, const struct pt_link *link)
{
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
	const struct bpf_program *tc = pt_link_is_l3(link) ? k->skel->progs.reflect_tc_l3
							   : k->skel->progs.reflect_tc;

	if (d->xdp)
		return bpf_link_create(bpf_program__fd(k->skel->progs.reflect_xdp),
			(int)link->ifindex, BPF_XDP, &native);
	return bpf_link_create(bpf_program__fd(tc), (int)link->ifindex, TCX_INGRESS, NULL);
}

static void follow_device(struct pt_kreflector *k, struct device *d, const struct pt_links *l)
{
	const struct pt_link *link = pt_links_named(l, d->name);
	uint32_t ifindex = link ? link->ifindex : 0;

	if (ifindex == d->ifindex)
		return;
	if (d->link >= 0)
		(void)close(d->link); // of the device that has gone
	d->ifindex = ifindex;
	d->link = link ? attach(k, d, link) : -1;
	if (link && d->link < 0)
		pt_log(PT_LOG_WARN, "%s: no reflector at %s: %s: user space answers", d->name,
			d->xdp ? "XDP" : "TCX", strerrordesc_np(-d->link));
}

static int follow(struct pt_kreflector *k, struct pt_err *err)
{
	pt_autolinks links = {};
	int code = pt_links_read(&links, err);

	if (code)
		return code;
	follow_addresses(k, &links);
	for (uint32_t i = 0; i < k->n; i++)
		follow_device(k, &k->devices[i], &links);
	return 0;
}

static void on_change(void *ctx, enum pt_link_change change, const struct pt_link *link)
{
	struct pt_kreflector *k = ctx;

	(void)change, (void)link;
	k->stale = true;
}

static void on_monitor(void *ctx, int fd, uint32_t events)
{
	struct pt_kreflector *k = ctx;
	struct pt_err err = { 0 };

	(void)fd, (void)events;
	int code = pt_link_monitor_read(k->monitor, on_change, k, &err);
	if (!code && k->stale)
		code = follow(k, &err);
	if (code)
		pt_log(PT_LOG_WARN, "following devices: %s", err.msg);
	k->stale = false;
}

// ---- life ----

static int load(struct pt_kreflector *k, const struct pt_reflect_opts *o, struct pt_err *err)
{
	libbpf_set_print(NULL); // what matters of it is in the error
	k->skel = reflect_bpf__open_and_load();
	if (!k->skel)
		return pt_err_errno(err, -errno, "loading the kernel's reflector");
	volatile struct pt_reflect_conf *conf = &k->skel->bss->pt_reflect_conf;
	conf->port = o->port;
	conf->allow_all = !o->n_allow;
	conf->burst_ns = BURST_NS;
	conf->gap_ns = o->rate_pps ? PT_NS_PER_S / o->rate_pps : 0;
	conf->source_gap_ns = o->source_rate_pps ? PT_NS_PER_S / o->source_rate_pps : 0;
	for (uint32_t i = 0; i < o->n_allow; i++) {
		struct pt_reflect_prefix key = { .addr = mapped(&o->allow[i].addr) };
		uint32_t yes = 1;

		key.len = o->allow[i].len + (o->allow[i].addr.family == AF_INET ? 96u : 0u);
		if (bpf_map_update_elem(
			    bpf_map__fd(k->skel->maps.reflect_allow), &key, &yes, BPF_ANY))
			return pt_err_errno(err, -errno, "prefixes that are answered");
	}
	return 0;
}

static int copy_lists(struct pt_kreflector *k, const struct pt_reflect_opts *o,
	const struct pt_reflect_device *devices, uint32_t n)
{
	k->devices = calloc(n + 1, sizeof(*k->devices));
	k->bind = calloc(o->n_bind + 1, sizeof(*k->bind));
	if (!k->devices || !k->bind)
		return -ENOMEM;
	for (k->n = 0; k->n < n; k->n++) {
		struct device *d = &k->devices[k->n];

		d->link = -1;
		d->xdp = devices[k->n].xdp;
		if (strlen(devices[k->n].name) >= sizeof(d->name))
			return -ENODEV;
		memcpy(d->name, devices[k->n].name, strlen(devices[k->n].name));
	}
	for (; k->n_bind < o->n_bind; k->n_bind++)
		k->bind[k->n_bind] = o->bind[k->n_bind];
	return 0;
}

static int start(struct pt_kreflector *k, struct pt_err *err)
{
	int code = pt_link_monitor_new(&k->monitor, err);

	if (code)
		return code;
	on_clock(k, 0);
	code = pt_loop_fd_add(k->loop, pt_link_monitor_fd(k->monitor), EPOLLIN, on_monitor, k);
	if (!code)
		code = pt_loop_timer_add(k->loop, pt_mono_add(pt_mono_now(), CLOCK_LOOK_NS),
			CLOCK_LOOK_NS, on_clock, k, &k->clock_timer);
	return code ? pt_err_errno(err, code, "event loop") : follow(k, err);
}

int pt_kreflector_new(const struct pt_reflect_opts *o, const struct pt_reflect_device *devices,
	uint32_t n, struct pt_loop *loop, struct pt_kreflector **out, struct pt_err *err)
{
	struct pt_kreflector *k = calloc(1, sizeof(*k));
	int code = k ? copy_lists(k, o, devices, n) : -ENOMEM;

	if (code) {
		pt_kreflector_free(k);
		return pt_err_errno(err, code, "the kernel's reflector");
	}
	k->loop = loop;
	code = load(k, o, err);
	if (!code)
		code = start(k, err);
	if (code) {
		pt_kreflector_free(k);
		return code;
	}
	*out = k;
	return 0;
}

void pt_kreflector_free(struct pt_kreflector *k)
{
	if (!k)
		return;
	for (uint32_t i = 0; i < k->n; i++)
		if (k->devices[i].link >= 0)
			(void)close(k->devices[i].link); // which detaches
	if (k->monitor)
		(void)pt_loop_fd_del(k->loop, pt_link_monitor_fd(k->monitor));
	pt_link_monitor_free(k->monitor);
	pt_loop_timer_del(k->clock_timer);
	reflect_bpf__destroy(k->skel);
	free(k->devices);
	free(k->bind);
	free(k);
}

static uint64_t total(const struct pt_kreflector *k, uint32_t stat)
{
	int n = libbpf_num_possible_cpus();
	pt_autofree uint64_t *each = n > 0 ? calloc((size_t)n, sizeof(*each)) : NULL;
	uint64_t sum = 0;

	if (!each || bpf_map_lookup_elem(bpf_map__fd(k->skel->maps.reflect_stat), &stat, each))
		return 0;
	for (int i = 0; i < n; i++)
		sum += each[i];
	return sum;
}

struct pt_kreflect_counters pt_kreflector_counters(const struct pt_kreflector *k)
{
	return (struct pt_kreflect_counters){
		.answered = total(k, PT_REFLECT_ANSWERED),
		.refused = total(k, PT_REFLECT_REFUSED),
		.limited = total(k, PT_REFLECT_LIMITED),
		.passed = total(k, PT_REFLECT_PASSED),
	};
}
