// SPDX-License-Identifier: MIT
#include "probe/track.h"

#include <stdlib.h>

#define AT_MASK  ((1ULL << 48) - 1)
#define HELD     16 // ns
#define HELD_MAX ((1 << 28) - 1)
#define EXTRA    64 // late answers of fast probers: as many are enough, where they are half of all

#define STEP_NS  (20 * PT_NS_PER_US) // less is the time between two looks
#define CLOSE_NS PT_NS_PER_US
#define LOOKS    8

// ---- the wall clock's steps ----

// Both clocks within a microsecond, however often we are interrupted in between.
static int64_t exact_offset(void)
{
	int64_t best = 0, least = INT64_MAX;
	for (int i = 0; i < LOOKS && least > CLOSE_NS; i++) {
		struct pt_mono before = pt_mono_now();
		int64_t real_ns = pt_wall_ns(), took_ns = pt_mono_diff(pt_mono_now(), before);
		if (took_ns >= least)
			continue;
		least = took_ns;
		best = real_ns - before.ns - took_ns / 2;
	}
	return best;
}

int64_t pt_steps_look(struct pt_steps *s, struct pt_mono now)
{
	int64_t known_ns = s->offset_ns[s->epoch % PT_STEPS];
	if (llabs(pt_wall_ns() - pt_mono_now().ns - known_ns) < STEP_NS)
		return now.ns + known_ns;
	int64_t exact_ns = exact_offset();
	if (llabs(exact_ns - known_ns) >= STEP_NS)
		s->offset_ns[++s->epoch % PT_STEPS] = exact_ns;
	return now.ns + s->offset_ns[s->epoch % PT_STEPS];
}

// ---- probes ----

static bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

uint32_t pt_track_slots(uint64_t on_their_way)
{
	uint64_t late = on_their_way / 2 > EXTRA ? on_their_way / 2
		: on_their_way < EXTRA           ? on_their_way
						 : EXTRA;
	uint64_t slots = on_their_way + late;
	return slots < 2 ? 2 : slots < PT_TRACK_MAX ? (uint32_t)slots : PT_TRACK_MAX;
}

void pt_track_init(struct pt_track *t, struct pt_track_slot *ring, uint32_t slots,
	const struct pt_steps *steps, int64_t timeout_ns)
{
	*t = (struct pt_track){
		.ring = ring, .slots = slots, .steps = steps, .timeout_ns = timeout_ns
	};
}

uint32_t pt_track_next(struct pt_track *t, struct pt_mono at, uint32_t cookie, unsigned *lost)
{
	struct pt_track_slot *p = &t->ring[t->head];
	*lost = p->state == PT_PROBE_WAITING;
	if (t->next_seq - t->oldest_seq >= t->slots)
		t->oldest_seq = t->next_seq - t->slots + 1;
	*p = (struct pt_track_slot){ .at = (uint64_t)at.ns & AT_MASK,
		.cookie = cookie,
		.state = PT_PROBE_WAITING,
		.epoch = t->steps->epoch % PT_STEPS };
	t->newest = at;
	t->head = t->head + 1 == t->slots ? 0 : t->head + 1;
	return t->next_seq++;
}

void pt_track_unsend(struct pt_track *t)
{
	t->next_seq--;
	t->head = (t->head ? t->head : t->slots) - 1;
	t->ring[t->head].state = PT_PROBE_NONE;
	if (seq_before(t->next_seq, t->oldest_seq))
		t->oldest_seq = t->next_seq;
}

// Of a number that is in the ring.
static struct pt_track_slot *slot_of(const struct pt_track *t, uint32_t seq)
{
	uint32_t back = t->next_seq - seq;
	return &t->ring[back <= t->head ? t->head - back : t->head + t->slots - back];
}

struct pt_track_slot *pt_track_find(const struct pt_track *t, uint32_t seq)
{
	uint32_t back = t->next_seq - seq;
	if (!back || back > t->slots)
		return NULL;
	struct pt_track_slot *p = slot_of(t, seq);
	return p->state != PT_PROBE_NONE ? p : NULL;
}

static struct pt_mono left_at(const struct pt_track *t, const struct pt_track_slot *p)
{
	return pt_mono_add(t->newest, -(int64_t)(((uint64_t)t->newest.ns - p->at) & AT_MASK));
}

void pt_track_read(
	const struct pt_track *t, const struct pt_track_slot *slot, struct pt_sent_probe *out)
{
	out->at = left_at(t, slot);
	out->real_ns = out->at.ns + t->steps->offset_ns[slot->epoch];
	out->kernel_ns = slot->held ? out->real_ns + (int64_t)slot->held * HELD : 0;
	out->window = slot->window;
	out->state = (enum pt_probe_state)slot->state;
}

void pt_track_stamp(const struct pt_track *t, struct pt_track_slot *slot, int64_t kernel_ns)
{
	struct pt_sent_probe p;
	pt_track_read(t, slot, &p);
	int64_t held = (kernel_ns - p.real_ns + HELD / 2) / HELD;
	if (held >= 0 && held <= HELD_MAX) // else the clock was stepped
		slot->held = held ? (uint32_t)held & HELD_MAX : 1;
}

struct pt_verdict pt_track_answer(struct pt_track *t, const struct pt_echo *e)
{
	struct pt_track_slot *p = pt_track_find(t, e->seq);
	if (!p || p->cookie != e->cookie)
		return (struct pt_verdict){ .answer = PT_ANSWER_FOREIGN };

	enum pt_probe_state before = (enum pt_probe_state)p->state;
	struct pt_verdict v = { .answer = PT_ANSWER_FRESH };
	p->state = PT_PROBE_ANSWERED;
	if (before == PT_PROBE_ANSWERED) {
		v.answer = PT_ANSWER_DUPLICATE;
		return v;
	}
	v.was_lost = before == PT_PROBE_LOST;
	if (v.was_lost || pt_mono_diff(e->arrived, left_at(t, p)) >= t->timeout_ns) {
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
static struct pt_track_slot *oldest_waiting(const struct pt_track *t, uint32_t *seq)
{
	for (*seq = t->oldest_seq; *seq != t->next_seq; ++*seq) {
		struct pt_track_slot *p = slot_of(t, *seq);
		if (p->state == PT_PROBE_WAITING)
			return p;
	}
	return NULL;
}

bool pt_track_overdue(const struct pt_track *t, struct pt_mono now)
{
	uint32_t seq;
	const struct pt_track_slot *p = oldest_waiting(t, &seq);
	return p && pt_mono_diff(now, left_at(t, p)) >= t->timeout_ns;
}

bool pt_track_expire(struct pt_track *t, struct pt_mono now, uint16_t window, uint32_t *seq)
{
	struct pt_track_slot *p = oldest_waiting(t, &t->oldest_seq);
	if (!p || pt_mono_diff(now, left_at(t, p)) < t->timeout_ns)
		return false;
	p->state = PT_PROBE_LOST;
	p->window = window;
	*seq = t->oldest_seq++;
	return true;
}

bool pt_track_waiting(const struct pt_track *t)
{
	uint32_t seq;
	return oldest_waiting(t, &seq);
}
