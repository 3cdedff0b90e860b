// SPDX-License-Identifier: MIT
#include "bench/selection.h"

#include <errno.h>

#include "base/arena.h"
#include "base/clock.h"
#include "select/damping.h"

#define WARMUP      200
#define SCORE_LEAST 50000 // all within the SLA
#define SCORE_SPAN  40000

enum { SERIES_PICK, SERIES_ORDER };

static const struct pt_bench_metric metrics[PT_SELECTION_METRICS] = {
	[PT_SELECTION_PICK_P50] = { .name = "pick_p50",
		.unit = "ns",
		.series = SERIES_PICK,
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.doc = "A verdict changes: the best of all candidates, median" },
	[PT_SELECTION_PICK_P99] = { .name = "pick_p99",
		.unit = "ns",
		.series = SERIES_PICK,
		.q_ppm = 990000,
		.target = 2000,
		.doc = "The same, 99th percentile" },
	[PT_SELECTION_ORDER_P50] = { .name = "order_p50",
		.unit = "ns",
		.series = SERIES_ORDER,
		.q_ppm = 500000,
		.target = PT_BENCH_NONE,
		.doc = "And the order of all the others, damped, median" },
	[PT_SELECTION_ORDER_P99] = { .name = "order_p99",
		.unit = "ns",
		.series = SERIES_ORDER,
		.q_ppm = 990000,
		.target = 50000,
		.doc = "The same, 99th percentile" },
};

struct field {
	struct pt_arena arena;
	struct pt_policy policy;
	struct pt_rules rules;
	struct pt_candidate *candidates;
	uint64_t *keys;
	struct pt_standing standing;
	uint64_t random;
	int64_t now_ns;
	uint32_t chosen; // read by nobody, written so that nothing is optimised away
};

static uint32_t below(struct field *f, uint32_t bound)
{
	f->random = f->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(f->random >> 33) % bound;
}

static uint64_t key_of(const struct field *f, uint32_t i)
{
	const struct pt_candidate *c = &f->candidates[i];

	return pt_strategy_key(&f->rules, c, pt_strategy_tier(&f->rules, c, f->now_ns));
}

// `best`, all inside the SLA: no candidate can be left out, every score counts.
static void prepare(struct field *f, uint32_t n)
{
	f->policy = (struct pt_policy){ .id = "bench",
		.strategy = PT_STRATEGY_BEST,
		.sla = { .loss_ppm = 10000, .rtt_ms = 100, .jitter_ms = 30, .stale_secs = 30 },
		.margin_percent = 10 };
	f->rules = (struct pt_rules){ .policy = &f->policy };
	f->candidates = pt_arena_alloc(&f->arena, n * sizeof(*f->candidates));
	f->keys = pt_arena_alloc(&f->arena, n * sizeof(*f->keys));
	f->standing.order = pt_arena_alloc(&f->arena, n * sizeof(*f->standing.order));
	f->standing.n = n;
	f->standing.switched_ns = PT_NULL;
	f->random = n;
	for (uint32_t i = 0; i < n; i++) {
		f->candidates[i].place = i;
		f->candidates[i].verdict = (struct pt_verdict){ .state = PT_VERDICT_INSIDE,
			.known = PT_VERDICT_INSIDE,
			.score_long = SCORE_LEAST + below(f, SCORE_SPAN) };
		f->keys[i] = key_of(f, i);
		f->standing.order[i] = i;
	}
	(void)pt_damping_apply(&f->rules, f->candidates, f->keys, &f->standing, 0);
	f->standing.decided = true;
}

// One candidate's verdict is another than before.
static uint32_t change_one(struct field *f)
{
	uint32_t i = below(f, f->standing.n);

	f->candidates[i].verdict.score_long = SCORE_LEAST + below(f, SCORE_SPAN);
	f->now_ns += PT_NS_PER_S;
	return i;
}

static int once(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct field *f = ctx;
	uint32_t i = change_one(f);
	int64_t start = pt_mono_now().ns, picked;

	(void)err;
	f->keys[i] = key_of(f, i);
	*(volatile uint32_t *)&f->chosen = pt_strategy_pick(f->keys, f->standing.n);
	picked = pt_mono_now().ns;
	(void)pt_damping_apply(&f->rules, f->candidates, f->keys, &f->standing, f->now_ns);
	out[SERIES_PICK] = picked - start;
	out[SERIES_ORDER] = pt_mono_now().ns - picked;
	return 0;
}

static int scan_once(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct field *f = ctx;
	const struct pt_candidate *best = f->candidates;
	int64_t start;

	(void)err;
	(void)change_one(f);
	start = pt_mono_now().ns;
	for (uint32_t i = 1; i < f->standing.n; i++) {
		const struct pt_candidate *c = &f->candidates[i];
		enum pt_tier mine = pt_strategy_tier(&f->rules, c, f->now_ns);
		enum pt_tier other = pt_strategy_tier(&f->rules, best, f->now_ns);

		if (mine != other ? mine < other : pt_strategy_better(&f->rules, mine, c, best, 0))
			best = c;
	}
	*(volatile uint32_t *)&f->chosen = best->place;
	out[SERIES_PICK] = pt_mono_now().ns - start;
	return 0;
}

int pt_selection_bench(
	const struct pt_selection_opts *o, struct pt_selection_report *out, struct pt_err *err)
{
	struct field f = { 0 };
	const struct pt_bench_plan plan = {
		.workload = "path-selection",
		.metrics = out->metrics,
		.n_metrics = PT_SELECTION_METRICS,
		.subject = { .name = "patronus", .once = once, .ctx = &f },
		.baseline = { .name = "scan", .once = scan_once, .ctx = &f },
		.warmup = WARMUP,
		.runs = o->runs,
		.baseline_runs = o->runs,
	};
	int rc;

	if (o->candidates < 2 || o->candidates > PT_SELECTION_CANDIDATES_MAX)
		return pt_err_set(err, -EINVAL, "candidates: 2 to %d, not %u",
			PT_SELECTION_CANDIDATES_MAX, o->candidates);
	for (unsigned i = 0; i < PT_SELECTION_METRICS; i++) {
		out->metrics[i] = metrics[i];
		if (o->candidates > PT_SELECTION_CANDIDATES)
			out->metrics[i].target = PT_BENCH_NONE;
	}
	prepare(&f, o->candidates);
	rc = pt_bench_run(&plan, out->results, err);
	pt_arena_done(&f.arena);
	return rc;
}
