// SPDX-License-Identifier: MIT
// Ways out: paths with the same device, next hops and MTU share one. Each has a packet mark, a
// policy rule and a routing table in the kernel, so that what the kernel answers or forwards for a
// path leaves as the path does. A way has the number of the first of its paths.
#pragma once
#include "model/config.h"
#include "plane/plane.h"

// Gives each of n hops that has a device the mark of its way. It stays as long as the way's first
// path does. Paths whose number has no room in the mark have none.
int pt_way_mark(struct pt_hop *hops, uint32_t n, const struct pt_config *cfg, struct pt_err *err);
uint32_t pt_way_mask(const struct pt_config *cfg);

uint32_t pt_way_of(const struct pt_plane *p, const struct pt_hop *hop); // 0: none
uint32_t pt_way_table(uint32_t way);
