// SPDX-License-Identifier: MIT
// Is this path fit for this policy? Pure: measures, status and the verdict so far in, verdict out.
// Fails on the short window, recovers on the long one. Unknown is not down, and missing data
// changes nothing: it turns a verdict stale, which keeps its place but earns no better one.
#pragma once
#include "model/network.h"
#include "select/window.h"

enum pt_verdict_state {
	PT_VERDICT_UNKNOWN, // never any data
	PT_VERDICT_INSIDE,
	PT_VERDICT_OUTSIDE,
	PT_VERDICT_STALE, // there was data, but none for stale_secs
	PT_VERDICT_DOWN,  // pt-failover says so
	PT_VERDICT_MAINTENANCE,
	PT_VERDICT_COUNT
};
extern const char *const pt_verdict_names[PT_VERDICT_COUNT];

enum pt_fault {
	PT_FAULT_NONE,
	PT_FAULT_SILENT, // not one answer: out of any SLA
	PT_FAULT_LOSS,   // ppm
	PT_FAULT_RTT,    // us
	PT_FAULT_JITTER, // us
	PT_FAULT_QUORUM, // targets that answer, of those that have to
	PT_FAULT_COUNT
};

// One lost probe of five is 200,000 ppm and proves nothing.
#define PT_VERDICT_MIN_LOST 2
// As many unanswered probes, and no answer at all, are silence.
#define PT_VERDICT_MIN_SILENT 3

struct pt_verdict {
	enum pt_verdict_state state;
	enum pt_verdict_state known; // the last one that rests on data: UNKNOWN, INSIDE or OUTSIDE
	int64_t since_ns;            // since when `known` holds
	enum pt_fault fault;         // of OUTSIDE: the metric that is furthest over its limit
	int64_t value, limit;        // ppm, us or targets
	int64_t span_ns;             // of the window that shows the fault
	bool recovering;             // the short window is inside again, the long one is not yet
	int64_t score_short, score_long; // thousandths
};

// Two windows of one path and what else is known of it.
struct pt_evidence {
	struct pt_measure brief, lasting; // short and long window
	// Of its targets, for paths that have some: a round with too few answers is a probe lost.
	struct pt_measure reach_brief, reach_lasting;
	uint32_t answering, quorum; // in the newest round
	// Nothing measures it (quality: none): to be alive is all that is asked of it.
	bool unmeasured;
	enum pt_path_status status;
	char cause[32]; // of the status, as pt-failover names it; empty: not known
};

void pt_verdict_update(struct pt_verdict *v, const struct pt_sla *sla, const struct pt_evidence *e,
	int64_t now_ns);

// When the verdict turns stale without further records; INT64_MAX: never.
int64_t pt_verdict_stale_at(const struct pt_sla *sla, const struct pt_evidence *e);
