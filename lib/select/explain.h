// SPDX-License-Identifier: MIT
// Verdicts and moves in words for an administrator. Text only: nothing is decided here.
#pragma once
#include "base/buf.h"
#include "select/damping.h"

// "loss 31000 ppm over 10000 ppm for 3 s", "no answer to 15 probes in 3 s"
void pt_explain_fault(struct pt_buf *b, const struct pt_verdict *v);
// The metric that the SLA cares about first: "rtt p95 12 ms of 30 ms"
void pt_explain_metric(struct pt_buf *b, const struct pt_sla *sla, const struct pt_measure *m);
// How a candidate stands: "in SLA (rtt p95 12 ms of 30 ms)", "stale: no record for 31 s"
void pt_explain_state(
	struct pt_buf *b, const struct pt_rules *r, const struct pt_candidate *c, int64_t now_ns);
// Under a weighted policy: "; takes 3 of 5 shares"; else nothing. c is one of the n candidates.
void pt_explain_share(struct pt_buf *b, const struct pt_rules *r, const struct pt_candidate *c,
	const struct pt_candidate *candidates, uint32_t n);
// Why a candidate is not the first one.
void pt_explain_rejection(struct pt_buf *b, const struct pt_rules *r, const struct pt_candidate *c,
	const struct pt_candidate *first, int64_t now_ns);

struct pt_explain_move {
	enum pt_move move;
	bool first_decision, no_data, config_changed, drop;
	const struct pt_candidate *from, *to; // first places before and after
	const struct pt_candidate *part;      // began or ceased to take part; NULL: nobody did
};
// The sentence of a decision record.
void pt_explain_reason(struct pt_buf *b, const struct pt_rules *r, const struct pt_explain_move *m,
	int64_t now_ns);
