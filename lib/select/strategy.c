// SPDX-License-Identifier: MIT
#include "select/strategy.h"

#include "base/cleanup.h"
#include "select/score.h"

#define PLACE_BITS   16
#define PRIMARY_MAX  ((1ULL << 40) - 1)
#define PRIMARY_BITS 40
_Static_assert(PLACE_BITS + PRIMARY_BITS == PT_STRATEGY_TIER_SHIFT, "the key has no gaps");
_Static_assert(PT_MAX_PATHS <= 1 << PLACE_BITS, "a place fits its bits");

static uint64_t by_place(const struct pt_candidate *c)
{
	(void)c; // the key ends with the place anyway
	return 0;
}

static uint64_t by_score(const struct pt_candidate *c)
{
	return (uint64_t)(PT_SCORE_MAX - c->verdict.score_long);
}

static uint64_t by_cost(const struct pt_candidate *c)
{
	return c->cost > 0 ? (uint64_t)c->cost : 0;
}

static const struct strategy {
	bool scored; // inside the SLA, higher scores go first
	bool blind;  // quality does not count at all
	uint64_t (*want)(const struct pt_candidate *c);
} strategies[] = {
	[PT_STRATEGY_ORDERED] = { .want = by_place },
	[PT_STRATEGY_BEST] = { .scored = true, .want = by_score },
	[PT_STRATEGY_CHEAPEST] = { .want = by_cost },
	[PT_STRATEGY_WEIGHTED] = { .want = by_place }, // and pt_strategy_share
	[PT_STRATEGY_PINNED] = { .blind = true, .want = by_place },
};

static const struct strategy *strategy_of(const struct pt_rules *r)
{
	return &strategies[r->policy->strategy];
}

static const enum pt_tier tier_of[PT_VERDICT_COUNT] = {
	[PT_VERDICT_UNKNOWN] = PT_TIER_UNKNOWN,
	[PT_VERDICT_INSIDE] = PT_TIER_INSIDE,
	[PT_VERDICT_OUTSIDE] = PT_TIER_OUTSIDE,
	[PT_VERDICT_STALE] = PT_TIER_UNKNOWN,
	[PT_VERDICT_DOWN] = PT_TIER_DOWN,
	[PT_VERDICT_MAINTENANCE] = PT_TIER_MAINTENANCE,
};

enum pt_tier pt_strategy_known_tier(const struct pt_rules *r, const struct pt_candidate *c)
{
	enum pt_tier now = tier_of[c->verdict.state];

	if (now >= PT_TIER_DOWN)
		return now;
	return strategy_of(r)->blind ? PT_TIER_INSIDE : tier_of[c->verdict.known];
}

enum pt_tier pt_strategy_tier(
	const struct pt_rules *r, const struct pt_candidate *c, int64_t now_ns)
{
	enum pt_tier tier = tier_of[c->verdict.state];

	if (tier >= PT_TIER_DOWN)
		return tier;
	if (strategy_of(r)->blind)
		return PT_TIER_INSIDE;
	if (tier == PT_TIER_INSIDE && now_ns - c->verdict.since_ns < r->cooldown_ns)
		return PT_TIER_FRESH;
	return tier;
}

static uint64_t primary(const struct pt_rules *r, const struct pt_candidate *c, enum pt_tier tier)
{
	if (tier <= PT_TIER_FRESH)
		return strategy_of(r)->want(c);
	if (tier != PT_TIER_OUTSIDE)
		return 0;
	if (r->policy->none_inside == PT_NONE_BACKUP)
		return c->backup ? 0 : 1;
	return (uint64_t)(PT_SCORE_MAX - c->verdict.score_short);
}

uint64_t pt_strategy_key(const struct pt_rules *r, const struct pt_candidate *c, enum pt_tier tier)
{
	uint64_t want = primary(r, c, tier);

	return (uint64_t)tier << PT_STRATEGY_TIER_SHIFT |
		(want < PRIMARY_MAX ? want : PRIMARY_MAX) << PLACE_BITS | c->place;
}

static bool takes_part(
	const struct pt_rules *r, const struct pt_candidate *c, bool first, int64_t now_ns)
{
	switch (c->verdict.known) {
	case PT_VERDICT_OUTSIDE:
		return false;
	case PT_VERDICT_INSIDE:
		return c->shares || first || now_ns - c->verdict.since_ns >= r->cooldown_ns;
	default:
		return c->shares;
	}
}

const struct pt_candidate *pt_strategy_share(
	const struct pt_rules *r, struct pt_candidate *c, uint32_t n, bool first, int64_t now_ns)
{
	const struct pt_candidate *changed = NULL;

	for (uint32_t i = 0; i < n && r->policy->strategy == PT_STRATEGY_WEIGHTED; i++) {
		bool shares = takes_part(r, &c[i], first, now_ns);

		if (shares != c[i].shares && !changed)
			changed = &c[i];
		c[i].shares = shares;
	}
	return changed;
}

uint32_t pt_strategy_pick(const uint64_t *keys, uint32_t n)
{
	uint64_t least = keys[0];
	uint32_t at = 0;

	// Two passes over integers, both of which the compiler turns into vector code or a
	// predictable loop: quicker than carrying the index along.
	for (uint32_t i = 1; i < n; i++)
		least = keys[i] < least ? keys[i] : least;
	while (keys[at] != least)
		at++;
	return at;
}

bool pt_strategy_scored(const struct pt_rules *r, enum pt_tier tier)
{
	if (tier == PT_TIER_OUTSIDE)
		return r->policy->none_inside != PT_NONE_BACKUP;
	return tier <= PT_TIER_FRESH && strategy_of(r)->scored;
}

static bool beats(int64_t challenger, int64_t incumbent, int64_t margin_percent)
{
	return challenger * 100 > incumbent * (100 + margin_percent);
}

bool pt_strategy_better(const struct pt_rules *r, enum pt_tier tier,
	const struct pt_candidate *challenger, const struct pt_candidate *incumbent,
	int64_t margin_percent)
{
	const struct pt_verdict *c = &challenger->verdict, *i = &incumbent->verdict;

	if (tier > PT_TIER_OUTSIDE)
		return false; // nobody knows better
	if (!pt_strategy_scored(r, tier))
		return pt_strategy_key(r, challenger, tier) < pt_strategy_key(r, incumbent, tier);
	if (!beats(c->score_long, i->score_long, margin_percent))
		return false;
	// Among the unfit there is no cooldown: both windows have to agree instead.
	return tier != PT_TIER_OUTSIDE || beats(c->score_short, i->score_short, margin_percent);
}
