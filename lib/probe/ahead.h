// SPDX-License-Identifier: MIT
// A row of things, of thousands, whose memory is cold when their turn comes: each is announced a
// few turns ahead, so that it can be fetched meanwhile. What a pointer leads to takes one stage
// more for every pointer on the way.
#pragma once

#define PT_AHEAD_STAGES 3
#define PT_AHEAD_STEP   4 // turns between two stages

struct pt_ahead_ops {
	void (*soon)(void *ctx, unsigned i, unsigned stage); // 0, 1, 2; only fetches; may be NULL
	void (*turn)(void *ctx, unsigned i);
};

static inline void pt_ahead_fetch(const void *at)
{
	__builtin_prefetch(at);
}

// Both for i from 0 to n - 1, in order.
void pt_ahead_run(unsigned n, const struct pt_ahead_ops *ops, void *ctx);
