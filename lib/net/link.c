// SPDX-License-Identifier: MIT
#include "net/link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/rtnl.h"
#include "net/rtnl_monitor.h"

struct pt_link_monitor {
	struct pt_rtnl_monitor rtnl;
};

static void *grow(void *array, uint32_t n, size_t size)
{
	// Doubles at powers of two, so that callers need no capacity field.
	if (n & (n - 1))
		return array;
	return realloc(array, (n ? 2 * (size_t)n : 1) * size);
}

static int on_link_attr(const struct nlattr *attr, void *data)
{
	struct pt_link *out = data;

	if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 &&
		mnl_attr_get_payload_len(attr) <= IFNAMSIZ)
		memcpy(out->name, mnl_attr_get_str(attr), mnl_attr_get_payload_len(attr));
	else if (mnl_attr_get_type(attr) == IFLA_MTU)
		out->mtu = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static void parse_link(const struct nlmsghdr *nlh, struct pt_link *out)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	*out = (struct pt_link){
		.ifindex = (uint32_t)ifi->ifi_index,
		.flags = ifi->ifi_flags,
		.type = ifi->ifi_type,
	};
	(void)mnl_attr_parse(nlh, sizeof(*ifi), on_link_attr, out); // the callback never fails
}

static int on_link(const struct nlmsghdr *nlh, void *data)
{
	struct pt_links *links = data;
	struct pt_link *grown;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	grown = grow(links->link, links->n_link, sizeof(*grown));
	if (!grown)
		return MNL_CB_ERROR; // errno is ENOMEM
	links->link = grown;
	parse_link(nlh, &grown[links->n_link++]);
	return MNL_CB_OK;
}

static void clear_host_bits(struct pt_prefix *p)
{
	unsigned bytes = p->addr.family == AF_INET ? 4 : 16;

	for (unsigned i = 0; i < bytes; i++) {
		unsigned keep = p->len > 8 * i ? p->len - 8 * i : 0;

		if (keep < 8)
			p->addr.bytes[i] &= (uint8_t)(0xff00 >> keep);
	}
}

static int on_addr_attr(const struct nlattr *attr, void *data)
{
	struct pt_link_addr *out = data;
	size_t len = mnl_attr_get_payload_len(attr);
	struct pt_addr *a = NULL;

	if (mnl_attr_get_type(attr) == IFA_LOCAL)
		a = &out->local;
	else if (mnl_attr_get_type(attr) == IFA_ADDRESS)
		a = &out->connected.addr;
	if (a && (len == 4 || len == 16)) {
		a->family = len == 4 ? AF_INET : AF_INET6;
		memcpy(a->bytes, mnl_attr_get_payload(attr), len);
	}
	return MNL_CB_OK;
}

static int on_addr(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct pt_links *links = data;
	struct pt_link_addr a = { .ifindex = ifa->ifa_index }, *grown;

	if (nlh->nlmsg_type != RTM_NEWADDR ||
		(ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return MNL_CB_OK;
	(void)mnl_attr_parse(nlh, sizeof(*ifa), on_addr_attr, &a); // the callback never fails
	if (!a.local.family)
		a.local = a.connected.addr; // IPv6 gives IFA_ADDRESS alone
	a.connected.len = ifa->ifa_prefixlen;
	clear_host_bits(&a.connected);
	grown = grow(links->addr, links->n_addr, sizeof(*grown));
	if (!grown)
		return MNL_CB_ERROR;
	links->addr = grown;
	grown[links->n_addr++] = a;
	return MNL_CB_OK;
}

static void put_any_family(void *ctx, struct nlmsghdr *nlh)
{
	struct rtgenmsg *gen = mnl_nlmsg_put_extra_header(nlh,
		nlh->nlmsg_type == RTM_GETLINK ? sizeof(struct ifinfomsg)
					       : sizeof(struct ifaddrmsg));

	(void)ctx;
	gen->rtgen_family = AF_UNSPEC;
}

int pt_links_read(struct pt_links *out, struct pt_err *err)
{
	struct pt_links got = {};
	struct pt_rtnl *n;
	int ret = pt_rtnl_new(NETLINK_ROUTE, &n, err);

	if (ret)
		return ret;
	ret = pt_rtnl_dump(n, RTM_GETLINK, put_any_family, on_link, &got);
	if (!ret)
		ret = pt_rtnl_dump(n, RTM_GETADDR, put_any_family, on_addr, &got);
	pt_rtnl_free(n);
	if (ret) {
		pt_links_done(&got);
		return pt_err_errno(err, ret, "netlink: reading devices");
	}
	*out = got;
	return 0;
}

void pt_links_done(struct pt_links *l)
{
	free(l->link);
	free(l->addr);
	*l = (struct pt_links){};
}

const struct pt_link *pt_links_named(const struct pt_links *l, const char *name)
{
	for (uint32_t i = 0; i < l->n_link; i++)
		if (!strcmp(l->link[i].name, name))
			return &l->link[i];
	return NULL;
}

const struct pt_link *pt_links_at(const struct pt_links *l, uint32_t ifindex)
{
	for (uint32_t i = 0; i < l->n_link; i++)
		if (l->link[i].ifindex == ifindex)
			return &l->link[i];
	return NULL;
}

bool pt_link_usable(const struct pt_link *l)
{
	const uint32_t want = IFF_UP | IFF_RUNNING; // running: up and carrier (operstate)

	return (l->flags & want) == want;
}

bool pt_link_is_l3(const struct pt_link *l)
{
	static const uint16_t types[] = { ARPHRD_NONE, ARPHRD_PPP, ARPHRD_TUNNEL, ARPHRD_TUNNEL6,
		ARPHRD_SIT, ARPHRD_IPGRE, ARPHRD_IP6GRE, ARPHRD_RAWIP };

	for (size_t i = 0; i < PT_ARRAY_LEN(types); i++)
		if (l->type == types[i])
			return true;
	return false;
}

int pt_link_monitor_new(struct pt_link_monitor **out, struct pt_err *err)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR };
	struct pt_link_monitor *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return pt_err_set(err, -ENOMEM, "out of memory");
	ret = pt_rtnl_monitor_open(&m->rtnl, groups, PT_ARRAY_LEN(groups), "devices", err);
	if (ret)
		free(m);
	else
		*out = m;
	return ret;
}

void pt_link_monitor_free(struct pt_link_monitor *m)
{
	if (m)
		pt_rtnl_monitor_close(&m->rtnl);
	free(m);
}

int pt_link_monitor_fd(const struct pt_link_monitor *m)
{
	return mnl_socket_get_fd(m->rtnl.sock);
}

struct hearer {
	pt_link_change_fn *fn;
	void *ctx;
};

static void on_message(void *ctx, const struct nlmsghdr *nlh)
{
	const struct hearer *h = ctx;
	struct pt_link link;

	switch (nlh ? nlh->nlmsg_type : NLMSG_OVERRUN) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		parse_link(nlh, &link);
		h->fn(h->ctx, nlh->nlmsg_type == RTM_NEWLINK ? PT_LINK_NEW : PT_LINK_GONE, &link);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		h->fn(h->ctx, PT_LINK_ADDR, NULL);
		break;
	case NLMSG_OVERRUN:
		h->fn(h->ctx, PT_LINK_LOST, NULL);
		break;
	default:
		break;
	}
}

int pt_link_monitor_read(
	struct pt_link_monitor *m, pt_link_change_fn *fn, void *ctx, struct pt_err *err)
{
	struct hearer h = { fn, ctx };

	return pt_rtnl_monitor_read(&m->rtnl, on_message, &h, err);
}
