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
	bool veth;   // frames of a host that may have left checksums to the device
	uint8_t mac[6];
	char shaper[16]; // a queueing discipline that somebody chose; "" none
};

int pt_xdp_facts(const struct pt_link *link, struct pt_xdp_facts *out, struct pt_err *err);

// Whether the other end of a veth device leaves checksums unfinished, which only an skb remembers.
// Found among the namespaces of /run/netns; -ENOENT where it is in none of these. The calling
// thread visits that namespace and returns.
int pt_xdp_peer_partial(const struct pt_link *link, bool *partial, struct pt_err *err);
