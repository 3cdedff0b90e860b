// SPDX-License-Identifier: MIT
// Routes, policy rules and nexthop objects of the calling thread's network namespace, by rtnetlink:
// read, watched, put and deleted.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "net/rtnl.h"

struct pt_route {
	struct pt_prefix dst; // its address' family is the route's; length 0: the default route
	uint32_t table;       // RT_TABLE_MAIN where 0, when put
	uint32_t metric;      // put as 0, IPv6 makes 1024 of it
	uint32_t ifindex;
	struct pt_addr via; // family 0: none
	uint32_t nexthop;   // id of a nexthop object; then ifindex and via are its, when put
	uint32_t mtu;       // 0: the device's
	bool mtu_locked;    // path MTU discovery may not change it
	bool onlink;        // via need not be in a connected network
	uint8_t protocol;   // RTPROT_*, PT_NET_PROTOCOL
	uint8_t type;       // RTN_*; RTN_UNICAST where 0, when put
	uint32_t flags;     // RTNH_F_DEAD, RTNH_F_LINKDOWN...; read only
};

// A rule that looks at the packet mark alone.
struct pt_route_rule {
	uint8_t family;
	uint8_t protocol;
	uint8_t action; // FR_ACT_TO_TBL, FR_ACT_GOTO, FR_ACT_NOP
	uint32_t priority;
	uint32_t mark, mask; // mask 0: any
	uint32_t table;      // of FR_ACT_TO_TBL
	uint32_t target;     // priority that FR_ACT_GOTO goes on with
};

struct pt_nexthop {
	uint32_t id;
	uint8_t family;
	uint8_t protocol;
	bool onlink;
	uint32_t ifindex;
	struct pt_addr via; // family 0: none
};

// Gathered in n and sent by pt_rtnl_flush. Put replaces; deleting what is not there is fine.
void pt_route_put(struct pt_rtnl *n, const struct pt_route *r);
void pt_route_add(
	struct pt_rtnl *n, const struct pt_route *r); // where there is an equal one it stays
void pt_route_delete(struct pt_rtnl *n, const struct pt_route *r);
void pt_route_rule_put(struct pt_rtnl *n, const struct pt_route_rule *r); // an equal one stays
void pt_route_rule_delete(struct pt_rtnl *n, const struct pt_route_rule *r);
void pt_nexthop_put(struct pt_rtnl *n, const struct pt_nexthop *h);
void pt_nexthop_delete(struct pt_rtnl *n, uint32_t id); // and every route through it

// Every one of a family, of this protocol alone unless 0. -EOPNOTSUPP: the kernel has no such thing
// (nexthop objects, IPv6).
typedef void pt_route_fn(void *ctx, const struct pt_route *r);
typedef void pt_route_rule_fn(void *ctx, const struct pt_route_rule *r);
typedef void pt_nexthop_fn(void *ctx, const struct pt_nexthop *h);
struct pt_route_filter {
	uint8_t family;
	uint8_t protocol; // 0: any
	uint32_t table;   // 0: any
};
int pt_routes_read(struct pt_rtnl *n, const struct pt_route_filter *filter, pt_route_fn *fn,
	void *ctx, struct pt_err *err);
int pt_route_rules_read(struct pt_rtnl *n, uint8_t family, uint8_t protocol, pt_route_rule_fn *fn,
	void *ctx, struct pt_err *err);
int pt_nexthops_read(
	struct pt_rtnl *n, uint8_t protocol, pt_nexthop_fn *fn, void *ctx, struct pt_err *err);

// Changes as they happen. Routes that go with their nexthop object, or with their device, are not
// told one by one: PT_ROUTE_NEXTHOP and the device's own message stand for them.
struct pt_route_monitor;

enum pt_route_kind {
	PT_ROUTE_ROUTE,   // what is a struct pt_route
	PT_ROUTE_RULE,    // struct pt_route_rule
	PT_ROUTE_NEXTHOP, // struct pt_nexthop
	PT_ROUTE_LOST,    // the kernel had to drop messages: read everything again; what is NULL
};

typedef void pt_route_change_fn(void *ctx, enum pt_route_kind kind, bool gone, const void *what);

int pt_route_monitor_new(struct pt_route_monitor **out, struct pt_err *err);
void pt_route_monitor_free(struct pt_route_monitor *m);
int pt_route_monitor_fd(const struct pt_route_monitor *m); // non-blocking, for the loop
// Hands over all that waits.
int pt_route_monitor_read(
	struct pt_route_monitor *m, pt_route_change_fn *fn, void *ctx, struct pt_err *err);
