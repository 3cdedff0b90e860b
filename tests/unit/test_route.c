// SPDX-License-Identifier: MIT
// Puts, reads, watches and deletes routes, rules and nexthop objects in a network namespace of its
// own; ip(8) says what is really there.
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "net/link.h"
#include "net/ours.h"
#include "net/route.h"
#include "tests/unit/ip.h"
#include "tests/unit/test.h"

static bool own_namespace;
static struct pt_err err;
static struct pt_rtnl *rtnl;
static uint32_t v0;

#define NEED_NAMESPACE()                                                  \
	do {                                                              \
		if (!own_namespace)                                       \
			T_SKIP("needs root, namespaces, ip(8) and veth"); \
	} while (0)

static struct pt_prefix prefix(const char *text)
{
	struct pt_prefix p = {};

	(void)pt_prefix_parse(text, &p);
	return p;
}

static struct pt_addr addr(const char *text)
{
	struct pt_addr a = {};

	(void)pt_addr_parse(text, &a);
	return a;
}

struct seen {
	uint32_t n;
	struct pt_route route;
	struct pt_route_rule rule;
	struct pt_nexthop nexthop;
};

static void see_route(void *ctx, const struct pt_route *r)
{
	struct seen *s = ctx;

	s->n++;
	s->route = *r;
}

static void see_rule(void *ctx, const struct pt_route_rule *r)
{
	struct seen *s = ctx;

	s->n++;
	s->rule = *r;
}

static void see_nexthop(void *ctx, const struct pt_nexthop *h)
{
	struct seen *s = ctx;

	s->n++;
	s->nexthop = *h;
}

static int read_routes(uint8_t family, uint32_t table, struct seen *s)
{
	const struct pt_route_filter filter = { family, PT_NET_PROTOCOL, table };

	return pt_routes_read(rtnl, &filter, see_route, s, &err);
}

static void check_route(struct pt_route r)
{
	struct seen s = {};

	pt_route_put(rtnl, &r);
	pt_route_put(rtnl, &r); // replaces itself
	T_EQ(pt_rtnl_flush(rtnl, &err), 0);
	T_EQ(read_routes(r.dst.addr.family, r.table, &s), 0);
	T_EQ(s.n, 1);
	T_EQ(s.route.mtu, r.mtu);
	T_EQ(s.route.mtu_locked, r.mtu_locked);
	T_EQ(s.route.metric, r.metric);
	T_EQ(s.route.ifindex, v0);
	T_OK(pt_addr_eq(&s.route.via, &r.via));
	T_EQ(pt_prefix_cmp(&s.route.dst, &r.dst), 0);
	pt_route_delete(rtnl, &r);
	pt_route_delete(rtnl, &r); // gone: as wished
	T_EQ(pt_rtnl_flush(rtnl, &err), 0);
	s = (struct seen){};
	T_EQ(read_routes(r.dst.addr.family, r.table, &s), 0);
	T_EQ(s.n, 0);
}

static void test_routes(void)
{
	const struct pt_route base = { .protocol = PT_NET_PROTOCOL,
		.metric = 77,
		.ifindex = v0,
		.table = PT_NET_TABLE + 3,
		.mtu = 1300,
		.mtu_locked = true,
		.onlink = true };
	struct pt_route r = base;

	NEED_NAMESPACE();
	r.ifindex = v0;
	r.dst = prefix("0.0.0.0/0");
	r.via = addr("192.0.2.77"); // in no connected network: onlink
	check_route(r);
	r.dst = prefix("::/0");
	r.via = addr("2001:db8::77");
	check_route(r);
	r.via = (struct pt_addr){}; // as through a device without link layer
	r.dst = prefix("10.20.0.0/16");
	check_route(r);
}

static void test_error(void)
{
	struct pt_route r = { .protocol = PT_NET_PROTOCOL,
		.dst = prefix("10.30.0.0/16"),
		.via = addr("192.0.2.77"),
		.ifindex = v0 };

	NEED_NAMESPACE();
	pt_route_put(rtnl, &r); // unreachable, not onlink
	r.onlink = true;
	r.dst = prefix("10.31.0.0/16");
	pt_route_put(rtnl, &r);
	T_EQ(pt_rtnl_flush(rtnl, &err), -ENETUNREACH);
	T_STR(err.msg, "route: Nexthop has invalid gateway");
	T_EQ(IP("route", "get", "10.31.0.1"), 0); // the second was carried out
	pt_route_delete(rtnl, &r);
	T_EQ(pt_rtnl_flush(rtnl, &err), 0);
}

static void test_rules(void)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };

	NEED_NAMESPACE();
	for (int i = 0; i < 2; i++) {
		struct pt_route_rule rule = { .family = families[i],
			.protocol = PT_NET_PROTOCOL,
			.action = FR_ACT_TO_TBL,
			.priority = 5001,
			.mark = 0xffe00000,
			.mask = 0xfff00000,
			.table = PT_NET_TABLE + 0xffe };
		struct seen s = {};

		pt_route_rule_put(rtnl, &rule);
		pt_route_rule_put(rtnl, &rule); // stays one
		T_EQ(pt_rtnl_flush(rtnl, &err), 0);
		T_EQ(pt_route_rules_read(rtnl, families[i], PT_NET_PROTOCOL, see_rule, &s, &err),
			0);
		T_EQ(s.n, 1);
		T_OK(!memcmp(&s.rule, &rule, sizeof(rule)));
		pt_route_rule_delete(rtnl, &rule);
		rule = (struct pt_route_rule){ .family = families[i],
			.protocol = PT_NET_PROTOCOL,
			.action = FR_ACT_GOTO,
			.priority = 5000,
			.mask = 0xfff00000,
			.target = 32766 };
		pt_route_rule_put(rtnl, &rule);
		T_EQ(pt_rtnl_flush(rtnl, &err), 0);
		s = (struct seen){};
		T_EQ(pt_route_rules_read(rtnl, families[i], PT_NET_PROTOCOL, see_rule, &s, &err),
			0);
		T_EQ(s.n, 1);
		T_EQ(s.rule.target, 32766);
		T_EQ(s.rule.mask, 0xfff00000);
		pt_route_rule_delete(rtnl, &rule);
		T_EQ(pt_rtnl_flush(rtnl, &err), 0);
	}
}

// More than one gathering, all through one object that moves.
static void test_nexthop(void)
{
	enum { ROUTES = 1000 };
	struct pt_nexthop h = { .id = PT_NET_NEXTHOP + 1,
		.family = AF_INET,
		.protocol = PT_NET_PROTOCOL,
		.onlink = true,
		.ifindex = v0,
		.via = addr("192.0.2.77") };
	struct pt_route r = { .protocol = PT_NET_PROTOCOL,
		.nexthop = h.id,
		.dst = prefix("10.64.0.0/24"),
		.metric = 50 };
	struct seen s = {};
	int ret;

	NEED_NAMESPACE();
	ret = pt_nexthops_read(rtnl, PT_NET_PROTOCOL, see_nexthop, &s, &err);
	if (ret == -EOPNOTSUPP)
		T_SKIP("the kernel has no nexthop objects");
	T_EQ(ret, 0);
	pt_nexthop_put(rtnl, &h);
	for (int i = 0; i < ROUTES; i++) {
		r.dst.addr.bytes[1] = (uint8_t)(64 + (i >> 8));
		r.dst.addr.bytes[2] = (uint8_t)i;
		pt_route_put(rtnl, &r);
	}
	h.via = addr("192.0.2.78");
	pt_nexthop_put(rtnl, &h);
	T_EQ(pt_rtnl_flush(rtnl, &err), 0);
	T_EQ(pt_nexthops_read(rtnl, PT_NET_PROTOCOL, see_nexthop, &s, &err), 0);
	T_EQ(s.n, 1);
	T_EQ(s.nexthop.id, h.id);
	T_EQ(s.nexthop.ifindex, v0);
	T_OK(s.nexthop.onlink && s.nexthop.family == AF_INET);
	T_OK(pt_addr_eq(&s.nexthop.via, &h.via));
	s = (struct seen){};
	T_EQ(read_routes(AF_INET, RT_TABLE_MAIN, &s), 0);
	T_EQ(s.n, ROUTES);
	T_EQ(s.route.nexthop, h.id);
	T_OK(pt_addr_eq(&s.route.via, &h.via)); // where the object is now
	pt_nexthop_delete(rtnl, h.id);
	T_EQ(pt_rtnl_flush(rtnl, &err), 0);
	s = (struct seen){};
	T_EQ(read_routes(AF_INET, RT_TABLE_MAIN, &s), 0);
	T_EQ(s.n, 0);
}

struct heard {
	uint32_t n[3][2]; // by kind, and whether gone
};

static void hear(void *ctx, enum pt_route_kind kind, bool gone, const void *what)
{
	struct heard *h = ctx;

	if (what)
		h->n[kind][gone]++;
}

static void test_monitor(void)
{
	struct pt_route_monitor *m = NULL;
	struct heard h = {};

	NEED_NAMESPACE();
	T_EQ(pt_route_monitor_new(&m, &err), 0);
	T_NEED(m);
	T_EQ(IP("route", "add", "10.40.0.0/16", "dev", "v0"), 0);
	T_EQ(IP("route", "del", "10.40.0.0/16", "dev", "v0"), 0);
	T_EQ(IP("rule", "add", "fwmark", "7/15", "lookup", "99"), 0);
	T_EQ(IP("rule", "del", "fwmark", "7/15", "lookup", "99"), 0);
	T_EQ(IP("nexthop", "add", "id", "9", "dev", "v0"), 0);
	T_EQ(IP("nexthop", "del", "id", "9"), 0);
	T_EQ(pt_route_monitor_read(m, hear, &h, &err), 0);
	for (int i = 0; i < 6; i++)
		T_EQ(h.n[i / 2][i % 2], 1);
	pt_route_monitor_free(m);
}

#define MANY 2000 // routes: more than one piece of an answer holds

static void put_many(bool there)
{
	struct pt_route r = { .protocol = PT_NET_PROTOCOL,
		.dst = prefix("11.0.0.0/24"),
		.ifindex = v0,
		.table = PT_NET_TABLE + 9 };

	for (unsigned i = 0; i < MANY; i++) {
		r.dst.addr.bytes[1] = (uint8_t)(i >> 8);
		r.dst.addr.bytes[2] = (uint8_t)i;
		if (there)
			pt_route_put(rtnl, &r);
		else
			pt_route_delete(rtnl, &r);
	}
	T_EQ(pt_rtnl_flush(rtnl, &err), 0);
}

static void ask_all(void *ctx, struct nlmsghdr *nlh)
{
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	(void)ctx;
	rtm->rtm_family = AF_INET;
}

struct reader {
	uint32_t n, enough;
	int ret, error;
};

static int count(const struct nlmsghdr *nlh, void *ctx)
{
	struct reader *r = ctx;

	(void)nlh;
	if (++r->n < r->enough)
		return MNL_CB_OK;
	errno = r->error;
	return r->ret;
}

// What a reader cannot keep is an error of the whole, and the socket goes on to serve.
static void test_reader_fails(void)
{
	struct reader fails = { .enough = 5, .ret = MNL_CB_ERROR, .error = ENOMEM };
	struct reader stops = { .enough = 7, .ret = MNL_CB_STOP }, all = { .enough = UINT32_MAX };

	NEED_NAMESPACE();
	put_many(true);
	T_EQ(pt_rtnl_dump(rtnl, RTM_GETROUTE, ask_all, count, &fails), -ENOMEM);
	T_EQ(fails.n, 5);
	T_EQ(pt_rtnl_dump(rtnl, RTM_GETROUTE, ask_all, count, &stops), 0);
	T_EQ(stops.n, 7);
	T_EQ(pt_rtnl_dump(rtnl, RTM_GETROUTE, ask_all, count, &all), 0);
	T_OK(all.n >= MANY);
	put_many(false);
}

static void ask_no_table(void *ctx, struct nlmsghdr *nlh)
{
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	(void)ctx;
	rtm->rtm_family = AF_INET;
	mnl_attr_put_u32(nlh, RTA_TABLE, 4711);
}

// What the last message of a dump says is the dump's result.
static void test_dump_breaks_off(void)
{
	struct reader all = { .enough = UINT32_MAX };

	NEED_NAMESPACE();
	T_EQ(pt_rtnl_dump(rtnl, RTM_GETROUTE, ask_no_table, count, &all), -ENOENT);
	T_EQ(all.n, 0);
	T_EQ(pt_rtnl_dump(rtnl, RTM_GETROUTE, ask_all, count, &all), 0); // and asks on
	T_OK(all.n > 0);
}

static const struct t_case cases[] = {
	{ "puts, reads and deletes routes, with and without a next hop", test_routes },
	{ "the first error is told in the kernel's words, the rest is done", test_error },
	{ "puts, reads and deletes rules", test_rules },
	{ "a thousand routes follow one nexthop object", test_nexthop },
	{ "hears of routes, rules and nexthops", test_monitor },
	{ "a dump that breaks off is an error", test_dump_breaks_off },
	{ "a reader that fails is told, and all of its answer is read", test_reader_fails },
};

int main(void)
{
	struct pt_links l = {};
	int ret;

	own_namespace = geteuid() == 0 && !unshare(CLONE_NEWNET) &&
		!IP("link", "add", "v0", "type", "veth", "peer", "name", "v1") &&
		!IP("addr", "add", "10.5.5.1/22", "dev", "v0") && !IP("link", "set", "v0", "up") &&
		!IP("link", "set", "v1", "up") && !pt_links_read(&l, &err) &&
		!pt_rtnl_new(NETLINK_ROUTE, &rtnl, &err);
	if (own_namespace)
		v0 = pt_links_named(&l, "v0")->ifindex;
	pt_links_done(&l);
	ret = t_run(cases, sizeof(cases) / sizeof(cases[0]));
	pt_rtnl_free(rtnl);
	return ret;
}
