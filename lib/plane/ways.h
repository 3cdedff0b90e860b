// SPDX-License-Identifier: MIT
// The kernel's own routing, kept in step with a plane: a table and a rule for each way, and for
// each site a nexthop object that moves with the site's traffic, with the routes to its prefixes
// through it. All of it bears PT_NET_PROTOCOL; nothing else is ever changed or replaced.
//
// The routes to sites serve the traffic of the edge itself, and user traffic that is not steered. A
// site's object follows its last policy. An equal route of somebody else with a lower or the same
// metric stays and wins.
#pragma once
#include "plane/setup.h"

struct pt_ways;

struct pt_ways_done {
	uint32_t put, removed;
};

int pt_ways_new(struct pt_ways **out, struct pt_err *err);
void pt_ways_free(struct pt_ways *w);

// Reads what the kernel has of ours and makes it what the plane and the setup say. On an error the
// rest was done nevertheless. done may be NULL.
int pt_ways_sync(struct pt_ways *w, struct pt_plane *p, const struct pt_setup *s,
	struct pt_ways_done *done, struct pt_err *err);

// After a switch, fast: moves the nexthop objects of the sites whose traffic moved; one message
// each, however many prefixes. 1 when pt_ways_sync must do the rest: a site has its first or lost
// its last way. Only after a sync.
int pt_ways_follow(
	struct pt_ways *w, const struct pt_plane *p, uint32_t *moved, struct pt_err *err);

// A nexthop object of ours that the kernel tells of is as it should be.
struct pt_nexthop;
bool pt_ways_expects(const struct pt_ways *w, const struct pt_nexthop *h);

// Removes all that bears our protocol.
int pt_ways_remove(struct pt_err *err);
