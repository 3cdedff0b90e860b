// SPDX-License-Identifier: MIT
// What must be known of a device before XDP may have its frames: what would be lost by it.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/link.h"

struct pt_xdp_facts {
	bool told;   // the kernel tells what devices can (6.3); without, native and target say no
	bool native; // the driver runs XDP and redirects
	bool target; // takes redirected frames
	bool vlan;   // on top of another device, whose XDP passes tagged frames on
	bool veth;   // frames of a host that may have left checksums and tags to the device
	bool untags; // VLAN tags are taken off before XDP sees a frame; not told of veth
	uint8_t mac[6];
	char shaper[16]; // a queueing discipline that somebody chose; "" none
};

int pt_xdp_facts(const struct pt_link *link, struct pt_xdp_facts *out, struct pt_err *err);

// What the other end of a veth device leaves to it: only an skb remembers, XDP does not.
struct pt_xdp_peer {
	bool partial; // unfinished checksums
	bool untags;  // VLAN tags beside the frame instead of in it
};

// Found among the namespaces of /run/netns; -ENOENT where it is in none of these. The calling
// thread visits that namespace and returns.
int pt_xdp_peer_read(const struct pt_link *link, struct pt_xdp_peer *out, struct pt_err *err);
