// SPDX-License-Identifier: MIT
#include "probe/sessions.h"
#include "probe/split.h"
#include "test.h"

static struct pt_split s;
static int64_t out, back;

static void answer(uint32_t sent, uint32_t received)
{
	pt_split_answer(&s, &(struct pt_stamp_counts){ .sent = sent, .received = received });
}

static void losses_by_direction(void)
{
	s = (struct pt_split){ 0 };
	T_OK(!pt_split_loss(&s, &out, &back)); // nothing known
	answer(1, 1);
	T_OK(!pt_split_loss(&s, &out, &back)); // one answer tells nothing
	answer(2, 2);
	T_OK(pt_split_loss(&s, &out, &back));
	T_EQ(out, 0);
	T_EQ(back, 0);
	answer(6, 4); // 3 to 6 were sent, two arrived; the answer to one of these is missing
	pt_split_next_window(&s);
	T_OK(!pt_split_loss(&s, &out, &back));
	answer(10, 8);  // all four arrived, one answer came
	answer(16, 11); // of six three arrived, one answer came
	T_OK(pt_split_loss(&s, &out, &back));
	T_EQ(out, 300000);
	T_EQ(back, 500000);
}

static void reordering_and_restart(void)
{
	s = (struct pt_split){ 0 };
	answer(0xfffffffe, 0xffffff00); // both wrap
	answer(2, 3 - 0x100 + 1);
	T_OK(pt_split_loss(&s, &out, &back));
	T_EQ(out, 0);
	pt_split_next_window(&s);
	answer(5, 0xffffff07);
	answer(4, 0xffffff06); // it was overtaken
	answer(3, 0xffffff05);
	T_OK(pt_split_loss(&s, &out, &back));
	T_EQ(out, 0);
	T_EQ(back, 0);
	answer(7, 1);     // the reflector was started anew
	answer(8, 0x100); // and a number that cannot be
	T_OK(!pt_split_loss(&s, &out, &back));
}

static const struct pt_session_id id = {
	.peer = { AF_INET, { 192, 0, 2, 1 } }, .port = 4000, .ssid = 7
};

static void replays(void)
{
	struct pt_session a = { .id = id };
	T_OK(pt_session_fresh(&a, 100, 1000));
	T_OK(!pt_session_fresh(&a, 100, 1000));
	T_OK(pt_session_fresh(&a, 103, 1003));
	T_OK(pt_session_fresh(&a, 102, 1002)); // overtaken, but new
	T_OK(!pt_session_fresh(&a, 102, 1002));
	T_OK(pt_session_fresh(&a, 101, 1001));
	T_OK(!pt_session_fresh(&a, 100, 1000));
	T_OK(pt_session_fresh(&a, 166, 1066));
	T_OK(!pt_session_fresh(&a, 102, 1002)); // out of the window: nobody remembers
	T_OK(pt_session_fresh(&a, 104, 1004));
	struct pt_session b = { 0 };
	T_OK(pt_session_fresh(&b, 0, 2000));
	T_OK(pt_session_fresh(&b, 1, 2010));
	T_OK(pt_session_fresh(&b, 0, 3000)); // began anew, before the window was full
	T_OK(!pt_session_fresh(&b, 0, 2000));
	T_OK(!pt_session_fresh(&b, 0, 3000));
	T_OK(pt_session_fresh(&b, 1, 3010));
	T_OK(!pt_session_fresh(&a, 5, 500)); // older in every respect
	T_OK(pt_session_fresh(&a, 0, 2000)); // the sender began again
	T_OK(!pt_session_fresh(&a, 0, 2000));
	T_OK(pt_session_fresh(&a, 1, 2001));
}

static void table(void)
{
	struct pt_sessions *t = NULL;
	T_EQ(pt_sessions_new(&t), 0);
	struct pt_session_id other = id;
	pt_sessions_get(t, &id)->counts.received = 5;
	T_EQ(pt_sessions_get(t, &id)->counts.received, 5);
	other.ssid = 8;
	T_EQ(pt_sessions_get(t, &other)->counts.received, 0);
	other = id;
	other.local.family = AF_INET;
	T_EQ(pt_sessions_get(t, &other)->counts.received, 0);
	// Any number of others: the one in use stays, the table does not grow.
	for (uint32_t i = 0; i < 4 * PT_SESSIONS_MAX; i++) {
		other.port = (uint16_t)i;
		other.ssid = (uint16_t)(9 + (i >> 16));
		pt_sessions_get(t, &other)->counts.received++;
		T_EQ(pt_sessions_get(t, &id)->counts.received, 5);
	}
	pt_sessions_free(t);
}

T_MAIN({ "loss by direction", losses_by_direction },
	{ "reordering and a new reflector", reordering_and_restart }, { "replays", replays },
	{ "sessions", table })
