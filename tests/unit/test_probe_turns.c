// SPDX-License-Identifier: MIT
#include <errno.h>

#include "probe/turns.h"
#include "test.h"

#define TIMEOUT (30 * PT_NS_PER_MS)

static struct pt_loop *loop;
static struct pt_turns turns;
static bool waiting[8], refuse[8], lose[8];
static struct pt_mono sent_at[8];
static unsigned order[64], sent, overlapping, expected;

static int send_item(void *ctx, uint32_t item)
{
	(void)ctx;
	if (refuse[item])
		return -ENODEV;
	for (size_t i = 0; i < 8; i++)
		overlapping += waiting[i];
	waiting[item] = true;
	sent_at[item] = pt_mono_now();
	order[sent++] = item;
	return 0;
}

// As a stream does: finding an item overdue tells so, from within.
static bool is_waiting(void *ctx, uint32_t item)
{
	(void)ctx;
	if (waiting[item] && pt_mono_diff(pt_mono_now(), sent_at[item]) >= TIMEOUT) {
		waiting[item] = false;
		pt_turns_settled(&turns);
	}
	return waiting[item];
}

static const struct pt_turns_ops ops = { .send = send_item, .waiting = is_waiting };

// Answers whoever waits, unless it is to be lost, and ends when all is done.
static void answer(void *ctx, uint64_t expirations)
{
	(void)ctx;
	(void)expirations;
	for (size_t i = 0; i < 8; i++) {
		if (waiting[i] && !lose[i]) {
			waiting[i] = false;
			pt_turns_settled(&turns);
			break;
		}
	}
	if (!turns.round)
		pt_loop_stop(loop, 0);
}

static void run(uint32_t n)
{
	struct pt_err err = { 0 };
	sent = overlapping = 0;
	memset(waiting, 0, sizeof(waiting));
	T_NEED(pt_loop_new(&loop, &err) == 0);
	T_OK(pt_turns_start(&turns, loop, n, TIMEOUT, &ops, NULL) == 0);
	T_OK(pt_loop_timer_add(loop, pt_mono_now(), PT_NS_PER_MS, answer, NULL, NULL) == 0);
	pt_turns_round(&turns);
	pt_turns_round(&turns); // one is on: nothing happens
	(void)pt_loop_run(loop);
	pt_turns_done(&turns);
	pt_loop_free(loop);
	T_EQ(sent, expected);
	T_EQ(overlapping, 0);
	memset(refuse, 0, sizeof(refuse));
	memset(lose, 0, sizeof(lose));
}

static void in_order(void)
{
	expected = 5;
	run(5);
	for (unsigned i = 0; i < 5; i++)
		T_EQ(order[i], i);
}

static void losses_end_a_turn(void)
{
	struct pt_mono before = pt_mono_now();
	lose[1] = lose[2] = lose[4] = true;
	expected = 5;
	run(5);
	for (unsigned i = 0; i < 5; i++)
		T_EQ(order[i], i);
	T_OK(pt_mono_diff(pt_mono_now(), before) >= 3 * TIMEOUT);
}

static void what_cannot_be_sent_is_skipped(void)
{
	refuse[0] = refuse[2] = refuse[4] = true;
	expected = 2;
	run(5);
	T_EQ(order[0], 1);
	T_EQ(order[1], 3);
	refuse[0] = refuse[1] = true;
	expected = 0;
	run(2);
}

T_MAIN({ "in order, one at a time", in_order }, { "a loss ends a turn", losses_end_a_turn },
	{ "what cannot be sent is skipped", what_cannot_be_sent_is_skipped })
