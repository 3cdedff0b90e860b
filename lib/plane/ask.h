// SPDX-License-Identifier: MIT
// Asks the live steering program about a packet that never was (BPF_PROG_TEST_RUN): nothing is
// counted, nothing is sent.
#pragma once
#include <stddef.h>

#include "base/err.h"
#include "plane/plane.h"

struct pt_ask_packet {
	uint32_t ifindex;  // that it enters by
	const void *frame; // with its Ethernet header, addressed to that device
	size_t len;
};

// The plane must be writable: the program is told by a key in pt_meta which packet to trace.
int pt_ask_run(struct pt_plane *p, const struct pt_ask_packet *packet, struct pt_trace *out,
	struct pt_err *err);
