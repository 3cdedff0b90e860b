// SPDX-License-Identifier: MIT
#include "bench/runner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int run_side(const struct pt_bench_plan *plan, const struct pt_bench_side *side,
	unsigned runs, struct pt_series series[PT_BENCH_SERIES], struct pt_err *err)
{
	int64_t sample[PT_BENCH_SERIES];
	int code = side->prepare ? side->prepare(side->ctx, err) : 0;

	for (unsigned i = 0; !code && i < plan->warmup + runs; i++) {
		bool counts = i >= plan->warmup;
		if (plan->progress)
			plan->progress(plan->progress_ctx, side->name,
				counts ? i - plan->warmup + 1 : 0, runs);
		for (unsigned k = 0; k < PT_BENCH_SERIES; k++)
			sample[k] = PT_BENCH_NONE;
		code = side->once(side->ctx, sample, err);
		for (unsigned k = 0; !code && counts && k < PT_BENCH_SERIES; k++) {
			if (sample[k] != PT_BENCH_NONE)
				pt_series_add(&series[k], sample[k]);
		}
	}
	if (side->finish)
		side->finish(side->ctx);
	return code;
}

static void sum_up(const struct pt_bench_plan *plan, struct pt_series subject[PT_BENCH_SERIES],
	struct pt_series baseline[PT_BENCH_SERIES], struct pt_bench_result *results)
{
	for (size_t i = 0; i < plan->n_metrics; i++) {
		const struct pt_bench_metric *m = &plan->metrics[i];
		struct pt_bench_result *r = &results[i];
		*r = (struct pt_bench_result){ .workload = plan->workload, .metric = m };
		if (pt_series_summary(&subject[m->series], m->q_ppm, &r->subject))
			r->skipped = "no run gave a sample";
		if (pt_series_summary(&baseline[m->series], m->q_ppm, &r->baseline) == 0) {
			r->has_baseline = true;
			r->baseline_name = plan->baseline.name;
		}
	}
}

int pt_bench_run(
	const struct pt_bench_plan *plan, struct pt_bench_result *results, struct pt_err *err)
{
	struct pt_series subject[PT_BENCH_SERIES] = { 0 }, baseline[PT_BENCH_SERIES] = { 0 };

	int code = run_side(plan, &plan->subject, plan->runs, subject, err);
	if (!code && plan->baseline.once && plan->baseline_runs)
		code = run_side(plan, &plan->baseline, plan->baseline_runs, baseline, err);
	if (!code)
		sum_up(plan, subject, baseline, results);
	for (unsigned k = 0; k < PT_BENCH_SERIES; k++) {
		pt_series_done(&subject[k]);
		pt_series_done(&baseline[k]);
	}
	return code;
}

void pt_bench_skip(
	const struct pt_bench_plan *plan, const char *why, struct pt_bench_result *results)
{
	for (size_t i = 0; i < plan->n_metrics; i++)
		results[i] = (struct pt_bench_result){
			.workload = plan->workload,
			.metric = &plan->metrics[i],
			.skipped = why,
		};
}

int64_t pt_bench_ratio_ppm(const struct pt_bench_result *r)
{
	if (r->skipped || !r->has_baseline || r->baseline.value == 0)
		return PT_BENCH_NONE;
	if (r->ratio_ppm.runs)
		return r->ratio_ppm.median;
	double ratio = (double)r->subject.value / (double)r->baseline.value;
	return (int64_t)(ratio * 1e6 + (ratio < 0 ? -0.5 : 0.5));
}

enum pt_bench_verdict pt_bench_judge(const struct pt_bench_result *r)
{
	const struct pt_bench_metric *m = r->metric;
	int64_t got = m->of_ratio ? pt_bench_ratio_ppm(r) : r->subject.value;

	if (r->skipped || m->target == PT_BENCH_NONE || got == PT_BENCH_NONE)
		return PT_BENCH_NO_TARGET;
	bool met = m->higher_better ? got >= m->target : got <= m->target;
	return met ? PT_BENCH_PASS : PT_BENCH_FAIL;
}

static void set(json_t *j, const char *key, json_t *value)
{
	(void)json_object_set_new(j, key, value); // keys are ours, memory is not handled
}

static json_t *target_of(const struct pt_bench_metric *m)
{
	if (m->target == PT_BENCH_NONE)
		return json_null();
	return m->of_ratio ? json_real((double)m->target / 1e6) : json_integer(m->target);
}

static json_t *ratio_or_null(bool known, int64_t ppm)
{
	return known ? json_real((double)ppm / 1e6) : json_null();
}

static json_t *integer_or_null(bool known, int64_t value)
{
	return known ? json_integer(value) : json_null();
}

json_t *pt_bench_to_json(const struct pt_bench_result *r)
{
	enum pt_bench_verdict verdict = pt_bench_judge(r);
	int64_t ratio = pt_bench_ratio_ppm(r);
	bool ran = !r->skipped;
	json_t *j = json_object();

	set(j, "workload", json_string(r->workload));
	set(j, "metric", json_string(r->metric->name));
	set(j, "value", integer_or_null(ran, r->subject.value));
	set(j, "unit", json_string(r->metric->unit));
	set(j, "median", integer_or_null(ran, r->subject.median));
	set(j, "min", integer_or_null(ran, r->subject.min));
	set(j, "max", integer_or_null(ran, r->subject.max));
	set(j, "spread", integer_or_null(ran, r->subject.spread));
	set(j, "runs", json_integer((json_int_t)r->subject.runs));
	set(j, "baseline", integer_or_null(r->has_baseline, r->baseline.value));
	set(j, "baseline_name", r->has_baseline ? json_string(r->baseline_name) : json_null());
	set(j, "ratio", ratio_or_null(ratio != PT_BENCH_NONE, ratio));
	set(j, "ratio_min", ratio_or_null(r->ratio_ppm.runs, r->ratio_ppm.min));
	set(j, "ratio_max", ratio_or_null(r->ratio_ppm.runs, r->ratio_ppm.max));
	set(j, "target", target_of(r->metric));
	set(j, "target_of", json_string(r->metric->of_ratio ? "ratio" : "value"));
	set(j, "pass",
		verdict == PT_BENCH_NO_TARGET ? json_null()
					      : json_boolean(verdict == PT_BENCH_PASS));
	set(j, "skipped", r->skipped ? json_string(r->skipped) : json_null());
	return j;
}

static const struct pt_column columns[] = {
	{ .key = "workload", .heading = "WORKLOAD" },
	{ .key = "metric", .heading = "METRIC" },
	{ .key = "value", .heading = "VALUE", .right = true },
	{ .key = "unit", .heading = "UNIT" },
	{ .key = "min", .heading = "MIN", .right = true },
	{ .key = "median", .heading = "MEDIAN", .right = true },
	{ .key = "max", .heading = "MAX", .right = true },
	{ .key = "spread", .heading = "SPREAD", .right = true },
	{ .key = "runs", .heading = "RUNS", .right = true },
	{ .key = "baseline", .heading = "BASELINE", .right = true },
	{ .key = "ratio_ppm", .heading = "RATIO", .right = true },
	{ .key = "target", .heading = "TARGET", .right = true },
	{ .key = "verdict", .heading = "VERDICT" },
	{ .key = NULL },
};

static void emit_or_null(struct pt_emit *e, bool known, int64_t value)
{
	if (known)
		pt_emit_i64(e, value);
	else
		pt_emit_null(e);
}

static void print_row(struct pt_emit *e, const struct pt_bench_result *r)
{
	static const char *const words[] = {
		[PT_BENCH_NO_TARGET] = "-",
		[PT_BENCH_PASS] = "pass",
		[PT_BENCH_FAIL] = "FAIL",
	};
	int64_t ratio = pt_bench_ratio_ppm(r);
	bool ran = !r->skipped;
	char limit[32], times[32];

	(void)snprintf(times, sizeof(times), "%.3g", (double)ratio / 1e6);
	if (r->metric->of_ratio)
		(void)snprintf(limit, sizeof(limit), "x %.3g", (double)r->metric->target / 1e6);
	else
		(void)snprintf(limit, sizeof(limit), "%s %" PRId64,
			r->metric->higher_better ? ">=" : "<=", r->metric->target);
	pt_emit_row(e);
	pt_emit_str(e, r->workload);
	pt_emit_str(e, r->metric->name);
	emit_or_null(e, ran, r->subject.value);
	pt_emit_str(e, r->metric->unit);
	emit_or_null(e, ran, r->subject.min);
	emit_or_null(e, ran, r->subject.median);
	emit_or_null(e, ran, r->subject.max);
	emit_or_null(e, ran, r->subject.spread);
	pt_emit_i64(e, (int64_t)r->subject.runs);
	emit_or_null(e, r->has_baseline, r->baseline.value);
	if (ratio == PT_BENCH_NONE)
		pt_emit_null(e);
	else
		pt_emit_i64_as(e, ratio, times);
	if (r->metric->target == PT_BENCH_NONE)
		pt_emit_null(e);
	else
		pt_emit_i64_as(e, r->metric->target, limit);
	pt_emit_str(e, r->skipped ? r->skipped : words[pt_bench_judge(r)]);
}

bool pt_bench_print(struct pt_emit *e, const struct pt_bench_result *r, size_t n)
{
	bool all = true;

	pt_emit_table(e, "bench", columns);
	for (size_t i = 0; i < n; i++) {
		print_row(e, &r[i]);
		all &= pt_bench_judge(&r[i]) != PT_BENCH_FAIL;
	}
	return all;
}
