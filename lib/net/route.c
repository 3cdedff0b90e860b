// SPDX-License-Identifier: MIT
#include "net/route.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/route_parse.h"

static unsigned addr_len(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static void put_addr(struct nlmsghdr *nlh, uint16_t type, const struct pt_addr *a)
{
	mnl_attr_put(nlh, type, addr_len(a->family), a->bytes);
}

// ---- routes ----

// What tells one route from another, for the kernel as for us.
static void put_route_key(struct nlmsghdr *nlh, const struct pt_route *r)
{
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = r->dst.addr.family;
	rtm->rtm_dst_len = r->dst.len;
	rtm->rtm_protocol = r->protocol;
	rtm->rtm_table = RT_TABLE_UNSPEC; // the attribute has it, which is wide enough
	rtm->rtm_scope = RT_SCOPE_UNIVERSE;
	if (r->dst.addr.family == AF_INET && !r->via.family && !r->nexthop)
		rtm->rtm_scope = RT_SCOPE_LINK;
	mnl_attr_put_u32(nlh, RTA_TABLE, r->table ? r->table : RT_TABLE_MAIN);
	if (r->dst.len)
		put_addr(nlh, RTA_DST, &r->dst.addr);
	if (r->metric)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, r->metric);
}

static void put_route_way(struct nlmsghdr *nlh, const struct pt_route *r)
{
	struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

	if (r->nexthop) {
		mnl_attr_put_u32(nlh, RTA_NH_ID, r->nexthop);
		return;
	}
	if (r->ifindex)
		mnl_attr_put_u32(nlh, RTA_OIF, r->ifindex);
	if (r->via.family)
		put_addr(nlh, RTA_GATEWAY, &r->via);
	if (r->via.family && r->onlink)
		rtm->rtm_flags |= RTNH_F_ONLINK;
}

static void put_route_metrics(struct nlmsghdr *nlh, const struct pt_route *r)
{
	struct nlattr *nest;

	if (!r->mtu)
		return;
	nest = mnl_attr_nest_start(nlh, RTA_METRICS);
	if (r->mtu_locked)
		mnl_attr_put_u32(nlh, RTAX_LOCK, 1u << RTAX_MTU);
	mnl_attr_put_u32(nlh, RTAX_MTU, r->mtu);
	mnl_attr_nest_end(nlh, nest);
}

static void new_route(struct pt_rtnl *n, const struct pt_route *r, uint16_t how, int forgive)
{
	struct nlmsghdr *nlh = pt_rtnl_begin(n, RTM_NEWROUTE, NLM_F_CREATE | how, forgive);
	struct rtmsg *rtm;

	put_route_key(nlh, r);
	rtm = mnl_nlmsg_get_payload(nlh);
	rtm->rtm_type = r->type ? r->type : RTN_UNICAST;
	put_route_way(nlh, r);
	put_route_metrics(nlh, r);
	pt_rtnl_end(n, nlh, "route");
}

void pt_route_put(struct pt_rtnl *n, const struct pt_route *r)
{
	new_route(n, r, NLM_F_REPLACE, 0);
}

void pt_route_add(struct pt_rtnl *n, const struct pt_route *r)
{
	new_route(n, r, NLM_F_EXCL, EEXIST);
}

void pt_route_delete(struct pt_rtnl *n, const struct pt_route *r)
{
	struct nlmsghdr *nlh = pt_rtnl_begin(n, RTM_DELROUTE, 0, ESRCH);
	struct rtmsg *rtm;

	put_route_key(nlh, r);
	rtm = mnl_nlmsg_get_payload(nlh);
	rtm->rtm_scope = RT_SCOPE_NOWHERE; // whatever it is
	pt_rtnl_end(n, nlh, "route");
}

// ---- rules ----

static void put_rule(struct nlmsghdr *nlh, const struct pt_route_rule *r)
{
	struct fib_rule_hdr *frh = mnl_nlmsg_put_extra_header(nlh, sizeof(*frh));

	frh->family = r->family;
	frh->action = r->action;
	mnl_attr_put_u32(nlh, FRA_PRIORITY, r->priority);
	if (r->mask) {
		mnl_attr_put_u32(nlh, FRA_FWMARK, r->mark);
		mnl_attr_put_u32(nlh, FRA_FWMASK, r->mask);
	}
	if (r->table)
		mnl_attr_put_u32(nlh, FRA_TABLE, r->table);
	if (r->action == FR_ACT_GOTO)
		mnl_attr_put_u32(nlh, FRA_GOTO, r->target);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, r->protocol);
}

void pt_route_rule_put(struct pt_rtnl *n, const struct pt_route_rule *r)
{
	struct nlmsghdr *nlh = pt_rtnl_begin(n, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, EEXIST);

	put_rule(nlh, r);
	pt_rtnl_end(n, nlh, "rule");
}

void pt_route_rule_delete(struct pt_rtnl *n, const struct pt_route_rule *r)
{
	struct nlmsghdr *nlh = pt_rtnl_begin(n, RTM_DELRULE, 0, ENOENT);

	put_rule(nlh, r);
	pt_rtnl_end(n, nlh, "rule");
}

// ---- nexthop objects ----

void pt_nexthop_put(struct pt_rtnl *n, const struct pt_nexthop *h)
{
	struct nlmsghdr *nlh = pt_rtnl_begin(n, RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_REPLACE, 0);
	struct nhmsg *nhm = mnl_nlmsg_put_extra_header(nlh, sizeof(*nhm));

	nhm->nh_family = h->family;
	nhm->nh_protocol = h->protocol;
	nhm->nh_flags = h->via.family && h->onlink ? RTNH_F_ONLINK : 0;
	mnl_attr_put_u32(nlh, NHA_ID, h->id);
	mnl_attr_put_u32(nlh, NHA_OIF, h->ifindex);
	if (h->via.family)
		put_addr(nlh, NHA_GATEWAY, &h->via);
	pt_rtnl_end(n, nlh, "nexthop");
}

void pt_nexthop_delete(struct pt_rtnl *n, uint32_t id)
{
	struct nlmsghdr *nlh = pt_rtnl_begin(n, RTM_DELNEXTHOP, 0, ENOENT);

	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct nhmsg));
	mnl_attr_put_u32(nlh, NHA_ID, id);
	pt_rtnl_end(n, nlh, "nexthop");
}

// ---- reading ----

struct reading {
	uint8_t family, protocol;
	uint32_t table;
	pt_route_fn *route;
	pt_route_rule_fn *rule;
	pt_nexthop_fn *nexthop;
	void *ctx;
};

static int on_route(const struct nlmsghdr *nlh, void *data)
{
	const struct reading *r = data;
	struct pt_route route;

	if (pt_route_parse(nlh, &route) && (!r->protocol || route.protocol == r->protocol) &&
		(!r->table || route.table == r->table))
		r->route(r->ctx, &route);
	return MNL_CB_OK;
}

static int on_rule(const struct nlmsghdr *nlh, void *data)
{
	const struct reading *r = data;
	struct pt_route_rule rule;

	if (pt_route_rule_parse(nlh, &rule) && (!r->protocol || rule.protocol == r->protocol))
		r->rule(r->ctx, &rule);
	return MNL_CB_OK;
}

static int on_nexthop(const struct nlmsghdr *nlh, void *data)
{
	const struct reading *r = data;
	struct pt_nexthop nexthop;

	if (pt_nexthop_parse(nlh, &nexthop) && (!r->protocol || nexthop.protocol == r->protocol))
		r->nexthop(r->ctx, &nexthop);
	return MNL_CB_OK;
}

// The kernel itself leaves out what is not wanted: its tables may hold a million routes.
static void ask_routes(void *ctx, struct nlmsghdr *nlh)
{
	const struct reading *r = ctx;
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = r->family;
	rtm->rtm_protocol = r->protocol;
	if (r->table)
		mnl_attr_put_u32(nlh, RTA_TABLE, r->table);
}

static void ask_rules(void *ctx, struct nlmsghdr *nlh)
{
	const struct reading *r = ctx;
	struct fib_rule_hdr *frh = mnl_nlmsg_put_extra_header(nlh, sizeof(*frh));

	frh->family = r->family;
}

static void ask_nexthops(void *ctx, struct nlmsghdr *nlh)
{
	(void)ctx;
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct nhmsg));
}

static int told(int ret, const char *what, struct pt_err *err)
{
	if (ret == -EAFNOSUPPORT)
		ret = -EOPNOTSUPP;
	return ret ? pt_err_errno(err, ret, "netlink: reading %s", what) : 0;
}

int pt_routes_read(struct pt_rtnl *n, const struct pt_route_filter *filter, pt_route_fn *fn,
	void *ctx, struct pt_err *err)
{
	struct reading r = { .family = filter->family,
		.protocol = filter->protocol,
		.table = filter->table,
		.route = fn,
		.ctx = ctx };
	int ret = pt_rtnl_dump(n, RTM_GETROUTE, ask_routes, on_route, &r);

	return told(ret == -ENOENT ? 0 : ret, "routes", err); // a table that is not there is empty
}

int pt_route_rules_read(struct pt_rtnl *n, uint8_t family, uint8_t protocol, pt_route_rule_fn *fn,
	void *ctx, struct pt_err *err)
{
	struct reading r = { .family = family, .protocol = protocol, .rule = fn, .ctx = ctx };

	return told(pt_rtnl_dump(n, RTM_GETRULE, ask_rules, on_rule, &r), "rules", err);
}

int pt_nexthops_read(
	struct pt_rtnl *n, uint8_t protocol, pt_nexthop_fn *fn, void *ctx, struct pt_err *err)
{
	struct reading r = { .protocol = protocol, .nexthop = fn, .ctx = ctx };

	return told(pt_rtnl_dump(n, RTM_GETNEXTHOP, ask_nexthops, on_nexthop, &r), "nexthops", err);
}
