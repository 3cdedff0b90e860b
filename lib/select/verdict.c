// SPDX-License-Identifier: MIT
#include "select/verdict.h"

#include "base/clock.h"
#include "select/score.h"

const char *const pt_verdict_names[PT_VERDICT_COUNT] = {
	[PT_VERDICT_UNKNOWN] = "unknown",
	[PT_VERDICT_INSIDE] = "in SLA",
	[PT_VERDICT_OUTSIDE] = "out of SLA",
	[PT_VERDICT_STALE] = "stale",
	[PT_VERDICT_DOWN] = "down",
	[PT_VERDICT_MAINTENANCE] = "maintenance",
};

struct finding {
	enum pt_fault fault;
	int64_t value, limit;
	int64_t excess; // value in thousandths of the limit
};

static void weigh(struct finding *f, enum pt_fault fault, int64_t value, int64_t limit)
{
	int64_t excess;

	if (limit == PT_NULL || value == PT_NULL || value <= limit)
		return;
	excess = limit > 0 ? value * 1000 / limit : INT64_MAX;
	if (excess > f->excess)
		*f = (struct finding){ fault, value, limit, excess };
}

// Most rounds of a window: one that flaps is not the path's fault.
static bool out_of_reach(const struct pt_sla *sla, const struct pt_evidence *e,
	const struct pt_measure *m, int64_t now_ns)
{
	if (sla->stale_secs != PT_NULL && m->samples &&
		m->newest_ns + sla->stale_secs * PT_NS_PER_S <= now_ns)
		return false;
	return e->quorum && m->lost * 2 > m->sent;
}

static struct finding judge(const struct pt_sla *sla, const struct pt_measure *m)
{
	struct finding f = { 0 };

	if (m->received == 0 && m->lost >= PT_VERDICT_MIN_SILENT)
		return (struct finding){ PT_FAULT_SILENT, m->lost, 0, INT64_MAX };
	if (m->lost >= PT_VERDICT_MIN_LOST)
		weigh(&f, PT_FAULT_LOSS, m->loss_ppm, sla->loss_ppm);
	weigh(&f, PT_FAULT_RTT, m->rtt_p95_us,
		sla->rtt_ms == PT_NULL ? PT_NULL : sla->rtt_ms * 1000);
	weigh(&f, PT_FAULT_JITTER, m->jitter_us,
		sla->jitter_ms == PT_NULL ? PT_NULL : sla->jitter_ms * 1000);
	return f;
}

int64_t pt_verdict_stale_at(const struct pt_sla *sla, const struct pt_evidence *e)
{
	if (e->brief.newest_ns == PT_NULL || sla->stale_secs == PT_NULL)
		return INT64_MAX;
	return e->brief.newest_ns + sla->stale_secs * PT_NS_PER_S;
}

static void conclude(struct pt_verdict *v, enum pt_verdict_state known, const struct finding *f,
	int64_t span_ns, int64_t now_ns)
{
	// Time without data is not time inside: after a gap the clock starts again.
	if (v->known != known || v->state == PT_VERDICT_STALE)
		v->since_ns = now_ns;
	v->state = v->known = known;
	v->fault = f->fault;
	v->value = f->value;
	v->limit = f->limit;
	v->span_ns = span_ns;
}

void pt_verdict_update(
	struct pt_verdict *v, const struct pt_sla *sla, const struct pt_evidence *e, int64_t now_ns)
{
	struct finding brief, lasting;

	v->recovering = false;
	if (e->status == PT_STATUS_DOWN || e->status == PT_STATUS_MAINTENANCE) {
		*v = (struct pt_verdict){
			.state = e->status == PT_STATUS_DOWN ? PT_VERDICT_DOWN
							     : PT_VERDICT_MAINTENANCE,
		};
		return;
	}
	if (out_of_reach(sla, e, &e->reach_brief, now_ns) ||
		(v->fault == PT_FAULT_QUORUM && out_of_reach(sla, e, &e->reach_lasting, now_ns))) {
		struct finding f = { PT_FAULT_QUORUM, e->answering, e->quorum, INT64_MAX };
		conclude(v, PT_VERDICT_OUTSIDE, &f, e->reach_brief.span_ns, now_ns);
		v->score_short = v->score_long = 0;
		v->recovering = !out_of_reach(sla, e, &e->reach_brief, now_ns);
		return;
	}
	if (e->brief.samples == 0 && e->unmeasured) {
		conclude(v, PT_VERDICT_INSIDE, &(struct finding){ 0 }, 0, now_ns);
		return;
	}
	if (e->brief.samples == 0) {
		*v = (struct pt_verdict){ .state = PT_VERDICT_UNKNOWN };
		return;
	}
	if (pt_verdict_stale_at(sla, e) <= now_ns) {
		v->state = PT_VERDICT_STALE;
		return;
	}
	v->score_short = pt_score_path(sla, &e->brief);
	v->score_long = pt_score_path(sla, &e->lasting);
	brief = judge(sla, &e->brief);
	lasting = judge(sla, &e->lasting);
	if (brief.fault) {
		conclude(v, PT_VERDICT_OUTSIDE, &brief, e->brief.span_ns, now_ns);
	} else if (lasting.fault && v->known != PT_VERDICT_INSIDE) {
		conclude(v, PT_VERDICT_OUTSIDE, &lasting, e->lasting.span_ns, now_ns);
		v->recovering = true;
	} else {
		conclude(v, PT_VERDICT_INSIDE, &(struct finding){ 0 }, e->brief.span_ns, now_ns);
	}
}
