// SPDX-License-Identifier: MIT
// The routers on the way to a host, and what each of them adds: echoes whose hops run out, in
// rounds. Routers answer less often than they forward (RFC 1812 section 4.3.2.8 has them limit it),
// so the loss a router shows is judged against the hops behind it: what passed it cannot have been
// lost at it.
#pragma once
#include "base/hist.h"
#include "probe/echo.h"

#define PT_TRACE_HOPS  64
#define PT_TRACE_ADDRS 4 // of one hop, where there are several ways

struct pt_trace_opts {
	struct pt_echo_opts echo;
	unsigned hops; // at most
	unsigned rounds;
	int64_t interval_ns;                           // between rounds
	int64_t timeout_ns;                            // of an echo
	void (*round_done)(void *ctx, unsigned round); // may be NULL
	void *ctx;
};

struct pt_trace_hop {
	struct pt_addr from[PT_TRACE_ADDRS];
	unsigned n_from; // 0: nobody answered
	uint32_t sent, received;
	int code; // the last refusal other than "hops ran out"; 0 none
	int64_t min_ns, max_ns, sum_ns;
	struct pt_hist rtt;
	int64_t loss_ppm;      // as it shows
	int64_t path_loss_ppm; // up to here, at most: that of the best hop from here on
};

struct pt_trace {
	unsigned n; // hops in `hop`: up to the target, or to the last that answered
	bool reached;
	struct pt_trace_hop hop[PT_TRACE_HOPS];
};

int pt_trace_run(const struct pt_trace_opts *o, struct pt_trace *out, struct pt_err *err);
