// SPDX-License-Identifier: MIT
// Which nexthop object each site's routes go through. Sites that can leave by the same ways share
// one, as long as their traffic takes the same of them: when an uplink falls, one message moves
// them all. A site that goes another way has an object of its own.
#pragma once
#include "net/route.h"
#include "plane/plane.h"

#define PT_WAYS_NONE UINT32_MAX

struct pt_ways_objects {
	struct pt_nexthop *object;
	uint32_t n;
	uint32_t *of; // by slot, 2 * site + (IPv6): index in object, or PT_WAYS_NONE
	uint32_t slots;
};

// usable: pt_ways_usable(). policy: the one whose groups sites follow.
int pt_ways_objects_make(const struct pt_plane *p, const uint8_t *usable, uint32_t policy,
	struct pt_ways_objects *out, struct pt_err *err);
void pt_ways_objects_done(struct pt_ways_objects *o);

// After a switch: where each object is to go now; *out has o->n rows. True when some site needs
// another object than it has: then all of this must be made anew.
bool pt_ways_objects_move(const struct pt_ways_objects *o, const struct pt_plane *p,
	const uint8_t *usable, uint32_t policy, struct pt_nexthop *out);
