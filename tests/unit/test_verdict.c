// SPDX-License-Identifier: MIT
// Windows, scores and verdicts: metrics in, verdict out, a case a row.
#include "test.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "select/score.h"
#include "select/verdict.h"

#define S PT_NS_PER_S

static const struct pt_sla voice = {
	.loss_ppm = 10000, .rtt_ms = 30, .jitter_ms = 10, .stale_secs = 30
};
static const struct pt_sla none = {
	.loss_ppm = PT_NULL, .rtt_ms = PT_NULL, .jitter_ms = PT_NULL, .stale_secs = 30
};

struct metrics {
	int64_t sent, lost, rtt_us, jitter_us;
};

static struct pt_measure measure(struct metrics m, int64_t newest_ns)
{
	return (struct pt_measure){
		.samples = m.sent > 0,
		.sent = m.sent,
		.lost = m.lost,
		.received = m.sent - m.lost,
		.loss_ppm = m.sent ? m.lost * 1000000 / m.sent : PT_NULL,
		.rtt_p95_us = m.rtt_us,
		.jitter_us = m.jitter_us,
		.span_ns = 3 * S,
		.newest_ns = m.sent ? newest_ns : PT_NULL,
	};
}

#define GOOD                       \
	{                          \
		300, 0, 12000, 500 \
	}
#define LOSSY                       \
	{                           \
		300, 10, 12000, 500 \
	}
#define SLOW                       \
	{                          \
		300, 0, 45000, 500 \
	}
#define SHAKY                        \
	{                            \
		300, 0, 12000, 15000 \
	}
#define SILENT                             \
	{                                  \
		300, 300, PT_NULL, PT_NULL \
	}
#define NOTHING                        \
	{                              \
		0, 0, PT_NULL, PT_NULL \
	}

#define UNKNOWN PT_VERDICT_UNKNOWN
#define INSIDE  PT_VERDICT_INSIDE
#define OUTSIDE PT_VERDICT_OUTSIDE

static const struct row {
	const char *what;
	const struct pt_sla *sla;
	enum pt_verdict_state before;
	enum pt_path_status status;
	struct metrics brief, lasting;
	int64_t age_s;
	enum pt_verdict_state want;
	enum pt_fault fault;
} rows[] = {
	{ "good from the start", &voice, UNKNOWN, 0, GOOD, GOOD, 0, INSIDE, 0 },
	{ "no data", &voice, UNKNOWN, 0, NOTHING, NOTHING, 0, UNKNOWN, 0 },
	{ "lossy", &voice, INSIDE, 0, LOSSY, GOOD, 0, OUTSIDE, PT_FAULT_LOSS },
	{ "slow", &voice, INSIDE, 0, SLOW, GOOD, 0, OUTSIDE, PT_FAULT_RTT },
	{ "shaky", &voice, INSIDE, 0, SHAKY, GOOD, 0, OUTSIDE, PT_FAULT_JITTER },
	{ "silent", &voice, INSIDE, 0, SILENT, GOOD, 0, OUTSIDE, PT_FAULT_SILENT },
	{ "silent is out of no SLA too", &none, INSIDE, 0, SILENT, GOOD, 0, OUTSIDE,
		PT_FAULT_SILENT },
	{ "lossy without an SLA", &none, INSIDE, 0, LOSSY, LOSSY, 0, INSIDE, 0 },
	{ "slow without an SLA", &none, INSIDE, 0, SLOW, SLOW, 0, INSIDE, 0 },
	{ "one lost of five proves nothing", &voice, INSIDE, 0, { 5, 1, 12000, 500 }, GOOD, 0,
		INSIDE, 0 },
	{ "two lost of five do", &voice, INSIDE, 0, { 5, 2, 12000, 500 }, GOOD, 0, OUTSIDE,
		PT_FAULT_LOSS },
	{ "two silent probes prove nothing", &none, INSIDE, 0, { 2, 2, PT_NULL, PT_NULL }, GOOD, 0,
		INSIDE, 0 },
	{ "loss at the limit", &voice, INSIDE, 0, { 300, 3, 12000, 500 }, GOOD, 0, INSIDE, 0 },
	{ "rtt at the limit", &voice, INSIDE, 0, { 300, 0, 30000, 500 }, GOOD, 0, INSIDE, 0 },
	{ "rtt just over", &voice, INSIDE, 0, { 300, 0, 30001, 500 }, GOOD, 0, OUTSIDE,
		PT_FAULT_RTT },
	{ "the worst metric is named", &voice, INSIDE, 0, { 300, 4, 300000, 15000 }, GOOD, 0,
		OUTSIDE, PT_FAULT_RTT },
	{ "a long-past fault does not fail", &voice, INSIDE, 0, GOOD, LOSSY, 0, INSIDE, 0 },
	{ "but delays recovery", &voice, OUTSIDE, 0, GOOD, LOSSY, 0, OUTSIDE, PT_FAULT_LOSS },
	{ "and a first verdict", &voice, UNKNOWN, 0, GOOD, LOSSY, 0, OUTSIDE, PT_FAULT_LOSS },
	{ "recovered", &voice, OUTSIDE, 0, GOOD, GOOD, 0, INSIDE, 0 },
	{ "stale", &voice, INSIDE, 0, GOOD, GOOD, 30, PT_VERDICT_STALE, 0 },
	{ "almost stale", &voice, INSIDE, 0, GOOD, GOOD, 29, INSIDE, 0 },
	{ "stale while silent", &voice, OUTSIDE, 0, SILENT, SILENT, 31, PT_VERDICT_STALE, 0 },
	{ "down", &voice, INSIDE, PT_STATUS_DOWN, GOOD, GOOD, 0, PT_VERDICT_DOWN, 0 },
	{ "down, stale as well", &voice, INSIDE, PT_STATUS_DOWN, GOOD, GOOD, 99, PT_VERDICT_DOWN,
		0 },
	{ "maintenance", &voice, INSIDE, PT_STATUS_MAINTENANCE, GOOD, GOOD, 0,
		PT_VERDICT_MAINTENANCE, 0 },
	{ "rtt not known", &voice, INSIDE, 0, { 300, 0, PT_NULL, PT_NULL }, GOOD, 0, INSIDE, 0 },
};

static void table(void)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct pt_evidence e = { .brief = measure(r->brief, 100 * S),
			.lasting = measure(r->lasting, 100 * S),
			.status = r->status };
		struct pt_verdict v = { .state = r->before, .known = r->before, .since_ns = 7 };

		pt_verdict_update(&v, r->sla, &e, (100 + r->age_s) * S);
		if (v.state != r->want)
			T_FAIL("%s: %s, want %s", r->what, pt_verdict_names[v.state],
				pt_verdict_names[r->want]);
		if (r->fault && v.fault != r->fault)
			T_FAIL("%s: fault %d, want %d", r->what, v.fault, r->fault);
		if (v.state == OUTSIDE && v.fault == PT_FAULT_NONE)
			T_FAIL("%s: out of SLA without a fault", r->what);
	}
}

static void since(void)
{
	struct pt_evidence e = { .brief = measure((struct metrics)GOOD, 10 * S),
		.lasting = measure((struct metrics)GOOD, 10 * S) };
	struct pt_verdict v = { 0 };

	pt_verdict_update(&v, &voice, &e, 10 * S);
	pt_verdict_update(&v, &voice, &e, 20 * S);
	T_EQ(v.since_ns, 10 * S);
	pt_verdict_update(&v, &voice, &e, 50 * S);
	T_EQ(v.state, PT_VERDICT_STALE);
	T_EQ(v.known, INSIDE);
	e.brief.newest_ns = e.lasting.newest_ns = 60 * S;
	pt_verdict_update(&v, &voice, &e, 60 * S);
	T_EQ(v.since_ns, 60 * S); // time without data is not time inside
	T_EQ(pt_verdict_stale_at(&voice, &e), 90 * S);
	e.status = PT_STATUS_DOWN;
	pt_verdict_update(&v, &voice, &e, 70 * S);
	T_EQ(v.known, UNKNOWN);
	e.status = PT_STATUS_UP;
	pt_verdict_update(&v, &voice, &e, 80 * S);
	T_EQ(v.since_ns, 80 * S);
}

// Nothing measures it: it is fit as long as it lives, and by its data where there is some after
// all.
static void unmeasured(void)
{
	struct pt_evidence e = { .brief.newest_ns = PT_NULL, .unmeasured = true };
	struct pt_verdict v = { 0 };

	pt_verdict_update(&v, &voice, &e, 10 * S);
	T_EQ(v.state, INSIDE);
	T_EQ(v.since_ns, 10 * S);
	pt_verdict_update(&v, &voice, &e, 900 * S);
	T_EQ(v.state, INSIDE); // never stale
	T_EQ(v.since_ns, 10 * S);
	e.status = PT_STATUS_DOWN;
	pt_verdict_update(&v, &voice, &e, 910 * S);
	T_EQ(v.state, PT_VERDICT_DOWN);
	e.status = PT_STATUS_UP;
	pt_verdict_update(&v, &voice, &e, 920 * S);
	T_EQ(v.state, INSIDE);
	T_EQ(v.since_ns, 920 * S); // and waits its cooldown like any other
	e.brief = e.lasting = measure((struct metrics)LOSSY, 930 * S);
	pt_verdict_update(&v, &voice, &e, 930 * S);
	T_EQ(v.state, OUTSIDE);
}

static void scores(void)
{
	struct pt_measure good = measure((struct metrics)GOOD, 1);
	struct pt_measure at_limit = measure((struct metrics){ 300, 0, 30000, 0 }, 1);
	struct pt_measure slow = measure((struct metrics){ 300, 0, 60000, 0 }, 1);
	struct pt_measure both = measure((struct metrics){ 300, 3, 30000, 0 }, 1);
	struct pt_measure silent = measure((struct metrics)SILENT, 1);
	struct pt_measure absurd = measure((struct metrics){ 300, 0, INT32_MAX, INT32_MAX }, 1);

	T_EQ(pt_score_path(&voice, &at_limit), 50000);
	T_EQ(pt_score_path(&voice, &slow), 20000);
	T_EQ(pt_score_path(&voice, &both), 25000);
	T_EQ(pt_score_path(&voice, &silent), 0);
	T_EQ(pt_score_path(&voice, &absurd), 0);
	T_OK(pt_score_path(&voice, &good) > 85000);
	T_OK(pt_score_path(&none, &good) > 99000); // common limits
}

static void measures(void)
{
	struct pt_window w = { 0 };
	struct pt_measure m, again;
	struct pt_window back = { 0 };

	for (int i = 0; i < 10; i++) {
		struct pt_reading s = { .end_ns = (i + 1) * S,
			.seq = i,
			.span_ms = 1000,
			.sent = 10,
			.received = (uint32_t)(10 - i % 2),
			.lost = (uint32_t)(i % 2),
			.rtt_p95_us = 1000 * (i + 1),
			.jitter_us = -1 };
		pt_window_add(&w, &s);
	}
	pt_window_measure(&w, 10 * S, 3 * S, &m);
	T_EQ(m.samples, 3); // ended in (7, 10]
	T_EQ(m.sent, 30);
	T_EQ(m.lost, 2);
	T_EQ(m.loss_ppm, 66667);
	T_EQ(m.span_ns, 3 * S);
	T_EQ(m.rtt_p95_us, (8000 * 9 + 9000 * 10 + 10000 * 9 + 14) / 28);
	T_EQ(m.jitter_us, PT_NULL);
	pt_window_measure(&w, 1000 * S, 3 * S, &m);
	T_EQ(m.samples, 1); // the newest stays: staleness is the SLA's business
	T_EQ(m.newest_ns, 10 * S);
	pt_window_measure(&w, 10 * S, 100 * S, &m);
	T_EQ(m.samples, 10);
	for (uint32_t i = w.n; i-- > 0;)
		pt_window_add(&back, &w.samples[i]);
	pt_window_add(&back, &w.samples[3]); // a repeat replaces itself
	pt_window_measure(&back, 10 * S, 100 * S, &again);
	T_OK(memcmp(&m, &again, sizeof(m)) == 0);
	pt_window_done(&w);
	pt_window_done(&back);
	pt_window_measure(&w, 10 * S, S, &m);
	T_EQ(m.samples, 0);
	T_EQ(m.loss_ppm, PT_NULL);
}

static void bounded(void)
{
	struct pt_window w = { 0 };
	struct pt_reading s = { .sent = 1, .received = 1 };
	struct pt_measure m;

	for (int i = 0; i < 3 * PT_WINDOW_SLOTS; i++) {
		s.end_ns = i * S;
		pt_window_add(&w, &s);
	}
	T_EQ(w.n, PT_WINDOW_SLOTS);
	T_EQ(w.samples[0].end_ns, 2 * PT_WINDOW_SLOTS * S);
	s.end_ns = S; // older than all that are held
	pt_window_add(&w, &s);
	T_EQ(w.samples[0].end_ns, 2 * PT_WINDOW_SLOTS * S);
	s.end_ns = (3 * PT_WINDOW_SLOTS - 2) * S + 5; // late, but within
	pt_window_add(&w, &s);
	T_EQ(w.n, PT_WINDOW_SLOTS);
	for (uint32_t i = 1; i < w.n; i++)
		T_OK(w.samples[i - 1].end_ns < w.samples[i].end_ns);
	pt_window_measure(&w, INT64_MAX / 2, INT64_MAX / 2, &m);
	T_EQ(m.sent, PT_WINDOW_SLOTS);
	pt_window_done(&w);
}

static void hostile(void)
{
	struct pt_health h = { .sent = 10, .received = 8, .loss_ppm = PT_NULL, .window_ms = 1000 };
	struct pt_reading s;

	h.rtt_us.p95 = PT_NULL;
	h.jitter_us = INT64_MAX;
	T_NEED(pt_reading_from_health(&h, 1, 1, &s));
	T_EQ(s.lost, 2);
	T_EQ(s.rtt_p95_us, -1);
	T_EQ(s.jitter_us, INT32_MAX);
	h.loss_ppm = 100000;
	T_NEED(pt_reading_from_health(&h, 1, 1, &s));
	T_EQ(s.lost, 1); // two are still on their way
	h.loss_ppm = 2000000;
	T_OK(!pt_reading_from_health(&h, 1, 1, &s));
	h.loss_ppm = PT_NULL;
	h.received = 11;
	T_OK(!pt_reading_from_health(&h, 1, 1, &s));
	h.received = -1;
	T_OK(!pt_reading_from_health(&h, 1, 1, &s));
	h.received = 0;
	h.sent = 0;
	T_OK(!pt_reading_from_health(&h, 1, 1, &s));
	h.sent = PT_NULL;
	T_OK(!pt_reading_from_health(&h, 1, 1, &s));
	h.sent = INT64_MAX;
	T_OK(!pt_reading_from_health(&h, 1, 1, &s));
}

T_MAIN({ "metrics in, verdict out", table }, { "since when", since },
	{ "what nothing measures", unmeasured }, { "scores", scores },
	{ "windows measure what ended in them", measures }, { "windows are bounded", bounded },
	{ "contradictory records say nothing", hostile })
