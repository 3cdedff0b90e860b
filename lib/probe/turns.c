// SPDX-License-Identifier: MIT
#include "probe/turns.h"

// Sends the next item. False: nothing to do until one is settled, or the round is over.
static bool step(struct pt_turns *t)
{
	if (t->sent && t->ops->waiting(t->ctx, t->at))
		return false;
	t->at += t->sent;
	t->sent = false;
	if (t->at >= t->n) {
		t->round = false;
		return false;
	}
	t->sent = true;
	if (t->ops->send(t->ctx, t->at) == 0)
		(void)pt_loop_timer_set(
			t->timer, pt_mono_add(pt_mono_now(), t->timeout_ns), 0); // a valid time
	return true;
}

static void go_on(struct pt_turns *t)
{
	if (t->busy || !t->round)
		return;
	t->busy = true;
	while (step(t))
		;
	t->busy = false;
}

static void on_timeout(void *ctx, uint64_t expirations)
{
	(void)expirations;
	go_on(ctx);
}

int pt_turns_start(struct pt_turns *t, struct pt_loop *loop, uint32_t n, int64_t timeout_ns,
	const struct pt_turns_ops *ops, void *ctx)
{
	*t = (struct pt_turns){ .ops = ops, .ctx = ctx, .n = n, .timeout_ns = timeout_ns };
	return pt_loop_timer_add(loop, (struct pt_mono){ 0 }, 0, on_timeout, t, &t->timer);
}

void pt_turns_done(struct pt_turns *t)
{
	pt_loop_timer_del(t->timer);
	*t = (struct pt_turns){ 0 };
}

void pt_turns_round(struct pt_turns *t)
{
	if (t->round)
		return;
	t->round = true;
	t->sent = false;
	t->at = 0;
	go_on(t);
}

void pt_turns_settled(struct pt_turns *t)
{
	go_on(t);
}
