// SPDX-License-Identifier: MIT
// Network devices and addresses of the calling thread's network namespace, by rtnetlink.
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

struct pt_link {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	uint32_t mtu;
	uint32_t flags; // IFF_*
	uint16_t type;  // ARPHRD_*
};

// An address of a device and the network it is connected to.
struct pt_link_addr {
	uint32_t ifindex;
	struct pt_addr local;
	struct pt_prefix connected; // host bits zero; of the peer on point-to-point links
};

// All devices and addresses at one moment; owned by the caller.
struct pt_links {
	struct pt_link *link;
	uint32_t n_link;
	struct pt_link_addr *addr;
	uint32_t n_addr;
};

int pt_links_read(struct pt_links *out, struct pt_err *err);
void pt_links_done(struct pt_links *l);
#define pt_autolinks __attribute__((cleanup(pt_links_done))) struct pt_links

const struct pt_link *pt_links_named(const struct pt_links *l, const char *name);
const struct pt_link *pt_links_at(const struct pt_links *l, uint32_t ifindex);

// Up and with a carrier: packets given to it can leave.
bool pt_link_usable(const struct pt_link *l);
// No link layer: packets carry no MAC header and need no next hop (tun, WireGuard, PPP, GRE).
bool pt_link_is_l3(const struct pt_link *l);

// Changes of devices and addresses, as they happen.
struct pt_link_monitor;

enum pt_link_change {
	PT_LINK_NEW,  // appeared, or any of its properties changed
	PT_LINK_GONE, // deleted, or moved to another namespace
	PT_LINK_ADDR, // an address came or went; link is NULL
	PT_LINK_LOST, // the kernel had to drop messages: read everything again; link is NULL
};

typedef void pt_link_change_fn(void *ctx, enum pt_link_change change, const struct pt_link *link);

int pt_link_monitor_new(struct pt_link_monitor **out, struct pt_err *err);
void pt_link_monitor_free(struct pt_link_monitor *m);
int pt_link_monitor_fd(const struct pt_link_monitor *m); // non-blocking, for the loop
// Hands over all that waits.
int pt_link_monitor_read(
	struct pt_link_monitor *m, pt_link_change_fn *fn, void *ctx, struct pt_err *err);
