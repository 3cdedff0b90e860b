// SPDX-License-Identifier: MIT
// The next hop of each path: what the file says, or what the kernel's routes say now.
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "net/nexthop_auto.h"
#include "plane/setup.h"

// True when a path of this edge wants its next hop found.
bool pt_nexthop_wanted(const struct pt_setup *s);
// Reads the routes of the devices whose paths want it; nothing where none does.
int pt_nexthop_read(const struct pt_setup *s, struct pt_gateways *out, struct pt_err *err);
// True when this change may give such a path another next hop.
bool pt_nexthop_concerns(const struct pt_setup *s, const struct pt_gateway *row);

// Fills next hops, their flags and origins; link is the path's device, NULL where it is missing.
void pt_nexthop_fill(const struct pt_setup *s, const struct pt_path *path,
	const struct pt_link *link, struct pt_hop *out);

// Takes those next hops back that are about to change in more than one store, and waits until no
// packet uses them. `next` is by path index; entries that are not PT_HOP_USED stay as they are.
int pt_nexthop_retract(struct pt_plane *p, const struct pt_hop *next, struct pt_err *err);
// Writes a hop such that packets see all of it or, with no device yet, none.
void pt_nexthop_store(struct pt_hop *to, const struct pt_hop *hop);

// "192.0.2.1 (dhcp)", "waiting" for one that is not known yet; false and nothing where the path
// has none for this family.
bool pt_nexthop_format(const struct pt_hop *hop, uint16_t family, struct pt_buf *out);
