// SPDX-License-Identifier: MIT
// What the verbs of pt-bench share.
#pragma once
#include "base/cli.h"
#include "bench/runner.h"

// A count for --OPTION within these bounds; -EINVAL with the line to print.
struct bench_bounds {
	const char *option;
	uint32_t min, max;
};
int bench_count(
	struct pt_ctx *ctx, const struct bench_bounds *bounds, const char *arg, uint32_t *out);

// The rows of one workload.
struct bench_rows {
	const struct pt_bench_result *results;
	size_t n;
};
// Rows out, as records under --json or as tables. The exit code: 0 when all targets are met, 1 when
// one is missed, 2.
int bench_show(struct pt_ctx *ctx, const struct bench_rows *rows, unsigned n);

// Bodies as `bench` records on standard output; takes them. 0 or -errno.
int bench_write(struct pt_ctx *ctx, json_t *const bodies[], unsigned n);

#define BENCH_INTERVALS 4

struct bench_failover_args {
	uint32_t runs, baseline_runs, threshold, prefixes, sites;
	int64_t interval_ms[BENCH_INTERVALS];
	unsigned n_intervals;
	int baseline; // enum pt_failover_baseline
	const char *peer;
	int64_t stream_ns;
	const char *tools;
};
extern const struct argp_option bench_failover_options[];
int bench_failover_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int bench_failover(struct pt_ctx *ctx, int argc, char **argv, void *opts);

struct bench_selection_args {
	uint32_t runs, candidates; // 0: the default
};
extern const struct argp_option bench_selection_options[];
int bench_selection_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int bench_selection(struct pt_ctx *ctx, int argc, char **argv, void *opts);

struct bench_dataplane_args {
	uint32_t runs, sites, policies, flows; // 0: the default
	unsigned what;
};
extern const struct argp_option bench_dataplane_options[];
int bench_dataplane_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int bench_dataplane(struct pt_ctx *ctx, int argc, char **argv, void *opts);

struct bench_db_args {
	uint32_t rounds, rows; // 0: the default
	const char *dir, *file;
};
extern const struct argp_option bench_db_options[];
int bench_db_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int bench_db(struct pt_ctx *ctx, int argc, char **argv, void *opts);

struct bench_health_args {
	uint32_t runs, targets, rounds; // 0: the default
	const char *tools;
};
extern const struct argp_option bench_health_options[];
int bench_health_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int bench_health(struct pt_ctx *ctx, int argc, char **argv, void *opts);

struct bench_tune_args {
	uint32_t runs, devices; // 0: the default
};
extern const struct argp_option bench_tune_options[];
int bench_tune_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int bench_tune(struct pt_ctx *ctx, int argc, char **argv, void *opts);

struct bench_claims_args {
	uint32_t rounds; // 0: the default
	int64_t turn_ns;
	const char *dir, *tools;
};
extern const struct argp_option bench_claims_options[];
int bench_claims_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int bench_claims(struct pt_ctx *ctx, int argc, char **argv, void *opts);
