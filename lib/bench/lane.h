// SPDX-License-Identifier: MIT
// A router between a host that sends and one that receives, each in a network namespace:
//
//   from: out0 ── lan0 :router: wan0 ── in0 :to
//   11.0.0.2      11.0.0.1      192.0.2.254   192.0.2.1 192.0.2.2 11.0.5.9
//
// Addresses are those of a fleet's sites 0 and 1, its next hops are at the far end of wan0.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "bench/nodes.h"
#include "net/link.h"

enum pt_lane_node { PT_LANE_FROM, PT_LANE_ROUTER, PT_LANE_TO, PT_LANE_NODES };

#define PT_LANE_SENDER   "11.0.0.2"
#define PT_LANE_RECEIVER "11.0.5.9"
#define PT_LANE_VIA      "192.0.2.1"

struct pt_lane {
	struct pt_nodes nodes;
	struct pt_link out, lan, wan, in; // of `from`, the router twice, `to`
	uint8_t lan_mac[12], wan_mac[12]; // destination and source of what enters and leaves
};

// After an error pt_lane_down has been called.
int pt_lane_up(struct pt_lane *l, struct pt_err *err);
void pt_lane_down(struct pt_lane *l);
// Offloads as a benchmark of packets needs them: lan0 polls what XDP redirects into it, out0
// finishes its checksums and leaves VLAN tags in the frame. Off: as devices come.
int pt_lane_for_xdp(const struct pt_lane *l, bool on, struct pt_err *err);
