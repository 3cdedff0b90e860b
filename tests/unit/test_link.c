// SPDX-License-Identifier: MIT
// Reads and watches devices of a network namespace of its own.
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/link.h"
#include "tests/unit/ip.h"
#include "tests/unit/test.h"

static bool own_namespace;
static struct pt_err err;

#define NEED_NAMESPACE()                                                  \
	do {                                                              \
		if (!own_namespace)                                       \
			T_SKIP("needs root, namespaces, ip(8) and veth"); \
	} while (0)

static void test_read(void)
{
	struct pt_links l = {};
	const struct pt_link *v0;
	bool v4 = false, v6 = false;
	char text[PT_PREFIX_LEN];

	NEED_NAMESPACE();
	T_EQ(pt_links_read(&l, &err), 0);
	v0 = pt_links_named(&l, "v0");
	T_NEED(v0);
	T_EQ(v0->mtu, 1400);
	T_OK(pt_links_at(&l, v0->ifindex) == v0);
	T_OK(!pt_links_named(&l, "v9") && !pt_links_at(&l, 9999));
	T_OK(!pt_link_is_l3(v0));
	for (uint32_t i = 0; i < l.n_addr; i++) {
		if (l.addr[i].ifindex != v0->ifindex)
			continue;
		pt_prefix_format(&l.addr[i].connected, text);
		v4 |= !strcmp(text, "10.5.4.0/22");
		v6 |= !strcmp(text, "fd00:5:80::/41");
	}
	T_OK(v4 && v6); // host bits cleared inside a byte
	pt_links_done(&l);
}

// The kernel's link-watch may take a second to tell either.
static bool becomes(bool usable)
{
	struct pt_mono end = pt_mono_add(pt_mono_now(), 5 * PT_NS_PER_S);
	bool is = !usable;

	while (is != usable && pt_mono_diff(end, pt_mono_now()) > 0) {
		pt_autolinks l = {};

		if (pt_links_read(&l, &err))
			return false;
		is = pt_link_usable(pt_links_named(&l, "v0"));
	}
	return is == usable;
}

static void test_usable(void)
{
	NEED_NAMESPACE();
	T_EQ(IP("link", "set", "v1", "down"), 0);
	T_OK(becomes(false)); // up, but no carrier
	T_EQ(IP("link", "set", "v1", "up"), 0);
	T_OK(becomes(true));
}

struct seen {
	bool new_link, gone, address;
};

static void on_change(void *ctx, enum pt_link_change change, const struct pt_link *link)
{
	struct seen *s = ctx;

	s->new_link |= change == PT_LINK_NEW && !strcmp(link->name, "w0");
	s->gone |= change == PT_LINK_GONE && !strcmp(link->name, "w0");
	s->address |= change == PT_LINK_ADDR;
}

// Waits for changes until *flag is set, at most two seconds.
static bool wait_for(struct pt_link_monitor *m, struct seen *s, const bool *flag)
{
	struct pollfd p = { .fd = pt_link_monitor_fd(m), .events = POLLIN };

	while (!*flag && poll(&p, 1, 2000) > 0)
		T_EQ(pt_link_monitor_read(m, on_change, s, &err), 0);
	return *flag;
}

static void test_monitor(void)
{
	struct pt_link_monitor *m = NULL;
	struct seen s = {};

	NEED_NAMESPACE();
	T_EQ(pt_link_monitor_new(&m, &err), 0);
	T_EQ(pt_link_monitor_read(m, on_change, &s, &err), 0); // nothing waits: no blocking
	T_EQ(IP("link", "add", "w0", "type", "veth", "peer", "name", "w1"), 0);
	T_OK(wait_for(m, &s, &s.new_link));
	T_EQ(IP("addr", "add", "10.6.0.1/24", "dev", "w0"), 0);
	T_OK(wait_for(m, &s, &s.address));
	T_OK(!s.gone);
	T_EQ(IP("link", "del", "w0"), 0);
	T_OK(wait_for(m, &s, &s.gone));
	pt_link_monitor_free(m);
}

static void test_l3_types(void)
{
	T_OK(pt_link_is_l3(&(struct pt_link){ .type = 0xfffe })); // tun, WireGuard
	T_OK(pt_link_is_l3(&(struct pt_link){ .type = 512 }));    // PPP
	T_OK(!pt_link_is_l3(&(struct pt_link){ .type = 1 }));     // Ethernet
	T_OK(!pt_link_usable(&(struct pt_link){ .flags = IFF_UP }));
}

static const struct t_case cases[] = {
	{ "devices and addresses", test_read },
	{ "a device without a carrier is not usable", test_usable },
	{ "changes are told as they happen", test_monitor },
	{ "devices without a link layer", test_l3_types },
};

int main(void)
{
	own_namespace = geteuid() == 0 && unshare(CLONE_NEWNET) == 0 &&
		IP("link", "add", "v0", "mtu", "1400", "type", "veth", "peer", "name", "v1") == 0 &&
		IP("addr", "add", "10.5.6.7/22", "dev", "v0") == 0 &&
		IP("addr", "add", "fd00:5:ff::7/41", "dev", "v0", "nodad") == 0 &&
		IP("link", "set", "v0", "up") == 0 && IP("link", "set", "v1", "up") == 0;
	return t_run(cases, sizeof(cases) / sizeof(cases[0]));
}
