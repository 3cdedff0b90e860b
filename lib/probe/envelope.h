// SPDX-License-Identifier: MIT
// What the kernel says about a datagram that came in, and how an answer goes back the same way: out
// of the same device, from the address it was sent to, in the same class.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/addr.h"

#define PT_ENVELOPE_CONTROL 256 // bytes of control messages, either way

struct pt_envelope {
	int64_t kernel_ns; // arrival, CLOCK_REALTIME; 0: unknown
	int ttl;           // -1: unknown
	int tos;           // DSCP and ECN
	int ifindex;
	bool unicast;         // sent to us alone
	struct pt_addr local; // address it was sent to
};

void pt_envelope_read(struct msghdr *m, struct pt_envelope *e);
// Fills the control messages of the answer m. `control` is aligned for struct cmsghdr and holds
// PT_ENVELOPE_CONTROL bytes; the envelope must have come from a datagram.
void pt_envelope_answer(const struct pt_envelope *e, struct msghdr *m, void *control);
