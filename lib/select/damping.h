// SPDX-License-Identifier: MIT
// Who keeps the first place and who may take it. The incumbent has an advantage, a recovered path
// waits out its cooldown, missing data moves nobody.
#pragma once
#include "select/strategy.h"

// What a group remembers from one evaluation to the next.
struct pt_standing {
	uint32_t *order; // indexes of candidates, best first
	uint32_t n;
	bool decided;        // false: `order` is the configured one and nothing was decided yet
	int64_t switched_ns; // when the first place last changed hands; PT_NULL: never
};

enum pt_move {
	PT_MOVE_NONE,
	PT_MOVE_TAIL,   // the first stays, those behind it changed
	PT_MOVE_SHARES, // of a weighted policy: who takes part changed
	PT_MOVE_FAULT,  // the incumbent is unfit, the new first is fit
	PT_MOVE_WORST,  // all are unfit, the new first is the least so (or the backup)
	PT_MOVE_BETTER, // the new first is preferred, and waited long enough
};

// Reorders s->order. keys are those of pt_strategy_key by candidate index.
// The first decision (!s->decided) knows neither margin nor cooldown.
enum pt_move pt_damping_apply(const struct pt_rules *r, const struct pt_candidate *c,
	const uint64_t *keys, struct pt_standing *s, int64_t now_ns);

// When the cooldowns that still run would let something change without new records; INT64_MAX:
// never.
int64_t pt_damping_next(const struct pt_rules *r, const struct pt_candidate *c,
	const struct pt_standing *s, int64_t now_ns);
