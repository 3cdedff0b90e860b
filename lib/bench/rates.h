// SPDX-License-Identifier: MIT
// pt-bench dataplane, packet rates: real packets from one namespace to another through a router
// that steers, beside the same router that does the least, that forwards by its own routes, and
// that marks connections and routes by mark.
#pragma once
#include "bench/runner.h"

enum pt_rates_metric {
	PT_RATES_TC_REDIRECT, // tc against a bare tc redirect
	PT_RATES_TC_NEIGH,    // against a bare tc redirect to a next hop
	PT_RATES_TC_KERNEL,   // against kernel forwarding
	PT_RATES_TC_MARK,     // against conntrack, marks and policy rules
	PT_RATES_XDP_REDIRECT,
	PT_RATES_XDP_KERNEL,
	PT_RATES_METRICS
};

struct pt_rates_opts {
	unsigned sites, policies, runs;
	unsigned flows;  // a power of two
	int64_t turn_ns; // how long each sends in each run
	void (*progress)(void *ctx, const char *side, unsigned run, unsigned runs); // may be NULL
	void *progress_ctx;
};

#define PT_RATES_FLOWS 256

#define PT_RATES_WHY 512

struct pt_rates_report {
	char why[PT_RATES_WHY]; // a result that is skipped may point here
	struct pt_bench_result packets[PT_RATES_METRICS];
	struct pt_bench_result tcp[1];
	bool packet_socket; // no live frames here: the generator costs more than what is measured
};

// Needs root. -ENOTSUP with the reason where the kernel cannot.
int pt_rates_bench(const struct pt_rates_opts *o, struct pt_rates_report *out, struct pt_err *err);
