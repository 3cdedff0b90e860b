// SPDX-License-Identifier: MIT
// pt-bench failover: how long does a user's traffic stop when a WAN goes silent? Two sites, three
// WANs, the real pt-failover and pt-probe, a steady stream; the preferred WAN is cut and healed
// again and again. The baseline meets the same cuts.
#pragma once
#include "bench/runner.h"

enum pt_failover_metric {
	PT_FAILOVER_OUTAGE_P50,
	PT_FAILOVER_OUTAGE_MAX,
	PT_FAILOVER_OUTAGE_ALL,
	PT_FAILOVER_DETECT_P50,
	PT_FAILOVER_SWITCH_MAX,
	PT_FAILOVER_FIRST_P99,
	PT_FAILOVER_LOST_P50,
	PT_FAILOVER_DISORDER_MAX,
	PT_FAILOVER_METRICS
};

enum pt_failover_baseline {
	PT_FAILOVER_DAEMON, // user space, same interval and threshold, moves a kernel route
	PT_FAILOVER_PING,   // the same with a request a second: what ping-based scripts do
	PT_FAILOVER_ALONE,  // none
	PT_FAILOVER_PEER,   // routing daemons that a program of its own runs (bench/peer.h)
};
extern const char *const pt_failover_baselines[]; // names of all but the last, NULL at the end

struct pt_failover_opts {
	int64_t interval_ms; // between probes
	unsigned threshold;  // unanswered ones that make a path down
	unsigned prefixes;   // of the far sites, 1 to PT_SITES_PREFIXES
	unsigned sites;      // far ones, 1 to prefixes
	unsigned runs, baseline_runs;
	enum pt_failover_baseline baseline;
	const char *peer;      // PT_FAILOVER_PEER's program
	int64_t stream_ns;     // between user packets
	const char *tools_dir; // NULL: beside the running program
	void (*progress)(void *ctx, const char *side, unsigned run, unsigned runs);
	void *progress_ctx;
};

struct pt_failover_report {
	char workload[48];
	struct pt_bench_metric metrics[PT_FAILOVER_METRICS];
	struct pt_bench_result results[PT_FAILOVER_METRICS];
};

// The caller has SIGINT and SIGTERM blocked: either ends the run with -EINTR, cleaned up.
// The report points into itself: it must not be moved.
int pt_failover_bench(
	const struct pt_failover_opts *o, struct pt_failover_report *out, struct pt_err *err);
