// SPDX-License-Identifier: MIT
// How long a path that fell is held back.
#include "plane/penalty.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/unit/test.h"

#define S PT_NS_PER_S

static struct pt_config config(int64_t base_ms, int64_t half_s, int64_t max_s)
{
	return (struct pt_config){ .failover = { .hold_ms = base_ms,
					   .cooldown_half_life_secs = half_s,
					   .cooldown_max_secs = max_s } };
}

static void doubles(void)
{
	const struct pt_config c = config(1000, 900, 60);
	static const int64_t want_s[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct pt_penalty p = {};

	for (unsigned i = 0; i < PT_ARRAY_LEN(want_s); i++) {
		pt_penalty_add(&p, &c, PT_PENALTY_FALL, 100 * S);
		T_EQ(pt_penalty_hold_ns(&p, &c, 100 * S), want_s[i] * S);
	}
	T_EQ(p.falls, PT_ARRAY_LEN(want_s));
	for (int i = 0; i < 100; i++)
		pt_penalty_add(&p, &c, PT_PENALTY_FALL, 100 * S);
	T_EQ(p.figure, PT_PENALTY_MOST);
}

static void halves(void)
{
	const struct pt_config c = config(1000, 10, 3600);
	struct pt_penalty p = {};

	for (int i = 0; i < 4; i++)
		pt_penalty_add(&p, &c, PT_PENALTY_FALL, 100 * S);
	T_EQ(pt_penalty_figure(&p, &c, 100 * S), 4000);
	T_EQ(pt_penalty_figure(&p, &c, 110 * S), 2000);
	T_EQ(pt_penalty_figure(&p, &c, 115 * S), 1500);
	T_EQ(pt_penalty_figure(&p, &c, 120 * S), 1000);
	T_EQ(pt_penalty_figure(&p, &c, 100000 * S), 0);
	T_EQ(pt_penalty_figure(&p, &c, 99 * S), 4000); // no clock that we have does this
	T_EQ(pt_penalty_hold_ns(&p, &c, 110 * S), 2 * S);
	T_EQ(pt_penalty_hold_ns(&p, &c, 115 * S), 1500 * PT_NS_PER_MS);
	T_EQ(pt_penalty_hold_ns(&p, &c, 120 * S), S);
	T_EQ(pt_penalty_hold_ns(&p, &c, 200 * S), S); // never less than the first
}

static void limits(void)
{
	const struct pt_config none = config(0, 900, 60), forgets = config(1000, 0, 60),
			       narrow = config(1000, 900, 0);
	struct pt_penalty p = {};

	for (int i = 0; i < 5; i++)
		pt_penalty_add(&p, &forgets, PT_PENALTY_FALL, S);
	T_EQ(pt_penalty_hold_ns(&p, &forgets, S), S);
	p = (struct pt_penalty){};
	for (int i = 0; i < 5; i++)
		pt_penalty_add(&p, &narrow, PT_PENALTY_FALL, S);
	T_EQ(pt_penalty_hold_ns(&p, &narrow, S), S);
	T_EQ(pt_penalty_hold_ns(&p, &none, S), 0);
}

T_MAIN({ "each fall doubles the hold, up to the longest", doubles },
	{ "the figure halves with each half-life", halves },
	{ "no hold, no memory, no growth", limits })
