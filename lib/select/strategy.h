// SPDX-License-Identifier: MIT
// What each strategy wants: one 64-bit key a candidate, smaller is better, so that choosing among
// any number of candidates is one pass over an array of integers.
#pragma once
#include "select/verdict.h"

// Fitness comes before any wish of a strategy.
enum pt_tier {
	PT_TIER_INSIDE, // and for at least the cooldown
	PT_TIER_FRESH,  // inside, but not for long yet
	PT_TIER_OUTSIDE,
	PT_TIER_UNKNOWN, // or stale
	PT_TIER_DOWN,
	PT_TIER_MAINTENANCE,
	PT_TIER_COUNT
};

struct pt_candidate {
	const struct pt_path *path;
	const struct pt_evidence *evidence; // borrowed from the path's state
	uint32_t place;                     // in the policy's own order, from 0
	int64_t cost;                       // of the uplink
	bool backup;                        // goes first under `none_inside: backup`
	uint32_t weight;                    // of a weighted policy
	bool shares;                        // takes part in the sharing out of flows
	struct pt_verdict verdict;
};

// What a group of candidates is judged by.
struct pt_rules {
	const struct pt_policy *policy;
	int64_t cooldown_ns;
};

// Tier by the verdict as it stands; `settled_ns`: how long inside makes INSIDE.
enum pt_tier pt_strategy_tier(
	const struct pt_rules *r, const struct pt_candidate *c, int64_t now_ns);
// Tier by the last verdict that rests on data: staleness does not reorder those who wait.
enum pt_tier pt_strategy_known_tier(const struct pt_rules *r, const struct pt_candidate *c);

#define PT_STRATEGY_TIER_SHIFT 56
uint64_t pt_strategy_key(const struct pt_rules *r, const struct pt_candidate *c, enum pt_tier tier);
static inline enum pt_tier pt_strategy_key_tier(uint64_t key)
{
	return (enum pt_tier)(key >> PT_STRATEGY_TIER_SHIFT);
}

// Who takes part under a weighted policy: those inside the SLA; whoever left it is back after the
// cooldown. Down and maintenance are the kernel's to heed, and missing data changes nothing.
// Returns the first whose part changed; NULL: nobody's.
const struct pt_candidate *pt_strategy_share(
	const struct pt_rules *r, struct pt_candidate *c, uint32_t n, bool first, int64_t now_ns);

// Index of the smallest key; n > 0.
uint32_t pt_strategy_pick(const uint64_t *keys, uint32_t n);

// Within one tier: does the challenger stand before the incumbent, by more than margin_percent
// where the tier goes by score?
bool pt_strategy_better(const struct pt_rules *r, enum pt_tier tier,
	const struct pt_candidate *challenger, const struct pt_candidate *incumbent,
	int64_t margin_percent);
// True when the strategy compares scores in this tier.
bool pt_strategy_scored(const struct pt_rules *r, enum pt_tier tier);
