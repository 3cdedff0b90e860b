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

#define MESSAGE_BYTES 32768 // what the kernel fills at most for a dump
#define MONITOR_BYTES (1 << 20)

struct pt_link_monitor {
	struct mnl_socket *sock;
};

struct reader {
	struct pt_links *links;
	int ret;
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
	struct reader *r = data;
	struct pt_link *grown;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	grown = grow(r->links->link, r->links->n_link, sizeof(*grown));
	if (!grown) {
		r->ret = -ENOMEM;
		return MNL_CB_STOP;
	}
	r->links->link = grown;
	parse_link(nlh, &grown[r->links->n_link++]);
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
	struct reader *r = data;
	struct pt_link_addr a = { .ifindex = ifa->ifa_index }, *grown;

	if (nlh->nlmsg_type != RTM_NEWADDR ||
		(ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return MNL_CB_OK;
	(void)mnl_attr_parse(nlh, sizeof(*ifa), on_addr_attr, &a); // the callback never fails
	if (!a.local.family)
		a.local = a.connected.addr; // IPv6 gives IFA_ADDRESS alone
	a.connected.len = ifa->ifa_prefixlen;
	clear_host_bits(&a.connected);
	grown = grow(r->links->addr, r->links->n_addr, sizeof(*grown));
	if (!grown) {
		r->ret = -ENOMEM;
		return MNL_CB_STOP;
	}
	r->links->addr = grown;
	grown[r->links->n_addr++] = a;
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *sock, uint16_t type, mnl_cb_t fn, struct reader *r)
{
	pt_autofree char *buf = malloc(MESSAGE_BYTES);
	struct nlmsghdr *nlh;
	struct rtgenmsg *gen;
	ssize_t n;
	int ret = 1;

	if (!buf)
		return -ENOMEM;
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = type;
	gen = mnl_nlmsg_put_extra_header(nlh, sizeof(*gen));
	gen->rtgen_family = AF_UNSPEC;
	if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret > 0) {
		n = mnl_socket_recvfrom(sock, buf, MESSAGE_BYTES);
		if (n < 0)
			return -errno;
		ret = mnl_cb_run(buf, (size_t)n, type, mnl_socket_get_portid(sock), fn, r);
		if (ret < 0 && errno != EINTR) // EINTR: changed meanwhile, still complete enough
			return -errno;
	}
	return r->ret;
}

int pt_links_read(struct pt_links *out, struct pt_err *err)
{
	struct pt_links got = {};
	struct reader r = { .links = &got };
	struct mnl_socket *sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int ret;

	if (!sock)
		return pt_err_errno(err, -errno, "netlink");
	ret = mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	if (!ret)
		ret = dump(sock, RTM_GETLINK, on_link, &r);
	if (!ret)
		ret = dump(sock, RTM_GETADDR, on_addr, &r);
	(void)mnl_socket_close(sock);
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
	const unsigned groups = 1u << (RTNLGRP_LINK - 1) | 1u << (RTNLGRP_IPV4_IFADDR - 1) |
		1u << (RTNLGRP_IPV6_IFADDR - 1);
	const int bytes = MONITOR_BYTES;
	struct pt_link_monitor *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return pt_err_set(err, -ENOMEM, "out of memory");
	m->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!m->sock || mnl_socket_bind(m->sock, groups, MNL_SOCKET_AUTOPID) < 0) {
		ret = pt_err_errno(err, -errno, "netlink: watching devices");
		pt_link_monitor_free(m);
		return ret;
	}
	// Best effort: a smaller buffer only means PT_LINK_LOST sooner.
	(void)setsockopt(mnl_socket_get_fd(m->sock), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	*out = m;
	return 0;
}

void pt_link_monitor_free(struct pt_link_monitor *m)
{
	if (m && m->sock)
		(void)mnl_socket_close(m->sock);
	free(m);
}

int pt_link_monitor_fd(const struct pt_link_monitor *m)
{
	return mnl_socket_get_fd(m->sock);
}

static void hand_over(const char *buf, size_t left, pt_link_change_fn *fn, void *ctx)
{
	const struct nlmsghdr *nlh = (const void *)buf;
	struct pt_link link;
	int len = (int)left;

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		switch (nlh->nlmsg_type) {
		case RTM_NEWLINK:
		case RTM_DELLINK:
			parse_link(nlh, &link);
			fn(ctx, nlh->nlmsg_type == RTM_NEWLINK ? PT_LINK_NEW : PT_LINK_GONE, &link);
			break;
		case RTM_NEWADDR:
		case RTM_DELADDR:
			fn(ctx, PT_LINK_ADDR, NULL);
			break;
		default:
			break;
		}
	}
}

int pt_link_monitor_read(
	struct pt_link_monitor *m, pt_link_change_fn *fn, void *ctx, struct pt_err *err)
{
	pt_autofree char *buf = malloc(MESSAGE_BYTES);
	ssize_t n;

	if (!buf)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (;;) {
		n = mnl_socket_recvfrom(m->sock, buf, MESSAGE_BYTES);
		if (n > 0)
			hand_over(buf, (size_t)n, fn, ctx);
		else if (n == 0 || errno == EAGAIN)
			return 0;
		else if (errno == ENOBUFS)
			fn(ctx, PT_LINK_LOST, NULL);
		else if (errno != EINTR)
			return pt_err_errno(err, -errno, "netlink");
	}
}
