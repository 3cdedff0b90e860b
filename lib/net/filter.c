// SPDX-License-Identifier: MIT
#include "net/filter.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define MESSAGE_BYTES 32768 // what the kernel fills at most for a dump

static int on_filter(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	int *count = data;

	// Each priority has a message of its own, which has no handle.
	*count += nlh->nlmsg_type == RTM_NEWTFILTER && tc->tcm_handle != 0;
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *sock, uint32_t ifindex, uint32_t parent, int *count)
{
	pt_autofree char *buf = malloc(MESSAGE_BYTES);
	struct nlmsghdr *nlh;
	struct tcmsg *tc;
	ssize_t n;
	int ret = 1;

	if (!buf)
		return -ENOMEM;
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = RTM_GETTFILTER;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));
	tc->tcm_ifindex = (int)ifindex;
	tc->tcm_parent = parent;
	if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret > 0) {
		n = mnl_socket_recvfrom(sock, buf, MESSAGE_BYTES);
		if (n < 0)
			return -errno;
		ret = mnl_cb_run(buf, (size_t)n, 0, mnl_socket_get_portid(sock), on_filter, count);
	}
	return ret < 0 ? -errno : 0;
}

int pt_filter_count(uint32_t ifindex)
{
	static const uint32_t parents[] = {
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
	};
	struct mnl_socket *sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int count = 0, ret = sock ? 0 : -errno;

	for (size_t i = 0; i < PT_ARRAY_LEN(parents) && !ret; i++)
		ret = dump(sock, ifindex, parents[i], &count);
	if (sock)
		(void)mnl_socket_close(sock); // only read
	return ret ? ret : count;
}
