// SPDX-License-Identifier: MIT
// BFD sessions with the network (RFC 5881, RFC 5883): sockets, time, who gets which packet.
// A device that is not there, or a port that somebody else has, makes a session silent until that
// is mended; it is tried once a second.
#pragma once
#include "base/addr.h"
#include "base/loop.h"
#include "probe/bfd.h"

#define PT_BFD_MAX_LINKS 16384 // sessions, the first slot not used

struct pt_bfd_opts {
	const char *device; // copied
	struct pt_addr target;
	uint8_t dscp;
	bool multihop;
	struct pt_bfd_params params;
};

struct pt_bfd_counters {
	uint64_t sent, received;
	uint64_t unsent;
	uint64_t refused[PT_BFD_FAULT_COUNT]; // by enum pt_bfd_fault
};

struct pt_bfd_hub;
struct pt_bfd_link; // one session

// The session is in another state than `from`. May not free it.
typedef void pt_bfd_fn(void *ctx, const struct pt_bfd *b, enum pt_bfd_state from);

int pt_bfd_hub_new(struct pt_loop *loop, struct pt_bfd_hub **out);
void pt_bfd_hub_free(struct pt_bfd_hub *h); // after all links
void pt_bfd_hub_counters(const struct pt_bfd_hub *h, struct pt_bfd_counters *out);

// At most one link for a device and target. -ENOMEM, -ENOSPC.
int pt_bfd_link_new(struct pt_bfd_hub *h, const struct pt_bfd_opts *o, pt_bfd_fn *fn, void *ctx,
	struct pt_bfd_link **out);
// The far end is told AdminDown.
void pt_bfd_link_free(struct pt_bfd_link *l);
// From the next packet on; the session goes on.
void pt_bfd_link_mark(struct pt_bfd_link *l, uint8_t dscp);
void pt_bfd_link_tune(struct pt_bfd_link *l, const struct pt_bfd_params *p);
void pt_bfd_link_enable(struct pt_bfd_link *l, bool on);
const struct pt_bfd *pt_bfd_link_session(const struct pt_bfd_link *l);
const struct pt_bfd_opts *pt_bfd_link_opts(const struct pt_bfd_link *l);
// Why nothing can leave or arrive, -errno; 0: nothing is wrong.
int pt_bfd_link_fault(const struct pt_bfd_link *l);
