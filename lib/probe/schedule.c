// SPDX-License-Identifier: MIT
#include "probe/schedule.h"

#include <string.h>

#include "probe/ahead.h"

struct pt_slots pt_slots_make(uint32_t items, int64_t period_ns, int64_t spread_ns, int64_t slot_ns)
{
	if (spread_ns > period_ns || spread_ns < 0)
		spread_ns = period_ns;
	int64_t widest = spread_ns / slot_ns;
	uint32_t count = widest < 1 ? 1 : widest < items ? (uint32_t)widest : items;
	return (struct pt_slots){
		.items = items,
		.count = count ? count : 1,
		.period_ns = period_ns,
		.spread_ns = spread_ns,
	};
}

int64_t pt_slots_due_ns(const struct pt_slots *s, uint64_t n)
{
	int64_t round = (int64_t)(n / s->count), slot = (int64_t)(n % s->count);
	return round * s->period_ns + slot * s->spread_ns / s->count;
}

static int64_t next_due(const struct pt_schedule *s)
{
	return pt_slots_due_ns(&s->slots, s->next);
}

// Leaves out whole periods that have passed, so that a stall is not followed by a burst.
static void skip_missed(struct pt_schedule *s, int64_t since_start_ns)
{
	int64_t behind = since_start_ns - next_due(s);
	if (behind < s->slots.period_ns)
		return;
	uint64_t periods = (uint64_t)(behind / s->slots.period_ns);
	s->next += periods * s->slots.count;
	s->rounds += periods;
	s->missed += periods * s->slots.items;
}

// The k-th item of the slot at turn.
static uint32_t item_of(const struct pt_schedule *s, unsigned k)
{
	return (uint32_t)(s->next % s->slots.count) + k * s->slots.count;
}

static void announce(void *ctx, unsigned k, unsigned stage)
{
	struct pt_schedule *s = ctx;
	s->ops->soon(s->ctx, item_of(s, k), stage);
}

static void turn(void *ctx, unsigned k)
{
	struct pt_schedule *s = ctx;
	s->ops->item(s->ctx, item_of(s, k));
}

static void run_slot(struct pt_schedule *s)
{
	const struct pt_ahead_ops ops = { .soon = s->ops->soon ? announce : NULL, .turn = turn };
	uint32_t first = item_of(s, 0), count = s->slots.count;
	if (first < s->slots.items)
		pt_ahead_run((s->slots.items - first + count - 1) / count, &ops, s);
	s->next++;
	s->rounds += s->next % s->slots.count == 0;
}

static void on_timer(void *ctx, uint64_t expirations)
{
	struct pt_schedule *s = ctx;
	(void)expirations; // one-shot: each wake-up arms the next deadline
	int64_t now = pt_mono_diff(pt_mono_now(), s->start);
	int64_t late = now - next_due(s);
	pt_hist_add(&s->late, late > 0 ? (uint64_t)(late / PT_NS_PER_US) : 0);
	skip_missed(s, now);
	while (next_due(s) <= now)
		run_slot(s);
	if (s->ops->batch)
		s->ops->batch(s->ctx);
	(void)pt_loop_timer_set(s->timer, pt_mono_add(s->start, next_due(s)), 0); // a valid time
}

int pt_schedule_start(struct pt_schedule *s, struct pt_loop *loop, struct pt_slots slots,
	struct pt_mono start, const struct pt_schedule_ops *ops, void *ctx)
{
	memset(s, 0, sizeof(*s));
	s->slots = slots;
	s->start = start;
	s->ops = ops;
	s->ctx = ctx;
	if (!slots.items)
		return 0;
	return pt_loop_timer_add(loop, start, 0, on_timer, s, &s->timer);
}

void pt_schedule_done(struct pt_schedule *s)
{
	if (s->timer)
		pt_loop_timer_del(s->timer);
	s->timer = NULL;
}
