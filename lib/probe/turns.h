// SPDX-License-Identifier: MIT
// One after the other: item i + 1 is sent when item i has been answered or is overdue. For links so
// thin that two probes at once would disturb each other (failover.parallel_checks: false).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

struct pt_turns_ops {
	int (*send)(void *ctx, uint32_t item);     // 0: it is on its way; else its turn is over
	bool (*waiting)(void *ctx, uint32_t item); // for its answer, and not overdue
};

// Set by pt_turns_start.
struct pt_turns {
	const struct pt_turns_ops *ops;
	void *ctx;
	uint32_t n, at;
	bool round; // one is on
	bool sent;  // the item at turn
	bool busy;  // an operation may settle an item: no step within a step
	int64_t timeout_ns;
	struct pt_timer *timer;
};

// The structure must stay where it is until pt_turns_done.
int pt_turns_start(struct pt_turns *t, struct pt_loop *loop, uint32_t n, int64_t timeout_ns,
	const struct pt_turns_ops *ops, void *ctx);
void pt_turns_done(struct pt_turns *t);

void pt_turns_round(struct pt_turns *t);   // begins one, unless the last is still on
void pt_turns_settled(struct pt_turns *t); // some item was answered or lost
