// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "probe/track.h"
#include "test.h"

#define TIMEOUT 1000

static struct pt_track t;
static struct pt_steps steps;

static void start(uint32_t slots, uint32_t first_seq)
{
	static struct pt_track_slot ring[64];
	memset(ring, 0, sizeof(ring));
	T_OK(slots <= 64);
	pt_track_init(&t, ring, slots, &steps, TIMEOUT);
	t.next_seq = t.oldest_seq = first_seq;
}

static unsigned send_at(int64_t ns)
{
	unsigned lost;
	uint32_t due = t.next_seq;
	T_EQ(pt_track_next(&t, (struct pt_mono){ ns }, 1000 + due, &lost), due);
	return lost;
}

static struct pt_verdict arrives(uint32_t seq, int64_t ns)
{
	return pt_track_answer(
		&t, &(struct pt_echo){ .seq = seq, .cookie = 1000 + seq, .arrived.ns = ns });
}

// The next overdue probe, or -1.
static int64_t expire(int64_t now_ns)
{
	uint32_t seq;
	return pt_track_expire(&t, (struct pt_mono){ now_ns }, 7, &seq) ? (int64_t)seq : -1;
}

static enum pt_answer answer(uint32_t seq, bool *reordered)
{
	struct pt_verdict v = arrives(seq, 0); // in time for all
	*reordered = v.reordered;
	return v.answer;
}

static void answers(void)
{
	bool r;
	start(8, 0);
	for (int i = 0; i < 4; i++)
		send_at(i);
	T_EQ(answer(0, &r), PT_ANSWER_FRESH);
	T_EQ(answer(0, &r), PT_ANSWER_DUPLICATE);
	T_EQ(pt_track_answer(&t, &(struct pt_echo){ .seq = 1, .cookie = 999 }).answer,
		PT_ANSWER_FOREIGN);
	T_EQ(answer(4, &r), PT_ANSWER_FOREIGN); // not sent yet
	T_EQ(answer(0xffffffff, &r), PT_ANSWER_FOREIGN);
	T_EQ(answer(1, &r), PT_ANSWER_FRESH); // the forgery took nothing away
	T_OK(pt_track_waiting(&t));
	T_EQ(answer(2, &r), PT_ANSWER_FRESH);
	T_EQ(answer(3, &r), PT_ANSWER_FRESH);
	T_OK(!pt_track_waiting(&t));
}

static void expiry_and_late(void)
{
	bool r;
	start(8, 0);
	send_at(0);
	send_at(100);
	send_at(200);
	T_EQ(answer(1, &r), PT_ANSWER_FRESH);
	T_EQ(expire(TIMEOUT - 1), -1);
	T_EQ(expire(TIMEOUT), 0);
	T_EQ(expire(TIMEOUT + 199), -1);
	T_EQ(expire(TIMEOUT + 200), 2);
	T_EQ(expire(1 << 30), -1);
	T_EQ(answer(0, &r), PT_ANSWER_LATE);
	T_OK(!r);
	T_EQ(answer(0, &r), PT_ANSWER_DUPLICATE);
}

// What counts is when an answer arrived, not when somebody came to read it.
static void read_long_after(void)
{
	start(8, 0);
	for (int i = 0; i < 4; i++)
		send_at(0);
	T_OK(!pt_track_overdue(&t, (struct pt_mono){ TIMEOUT - 1 }));
	T_OK(pt_track_overdue(&t, (struct pt_mono){ TIMEOUT }));
	T_EQ(arrives(0, TIMEOUT - 1).answer, PT_ANSWER_FRESH);
	struct pt_verdict v = arrives(1, TIMEOUT); // nobody has called it lost yet
	T_EQ(v.answer, PT_ANSWER_LATE);
	T_OK(!v.was_lost);
	T_EQ(arrives(1, 0).answer, PT_ANSWER_DUPLICATE);
	T_EQ(expire(5 * TIMEOUT), 2);
	v = arrives(2, TIMEOUT - 1); // its loss has been told: nothing takes that back
	T_EQ(v.answer, PT_ANSWER_LATE);
	T_OK(v.was_lost);
	T_EQ(expire(5 * TIMEOUT), 3);
	T_OK(!pt_track_overdue(&t, (struct pt_mono){ 5 * TIMEOUT }));
}

// RFC 4737 section 3: reordered when below NextExp, which only in-order arrivals move.
static void reordering(void)
{
	static const struct {
		uint32_t seq;
		bool reordered;
	} arrivals[] = { { 0, false }, { 1, false }, { 4, false }, { 2, true }, { 3, true },
		{ 5, false } };
	bool r;
	start(8, 0);
	for (int i = 0; i < 6; i++)
		send_at(0);
	for (size_t i = 0; i < 6; i++) {
		T_EQ(answer(arrivals[i].seq, &r), PT_ANSWER_FRESH);
		T_EQ(r, arrivals[i].reordered);
	}
}

static void sequence_wraps(void)
{
	bool r;
	start(8, 0xfffffffe);
	for (int i = 0; i < 4; i++)
		send_at(i);
	T_EQ(answer(0xfffffffe, &r), PT_ANSWER_FRESH);
	T_EQ(answer(1, &r), PT_ANSWER_FRESH);
	T_OK(!r);
	T_EQ(answer(0xffffffff, &r), PT_ANSWER_FRESH);
	T_OK(r);
	T_EQ(expire(1 << 30), 0);
	T_EQ(expire(1 << 30), -1);
}

static void small_ring(void)
{
	bool r;
	unsigned lost = 0;
	start(4, 0);
	for (int i = 0; i < 4; i++)
		lost += send_at(0);
	T_EQ(lost, 0);
	lost += send_at(0); // pushes 0 out
	T_EQ(lost, 1);
	T_EQ(answer(0, &r), PT_ANSWER_FOREIGN);
	T_EQ(answer(1, &r), PT_ANSWER_FRESH);
	lost += send_at(0); // in 1's place, which was answered
	T_EQ(lost, 1);
	unsigned expired = 0;
	while (expire(TIMEOUT) >= 0)
		expired++;
	T_EQ(expired, 4); // 2 to 5: six sent, one answered, one pushed out
}

static void unsend(void)
{
	bool r;
	start(4, 0);
	send_at(0);
	send_at(0);
	pt_track_unsend(&t);
	T_EQ(t.next_seq, 1);
	T_EQ(answer(1, &r), PT_ANSWER_FOREIGN);
	send_at(5);
	T_EQ(answer(1, &r), PT_ANSWER_FRESH);

	start(2, 7); // a failing send again and again leaves nothing behind
	for (int i = 0; i < 100; i++) {
		send_at(0);
		pt_track_unsend(&t);
	}
	T_EQ(expire(1 << 30), -1);
	T_EQ(t.next_seq, 7);
	T_EQ(t.oldest_seq, 7);
}

// Any number of slots serves, the first number included that no power of two divides.
static void odd_rings(void)
{
	for (uint32_t slots = 2; slots < 12; slots++) {
		start(slots, 0xfffffff0);
		for (int64_t i = 0; i < 40; i++) {
			send_at(i);
			for (uint32_t back = 1; back <= slots + 2; back++) {
				const struct pt_track_slot *p = pt_track_find(
					&t, t.next_seq - back);
				bool kept = back <= slots && back <= i + 1;
				T_EQ(p != NULL, kept);
				if (p)
					T_EQ(p->cookie, 1000 + t.next_seq - back);
			}
		}
	}
	T_EQ(pt_track_slots(0), 2);
	T_EQ(pt_track_slots(4), 8); // as long again for late ones
	T_EQ(pt_track_slots(101), 165);
	T_EQ(pt_track_slots(1000), 1500);
	T_EQ(pt_track_slots(1ULL << 40), PT_TRACK_MAX);
}

static void read(uint32_t seq, struct pt_sent_probe *out)
{
	struct pt_track_slot *p = pt_track_find(&t, seq);
	T_NEED(p);
	pt_track_read(&t, p, out);
}

// A slot gives back all that went in, whatever came after.
static void what_slots_hold(void)
{
	const int64_t day = 86400 * PT_NS_PER_S, first = 3 * day + 123456789;
	struct pt_sent_probe p;
	steps = (struct pt_steps){ .offset_ns = { 5000 * day } };
	start(4, 0);
	send_at(first);
	pt_track_stamp(&t, pt_track_find(&t, 0), 5000 * day + first + 48000);
	send_at(first + 2 * day); // far apart: timeouts may be long
	read(0, &p);
	T_EQ(p.at.ns, first);
	T_EQ(p.real_ns, 5000 * day + first);
	T_EQ(p.kernel_ns, p.real_ns + 48000);
	T_EQ(p.state, PT_PROBE_WAITING);
	read(1, &p);
	T_EQ(p.kernel_ns, 0);
	pt_track_stamp(&t, pt_track_find(&t, 1), p.real_ns); // at once
	read(1, &p);
	T_OK(p.kernel_ns && p.kernel_ns - p.real_ns <= 16);
	send_at(first + 2 * day + 1);
	pt_track_stamp(&t, pt_track_find(&t, 2), p.real_ns - day); // by a clock that was put back
	read(2, &p);
	T_EQ(p.kernel_ns, 0);
	pt_track_stamp(&t, pt_track_find(&t, 2), p.real_ns + 5 * PT_NS_PER_S); // absurd
	read(2, &p);
	T_EQ(p.kernel_ns, 0);
	T_EQ(expire(first + TIMEOUT), 0);
	read(0, &p);
	T_EQ(p.state, PT_PROBE_LOST);
	T_EQ(p.window, 7);
}

// What left before a step keeps the wall time of then.
static void wall_clock_steps(void)
{
	struct pt_sent_probe p;
	struct pt_mono now = pt_mono_now();
	steps = (struct pt_steps){ 0 };
	int64_t real_ns = pt_steps_look(&steps, now);
	T_OK(llabs(real_ns - pt_wall_ns()) < PT_NS_PER_S);
	T_EQ(steps.epoch, 1); // the first look sees one
	for (int i = 0; i < 1000; i++)
		T_EQ(pt_steps_look(&steps, now), real_ns);
	T_EQ(steps.epoch, 1);
	start(4, 0);
	steps.offset_ns[1] += PT_NS_PER_S; // as if it had been put back since
	send_at(now.ns);
	T_EQ(pt_steps_look(&steps, now) / PT_NS_PER_MS, real_ns / PT_NS_PER_MS);
	T_EQ(steps.epoch, 2);
	send_at(now.ns);
	read(0, &p);
	T_EQ(p.real_ns, real_ns + PT_NS_PER_S);
	read(1, &p);
	T_OK(llabs(p.real_ns - real_ns) < PT_NS_PER_MS);
	steps = (struct pt_steps){ 0 };
}

T_MAIN({ "any number of slots", odd_rings }, { "what slots hold", what_slots_hold },
	{ "the wall clock steps", wall_clock_steps }, { "fresh, duplicate, forged", answers },
	{ "overdue and late", expiry_and_late },
	{ "answers read long after they arrived", read_long_after },
	{ "reordering of RFC 4737", reordering }, { "sequence numbers wrap", sequence_wraps },
	{ "a ring too small counts what it forgets", small_ring },
	{ "a probe that could not leave is taken back", unsend })
