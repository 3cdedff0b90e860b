// SPDX-License-Identifier: MIT
// Gateways as the kernel's routes name them, whoever put those there: a DHCP client, router
// advertisements, an administrator. Of the calling thread's network namespace.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

struct pt_gateway {
	uint32_t ifindex; // 0: several, or by a nexthop object
	struct pt_prefix to;
	struct pt_addr via; // family 0: none, or one of the other family
	uint32_t table;     // RT_TABLE_*
	uint32_t metric;
	uint8_t protocol; // RTPROT_*
	uint8_t rank;     // of a router's own preference, RFC 4191: 0 high, 1 medium, 2 low
	bool silent;      // it does not answer for its address
	bool neighbour;   // of a change: that of a neighbour, not of a route; `to` is its family
};

struct pt_gateways {
	struct pt_gateway *row;
	uint32_t n;
};

// Every route with a gateway on one of these devices, but for our own (`protocol`).
int pt_gateways_read(const uint32_t *ifindex, uint32_t n, uint8_t protocol, struct pt_gateways *out,
	struct pt_err *err);
void pt_gateways_done(struct pt_gateways *g);
#define pt_autogateways __attribute__((cleanup(pt_gateways_done))) struct pt_gateways

// What leads to `toward` by this device: of the main table before others, then the longest prefix,
// the lowest metric, the router's preference, and one that answers. toward->family alone counts
// where all of its bytes are zero: default routes. NULL: none does.
const struct pt_gateway *pt_gateways_find(
	const struct pt_gateways *g, uint32_t ifindex, const struct pt_addr *toward);

// "dhcp", "ra", "static", else "protocol 42". Static or in buf.
const char *pt_gateway_origin(uint8_t protocol, char buf[16]);

// Changes of routes, and of neighbours that cease or begin to answer, as they happen.
struct pt_gateway_monitor;

// row is NULL when the kernel had to drop messages: read everything again.
typedef void pt_gateway_change_fn(void *ctx, const struct pt_gateway *row);

int pt_gateway_monitor_new(uint8_t protocol, struct pt_gateway_monitor **out, struct pt_err *err);
void pt_gateway_monitor_free(struct pt_gateway_monitor *m);
int pt_gateway_monitor_fd(const struct pt_gateway_monitor *m); // non-blocking, for the loop
// Hands over all that waits.
int pt_gateway_monitor_read(
	struct pt_gateway_monitor *m, pt_gateway_change_fn *fn, void *ctx, struct pt_err *err);
