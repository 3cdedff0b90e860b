// SPDX-License-Identifier: MIT
// Strategies and damping: who is first, who may take the place, who waits. Verdicts are set by
// hand; a row is an incumbent, the others, and who has to be first afterwards.
#include "test.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "select/damping.h"

#define S PT_NS_PER_S
#define N 4

struct bench {
	struct pt_policy policy;
	struct pt_rules rules;
	struct pt_path path[N];
	struct pt_evidence evidence[N];
	struct pt_candidate c[N];
	uint64_t keys[N];
	uint32_t order[N];
	struct pt_standing standing;
};

static void setup(struct bench *b, enum pt_strategy strategy)
{
	static const char *const ids[N] = { "a", "b", "c", "d" };

	*b = (struct bench){ .policy = { .id = "p",
				     .strategy = strategy,
				     .margin_percent = 10,
				     .sla = { PT_NULL, PT_NULL, PT_NULL, 30 } } };
	b->rules = (struct pt_rules){ .policy = &b->policy, .cooldown_ns = 60 * S };
	for (uint32_t i = 0; i < N; i++) {
		b->path[i].id = ids[i];
		b->c[i] = (struct pt_candidate){ .path = &b->path[i],
			.evidence = &b->evidence[i],
			.place = i,
			.cost = 10,
			.verdict = { .state = PT_VERDICT_INSIDE,
				.known = PT_VERDICT_INSIDE,
				.since_ns = 0,
				.score_short = 90000,
				.score_long = 90000 } };
		b->order[i] = i;
	}
	b->standing = (struct pt_standing){
		.order = b->order, .n = N, .decided = true, .switched_ns = PT_NULL
	};
}

static void state(struct bench *b, uint32_t i, enum pt_verdict_state st, int64_t since_ns)
{
	b->c[i].verdict.state = st;
	b->c[i].verdict.since_ns = since_ns;
	if (st == PT_VERDICT_INSIDE || st == PT_VERDICT_OUTSIDE)
		b->c[i].verdict.known = st;
	else if (st != PT_VERDICT_STALE)
		b->c[i].verdict.known = PT_VERDICT_UNKNOWN;
}

static enum pt_move apply(struct bench *b, int64_t now_ns)
{
	for (uint32_t i = 0; i < b->standing.n; i++)
		b->keys[i] = pt_strategy_key(
			&b->rules, &b->c[i], pt_strategy_tier(&b->rules, &b->c[i], now_ns));
	return pt_damping_apply(&b->rules, b->c, b->keys, &b->standing, now_ns);
}

static const char *order_of(const struct bench *b, char out[N + 1])
{
	for (uint32_t i = 0; i < b->standing.n; i++)
		out[i] = b->c[b->order[i]].path->id[0];
	out[b->standing.n] = '\0';
	return out;
}

#define U PT_VERDICT_UNKNOWN
#define I PT_VERDICT_INSIDE
#define O PT_VERDICT_OUTSIDE
#define T PT_VERDICT_STALE
#define D PT_VERDICT_DOWN
#define M PT_VERDICT_MAINTENANCE

// `ordered`, a is the incumbent; states of a, b, c, d; the order that has to come out.
static const struct {
	const char *what;
	enum pt_verdict_state st[N];
	const char *want;
	enum pt_move move;
} rows[] = {
	{ "all well", { I, I, I, I }, "abcd", PT_MOVE_NONE },
	{ "incumbent out", { O, I, I, I }, "bcda", PT_MOVE_FAULT },
	{ "incumbent and next out", { O, O, I, I }, "cdab", PT_MOVE_FAULT },
	{ "incumbent down", { D, I, I, I }, "bcda", PT_MOVE_FAULT },
	{ "incumbent in maintenance", { M, I, I, I }, "bcda", PT_MOVE_FAULT },
	{ "incumbent silent to us", { T, I, I, I }, "abcd", PT_MOVE_NONE },
	{ "incumbent never seen", { U, I, I, I }, "abcd", PT_MOVE_NONE },
	{ "out, but the rest unknown", { O, U, U, U }, "abcd", PT_MOVE_NONE },
	{ "out, but the rest stale", { O, T, T, T }, "abcd", PT_MOVE_NONE },
	{ "out, one unknown, one inside", { O, U, I, U }, "cabd", PT_MOVE_FAULT },
	{ "down, the rest unknown", { D, U, U, U }, "bcda", PT_MOVE_WORST },
	{ "down, unknown and out", { D, U, O, U }, "cbda", PT_MOVE_WORST },
	{ "all down", { D, D, D, D }, "abcd", PT_MOVE_NONE },
	{ "all down but maintenance", { M, D, D, D }, "bcda", PT_MOVE_WORST },
	{ "all unknown", { U, U, U, U }, "abcd", PT_MOVE_NONE },
	{ "all stale", { T, T, T, T }, "abcd", PT_MOVE_NONE },
	{ "second down", { I, D, I, I }, "acdb", PT_MOVE_TAIL },
	{ "second out", { I, O, I, I }, "acdb", PT_MOVE_TAIL },
	{ "second stale", { I, T, I, I }, "abcd", PT_MOVE_NONE },
	{ "all out alike", { O, O, O, O }, "abcd", PT_MOVE_NONE },
};

static void ordered(void)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		struct bench b;
		char got[N + 1];
		enum pt_move move;

		setup(&b, PT_STRATEGY_ORDERED);
		for (uint32_t k = 0; k < N; k++)
			state(&b, k, rows[i].st[k], 0);
		for (uint32_t k = 0; k < N; k++) // stale paths were inside before
			if (rows[i].st[k] == T)
				b.c[k].verdict.known = I;
		move = apply(&b, 100 * S);
		if (strcmp(order_of(&b, got), rows[i].want) != 0 || move != rows[i].move)
			T_FAIL("%s: %s (move %d), want %s (move %d)", rows[i].what, got, move,
				rows[i].want, rows[i].move);
		if (apply(&b, 100 * S) != PT_MOVE_NONE)
			T_FAIL("%s: does not rest", rows[i].what);
	}
}

static void failback(void)
{
	struct bench b;
	char got[N + 1];

	setup(&b, PT_STRATEGY_ORDERED);
	state(&b, 0, O, 100 * S);
	T_EQ(apply(&b, 100 * S), PT_MOVE_FAULT);
	T_STR(order_of(&b, got), "bcda");
	T_EQ(b.standing.switched_ns, 100 * S);
	state(&b, 0, I, 130 * S); // inside again: it waits for 60 s of that
	T_EQ(apply(&b, 131 * S), PT_MOVE_TAIL);
	T_STR(order_of(&b, got), "bacd");
	T_EQ(pt_damping_next(&b.rules, b.c, &b.standing, 131 * S), 160 * S);
	T_EQ(apply(&b, 160 * S), PT_MOVE_NONE);
	T_EQ(pt_damping_next(&b.rules, b.c, &b.standing, 160 * S), 190 * S);
	state(&b, 0, O, 170 * S); // it flaps: the wait starts again
	apply(&b, 170 * S);
	state(&b, 0, I, 180 * S);
	T_OK(apply(&b, 239 * S) != PT_MOVE_BETTER);
	T_STR(order_of(&b, got), "bacd");
	T_EQ(apply(&b, 240 * S), PT_MOVE_BETTER);
	T_STR(order_of(&b, got), "abcd");
	T_EQ(pt_damping_next(&b.rules, b.c, &b.standing, 400 * S), INT64_MAX);
}

// A path that fails and recovers every few seconds costs one switch, not one each time.
static void flapping(void)
{
	struct bench b;
	unsigned switches = 0;

	setup(&b, PT_STRATEGY_ORDERED);
	for (int64_t t = 0; t < 600; t++) {
		if (t % 10 == 0)
			state(&b, 0, t % 20 == 0 ? O : I, t * S);
		switches += apply(&b, t * S) >= PT_MOVE_FAULT;
	}
	T_EQ(switches, 1);
	T_EQ(b.order[0], 1);
}

static void settled_goes_first(void)
{
	struct bench b;
	char got[N + 1];

	setup(&b, PT_STRATEGY_ORDERED);
	state(&b, 1, I, 90 * S); // b stands before c, but has only just recovered
	state(&b, 0, O, 100 * S);
	apply(&b, 100 * S);
	T_STR(order_of(&b, got), "cbda");
}

static void best(void)
{
	struct bench b;
	char got[N + 1];

	setup(&b, PT_STRATEGY_BEST);
	b.c[2].verdict.score_long = 98900; // 9.9 % better: within the margin
	T_EQ(apply(&b, 100 * S), PT_MOVE_NONE);
	b.c[2].verdict.score_long = 99100;
	T_EQ(apply(&b, 101 * S), PT_MOVE_BETTER);
	T_STR(order_of(&b, got), "cabd");
	b.c[0].verdict.score_long = 100000; // not by the margin
	b.c[2].verdict.score_long = 91000;
	T_EQ(apply(&b, 200 * S), PT_MOVE_NONE);
	b.c[2].verdict.score_long = 50000; // by far, but the group has just switched
	b.standing.switched_ns = 190 * S;
	T_EQ(apply(&b, 200 * S), PT_MOVE_NONE);
	T_EQ(pt_damping_next(&b.rules, b.c, &b.standing, 200 * S), 250 * S);
	T_EQ(apply(&b, 250 * S), PT_MOVE_BETTER);
	T_STR(order_of(&b, got), "abdc");
	state(&b, 0, T, 0); // a better rival never displaces one of whom we know nothing
	b.c[1].verdict.score_long = 100000;
	b.c[0].verdict.score_long = 1;
	apply(&b, 900 * S);
	T_EQ(b.order[0], 0);
}

static void first_decision(void)
{
	struct bench b;
	char got[N + 1];

	setup(&b, PT_STRATEGY_BEST);
	b.standing.decided = false;
	b.rules.cooldown_ns = 0; // as the engine does
	for (uint32_t i = 0; i < N; i++)
		b.c[i].verdict.score_long = 90000 + i;
	apply(&b, 1);
	T_STR(order_of(&b, got), "dcba"); // no margin at the start
	T_EQ(b.standing.switched_ns, PT_NULL);
}

static void cheapest(void)
{
	struct bench b;
	char got[N + 1];

	setup(&b, PT_STRATEGY_CHEAPEST);
	b.c[2].cost = 1;
	b.c[1].cost = 5;
	T_EQ(apply(&b, 100 * S), PT_MOVE_BETTER);
	T_STR(order_of(&b, got), "cbad");
	state(&b, 2, O, 110 * S); // cheap, but unfit
	T_EQ(apply(&b, 110 * S), PT_MOVE_FAULT);
	T_STR(order_of(&b, got), "badc");
	b.c[3].cost = INT64_MAX; // keys are bounded
	T_EQ(apply(&b, 111 * S), PT_MOVE_NONE);
}

static void pinned(void)
{
	struct bench b;
	char got[N + 1];

	setup(&b, PT_STRATEGY_PINNED);
	state(&b, 0, O, 100 * S);
	T_EQ(apply(&b, 100 * S), PT_MOVE_NONE); // quality does not move it
	state(&b, 0, D, 100 * S);
	T_EQ(apply(&b, 101 * S), PT_MOVE_FAULT);
	T_STR(order_of(&b, got), "bcda");
	state(&b, 0, O, 120 * S); // up again: back after the cooldown, whatever its quality
	apply(&b, 160 * S);
	T_STR(order_of(&b, got), "bacd");
	T_EQ(apply(&b, 161 * S), PT_MOVE_BETTER);
	T_STR(order_of(&b, got), "abcd");
}

static void worst(void)
{
	struct bench b;
	char got[N + 1];

	setup(&b, PT_STRATEGY_ORDERED);
	for (uint32_t i = 0; i < N; i++) {
		state(&b, i, O, 0);
		b.c[i].verdict.score_short = b.c[i].verdict.score_long = 20000;
	}
	b.c[3].verdict.score_short = 30000;
	T_EQ(apply(&b, 100 * S), PT_MOVE_NONE); // both windows have to agree
	b.c[3].verdict.score_long = 30000;
	T_EQ(apply(&b, 100 * S), PT_MOVE_WORST);
	T_STR(order_of(&b, got), "dabc");
	state(&b, 2, I, 101 * S); // fit goes before least bad, however fresh
	T_EQ(apply(&b, 101 * S), PT_MOVE_FAULT);
	T_STR(order_of(&b, got), "cdab");
}

static void backup(void)
{
	struct bench b;
	char got[N + 1];

	setup(&b, PT_STRATEGY_BEST);
	b.policy.none_inside = PT_NONE_BACKUP;
	b.c[3].backup = true;
	for (uint32_t i = 0; i < N; i++)
		state(&b, i, O, 0);
	b.c[3].verdict.score_short = b.c[3].verdict.score_long = 1; // whatever it scores
	T_EQ(apply(&b, 100 * S), PT_MOVE_WORST);
	T_STR(order_of(&b, got), "dabc");
	T_EQ(apply(&b, 101 * S), PT_MOVE_NONE);
}

static void alone(void)
{
	struct bench b;

	setup(&b, PT_STRATEGY_BEST);
	b.standing.n = 1;
	state(&b, 0, D, 0);
	T_EQ(apply(&b, 1), PT_MOVE_NONE);
	b.standing.n = 0;
	T_EQ(apply(&b, 1), PT_MOVE_NONE);
}

T_MAIN({ "ordered: states in, order out", ordered },
	{ "failback waits for the cooldown", failback },
	{ "a flapping path switches once", flapping },
	{ "who has been well for long goes first", settled_goes_first },
	{ "best: margin and cooldown", best }, { "first decision: no margin", first_decision },
	{ "cheapest within the SLA", cheapest }, { "pinned: quality does not move it", pinned },
	{ "none inside: the least bad", worst }, { "none inside: the backup", backup },
	{ "one candidate, or none", alone })
