// SPDX-License-Identifier: MIT
// A long history and the two questions that a dashboard asks of it.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/db_parts.h"
#include "store/maintain.h"
#include "store/open.h"
#include "store/rollup.h"

#define SPAN_SECS    (90 * INT64_C(86400))
#define SPAN_US      (SPAN_SECS * 1000000)
#define RECENT_ROWS  50000 // of what comes after it, at most
#define TURNS_AHEAD  64    // so many times before its newest row is of tomorrow
#define BULK_HOLD_US 1000000
#define RAW_SHARE    12 // of the retention (store/retain.c)
#define COLD_RUNS    10

enum { SERIES_HOUR, SERIES_COLD, SERIES_CHART, SERIES_LOCK };

static const struct pt_bench_metric metrics[PT_DB_HISTORY_METRICS] = {
	[PT_DB_LAST_HOUR] = { "last_hour_p50", "us", SERIES_HOUR, 500000, 2000, false, false,
		"One path's last hour" },
	[PT_DB_LAST_HOUR_P99] = { "last_hour_p99", "us", SERIES_HOUR, 990000, PT_BENCH_NONE, false,
		false, "The same, at worst" },
	[PT_DB_LAST_HOUR_COLD] = { "last_hour_cold_p50", "us", SERIES_COLD, 500000, PT_BENCH_NONE,
		false, false, "The same, by a new connection, all from the disk" },
	[PT_DB_CHART] = { "chart_p50", "us", SERIES_CHART, 500000, 20000, false, false,
		"One path's 90 days by the hour" },
	[PT_DB_CHART_P99] = { "chart_p99", "us", SERIES_CHART, 990000, PT_BENCH_NONE, false, false,
		"The same, at worst" },
	[PT_DB_LOCK] = { "longest_lock", "us", SERIES_LOCK, 1000000, 50000, false, false,
		"Rollups and maintenance: other writers wait" },
};

struct history {
	const struct pt_db_opts *o;
	struct pt_config config;
	const char *path;
	int64_t newest; // seconds
	struct pt_sql *db;
	unsigned turn;
	int64_t lock_us; // PT_BENCH_NONE once it is told
	int64_t cold_us[COLD_RUNS];
};

static int64_t spacing_us(const struct history *h)
{
	return SPAN_US / h->o->rows;
}

static unsigned recent_rows(const struct history *h)
{
	return h->o->rows / 20 < RECENT_ROWS ? h->o->rows / 20 : RECENT_ROWS;
}

// Up to so many rows, in steps that may keep a writer out for so long.
static int roll_up(
	struct history *h, struct pt_sql *db, uint64_t rows, int64_t hold_us, struct pt_err *err)
{
	struct pt_rollup *r = NULL;
	bool more = true;
	int code = pt_rollup_new(db, hold_us, &r, err);

	while (!code && more && pt_rollup_counts(r)->rows < rows) {
		code = pt_rollup_step(r, &more, err);
		if (h->o->progress)
			h->o->progress(h->o->ctx, "rollups, thousands of rows",
				(unsigned)(pt_rollup_counts(r)->rows / 1000), h->o->rows / 1000);
	}
	pt_rollup_free(r);
	return code;
}

// What was stored and rolled up in 90 days, fast.
static int make(struct history *h, struct pt_err *err)
{
	struct pt_db_span span = { .rows = h->o->rows, .spacing_us = spacing_us(h) };
	pt_autosql db = NULL;

	span.start_us = pt_wall_us() - SPAN_US -
		TURNS_AHEAD * (int64_t)recent_rows(h) * span.spacing_us;
	int code = pt_db_bare(h->path, &h->config, &span, err);
	if (!code)
		code = pt_store_open(h->path, PT_SQL_WRITE, &h->config, &db, err);
	return code ? code : roll_up(h, db, UINT64_MAX, BULK_HOLD_US, err);
}

static int newest(struct history *h, int64_t *secs, struct pt_err *err)
{
	pt_autosql db = NULL;
	int code = pt_store_open(h->path, PT_SQL_READ, &h->config, &db, err);

	return code ? code
		    : pt_sql_i64(db, "SELECT ifnull(max(timestamp), 0) FROM sdwan_path_health",
			      secs, err);
}

// What comes next: more rows, and the oldest are past their time.
static int add_recent(struct history *h, struct pt_err *err)
{
	struct pt_db_span span = { .rows = recent_rows(h), .spacing_us = spacing_us(h) };
	int64_t secs;
	int code = newest(h, &secs, err);

	if (code)
		return code;
	span.start_us = secs * 1000000 + span.spacing_us;
	code = pt_db_bare_more(h->path, &h->config, &span, err);
	return code ? code : newest(h, &h->newest, err);
}

// Every task of maintenance, as the services do them.
static int keep(struct history *h, struct pt_err *err)
{
	pt_autosql db = NULL;
	int code = pt_store_open(h->path, PT_SQL_WRITE, &h->config, &db, err);
	const struct pt_maintain m = { .db = db, .config = &h->config };

	for (unsigned t = 0; !code && pt_maintain_tasks[t].name; t++) {
		struct pt_maintain_report report;
		if (pt_maintain_tasks[t].asked)
			continue;
		if (h->o->progress)
			h->o->progress(h->o->ctx, pt_maintain_tasks[t].name, t + 1, t + 1);
		pt_maintain_run(&m, t, &report);
		if (report.result != PT_MAINTAIN_OK)
			code = pt_err_set(err, -EPROTO, "%s: %.200s", pt_maintain_tasks[t].name,
				report.detail);
		if (report.longest_us > h->lock_us)
			h->lock_us = report.longest_us;
	}
	return code;
}

static void finish(void *ctx)
{
	struct history *h = ctx;

	pt_sql_free(h->db);
	h->db = NULL;
}

// One question about the path whose turn it is; its time in microseconds.
static int ask(struct history *h, const char *sql, int64_t since, int64_t *us, unsigned *rows,
	struct pt_err *err)
{
	struct pt_mono start = pt_mono_now();
	int code = pt_db_ask(h->db, sql, h->turn, since, rows, err);

	*us = pt_mono_diff(pt_mono_now(), start) / PT_NS_PER_US;
	return code;
}

static int ask_last_hour(struct history *h, int64_t *us, struct pt_err *err)
{
	unsigned rows;
	int code = ask(h, PT_DB_LAST_HOUR_SQL, h->newest - 3600, us, &rows, err);

	if (!code && h->o->rows >= PT_DB_ROWS && !rows)
		code = pt_err_set(err, -EPROTO, "an hour without a row");
	return code;
}

// Pages that are on the disk leave the memory; those of a map in use would stay.
static int forget_file(const char *path, struct pt_err *err)
{
	pt_autofd fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? errno : fdatasync(fd) != 0 ? errno : 0;

	if (!rc)
		rc = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return rc ? pt_err_errno(err, -rc, "%s", path) : 0;
}

// Opening, reading the schema and asking, as the first of a morning.
static int ask_cold(struct history *h, int64_t *us, struct pt_err *err)
{
	int code = forget_file(h->path, err);
	struct pt_mono start = pt_mono_now();
	int64_t asked;

	if (!code)
		code = pt_store_open(h->path, PT_SQL_READ, &h->config, &h->db, err);
	h->turn++;
	if (!code)
		code = ask_last_hour(h, &asked, err);
	*us = pt_mono_diff(pt_mono_now(), start) / PT_NS_PER_US;
	pt_sql_free(h->db);
	h->db = NULL;
	return code;
}

static int prepare(void *ctx, struct pt_err *err)
{
	struct history *h = ctx;
	bool there = access(h->path, F_OK) == 0;
	int code = there ? 0 : make(h, err);

	if (!code)
		code = add_recent(h, err);
	if (!code)
		code = keep(h, err);
	for (unsigned i = 0; !code && i < COLD_RUNS; i++)
		code = ask_cold(h, &h->cold_us[i], err);
	if (!code)
		code = pt_store_open(h->path, PT_SQL_READ, &h->config, &h->db, err);
	if (!code) // one of a pool has been asked before
		code = ask_last_hour(h, &(int64_t){ 0 }, err);
	h->turn = 0;
	return code;
}

static int once(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct history *h = ctx;
	unsigned rows;

	if (h->turn < COLD_RUNS)
		out[SERIES_COLD] = h->cold_us[h->turn];
	h->turn++;
	int code = ask_last_hour(h, &out[SERIES_HOUR], err);
	if (!code)
		code = ask(h,
			"SELECT timestamp, loss_ppm, rtt_us_p50, rtt_us_p95, rtt_us_p99, score "
			"FROM "
			"path_health_rollups WHERE period_secs=3600 AND path_id=?1 AND timestamp > "
			"?2",
			h->newest - SPAN_SECS, &out[SERIES_CHART], &rows, err);
	if (!code && h->o->rows >= PT_DB_ROWS && rows < 1000)
		code = pt_err_set(err, -EPROTO, "a chart of 90 days has but %u points", rows);
	out[SERIES_LOCK] = h->lock_us;
	h->lock_us = PT_BENCH_NONE;
	return code;
}

// The same chart without rollups; percentiles of percentiles are the best that SQL has.
static int raw_once(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct history *h = ctx;
	unsigned rows;

	h->turn++;
	return ask(h,
		"SELECT timestamp / 3600 AS hour, avg(loss_ppm), avg(rtt_us_p50), max(rtt_us_p95), "
		"max(rtt_us_p99), avg(score) FROM sdwan_path_health WHERE path_id=?1 AND timestamp "
		"> "
		"?2 GROUP BY hour",
		h->newest - SPAN_SECS, &out[SERIES_CHART], &rows, err);
}

int pt_db_history_bench(const struct pt_db_opts *o, const struct pt_config *c,
	struct pt_bench_result *out, struct pt_err *err)
{
	struct history h = { .o = o, .config = *c, .path = o->history };
	const struct pt_bench_plan plan = {
		.workload = "db",
		.metrics = metrics,
		.n_metrics = PT_DB_HISTORY_METRICS,
		.subject = { "patronus", prepare, once, NULL, &h },
		.baseline = { "raw rows", NULL, raw_once, finish, &h },
		.warmup = 0,
		.runs = o->runs,
		.baseline_runs = o->runs < 10 ? o->runs : 10,
	};

	h.config.metrics.retention_seconds = RAW_SHARE * SPAN_SECS;
	int code = pt_bench_run(&plan, out, err);
	finish(&h);
	return code;
}
