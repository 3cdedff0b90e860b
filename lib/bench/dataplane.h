// SPDX-License-Identifier: MIT
// pt-bench dataplane: what does the whole decision about a packet cost, parsing, counting and TTL
// included, in a network of full size, and how long does a reload of that network take? The real
// program and the real tables, run by BPF_PROG_TEST_RUN: nothing leaves. The baseline is the same
// run ending in an empty program; the decision is the difference.
#pragma once
#include "bench/runner.h"

enum pt_dataplane_metric {
	PT_DATAPLANE_HOT,    // one flow, IPv4
	PT_DATAPLANE_RANDOM, // 131,072 flows to all prefixes
	PT_DATAPLANE_HOT6,   // the same, IPv6
	PT_DATAPLANE_RANDOM6,
	PT_DATAPLANE_MEMORY, // a bare program that reads as many cache lines as a decision
	PT_DATAPLANE_RELOAD, // all tables of the network anew, grace period included
	PT_DATAPLANE_LOAD,   // the programs of an edge, by the verifier
	PT_DATAPLANE_METRICS
};

struct pt_dataplane_opts {
	unsigned sites, policies, runs; // every site has five IPv4 and one IPv6 prefix
	void (*progress)(void *ctx, const char *side, unsigned run, unsigned runs); // may be NULL
	void *progress_ctx;
};

#define PT_DATAPLANE_SITES     2000
#define PT_DATAPLANE_SITES_MAX 8000
#define PT_DATAPLANE_POLICIES  64

struct pt_dataplane_report {
	struct pt_bench_result results[PT_DATAPLANE_METRICS];
};

// Needs root; -ENOTSUP with the reason where the kernel cannot.
int pt_dataplane_bench(
	const struct pt_dataplane_opts *o, struct pt_dataplane_report *out, struct pt_err *err);
