// SPDX-License-Identifier: MIT
#include "select/damping.h"

#include <string.h>

// Who may take the first place from whom, by tier [challenger][incumbent].
enum claim {
	CLAIM_NO,
	CLAIM_YES,    // at once: the incumbent is unfit
	CLAIM_BETTER, // if it is better by the margin
	CLAIM_PATIENT // as BETTER, and once the group's own cooldown is over
};

static const unsigned char claims[PT_TIER_COUNT][PT_TIER_COUNT] = {
	[PT_TIER_INSIDE] = {
		[PT_TIER_INSIDE] = CLAIM_PATIENT,
		[PT_TIER_FRESH] = CLAIM_PATIENT,
		[PT_TIER_OUTSIDE] = CLAIM_YES,
		[PT_TIER_DOWN] = CLAIM_YES,
		[PT_TIER_MAINTENANCE] = CLAIM_YES,
	},
	[PT_TIER_FRESH] = {
		[PT_TIER_OUTSIDE] = CLAIM_YES,
		[PT_TIER_DOWN] = CLAIM_YES,
		[PT_TIER_MAINTENANCE] = CLAIM_YES,
	},
	[PT_TIER_OUTSIDE] = {
		[PT_TIER_OUTSIDE] = CLAIM_BETTER,
		[PT_TIER_DOWN] = CLAIM_YES,
		[PT_TIER_MAINTENANCE] = CLAIM_YES,
	},
	[PT_TIER_UNKNOWN] = {
		[PT_TIER_DOWN] = CLAIM_YES,
		[PT_TIER_MAINTENANCE] = CLAIM_YES,
	},
	// All down: the order stays the last resort that it was.
	[PT_TIER_DOWN] = { [PT_TIER_MAINTENANCE] = CLAIM_YES },
};

static bool may_take(const struct pt_rules *r, const struct pt_candidate *c, const uint64_t *keys,
	const struct pt_standing *s, uint32_t challenger, int64_t now_ns)
{
	uint32_t first = s->order[0];
	enum pt_tier tier = pt_strategy_key_tier(keys[challenger]);
	int64_t margin = s->decided ? r->policy->margin_percent : 0;

	switch ((enum claim)claims[tier][pt_strategy_key_tier(keys[first])]) {
	case CLAIM_NO:
		return false;
	case CLAIM_YES:
		return true;
	case CLAIM_PATIENT:
		if (s->decided && s->switched_ns != PT_NULL &&
			now_ns - s->switched_ns < r->cooldown_ns)
			return false;
		break;
	case CLAIM_BETTER:
		break;
	}
	return pt_strategy_better(r, tier, &c[challenger], &c[first], margin);
}

static bool goes_before(const struct pt_rules *r, const struct pt_candidate *a,
	const struct pt_candidate *b, int64_t margin)
{
	enum pt_tier ta = pt_strategy_known_tier(r, a), tb = pt_strategy_known_tier(r, b);

	return ta != tb ? ta < tb : pt_strategy_better(r, ta, a, b, margin);
}

// Insertion from the order as it was: nothing moves without a reason, and the usual round, in
// which nothing moves at all, costs one comparison a candidate.
static bool sort_tail(const struct pt_rules *r, const struct pt_candidate *c, struct pt_standing *s)
{
	int64_t margin = s->decided ? r->policy->margin_percent : 0;
	bool moved = false;

	for (uint32_t i = 2; i < s->n; i++) {
		uint32_t mine = s->order[i], at = i;

		while (at > 1 && goes_before(r, &c[mine], &c[s->order[at - 1]], margin)) {
			s->order[at] = s->order[at - 1];
			at--;
		}
		s->order[at] = mine;
		moved |= at != i;
	}
	return moved;
}

static void put_first(struct pt_standing *s, uint32_t candidate)
{
	uint32_t at = 0;

	while (s->order[at] != candidate)
		at++;
	memmove(s->order + 1, s->order, at * sizeof(*s->order));
	s->order[0] = candidate;
}

static enum pt_move kind_of(enum pt_tier challenger, enum pt_tier incumbent)
{
	if (incumbent <= PT_TIER_FRESH)
		return PT_MOVE_BETTER;
	return challenger <= PT_TIER_FRESH ? PT_MOVE_FAULT : PT_MOVE_WORST;
}

enum pt_move pt_damping_apply(const struct pt_rules *r, const struct pt_candidate *c,
	const uint64_t *keys, struct pt_standing *s, int64_t now_ns)
{
	enum pt_move move = PT_MOVE_NONE;
	uint32_t best, first;

	if (s->n < 2)
		return PT_MOVE_NONE;
	best = pt_strategy_pick(keys, s->n);
	first = s->order[0];
	if (best != first && may_take(r, c, keys, s, best, now_ns)) {
		move = kind_of(pt_strategy_key_tier(keys[best]), pt_strategy_key_tier(keys[first]));
		put_first(s, best);
		if (s->decided)
			s->switched_ns = now_ns;
	}
	if (sort_tail(r, c, s) && move == PT_MOVE_NONE)
		move = PT_MOVE_TAIL;
	return move;
}

int64_t pt_damping_next(const struct pt_rules *r, const struct pt_candidate *c,
	const struct pt_standing *s, int64_t now_ns)
{
	int64_t next = INT64_MAX, at;

	for (uint32_t i = 0; i < s->n; i++) {
		if (c[i].verdict.state != PT_VERDICT_INSIDE)
			continue;
		at = c[i].verdict.since_ns + r->cooldown_ns;
		if (at > now_ns && at < next)
			next = at;
	}
	if (s->switched_ns != PT_NULL) {
		at = s->switched_ns + r->cooldown_ns;
		if (at > now_ns && at < next)
			next = at;
	}
	return next;
}
