// SPDX-License-Identifier: MIT
#include <string.h>

#include "probe/track.h"
#include "test.h"

#define TIMEOUT 1000

static struct pt_track t;

static void start(uint32_t slots, uint32_t first_seq)
{
	static struct pt_sent_probe ring[64];
	memset(ring, 0, sizeof(ring));
	slots = pt_track_slots(slots);
	T_OK(slots <= 64);
	pt_track_init(&t, ring, slots, TIMEOUT);
	t.next_seq = t.oldest_seq = first_seq;
}

static unsigned send_at(int64_t ns)
{
	unsigned lost;
	struct pt_sent_probe *p = pt_track_next(&t, &lost);
	p->at.ns = ns;
	p->cookie = 1000 + p->seq;
	return lost;
}

static struct pt_verdict arrives(uint32_t seq, int64_t ns)
{
	return pt_track_answer(
		&t, &(struct pt_echo){ .seq = seq, .cookie = 1000 + seq, .arrived.ns = ns });
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
	T_OK(!pt_track_expire(&t, (struct pt_mono){ TIMEOUT - 1 }));
	struct pt_sent_probe *p = pt_track_expire(&t, (struct pt_mono){ TIMEOUT });
	T_NEED(p);
	T_EQ(p->seq, 0);
	T_OK(!pt_track_expire(&t, (struct pt_mono){ TIMEOUT + 199 }));
	p = pt_track_expire(&t, (struct pt_mono){ TIMEOUT + 200 });
	T_NEED(p);
	T_EQ(p->seq, 2);
	T_OK(!pt_track_expire(&t, (struct pt_mono){ 1 << 30 }));
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
	T_EQ(pt_track_expire(&t, (struct pt_mono){ 5 * TIMEOUT })->seq, 2);
	v = arrives(2, TIMEOUT - 1); // its loss has been told: nothing takes that back
	T_EQ(v.answer, PT_ANSWER_LATE);
	T_OK(v.was_lost);
	T_EQ(pt_track_expire(&t, (struct pt_mono){ 5 * TIMEOUT })->seq, 3);
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
	struct pt_sent_probe *p = pt_track_expire(&t, (struct pt_mono){ 1 << 30 });
	T_NEED(p);
	T_EQ(p->seq, 0);
	T_OK(!pt_track_expire(&t, (struct pt_mono){ 1 << 30 }));
}

static void small_ring(void)
{
	bool r;
	unsigned lost = 0;
	start(3, 0); // four slots
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
	while (pt_track_expire(&t, (struct pt_mono){ TIMEOUT }))
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
	T_OK(!pt_track_expire(&t, (struct pt_mono){ 1 << 30 }));
	T_EQ(t.next_seq, 7);
	T_EQ(t.oldest_seq, 7);
}

T_MAIN({ "fresh, duplicate, forged", answers }, { "overdue and late", expiry_and_late },
	{ "answers read long after they arrived", read_long_after },
	{ "reordering of RFC 4737", reordering }, { "sequence numbers wrap", sequence_wraps },
	{ "a ring too small counts what it forgets", small_ring },
	{ "a probe that could not leave is taken back", unsend })
