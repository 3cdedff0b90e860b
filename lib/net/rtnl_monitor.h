// SPDX-License-Identifier: MIT
// A netlink socket that is told of changes. What the messages say is for link.c, route_monitor.c
// and nexthop_auto.c, each of which puts it into a monitor of its own.
#pragma once
#include <libmnl/libmnl.h>
#include <stddef.h>

#include "base/err.h"

struct pt_rtnl_monitor {
	struct mnl_socket *sock; // non-blocking
};

// groups: n of RTNLGRP_*, of the calling thread's network namespace; what: in the words of an
// error.
int pt_rtnl_monitor_open(struct pt_rtnl_monitor *m, const int *groups, size_t n, const char *what,
	struct pt_err *err);
void pt_rtnl_monitor_close(struct pt_rtnl_monitor *m); // one that never opened is fine

// msg is NULL when the kernel had to drop messages: read everything again.
typedef void pt_rtnl_heard_fn(void *ctx, const struct nlmsghdr *msg);
// Hands over all that waits.
int pt_rtnl_monitor_read(
	struct pt_rtnl_monitor *m, pt_rtnl_heard_fn *fn, void *ctx, struct pt_err *err);
