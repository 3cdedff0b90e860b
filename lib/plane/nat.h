// SPDX-License-Identifier: MIT
// Flows behind NAT whose path has died: the kernel goes on to translate them to an address of the
// dead path until it forgets them; then their next packet gets one of the path that it goes by now.
#pragma once
#include "net/link.h"
#include "plane/plane.h"

// The NATed paths and whether they were usable when last looked at.
struct pt_nat {
	const struct pt_plane *plane; // borrowed
	uint8_t *usable;              // by path
};

int pt_nat_init(struct pt_nat *n, const struct pt_plane *p, struct pt_err *err);
void pt_nat_done(struct pt_nat *n);

// Forgets the translated flows of every path that is no longer usable: those to its site whose
// address outside is one of its device's, or whose conntrack mark is the path's.
int pt_nat_look(
	struct pt_nat *n, const struct pt_links *links, uint32_t *forgotten, struct pt_err *err);
