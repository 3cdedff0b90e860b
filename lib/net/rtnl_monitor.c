// SPDX-License-Identifier: MIT
#include "net/rtnl_monitor.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define MESSAGE_BYTES 32768 // what the kernel fills at most
#define BUFFER_BYTES  (1 << 20)

int pt_rtnl_monitor_open(struct pt_rtnl_monitor *m, const int *groups, size_t n, const char *what,
	struct pt_err *err)
{
	int bytes = BUFFER_BYTES, ret = 0;

	m->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!m->sock || mnl_socket_bind(m->sock, 0, MNL_SOCKET_AUTOPID) < 0)
		ret = -errno;
	for (size_t i = 0; i < n && !ret; i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(m->sock, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) <
			0)
			ret = -errno;
	}
	if (ret) {
		pt_rtnl_monitor_close(m);
		return pt_err_errno(err, ret, "netlink: watching %s", what);
	}
	// Best effort: a smaller buffer only means that messages are dropped sooner, which is told.
	(void)setsockopt(mnl_socket_get_fd(m->sock), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return 0;
}

void pt_rtnl_monitor_close(struct pt_rtnl_monitor *m)
{
	if (m->sock)
		(void)mnl_socket_close(m->sock);
	m->sock = NULL;
}

static void hand_over(const void *buf, int left, pt_rtnl_heard_fn *fn, void *ctx)
{
	for (const struct nlmsghdr *msg = buf; mnl_nlmsg_ok(msg, left);
		msg = mnl_nlmsg_next(msg, &left))
		fn(ctx, msg);
}

int pt_rtnl_monitor_read(
	struct pt_rtnl_monitor *m, pt_rtnl_heard_fn *fn, void *ctx, struct pt_err *err)
{
	pt_autofree char *buf = malloc(MESSAGE_BYTES);
	ssize_t n;

	if (!buf)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (;;) {
		n = mnl_socket_recvfrom(m->sock, buf, MESSAGE_BYTES);
		if (n > 0)
			hand_over(buf, (int)n, fn, ctx);
		else if (n == 0 || errno == EAGAIN)
			return 0;
		else if (errno == ENOBUFS)
			fn(ctx, NULL);
		else if (errno != EINTR)
			return pt_err_errno(err, -errno, "netlink");
	}
}
