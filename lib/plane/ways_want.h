// SPDX-License-Identifier: MIT
// What the kernel's routing shall be, from a plane and a setup; ways.c makes it so.
#pragma once
#include "net/route.h"
#include "plane/ways.h"

// Owned by whoever filled it; in any order.
struct pt_ways_set {
	struct pt_route *route;
	struct pt_route_rule *rule;
	struct pt_nexthop *nexthop;
	uint32_t n_route, n_rule, n_nexthop;
};

void pt_ways_set_done(struct pt_ways_set *set);
#define pt_autoways __attribute__((cleanup(pt_ways_set_done))) struct pt_ways_set

// By path: PT_WAYS_V4, PT_WAYS_V6 where its device takes routes of the family, now. To be freed.
#define PT_WAYS_V4 1
#define PT_WAYS_V6 2
uint8_t *pt_ways_usable(const struct pt_plane *p, const struct pt_links *links);

struct pt_ways_objects;
// *out is empty, and the caller's to free even when this fails.
int pt_ways_want(struct pt_plane *p, const struct pt_setup *s, const uint8_t *usable,
	const struct pt_ways_objects *objects, struct pt_ways_set *out, struct pt_err *err);

// Where a group's traffic of one family goes now, without id. False: nowhere that takes routes.
bool pt_ways_nexthop(const struct pt_plane *p, const uint8_t *usable, const struct pt_group *g,
	uint8_t family, struct pt_nexthop *out);
