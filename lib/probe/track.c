// SPDX-License-Identifier: MIT
#include "probe/track.h"

static bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

uint32_t pt_track_slots(uint64_t slots)
{
	uint32_t size = 2;
	while (size < slots && size < PT_TRACK_MAX)
		size *= 2;
	return size;
}

void pt_track_init(
	struct pt_track *t, struct pt_sent_probe *ring, uint32_t slots, int64_t timeout_ns)
{
	*t = (struct pt_track){ .ring = ring, .mask = slots - 1, .timeout_ns = timeout_ns };
}

struct pt_sent_probe *pt_track_next(struct pt_track *t, unsigned *lost)
{
	struct pt_sent_probe *p = &t->ring[t->next_seq & t->mask];
	*lost = p->state == PT_PROBE_WAITING;
	if (t->next_seq - t->oldest_seq > t->mask)
		t->oldest_seq = t->next_seq - t->mask;
	*p = (struct pt_sent_probe){ .seq = t->next_seq++, .state = PT_PROBE_WAITING };
	return p;
}

void pt_track_unsend(struct pt_track *t)
{
	t->next_seq--;
	t->ring[t->next_seq & t->mask].state = PT_PROBE_NONE;
	if (seq_before(t->next_seq, t->oldest_seq))
		t->oldest_seq = t->next_seq;
}

struct pt_sent_probe *pt_track_find(struct pt_track *t, uint32_t seq)
{
	struct pt_sent_probe *p = &t->ring[seq & t->mask];
	return p->state != PT_PROBE_NONE && p->seq == seq ? p : NULL;
}

struct pt_verdict pt_track_answer(struct pt_track *t, const struct pt_echo *e)
{
	struct pt_sent_probe *p = pt_track_find(t, e->seq);
	if (!p || p->cookie != e->cookie)
		return (struct pt_verdict){ .answer = PT_ANSWER_FOREIGN };

	enum pt_probe_state before = p->state;
	struct pt_verdict v = { .answer = PT_ANSWER_FRESH, .probe = p };
	p->state = PT_PROBE_ANSWERED;
	if (before == PT_PROBE_ANSWERED) {
		v.answer = PT_ANSWER_DUPLICATE;
		return v;
	}
	v.was_lost = before == PT_PROBE_LOST;
	if (v.was_lost || pt_mono_diff(e->arrived, p->at) >= t->timeout_ns) {
		v.answer = PT_ANSWER_LATE;
		return v;
	}
	v.reordered = t->any_answer && seq_before(e->seq, t->expected);
	if (!v.reordered)
		t->expected = e->seq + 1;
	t->any_answer = true;
	return v;
}

// The oldest probe that still waits for its answer, or NULL.
static struct pt_sent_probe *oldest_waiting(const struct pt_track *t, uint32_t *seq)
{
	for (*seq = t->oldest_seq; *seq != t->next_seq; ++*seq) {
		struct pt_sent_probe *p = &t->ring[*seq & t->mask];
		if (p->state == PT_PROBE_WAITING)
			return p;
	}
	return NULL;
}

bool pt_track_overdue(const struct pt_track *t, struct pt_mono now)
{
	uint32_t seq;
	const struct pt_sent_probe *p = oldest_waiting(t, &seq);
	return p && pt_mono_diff(now, p->at) >= t->timeout_ns;
}

struct pt_sent_probe *pt_track_expire(struct pt_track *t, struct pt_mono now)
{
	struct pt_sent_probe *p = oldest_waiting(t, &t->oldest_seq);
	if (!p || pt_mono_diff(now, p->at) < t->timeout_ns)
		return NULL;
	p->state = PT_PROBE_LOST;
	t->oldest_seq++;
	return p;
}

bool pt_track_waiting(const struct pt_track *t)
{
	uint32_t seq;
	return oldest_waiting(t, &seq);
}
