// SPDX-License-Identifier: MIT
// Runs a workload and its baseline in one go, and says what came out: `bench` records for programs,
// a table for people.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/emit.h"
#include "base/err.h"
#include "base/record.h"
#include "bench/series.h"

#define PT_BENCH_SERIES 8         // samples that one run may give
#define PT_BENCH_NONE   INT64_MIN // no sample from this run; no target

// What is told about one series. Several may look at the same one: its median, its worst.
struct pt_bench_metric {
	const char *name; // "outage_p50"
	const char *unit;
	unsigned series;
	uint32_t q_ppm;
	int64_t target; // PT_BENCH_NONE: none
	bool of_ratio;  // the target is the ratio's, in millionths
	bool higher_better;
	const char *doc;
};

// One thing to measure. `once` does one run and fills out[]; PT_BENCH_NONE where it has no sample.
// prepare and finish may be NULL; finish runs whenever prepare did, also when it failed.
struct pt_bench_side {
	const char *name;
	int (*prepare)(void *ctx, struct pt_err *err);
	int (*once)(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err);
	void (*finish)(void *ctx);
	void *ctx;
};

struct pt_bench_plan {
	const char *workload;
	const struct pt_bench_metric *metrics;
	size_t n_metrics;
	struct pt_bench_side subject, baseline; // baseline.once NULL: none
	unsigned warmup, runs, baseline_runs;
	void (*progress)(void *ctx, const char *side, unsigned run, unsigned runs); // may be NULL
	void *progress_ctx;
};

struct pt_bench_result {
	const char *workload;
	const struct pt_bench_metric *metric;
	struct pt_summary subject;
	bool has_baseline;
	struct pt_summary baseline;
	const char *baseline_name;
	// Of pairs that were measured one right after the other; no runs: of the values above.
	struct pt_summary ratio_ppm;
	const char *skipped; // NULL, or why there is nothing; in the arena of whoever says so
};

// One result a metric, into results[n_metrics]. A series without a sample is `skipped`.
int pt_bench_run(
	const struct pt_bench_plan *plan, struct pt_bench_result *results, struct pt_err *err);
// The same rows where nothing could be measured.
void pt_bench_skip(
	const struct pt_bench_plan *plan, const char *why, struct pt_bench_result *results);

// Subject over baseline, in millionths: the median of pairs where there are such. PT_BENCH_NONE
// where there is none or it is 0.
int64_t pt_bench_ratio_ppm(const struct pt_bench_result *r);

enum pt_bench_verdict { PT_BENCH_NO_TARGET, PT_BENCH_PASS, PT_BENCH_FAIL };
enum pt_bench_verdict pt_bench_judge(const struct pt_bench_result *r);

json_t *pt_bench_to_json(const struct pt_bench_result *r);
// All rows as a table named "bench". False when any misses its target.
bool pt_bench_print(struct pt_emit *e, const struct pt_bench_result *r, size_t n);
