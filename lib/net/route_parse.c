// SPDX-License-Identifier: MIT
#include "net/route_parse.h"

#include <linux/fib_rules.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "net/attrs.h"

static uint32_t get_u32(const struct pt_attrs *a, int type)
{
	return a->at[type] && mnl_attr_get_payload_len(a->at[type]) >= sizeof(uint32_t)
		? mnl_attr_get_u32(a->at[type])
		: 0;
}

static void get_addr(const struct pt_attrs *a, int type, struct pt_addr *out)
{
	size_t len = a->at[type] ? mnl_attr_get_payload_len(a->at[type]) : 0;

	if (len != 4 && len != 16)
		return;
	out->family = len == 4 ? AF_INET : AF_INET6;
	memcpy(out->bytes, mnl_attr_get_payload(a->at[type]), len);
}

// RTA_VIA: a next hop of the other family.
static void get_via(const struct nlattr *attr, struct pt_addr *out)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if (len != sizeof(*via) + 4 && len != sizeof(*via) + 16)
		return;
	out->family = len == sizeof(*via) + 4 ? AF_INET : AF_INET6;
	memcpy(out->bytes, via->rtvia_addr, len - sizeof(*via));
}

static bool parse(const struct nlmsghdr *nlh, size_t header, struct pt_attrs *out)
{
	if (mnl_nlmsg_get_payload_len(nlh) < header)
		return false;
	*out = pt_attrs_of(nlh, header);
	return true;
}

bool pt_route_parse(const struct nlmsghdr *nlh, struct pt_route *out)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct pt_attrs a, metrics;

	if ((nlh->nlmsg_type != RTM_NEWROUTE && nlh->nlmsg_type != RTM_DELROUTE) ||
		!parse(nlh, sizeof(*rtm), &a))
		return false;
	if ((rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6) ||
		rtm->rtm_flags & RTM_F_CLONED || a.at[RTA_MULTIPATH])
		return false;
	*out = (struct pt_route){
		.dst = { .addr.family = rtm->rtm_family, .len = rtm->rtm_dst_len },
		.table = a.at[RTA_TABLE] ? get_u32(&a, RTA_TABLE) : rtm->rtm_table,
		.metric = get_u32(&a, RTA_PRIORITY),
		.ifindex = get_u32(&a, RTA_OIF),
		.nexthop = get_u32(&a, RTA_NH_ID),
		.onlink = rtm->rtm_flags & RTNH_F_ONLINK,
		.protocol = rtm->rtm_protocol,
		.type = rtm->rtm_type,
		.flags = rtm->rtm_flags,
	};
	get_addr(&a, RTA_DST, &out->dst.addr);
	get_addr(&a, RTA_GATEWAY, &out->via);
	if (a.at[RTA_VIA])
		get_via(a.at[RTA_VIA], &out->via);
	metrics = pt_attrs_in(a.at[RTA_METRICS]);
	out->mtu = get_u32(&metrics, RTAX_MTU);
	out->mtu_locked = get_u32(&metrics, RTAX_LOCK) & 1u << RTAX_MTU;
	return true;
}

bool pt_route_rule_parse(const struct nlmsghdr *nlh, struct pt_route_rule *out)
{
	const struct fib_rule_hdr *frh = mnl_nlmsg_get_payload(nlh);
	struct pt_attrs a;

	if ((nlh->nlmsg_type != RTM_NEWRULE && nlh->nlmsg_type != RTM_DELRULE) ||
		!parse(nlh, sizeof(*frh), &a))
		return false;
	if (frh->family != AF_INET && frh->family != AF_INET6)
		return false;
	*out = (struct pt_route_rule){
		.family = frh->family,
		.action = frh->action,
		.priority = get_u32(&a, FRA_PRIORITY),
		.mark = get_u32(&a, FRA_FWMARK),
		.mask = get_u32(&a, FRA_FWMASK),
		.table = a.at[FRA_TABLE] ? get_u32(&a, FRA_TABLE) : frh->table,
		.target = get_u32(&a, FRA_GOTO),
	};
	if (a.at[FRA_PROTOCOL] && mnl_attr_get_payload_len(a.at[FRA_PROTOCOL]))
		out->protocol = mnl_attr_get_u8(a.at[FRA_PROTOCOL]);
	return true;
}

bool pt_nexthop_parse(const struct nlmsghdr *nlh, struct pt_nexthop *out)
{
	const struct nhmsg *nhm = mnl_nlmsg_get_payload(nlh);
	struct pt_attrs a;

	if ((nlh->nlmsg_type != RTM_NEWNEXTHOP && nlh->nlmsg_type != RTM_DELNEXTHOP) ||
		!parse(nlh, sizeof(*nhm), &a))
		return false;
	if (a.at[NHA_GROUP])
		return false;
	*out = (struct pt_nexthop){
		.id = get_u32(&a, NHA_ID),
		.family = nhm->nh_family,
		.protocol = nhm->nh_protocol,
		.onlink = nhm->nh_flags & RTNH_F_ONLINK,
		.ifindex = get_u32(&a, NHA_OIF),
	};
	get_addr(&a, NHA_GATEWAY, &out->via);
	return true;
}
