// SPDX-License-Identifier: MIT
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "net/route.h"
#include "net/route_parse.h"

#define MESSAGE_BYTES 32768
#define MONITOR_BYTES (1 << 20)

struct pt_route_monitor {
	struct mnl_socket *sock;
};

int pt_route_monitor_new(struct pt_route_monitor **out, struct pt_err *err)
{
	static const int groups[] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,
		RTNLGRP_IPV6_RULE, RTNLGRP_NEXTHOP };
	int bytes = MONITOR_BYTES, ret = 0;
	struct pt_route_monitor *m = calloc(1, sizeof(*m));

	if (!m)
		return pt_err_set(err, -ENOMEM, "out of memory");
	m->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!m->sock || mnl_socket_bind(m->sock, 0, MNL_SOCKET_AUTOPID) < 0)
		ret = -errno;
	for (size_t i = 0; i < PT_ARRAY_LEN(groups) && !ret; i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(m->sock, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) <
			0)
			ret = -errno;
	}
	if (ret) {
		pt_route_monitor_free(m);
		return pt_err_errno(err, ret, "netlink: watching routes");
	}
	// Best effort: a smaller buffer only means PT_ROUTE_LOST sooner.
	(void)setsockopt(mnl_socket_get_fd(m->sock), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	*out = m;
	return 0;
}

void pt_route_monitor_free(struct pt_route_monitor *m)
{
	if (m && m->sock)
		(void)mnl_socket_close(m->sock);
	free(m);
}

int pt_route_monitor_fd(const struct pt_route_monitor *m)
{
	return mnl_socket_get_fd(m->sock);
}

static void hand_over(const struct nlmsghdr *nlh, pt_route_change_fn *fn, void *ctx)
{
	union {
		struct pt_route route;
		struct pt_route_rule rule;
		struct pt_nexthop nexthop;
	} what;

	if (pt_route_parse(nlh, &what.route))
		fn(ctx, PT_ROUTE_ROUTE, nlh->nlmsg_type == RTM_DELROUTE, &what.route);
	else if (pt_route_rule_parse(nlh, &what.rule))
		fn(ctx, PT_ROUTE_RULE, nlh->nlmsg_type == RTM_DELRULE, &what.rule);
	else if (pt_nexthop_parse(nlh, &what.nexthop))
		fn(ctx, PT_ROUTE_NEXTHOP, nlh->nlmsg_type == RTM_DELNEXTHOP, &what.nexthop);
}

int pt_route_monitor_read(
	struct pt_route_monitor *m, pt_route_change_fn *fn, void *ctx, struct pt_err *err)
{
	pt_autofree char *buf = malloc(MESSAGE_BYTES);
	const struct nlmsghdr *nlh;
	ssize_t n;
	int left;

	if (!buf)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (;;) {
		n = mnl_socket_recvfrom(m->sock, buf, MESSAGE_BYTES);
		if (n == 0 || (n < 0 && errno == EAGAIN))
			return 0;
		if (n < 0 && errno == ENOBUFS)
			fn(ctx, PT_ROUTE_LOST, true, NULL);
		else if (n < 0 && errno != EINTR)
			return pt_err_errno(err, -errno, "netlink");
		left = (int)n;
		for (nlh = (const void *)buf; n > 0 && mnl_nlmsg_ok(nlh, left);
			nlh = mnl_nlmsg_next(nlh, &left))
			hand_over(nlh, fn, ctx);
	}
}
