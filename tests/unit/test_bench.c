// SPDX-License-Identifier: MIT
#include "bench/turns.h"

#include <errno.h>

#include "base/cleanup.h"
#include "test.h"

static void summaries(void)
{
	struct pt_series s = { 0 };
	struct pt_summary got = { .runs = 99 };

	T_EQ(pt_series_summary(&s, 500000, &got), -ENODATA);
	T_EQ(got.runs, 99);
	pt_series_add(&s, -7);
	T_EQ(pt_series_summary(&s, 500000, &got), 0);
	T_OK(got.value == -7 && got.median == -7 && got.min == -7 && got.max == -7);
	T_EQ(got.spread, 0);
	pt_series_done(&s);

	for (int64_t i = 100; i >= 1; i--) // falling: the summary sorts
		pt_series_add(&s, i);
	T_EQ(pt_series_summary(&s, 990000, &got), 0);
	T_EQ(got.runs, 100);
	T_EQ(got.value, 99);
	T_EQ(got.median, 50);
	T_EQ(got.min, 1);
	T_EQ(got.max, 100);
	T_EQ(got.spread, 50); // 75 - 25
	T_EQ(pt_series_summary(&s, 0, &got), 0);
	T_EQ(got.value, 1);
	T_EQ(pt_series_summary(&s, 1000000, &got), 0);
	T_EQ(got.value, 100);
	T_EQ(pt_series_summary(&s, UINT32_MAX, &got), 0);
	T_EQ(got.value, 100);
	pt_series_done(&s);
	pt_series_add(&s, INT64_MAX);
	pt_series_add(&s, INT64_MIN + 1);
	T_EQ(pt_series_summary(&s, 500000, &got), 0);
	T_EQ(got.median, INT64_MIN + 1);
	T_OK(got.spread == INT64_MAX);
	pt_series_done(&s);
}

struct side {
	int calls, prepared, finished, fail_at, step;
};

static int prepare(void *ctx, struct pt_err *err)
{
	struct side *s = ctx;

	s->prepared++;
	return s->fail_at == -1 ? pt_err_set(err, -EIO, "cannot prepare") : 0;
}

static int once(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct side *s = ctx;

	if (++s->calls == s->fail_at)
		return pt_err_set(err, -EIO, "run %d", s->calls);
	out[0] = s->calls * s->step;
	if (s->calls % 2)
		out[1] = 1;
	return 0;
}

static void finish(void *ctx)
{
	struct side *s = ctx;

	s->finished++;
}

static const struct pt_bench_metric metrics[] = {
	{ .name = "p50", .unit = "us", .series = 0, .q_ppm = 500000, .target = 60 },
	{ .name = "max", .unit = "us", .series = 0, .q_ppm = 1000000, .target = 60 },
	{ .name = "rate",
		.unit = "1/s",
		.series = 0,
		.q_ppm = 500000,
		.target = 61,
		.higher_better = true },
	{ .name = "odd", .unit = "n", .series = 1, .q_ppm = 500000, .target = PT_BENCH_NONE },
	{ .name = "never", .unit = "n", .series = 7, .q_ppm = 500000, .target = 1 },
};
enum { N = PT_ARRAY_LEN(metrics) };

static struct pt_bench_plan plan_of(struct side *subject, struct side *baseline)
{
	return (struct pt_bench_plan){
		.workload = "test",
		.metrics = metrics,
		.n_metrics = N,
		.subject = { "us", prepare, once, finish, subject },
		.baseline = { "them", NULL, baseline ? once : NULL, finish, baseline },
		.warmup = 2,
		.runs = 5,
		.baseline_runs = 3,
	};
}

static void subject_and_baseline(void)
{
	struct side us = { .step = 12 }, them = { .step = 48 };
	struct pt_bench_plan plan = plan_of(&us, &them);
	struct pt_bench_result r[N];
	struct pt_err err = { 0 };

	T_EQ(pt_bench_run(&plan, r, &err), 0);
	T_OK(us.calls == 7 && us.prepared == 1 && us.finished == 1);
	T_OK(them.calls == 5 && them.finished == 1);
	// warm-up runs 1 and 2 are gone: 36 48 60 72 84, and 144 192 240
	T_EQ(r[0].subject.runs, 5);
	T_EQ(r[0].subject.value, 60);
	T_EQ(r[0].subject.min, 36);
	T_EQ(r[0].baseline.value, 192);
	T_EQ(pt_bench_ratio_ppm(&r[0]), 312500); // 60 / 192
	T_EQ(pt_bench_judge(&r[0]), PT_BENCH_PASS);
	T_EQ(r[1].subject.value, 84);
	T_EQ(r[1].baseline.value, 240);
	T_EQ(pt_bench_judge(&r[1]), PT_BENCH_FAIL);
	T_EQ(pt_bench_judge(&r[2]), PT_BENCH_FAIL);
	T_EQ(r[3].subject.runs, 3);
	T_EQ(pt_bench_judge(&r[3]), PT_BENCH_NO_TARGET);
	T_OK(r[4].skipped && !r[3].skipped);
	T_EQ(pt_bench_judge(&r[4]), PT_BENCH_NO_TARGET);
}

static void failures_stop_and_clean_up(void)
{
	struct pt_bench_result r[N];
	struct pt_err err = { 0 };
	struct side us = { .step = 1, .fail_at = 4 }, them = { .step = 1 };
	struct pt_bench_plan plan = plan_of(&us, &them);

	T_EQ(pt_bench_run(&plan, r, &err), -EIO);
	T_STR(err.msg, "run 4");
	T_OK(us.calls == 4 && us.finished == 1 && them.calls == 0);
	us = (struct side){ .fail_at = -1 };
	T_EQ(pt_bench_run(&plan, r, &err), -EIO);
	T_STR(err.msg, "cannot prepare");
	T_OK(us.calls == 0 && us.finished == 1);
}

static void as_records(void)
{
	struct side us = { .step = 12 }, them = { .step = 48 };
	struct pt_bench_plan plan = plan_of(&us, &them);
	struct pt_bench_result r[N];

	T_NEED(pt_bench_run(&plan, r, NULL) == 0);
	pt_autojson json_t *j = pt_bench_to_json(&r[0]);
	pt_autofree char *text = json_dumps(j, JSON_COMPACT);
	T_STR(text,
		"{\"workload\":\"test\",\"metric\":\"p50\",\"value\":60,\"unit\":\"us\","
		"\"median\":60,\"min\":36,\"max\":84,\"spread\":24,\"runs\":5,"
		"\"baseline\":192,\"baseline_name\":\"them\",\"ratio\":0.3125,"
		"\"ratio_min\":null,\"ratio_max\":null,\"target\":60,\"target_of\":\"value\","
		"\"pass\":true,\"skipped\":null}");
	pt_autojson json_t *fails = pt_bench_to_json(&r[1]);
	T_OK(json_is_false(json_object_get(fails, "pass")));
	pt_autojson json_t *open = pt_bench_to_json(&r[3]);
	T_OK(json_is_null(json_object_get(open, "pass")));
	T_OK(json_is_null(json_object_get(open, "target")));
	pt_bench_skip(&plan, "no bpffs", r);
	pt_autojson json_t *none = pt_bench_to_json(&r[0]);
	pt_autofree char *skipped = json_dumps(none, JSON_COMPACT);
	T_STR(skipped,
		"{\"workload\":\"test\",\"metric\":\"p50\",\"value\":null,\"unit\":\"us\","
		"\"median\":null,\"min\":null,\"max\":null,\"spread\":null,\"runs\":0,"
		"\"baseline\":null,\"baseline_name\":null,\"ratio\":null,"
		"\"ratio_min\":null,\"ratio_max\":null,\"target\":60,\"target_of\":\"value\","
		"\"pass\":null,\"skipped\":\"no bpffs\"}");
}

static void as_a_table(void)
{
	struct side us = { .step = 12 };
	struct pt_bench_plan plan = plan_of(&us, NULL);
	struct pt_bench_result r[N];
	struct pt_emit *e = NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	T_NEED(pt_bench_run(&plan, r, NULL) == 0);
	T_NEED(pt_emit_new(PT_EMIT_TABLE, f, &e) == 0);
	T_OK(!pt_bench_print(e, r, N)); // one misses its target
	T_EQ(pt_emit_end(e), 0);
	fclose(f);
	T_HAS(text,
		"\ntest      p50        60  us     36      60   84      24     5         -      -");
	T_HAS(text, "<= 60  pass\n");
	T_HAS(text, "<= 60  FAIL\n");
	T_HAS(text, ">= 61  FAIL\n");
	T_HAS(text, "no run gave a sample\n");
	free(text);
}

// Sides 0 and 1 slow down together: neighbours in time keep their ratio.
static int turn(void *ctx, unsigned side, int64_t *value, struct pt_err *err)
{
	int *played = ctx;
	unsigned round = (unsigned)played[side]++;

	(void)err;
	*value = (side ? 100 : 250) * (int64_t)(10 - 2 * round);
	return 0;
}

static void turns(void)
{
	static const struct pt_turns_side sides[] = { { "us", NULL }, { "them", NULL },
		{ "nobody", "not here" } };
	static const struct pt_turns_metric pairs[] = {
		{ { "met", "n", 0, 500000, 2400000, true, true, "" }, 0, 1 },
		{ { "missed", "n", 0, 500000, 2600000, true, true, "" }, 0, 1 },
		{ { "skipped", "n", 0, 500000, 1, true, true, "" }, 2, 1 },
		{ { "unlike anything", "n", 0, 500000, 1, true, true, "" }, 0, 2 },
	};
	int played[3] = { 0 };
	const struct pt_turns t = { .workload = "test",
		.sides = sides,
		.n_sides = 3,
		.metrics = pairs,
		.n_metrics = 4,
		.rounds = 3,
		.once = turn,
		.ctx = played };
	struct pt_bench_result r[4];

	T_NEED(pt_turns_run(&t, r, NULL) == 0);
	T_OK(played[0] == 4 && played[1] == 4 && played[2] == 0); // one is not counted
	T_OK(r[0].subject.value == 1500 && r[0].subject.min == 1000 && r[0].subject.runs == 3);
	T_OK(r[0].baseline.value == 600 && pt_bench_ratio_ppm(&r[0]) == 2500000);
	T_OK(r[0].ratio_ppm.min == 2500000 && r[0].ratio_ppm.max == 2500000);
	T_EQ(pt_bench_judge(&r[0]), PT_BENCH_PASS);
	T_EQ(pt_bench_judge(&r[1]), PT_BENCH_FAIL);
	T_STR(r[2].skipped, "not here");
	T_STR(r[3].skipped, "not here");
	T_EQ(pt_bench_judge(&r[3]), PT_BENCH_NO_TARGET);
}

T_MAIN({ "summaries are exact", summaries },
	{ "subject and baseline, warm-up, ratio, verdict", subject_and_baseline },
	{ "a failure stops and cleans up", failures_stop_and_clean_up }, { "records", as_records },
	{ "table", as_a_table }, { "turns", turns })
