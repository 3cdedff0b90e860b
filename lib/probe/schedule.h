// SPDX-License-Identifier: MIT
// Calls for each of n items once a period, at absolute deadlines that never drift: item i is due at
// start + phase(i) + k * period. Phases spread the items over the first part of the period, in
// slots wide enough that many items do not mean many wake-ups. A wake-up that comes late calls what
// was due once, however many periods it missed, and counts the rest.
#pragma once
#include <stdint.h>

#include "base/hist.h"
#include "base/loop.h"

#define PT_SCHEDULE_SLOT_NS (500 * PT_NS_PER_US) // narrowest slot that makes sense

struct pt_slots {
	uint32_t items, count; // item i belongs to slot i % count
	int64_t period_ns, spread_ns;
};

// spread_ns: the part of the period that the items are spread over; above the period: all of it.
// slot_ns: the narrowest slot; wider ones mean fewer wake-ups and larger bursts.
struct pt_slots pt_slots_make(
	uint32_t items, int64_t period_ns, int64_t spread_ns, int64_t slot_ns);
// When the n-th slot of all time is due, from the start: n counts on over the periods.
int64_t pt_slots_due_ns(const struct pt_slots *s, uint64_t n);

struct pt_schedule_ops {
	void (*item)(void *ctx, uint32_t item);
	void (*batch)(void *ctx); // after all items of a wake-up; may be NULL
	// Its turn comes soon: fetch its memory (probe/ahead.h); may be NULL.
	void (*soon)(void *ctx, uint32_t item, unsigned stage);
};

struct pt_schedule {
	struct pt_slots slots;
	struct pt_mono start;
	uint64_t next; // slot
	struct pt_timer *timer;
	const struct pt_schedule_ops *ops;
	void *ctx;
	uint64_t missed;     // calls left out because their deadline was a period ago
	struct pt_hist late; // of wake-ups, behind their deadline
	uint64_t rounds;     // complete ones
};

// items 0: nothing is ever due. The schedule must stay where it is until pt_schedule_done, which
// no operation may call.
int pt_schedule_start(struct pt_schedule *s, struct pt_loop *loop, struct pt_slots slots,
	struct pt_mono start, const struct pt_schedule_ops *ops, void *ctx);
void pt_schedule_done(struct pt_schedule *s);
