// SPDX-License-Identifier: MIT
// User space's reasons to keep paths and uplinks out of use. Each reason comes and goes by itself;
// every store is atomic, so that verbs and the daemon need no lock between them.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "plane/plane.h"

// True when this changed it.
bool pt_block_path(struct pt_plane *p, uint32_t path, enum pt_block_why why, bool on);
bool pt_block_uplink(struct pt_plane *p, uint32_t uplink, enum pt_block_why why, bool on);

// Reasons that somebody has to take back hold for this long after the last renewal, so that they
// do not outlive a pt-failover that died. Lapsed: they count for nothing now.
#define PT_LEASE_NS (5 * PT_NS_PER_S)
void pt_block_renew(struct pt_plane *p);
bool pt_block_lapsed(const struct pt_plane *p);
