// SPDX-License-Identifier: MIT
// What an administrator reads, word for word.
#include "test.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "select/explain.h"

#define S PT_NS_PER_S

struct scene {
	struct pt_policy policy;
	struct pt_rules rules;
	struct pt_path path[2];
	struct pt_evidence evidence[2];
	struct pt_candidate c[2];
};

// fibre, first in the policy's order, and lte; both good.
static void setup(struct scene *s, enum pt_strategy strategy)
{
	const struct pt_measure good = { .samples = 3,
		.sent = 300,
		.received = 300,
		.loss_ppm = 0,
		.rtt_p95_us = 12000,
		.jitter_us = 400,
		.span_ns = 3 * S,
		.newest_ns = 100 * S };

	*s = (struct scene){ .policy = { .id = "voice",
				     .strategy = strategy,
				     .margin_percent = 10,
				     .sla = { 10000, 30, PT_NULL, 30 } },
		.path = { { .id = "fibre" }, { .id = "lte" } } };
	s->rules = (struct pt_rules){ .policy = &s->policy, .cooldown_ns = 60 * S };
	for (uint32_t i = 0; i < 2; i++) {
		s->evidence[i].brief = s->evidence[i].lasting = good;
		s->c[i] = (struct pt_candidate){ .path = &s->path[i],
			.evidence = &s->evidence[i],
			.place = i,
			.cost = 10 * (i + 1),
			.verdict = { .state = PT_VERDICT_INSIDE,
				.known = PT_VERDICT_INSIDE,
				.score_short = 90000,
				.score_long = 90000 + 5000 * i } };
	}
}

static void fault(struct scene *s, uint32_t i, enum pt_fault what, int64_t value, int64_t limit)
{
	s->c[i].verdict.state = s->c[i].verdict.known = PT_VERDICT_OUTSIDE;
	s->c[i].verdict.fault = what;
	s->c[i].verdict.value = value;
	s->c[i].verdict.limit = limit;
	s->c[i].verdict.span_ns = 3 * S;
}

static void faults(void)
{
	static const struct {
		struct pt_verdict v;
		const char *want;
	} rows[] = {
		{ { .fault = PT_FAULT_LOSS, .value = 31000, .limit = 10000, .span_ns = 3 * S },
			"loss 31000 ppm over 10000 ppm for 3 s" },
		{ { .fault = PT_FAULT_RTT, .value = 45340, .limit = 30000, .span_ns = 600000000 },
			"rtt p95 45.3 ms over 30 ms for 0.6 s" },
		{ { .fault = PT_FAULT_RTT, .value = 30040, .limit = 30000, .span_ns = 30 * S },
			"rtt p95 30040 us over 30000 us for 30 s" },
		{ { .fault = PT_FAULT_JITTER, .value = 15000, .limit = 10000, .span_ns = 9 * S },
			"jitter 15 ms over 10 ms for 9 s" },
		{ { .fault = PT_FAULT_SILENT, .value = 15, .span_ns = 30 * S },
			"no answer to 15 probes in 30 s" },
		{ { .fault = PT_FAULT_NONE }, "" },
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		pt_autobuf b = { 0 };

		pt_explain_fault(&b, &rows[i].v);
		T_STR(pt_buf_str(&b), rows[i].want);
	}
}

static void states(void)
{
	struct scene s;
	pt_autobuf b = { 0 };

#define STATE(want)                                                       \
	do {                                                              \
		pt_buf_clear(&b);                                         \
		pt_explain_state(&b, &s.rules, &s.c[0], 131 * S + S / 2); \
		T_STR(pt_buf_str(&b), want);                              \
	} while (0)
	setup(&s, PT_STRATEGY_ORDERED);
	STATE("in SLA (rtt p95 12 ms of 30 ms)");
	s.policy.sla.rtt_ms = PT_NULL;
	STATE("in SLA (loss 0 ppm of 10000 ppm)");
	s.policy.sla.loss_ppm = PT_NULL;
	STATE("in SLA (rtt p95 12 ms)");
	s.evidence[0].brief.rtt_p95_us = PT_NULL;
	STATE("in SLA (loss 0 ppm)");
	fault(&s, 0, PT_FAULT_LOSS, 23000, 10000);
	s.c[0].verdict.recovering = true;
	STATE("loss 23000 ppm over 10000 ppm for 3 s (inside again, but not for long enough)");
	s.c[0].verdict.state = PT_VERDICT_STALE;
	STATE("stale: no record for 31 s");
	s.c[0].verdict.state = PT_VERDICT_UNKNOWN;
	STATE("unknown: no data yet");
	s.c[0].verdict.state = PT_VERDICT_DOWN;
	STATE("down");
	memcpy(s.evidence[0].cause, "carrier", sizeof("carrier"));
	STATE("down (carrier)");
	s.c[0].verdict.state = PT_VERDICT_MAINTENANCE;
	STATE("in maintenance");
#undef STATE
}

static const char *reason(struct pt_buf *b, const struct scene *s, struct pt_explain_move m)
{
	pt_buf_clear(b);
	pt_explain_reason(b, &s->rules, &m, 200 * S);
	return pt_buf_str(b);
}

static void reasons(void)
{
	struct scene s;
	pt_autobuf b = { 0 };
	const struct pt_candidate *fibre = &s.c[0], *lte = &s.c[1];

	setup(&s, PT_STRATEGY_ORDERED);
	T_STR(reason(&b, &s, (struct pt_explain_move){ PT_MOVE_BETTER, .from = lte, .to = fibre }),
		"fibre is in SLA (rtt p95 12 ms of 30 ms) again for 200 s and stands before lte in "
		"the policy's order");
	T_STR(reason(&b, &s, (struct pt_explain_move){ PT_MOVE_TAIL, .from = lte, .to = lte }),
		"lte is in SLA (rtt p95 12 ms of 30 ms) and stays first; the order behind it "
		"changed");
	fault(&s, 0, PT_FAULT_LOSS, 31000, 10000);
	T_STR(reason(&b, &s, (struct pt_explain_move){ PT_MOVE_FAULT, .from = fibre, .to = lte }),
		"fibre: loss 31000 ppm over 10000 ppm for 3 s; lte is in SLA (rtt p95 12 ms of "
		"30 ms)");
	fault(&s, 1, PT_FAULT_RTT, 31000, 30000);
	T_STR(reason(&b, &s, (struct pt_explain_move){ PT_MOVE_WORST, .from = fibre, .to = lte }),
		"fibre: loss 31000 ppm over 10000 ppm for 3 s; no path is inside the SLA, least "
		"bad lte: rtt p95 31 ms over 30 ms for 3 s");
	s.policy.none_inside = PT_NONE_BACKUP;
	T_HAS(reason(&b, &s, (struct pt_explain_move){ PT_MOVE_WORST, .from = fibre, .to = lte }),
		"no path is inside the SLA, backup lte: rtt p95");
	T_STR(reason(&b, &s,
		      (struct pt_explain_move){
			      PT_MOVE_NONE, .drop = true, .from = fibre, .to = fibre }),
		"no path is inside the SLA and the policy says drop; fibre: loss 31000 ppm over "
		"10000 ppm for 3 s");
	T_STR(reason(&b, &s,
		      (struct pt_explain_move){ .first_decision = true,
			      .no_data = true,
			      .from = fibre,
			      .to = fibre }),
		"no data yet: configured order");
	setup(&s, PT_STRATEGY_BEST);
	T_STR(reason(&b, &s,
		      (struct pt_explain_move){
			      PT_MOVE_BETTER, .config_changed = true, .from = fibre, .to = lte }),
		"configuration changed; lte is in SLA (rtt p95 12 ms of 30 ms) and scores 95.0 "
		"against fibre's 90.0, more than 10 % better");
	setup(&s, PT_STRATEGY_CHEAPEST);
	T_STR(reason(&b, &s, (struct pt_explain_move){ PT_MOVE_BETTER, .from = lte, .to = fibre }),
		"fibre is in SLA (rtt p95 12 ms of 30 ms) and costs 10, lte 20");
}

static void rejections(void)
{
	struct scene s;
	pt_autobuf b = { 0 };

#define WHY(want)                                                              \
	do {                                                                   \
		pt_buf_clear(&b);                                              \
		pt_explain_rejection(&b, &s.rules, &s.c[0], &s.c[1], 200 * S); \
		T_STR(pt_buf_str(&b), want);                                   \
	} while (0)
	setup(&s, PT_STRATEGY_ORDERED);
	s.c[0].verdict.since_ns = 188 * S;
	WHY("in SLA (rtt p95 12 ms of 30 ms); the policy's order has it before lte; in SLA for "
	    "12 s, waits for 60 s");
	s.policy.strategy = PT_STRATEGY_BEST;
	WHY("in SLA (rtt p95 12 ms of 30 ms); score 90.0, lte 95.0");
	s.policy.strategy = PT_STRATEGY_CHEAPEST;
	s.c[0].cost = 30;
	WHY("in SLA (rtt p95 12 ms of 30 ms); cost 30, lte 20");
	fault(&s, 0, PT_FAULT_LOSS, 31000, 10000);
	WHY("loss 31000 ppm over 10000 ppm for 3 s");
#undef WHY
}

T_MAIN({ "faults", faults }, { "states", states }, { "reasons", reasons },
	{ "rejections", rejections })
