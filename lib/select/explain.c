// SPDX-License-Identifier: MIT
#include "select/explain.h"

#include <inttypes.h>

#include "base/clock.h"

static void put_ms(struct pt_buf *b, int64_t us)
{
	int64_t tenths = (us + 50) / 100;

	if (tenths % 10 == 0 || tenths >= 1000)
		pt_buf_printf(b, "%" PRId64 " ms", (us + 500) / 1000);
	else
		pt_buf_printf(b, "%" PRId64 ".%" PRId64 " ms", tenths / 10, tenths % 10);
}

static void put_seconds(struct pt_buf *b, int64_t ns)
{
	int64_t tenths = ns / (100 * PT_NS_PER_MS);

	if (tenths < 100 && tenths % 10 != 0)
		pt_buf_printf(b, "%" PRId64 ".%" PRId64 " s", tenths / 10, tenths % 10);
	else
		pt_buf_printf(b, "%" PRId64 " s", tenths / 10);
}

static void put_score(struct pt_buf *b, int64_t milli)
{
	pt_buf_printf(b, "%" PRId64 ".%" PRId64, milli / 1000, milli % 1000 / 100);
}

static void put_over_ms(struct pt_buf *b, const char *what, const struct pt_verdict *v)
{
	// "30 ms over 30 ms" would tell nothing
	if (v->value - v->limit < 100) {
		pt_buf_printf(b, "%s %" PRId64 " us over %" PRId64 " us", what, v->value, v->limit);
		return;
	}
	pt_buf_printf(b, "%s ", what);
	put_ms(b, v->value);
	pt_buf_puts(b, " over ");
	put_ms(b, v->limit);
}

void pt_explain_fault(struct pt_buf *b, const struct pt_verdict *v)
{
	switch (v->fault) {
	case PT_FAULT_SILENT:
		pt_buf_printf(b, "no answer to %" PRId64 " probes in ", v->value);
		put_seconds(b, v->span_ns);
		return;
	case PT_FAULT_LOSS:
		pt_buf_printf(b, "loss %" PRId64 " ppm over %" PRId64 " ppm", v->value, v->limit);
		break;
	case PT_FAULT_RTT:
		put_over_ms(b, "rtt p95", v);
		break;
	case PT_FAULT_JITTER:
		put_over_ms(b, "jitter", v);
		break;
	case PT_FAULT_QUORUM:
		pt_buf_printf(b, "%" PRId64 " target%s, %" PRId64 " %s needed,", v->value,
			v->value == 1 ? " answers" : "s answer", v->limit,
			v->limit == 1 ? "is" : "are");
		break;
	case PT_FAULT_NONE:
	case PT_FAULT_COUNT:
		return;
	}
	pt_buf_puts(b, " for ");
	put_seconds(b, v->span_ns);
}

void pt_explain_metric(struct pt_buf *b, const struct pt_sla *sla, const struct pt_measure *m)
{
	bool rtt = m->rtt_p95_us != PT_NULL;

	if (m->samples == 0) {
		pt_buf_puts(b, "not measured");
	} else if (m->loss_ppm != PT_NULL &&
		(!rtt || (sla->rtt_ms == PT_NULL && sla->loss_ppm != PT_NULL))) {
		pt_buf_printf(b, "loss %" PRId64 " ppm", m->loss_ppm);
		if (sla->loss_ppm != PT_NULL)
			pt_buf_printf(b, " of %" PRId64 " ppm", sla->loss_ppm);
	} else if (rtt) {
		pt_buf_puts(b, "rtt p95 ");
		put_ms(b, m->rtt_p95_us);
		if (sla->rtt_ms != PT_NULL)
			pt_buf_printf(b, " of %" PRId64 " ms", sla->rtt_ms);
	} else {
		pt_buf_puts(b, "no metric known");
	}
}

void pt_explain_state(
	struct pt_buf *b, const struct pt_rules *r, const struct pt_candidate *c, int64_t now_ns)
{
	const struct pt_verdict *v = &c->verdict;

	switch (v->state) {
	case PT_VERDICT_UNKNOWN:
		pt_buf_puts(b, "unknown: no data yet");
		break;
	case PT_VERDICT_INSIDE:
		pt_buf_puts(b, "in SLA (");
		pt_explain_metric(b, &r->policy->sla, &c->evidence->brief);
		pt_buf_putc(b, ')');
		break;
	case PT_VERDICT_OUTSIDE:
		pt_explain_fault(b, v);
		if (v->recovering)
			pt_buf_puts(b, " (inside again, but not for long enough)");
		break;
	case PT_VERDICT_STALE:
		pt_buf_puts(b, "stale: no record for ");
		put_seconds(b, now_ns - c->evidence->brief.newest_ns);
		break;
	case PT_VERDICT_DOWN:
		pt_buf_puts(b, "down");
		if (c->evidence->cause[0])
			pt_buf_printf(b, " (%s)", c->evidence->cause);
		break;
	case PT_VERDICT_MAINTENANCE:
		pt_buf_puts(b, "in maintenance");
		break;
	case PT_VERDICT_COUNT:
		break;
	}
}

void pt_explain_share(struct pt_buf *b, const struct pt_rules *r, const struct pt_candidate *c,
	const struct pt_candidate *candidates, uint32_t n)
{
	uint32_t all = 0;

	if (r->policy->strategy != PT_STRATEGY_WEIGHTED)
		return;
	for (uint32_t i = 0; i < n; i++)
		all += candidates[i].shares ? candidates[i].weight : 0;
	if (c->shares)
		pt_buf_printf(b, "; takes %u of %u shares", c->weight, all);
	else
		pt_buf_puts(b, "; takes no share");
}

static void put_comparison(struct pt_buf *b, const struct pt_rules *r, const struct pt_candidate *c,
	const struct pt_candidate *first)
{
	switch ((enum pt_strategy)r->policy->strategy) {
	case PT_STRATEGY_BEST:
		pt_buf_puts(b, "; score ");
		put_score(b, c->verdict.score_long);
		pt_buf_printf(b, ", %s ", first->path->id);
		put_score(b, first->verdict.score_long);
		break;
	case PT_STRATEGY_CHEAPEST:
		pt_buf_printf(b, "; cost %" PRId64 ", %s %" PRId64, c->cost, first->path->id,
			first->cost);
		break;
	case PT_STRATEGY_WEIGHTED:
		pt_buf_printf(b, "; weight %u, %s %u", c->weight, first->path->id, first->weight);
		break;
	default:
		pt_buf_printf(b, "; the policy's order has it %s %s",
			c->place < first->place ? "before" : "after", first->path->id);
	}
}

void pt_explain_rejection(struct pt_buf *b, const struct pt_rules *r, const struct pt_candidate *c,
	const struct pt_candidate *first, int64_t now_ns)
{
	enum pt_tier tier = pt_strategy_tier(r, c, now_ns);

	pt_explain_state(b, r, c, now_ns);
	if (c->verdict.state != PT_VERDICT_INSIDE)
		return;
	put_comparison(b, r, c, first);
	if (tier == PT_TIER_FRESH && pt_strategy_better(r, tier, c, first, 0)) {
		pt_buf_puts(b, "; in SLA for ");
		put_seconds(b, now_ns - c->verdict.since_ns);
		pt_buf_puts(b, ", waits for ");
		put_seconds(b, r->cooldown_ns);
	}
}

static void put_candidate(
	struct pt_buf *b, const struct pt_rules *r, const struct pt_candidate *c, int64_t now_ns)
{
	enum pt_verdict_state state = c->verdict.state;

	pt_buf_puts(b, c->path->id);
	pt_buf_puts(b,
		state == PT_VERDICT_OUTSIDE || state == PT_VERDICT_STALE ||
				state == PT_VERDICT_UNKNOWN
			? ": "
			: " is ");
	pt_explain_state(b, r, c, now_ns);
}

static void put_better(
	struct pt_buf *b, const struct pt_rules *r, const struct pt_explain_move *m, int64_t now_ns)
{
	put_candidate(b, r, m->to, now_ns);
	switch ((enum pt_strategy)r->policy->strategy) {
	case PT_STRATEGY_BEST:
		pt_buf_puts(b, " and scores ");
		put_score(b, m->to->verdict.score_long);
		pt_buf_printf(b, " against %s's ", m->from->path->id);
		put_score(b, m->from->verdict.score_long);
		pt_buf_printf(b, ", more than %" PRId64 " %% better", r->policy->margin_percent);
		break;
	case PT_STRATEGY_CHEAPEST:
		pt_buf_printf(b, " and costs %" PRId64 ", %s %" PRId64, m->to->cost,
			m->from->path->id, m->from->cost);
		break;
	default:
		pt_buf_puts(b, " again for ");
		put_seconds(b, now_ns - m->to->verdict.since_ns);
		pt_buf_printf(b, " and stands before %s in the policy's order", m->from->path->id);
	}
}

static void put_switch(
	struct pt_buf *b, const struct pt_rules *r, const struct pt_explain_move *m, int64_t now_ns)
{
	put_candidate(b, r, m->from, now_ns);
	pt_buf_puts(b, "; ");
	if (m->move == PT_MOVE_WORST && m->to->verdict.state == PT_VERDICT_OUTSIDE)
		pt_buf_puts(b,
			r->policy->none_inside == PT_NONE_BACKUP
				? "no path is inside the SLA, backup "
				: "no path is inside the SLA, least bad ");
	put_candidate(b, r, m->to, now_ns);
}

void pt_explain_reason(
	struct pt_buf *b, const struct pt_rules *r, const struct pt_explain_move *m, int64_t now_ns)
{
	if (m->config_changed)
		pt_buf_puts(b, "configuration changed; ");
	if (m->drop)
		pt_buf_puts(b, "no path is inside the SLA and the policy says drop; ");
	if (m->no_data) {
		pt_buf_puts(b, "no data yet: configured order");
	} else if (m->first_decision) {
		pt_buf_puts(b, "first decision; ");
		put_candidate(b, r, m->to, now_ns);
	} else if (m->move == PT_MOVE_FAULT || m->move == PT_MOVE_WORST) {
		put_switch(b, r, m, now_ns);
	} else if (m->move == PT_MOVE_BETTER) {
		put_better(b, r, m, now_ns);
	} else if (m->move == PT_MOVE_SHARES) {
		put_candidate(b, r, m->part, now_ns);
		pt_buf_puts(b,
			m->part->shares ? "; takes its share of flows again"
					: "; takes no share of flows");
	} else {
		put_candidate(b, r, m->to, now_ns);
		if (m->move == PT_MOVE_TAIL)
			pt_buf_puts(b, " and stays first; the order behind it changed");
		else if (!m->drop)
			pt_buf_puts(b, " and stays first");
	}
}
