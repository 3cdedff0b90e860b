// SPDX-License-Identifier: MIT
#include "net/filter.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "base/cleanup.h"
#include "net/rtnl.h"

struct question {
	uint32_t ifindex, parent;
	int count;
};

static int on_filter(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	struct question *q = data;

	// Each priority has a message of its own, which has no handle.
	q->count += nlh->nlmsg_type == RTM_NEWTFILTER && tc->tcm_handle != 0;
	return MNL_CB_OK;
}

static void put_question(void *ctx, struct nlmsghdr *nlh)
{
	const struct question *q = ctx;
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

	tc->tcm_ifindex = (int)q->ifindex;
	tc->tcm_parent = q->parent;
}

int pt_filter_count(uint32_t ifindex)
{
	static const uint32_t parents[] = {
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
	};
	struct question q = { .ifindex = ifindex };
	struct pt_err err; // the number alone is told
	struct pt_rtnl *n;
	int ret = pt_rtnl_new(NETLINK_ROUTE, &n, &err);

	if (ret)
		return ret;
	for (size_t i = 0; i < PT_ARRAY_LEN(parents) && !ret; i++) {
		q.parent = parents[i];
		ret = pt_rtnl_dump(n, RTM_GETTFILTER, put_question, on_filter, &q);
	}
	pt_rtnl_free(n);
	return ret ? ret : q.count;
}
