// SPDX-License-Identifier: MIT
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "net/route.h"
#include "net/route_parse.h"
#include "net/rtnl_monitor.h"

struct pt_route_monitor {
	struct pt_rtnl_monitor rtnl;
};

int pt_route_monitor_new(struct pt_route_monitor **out, struct pt_err *err)
{
	static const int groups[] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,
		RTNLGRP_IPV6_RULE, RTNLGRP_NEXTHOP };
	struct pt_route_monitor *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return pt_err_set(err, -ENOMEM, "out of memory");
	ret = pt_rtnl_monitor_open(&m->rtnl, groups, PT_ARRAY_LEN(groups), "routes", err);
	if (ret)
		free(m);
	else
		*out = m;
	return ret;
}

void pt_route_monitor_free(struct pt_route_monitor *m)
{
	if (m)
		pt_rtnl_monitor_close(&m->rtnl);
	free(m);
}

int pt_route_monitor_fd(const struct pt_route_monitor *m)
{
	return mnl_socket_get_fd(m->rtnl.sock);
}

struct hearer {
	pt_route_change_fn *fn;
	void *ctx;
};

static void on_message(void *ctx, const struct nlmsghdr *nlh)
{
	const struct hearer *h = ctx;
	union {
		struct pt_route route;
		struct pt_route_rule rule;
		struct pt_nexthop nexthop;
	} what;

	if (!nlh)
		h->fn(h->ctx, PT_ROUTE_LOST, true, NULL);
	else if (pt_route_parse(nlh, &what.route))
		h->fn(h->ctx, PT_ROUTE_ROUTE, nlh->nlmsg_type == RTM_DELROUTE, &what.route);
	else if (pt_route_rule_parse(nlh, &what.rule))
		h->fn(h->ctx, PT_ROUTE_RULE, nlh->nlmsg_type == RTM_DELRULE, &what.rule);
	else if (pt_nexthop_parse(nlh, &what.nexthop))
		h->fn(h->ctx, PT_ROUTE_NEXTHOP, nlh->nlmsg_type == RTM_DELNEXTHOP, &what.nexthop);
}

int pt_route_monitor_read(
	struct pt_route_monitor *m, pt_route_change_fn *fn, void *ctx, struct pt_err *err)
{
	struct hearer h = { fn, ctx };

	return pt_rtnl_monitor_read(&m->rtnl, on_message, &h, err);
}
