// SPDX-License-Identifier: MIT
// The least that a prober can do: echo requests in bursts through one socket, whose answers are
// read and not looked at. No stamps, no statistics. What a probe costs the kernel.
#pragma once
#include <netinet/in.h>
#include <stdint.h>

#include "base/err.h"

struct pt_bare {
	const struct sockaddr_in *hosts;
	unsigned n, waves; // probes to each
	int64_t period_ns; // of a wave
	unsigned burst;    // at most PT_BARE_BURST
};
#define PT_BARE_BURST 128

// Blocks until all have been sent, out of the calling thread's network namespace. -EIO: hardly an
// answer came.
int pt_bare_run(const struct pt_bare *b, struct pt_err *err);
