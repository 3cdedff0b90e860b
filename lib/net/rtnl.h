// SPDX-License-Identifier: MIT
// One netlink socket: requests that change something, gathered and sent together, and dumps. What
// the messages say is for route.c, conntrack.c and firewall.c.
#pragma once
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pt_rtnl;

// bus: NETLINK_ROUTE or NETLINK_NETFILTER, of the calling thread's network namespace.
int pt_rtnl_new(int bus, struct pt_rtnl **out, struct pt_err *err);
void pt_rtnl_free(struct pt_rtnl *n);

// Begins a request; the caller fills it before the next call. An answer of -forgive is no error (0:
// none is). Never NULL: what could not be sent before, pt_rtnl_flush tells.
struct nlmsghdr *pt_rtnl_begin(struct pt_rtnl *n, uint16_t type, uint16_t flags, int forgive);
// The request is complete. `what` begins the message of an error and must live until the flush.
void pt_rtnl_end(struct pt_rtnl *n, const struct nlmsghdr *nlh, const char *what);
// Sends what is gathered and waits for every answer. The first error, with the kernel's own words
// where it has some; the requests after it were carried out nevertheless.
int pt_rtnl_flush(struct pt_rtnl *n, struct pt_err *err);

// A dump: put fills the request. fn gets each message until it says MNL_CB_STOP or, with errno set,
// MNL_CB_ERROR; -errno, of fn, too.
typedef void pt_rtnl_put_fn(void *ctx, struct nlmsghdr *nlh);
int pt_rtnl_dump(struct pt_rtnl *n, uint16_t type, pt_rtnl_put_fn *put, mnl_cb_t fn, void *ctx);
