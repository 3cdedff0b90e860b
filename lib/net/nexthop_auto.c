// SPDX-License-Identifier: MIT
#include "net/nexthop_auto.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/icmpv6.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/rtnl.h"
#include "net/rtnl_monitor.h"

struct pt_gateway_monitor {
	struct pt_rtnl_monitor rtnl;
	uint8_t protocol;
};

typedef int row_fn(void *ctx, const struct pt_gateway *row);

struct parse {
	uint8_t protocol; // ours
	row_fn *fn;
	void *ctx;
};

// ---- one route ----

static void read_addr(const struct nlattr *attr, uint8_t family, struct pt_addr *out)
{
	uint16_t len = mnl_attr_get_payload_len(attr);

	if (len != (family == AF_INET ? 4 : 16))
		return;
	out->family = family;
	memcpy(out->bytes, mnl_attr_get_payload(attr), len);
}

static uint8_t read_rank(const struct nlattr *attr)
{
	if (mnl_attr_validate(attr, MNL_TYPE_U8) < 0)
		return 1;
	switch (mnl_attr_get_u8(attr)) {
	case ICMPV6_ROUTER_PREF_HIGH:
		return 0;
	case ICMPV6_ROUTER_PREF_LOW:
		return 2;
	default:
		return 1;
	}
}

// What is being read of one message.
struct route {
	struct pt_gateway row;
	const struct nlattr *ways; // of a multipath route
};

static int on_way_attr(const struct nlattr *attr, void *data)
{
	struct pt_gateway *row = data;

	if (mnl_attr_get_type(attr) == RTA_GATEWAY)
		read_addr(attr, row->to.addr.family, &row->via);
	return MNL_CB_OK;
}

static int on_attr(const struct nlattr *attr, void *data)
{
	struct route *r = data;
	struct pt_gateway *row = &r->row;
	bool is_u32 = mnl_attr_get_payload_len(attr) == sizeof(uint32_t);

	switch (mnl_attr_get_type(attr)) {
	case RTA_DST:
		read_addr(attr, row->to.addr.family, &row->to.addr);
		break;
	case RTA_GATEWAY:
		read_addr(attr, row->to.addr.family, &row->via);
		break;
	case RTA_OIF:
		row->ifindex = is_u32 ? mnl_attr_get_u32(attr) : 0;
		break;
	case RTA_TABLE:
		row->table = is_u32 ? mnl_attr_get_u32(attr) : row->table;
		break;
	case RTA_PRIORITY:
		row->metric = is_u32 ? mnl_attr_get_u32(attr) : 0;
		break;
	case RTA_PREF:
		row->rank = read_rank(attr);
		break;
	case RTA_MULTIPATH:
		r->ways = attr;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

// Each way of a multipath route is a row of its own.
static int each_way(const struct parse *p, const struct nlattr *ways, struct pt_gateway *row)
{
	const struct rtnexthop *way = mnl_attr_get_payload(ways);
	int left = mnl_attr_get_payload_len(ways), ret = 0;

	for (; RTNH_OK(way, left) && !ret; way = RTNH_NEXT(way)) {
		row->ifindex = (uint32_t)way->rtnh_ifindex;
		row->via = (struct pt_addr){};
		// The callback never fails.
		(void)mnl_attr_parse_payload(
			RTNH_DATA(way), way->rtnh_len - sizeof(*way), on_way_attr, row);
		if (!(way->rtnh_flags & RTNH_F_DEAD))
			ret = p->fn(p->ctx, row);
		left -= (int)RTNH_ALIGN(way->rtnh_len);
	}
	return ret;
}

// 0 where the message holds nothing for us.
static int read_route(const struct parse *p, const struct nlmsghdr *nlh)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(nlh);
	struct route r = { .row = { .to = { .addr.family = rt->rtm_family, .len = rt->rtm_dst_len },
				   .table = rt->rtm_table,
				   .protocol = rt->rtm_protocol,
				   .rank = 1 } };

	if ((rt->rtm_family != AF_INET && rt->rtm_family != AF_INET6) ||
		rt->rtm_type != RTN_UNICAST || rt->rtm_protocol == p->protocol ||
		rt->rtm_flags & RTM_F_CLONED || rt->rtm_src_len || rt->rtm_tos ||
		rt->rtm_table == RT_TABLE_LOCAL)
		return 0;
	(void)mnl_attr_parse(nlh, sizeof(*rt), on_attr, &r); // the callback never fails
	if (r.ways)
		return each_way(p, r.ways, &r.row);
	// A dead route is news to a monitor, and nothing to a reader.
	if (rt->rtm_flags & RTNH_F_DEAD)
		r.row.via = (struct pt_addr){};
	return p->fn(p->ctx, &r.row);
}

// ---- all of a device ----

struct reader {
	struct pt_gateways got;
	uint32_t room, ifindex;
};

static int keep(void *ctx, const struct pt_gateway *row)
{
	struct reader *r = ctx;

	if (!row->via.family || row->ifindex != r->ifindex)
		return 0;
	if (r->got.n == r->room) {
		uint32_t room = r->room ? 2 * r->room : 16;
		struct pt_gateway *grown = reallocarray(r->got.row, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		r->got.row = grown;
		r->room = room;
	}
	r->got.row[r->got.n++] = *row;
	return 0;
}

struct question {
	uint8_t family;
	uint32_t ifindex;
	struct parse parse;
};

static int on_route(const struct nlmsghdr *nlh, void *data)
{
	const struct question *q = data;
	int ret = nlh->nlmsg_type == RTM_NEWROUTE ? read_route(&q->parse, nlh) : 0;

	if (!ret)
		return MNL_CB_OK;
	errno = -ret;
	return MNL_CB_ERROR;
}

// The kernel leaves out the routes of other devices: there may be a million.
static void put_question(void *ctx, struct nlmsghdr *nlh)
{
	const struct question *q = ctx;
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(nlh, sizeof(*rt));

	rt->rtm_family = q->family;
	mnl_attr_put_u32(nlh, RTA_OIF, q->ifindex);
}

// Routes that come or go meanwhile will be told.
static int read_device(struct pt_rtnl *n, struct question *q)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int ret = 0;

	for (size_t i = 0; i < PT_ARRAY_LEN(families) && !ret; i++) {
		q->family = families[i];
		ret = pt_rtnl_dump(n, RTM_GETROUTE, put_question, on_route, q);
		// The device has gone, or IPv6 is off: there are no such routes.
		if (ret == -ENODEV || ret == -EOPNOTSUPP)
			ret = 0;
	}
	return ret;
}

// ---- neighbours ----

static int on_neighbour_attr(const struct nlattr *attr, void *data)
{
	struct pt_gateway *row = data;

	if (mnl_attr_get_type(attr) == NDA_DST)
		read_addr(attr, row->to.addr.family, &row->via);
	return MNL_CB_OK;
}

// false: of no family of ours, or in a state that says neither.
static bool read_neighbour(const struct nlmsghdr *nlh, struct pt_gateway *out)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);

	*out = (struct pt_gateway){ .ifindex = (uint32_t)nd->ndm_ifindex,
		.to.addr.family = nd->ndm_family,
		.silent = nd->ndm_state & NUD_FAILED,
		.neighbour = true };
	if ((nd->ndm_family != AF_INET && nd->ndm_family != AF_INET6) ||
		nd->ndm_state & NUD_INCOMPLETE)
		return false;
	(void)mnl_attr_parse(nlh, sizeof(*nd), on_neighbour_attr, out); // the callback never fails
	return out->via.family != 0;
}

static int on_neighbour(const struct nlmsghdr *nlh, void *data)
{
	struct question *q = data;
	struct pt_gateways *g = &((struct reader *)q->parse.ctx)->got;
	struct pt_gateway seen;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || !read_neighbour(nlh, &seen))
		return MNL_CB_OK;
	for (uint32_t i = 0; i < g->n; i++)
		if (g->row[i].ifindex == seen.ifindex && pt_addr_eq(&g->row[i].via, &seen.via))
			g->row[i].silent = seen.silent;
	return MNL_CB_OK;
}

static void put_neighbours(void *ctx, struct nlmsghdr *nlh)
{
	const struct question *q = ctx;
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(nlh, sizeof(*nd));

	nd->ndm_family = q->family;
	mnl_attr_put_u32(nlh, NDA_IFINDEX, q->ifindex);
}

static int read_neighbours(struct pt_rtnl *n, struct question *q)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int ret = 0;

	for (size_t i = 0; i < PT_ARRAY_LEN(families) && !ret; i++) {
		q->family = families[i];
		ret = pt_rtnl_dump(n, RTM_GETNEIGH, put_neighbours, on_neighbour, q);
		if (ret == -ENODEV || ret == -EOPNOTSUPP) // gone meanwhile, which will be told
			ret = 0;
	}
	return ret;
}

int pt_gateways_read(const uint32_t *ifindex, uint32_t n, uint8_t protocol, struct pt_gateways *out,
	struct pt_err *err)
{
	struct reader r = {};
	struct question q = { .parse = { .protocol = protocol, .fn = keep, .ctx = &r } };
	struct pt_rtnl *rtnl;
	int ret = pt_rtnl_new(NETLINK_ROUTE, &rtnl, err);

	if (ret)
		return ret;
	for (uint32_t i = 0; i < n && !ret; i++) {
		r.ifindex = q.ifindex = ifindex[i];
		ret = read_device(rtnl, &q);
		if (!ret)
			ret = read_neighbours(rtnl, &q);
	}
	pt_rtnl_free(rtnl);
	if (ret) {
		pt_gateways_done(&r.got);
		return pt_err_errno(err, ret, "netlink: reading routes");
	}
	*out = r.got;
	return 0;
}

void pt_gateways_done(struct pt_gateways *g)
{
	free(g->row);
	*g = (struct pt_gateways){};
}

// ---- the best ----

static bool better(const struct pt_gateway *a, const struct pt_gateway *b)
{
	bool main_a = a->table == RT_TABLE_MAIN, main_b = b->table == RT_TABLE_MAIN;

	if (main_a != main_b)
		return main_a;
	if (a->to.len != b->to.len)
		return a->to.len > b->to.len;
	if (a->table != b->table)
		return a->table < b->table;
	if (a->metric != b->metric)
		return a->metric < b->metric;
	if (a->rank != b->rank)
		return a->rank < b->rank;
	return a->silent < b->silent; // the first read of equals stays
}

const struct pt_gateway *pt_gateways_find(
	const struct pt_gateways *g, uint32_t ifindex, const struct pt_addr *toward)
{
	const struct pt_gateway *best = NULL;

	for (uint32_t i = 0; i < g->n; i++) {
		const struct pt_gateway *row = &g->row[i];

		if (row->ifindex != ifindex || row->via.family != toward->family ||
			!pt_prefix_contains(&row->to, toward))
			continue;
		if (!best || better(row, best))
			best = row;
	}
	return best;
}

const char *pt_gateway_origin(uint8_t protocol, char buf[16])
{
	static const char *const names[UINT8_MAX + 1] = {
		[RTPROT_KERNEL] = "kernel",
		[RTPROT_BOOT] = "boot",
		[RTPROT_STATIC] = "static",
		[RTPROT_RA] = "ra",
		[RTPROT_ZEBRA] = "zebra",
		[RTPROT_BIRD] = "bird",
		[RTPROT_DHCP] = "dhcp",
		[RTPROT_BGP] = "bgp",
		[RTPROT_ISIS] = "isis",
		[RTPROT_OSPF] = "ospf",
		[RTPROT_RIP] = "rip",
	};

	if (names[protocol])
		return names[protocol];
	(void)snprintf(buf, 16, "protocol %u", protocol);
	return buf;
}

// ---- changes ----

int pt_gateway_monitor_new(uint8_t protocol, struct pt_gateway_monitor **out, struct pt_err *err)
{
	static const int groups[] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_NEIGH };
	struct pt_gateway_monitor *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return pt_err_set(err, -ENOMEM, "out of memory");
	m->protocol = protocol;
	ret = pt_rtnl_monitor_open(&m->rtnl, groups, PT_ARRAY_LEN(groups), "routes", err);
	if (ret)
		free(m);
	else
		*out = m;
	return ret;
}

void pt_gateway_monitor_free(struct pt_gateway_monitor *m)
{
	if (m)
		pt_rtnl_monitor_close(&m->rtnl);
	free(m);
}

int pt_gateway_monitor_fd(const struct pt_gateway_monitor *m)
{
	return mnl_socket_get_fd(m->rtnl.sock);
}

struct hearer {
	struct parse parse;
	pt_gateway_change_fn *fn;
	void *ctx;
};

static int tell(void *ctx, const struct pt_gateway *row)
{
	const struct hearer *h = ctx;

	h->fn(h->ctx, row);
	return 0;
}

static void on_message(void *ctx, const struct nlmsghdr *nlh)
{
	const struct hearer *h = ctx;
	struct pt_gateway seen;

	if (!nlh)
		h->fn(h->ctx, NULL);
	else if (nlh->nlmsg_type == RTM_NEWNEIGH && read_neighbour(nlh, &seen))
		h->fn(h->ctx, &seen);
	else if (nlh->nlmsg_type == RTM_NEWROUTE || nlh->nlmsg_type == RTM_DELROUTE)
		(void)read_route(&h->parse, nlh); // tell never fails
}

int pt_gateway_monitor_read(
	struct pt_gateway_monitor *m, pt_gateway_change_fn *fn, void *ctx, struct pt_err *err)
{
	struct hearer h = {
		.parse = { .protocol = m->protocol, .fn = tell, .ctx = &h }, .fn = fn, .ctx = ctx
	};

	return pt_rtnl_monitor_read(&m->rtnl, on_message, &h, err);
}
