// SPDX-License-Identifier: MIT
// A long history and the two questions that a dashboard asks of it.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/db_parts.h"
#include "store/maintain.h"
#include "store/open.h"
#include "store/upkeep.h"

#define SPAN_US      (90 * 86400 * INT64_C(1000000))
#define RECENT_ROWS  50000
#define BULK_HOLD_US 1000000

enum { SERIES_HOUR, SERIES_CHART, SERIES_LOCK };

static const struct pt_bench_metric metrics[PT_DB_HISTORY_METRICS] = {
	[PT_DB_LAST_HOUR] = { "last_hour_p50", "us", SERIES_HOUR, 500000, 2000, false, false,
		"One path's last hour" },
	[PT_DB_LAST_HOUR_P99] = { "last_hour_p99", "us", SERIES_HOUR, 990000, PT_BENCH_NONE, false,
		false, "The same, at worst" },
	[PT_DB_CHART] = { "chart_p50", "us", SERIES_CHART, 500000, 20000, false, false,
		"One path's 90 days by the hour" },
	[PT_DB_CHART_P99] = { "chart_p99", "us", SERIES_CHART, 990000, PT_BENCH_NONE, false, false,
		"The same, at worst" },
	[PT_DB_LOCK] = { "longest_lock", "us", SERIES_LOCK, 1000000, 50000, false, false,
		"Rollups and maintenance: other writers wait" },
};

struct history {
	const struct pt_db_opts *o;
	const struct pt_config *config;
	char path[PT_DB_PATH_LEN];
	int64_t now; // seconds
	struct pt_sql *db;
	unsigned turn;
	int64_t lock_us; // PT_BENCH_NONE once it is told
};

static int fill(struct history *h, struct pt_err *err)
{
	struct pt_db_span span = { .rows = h->o->rows, .spacing_us = SPAN_US / h->o->rows };

	span.start_us = pt_wall_us() - SPAN_US;
	h->now = (span.start_us + span.spacing_us * (int64_t)span.rows) / 1000000;
	return pt_db_bare(h->path, h->config, &span, err);
}

// Up to so many rows, in steps that may keep a writer out for so long. *longest_us says how long.
static int roll_up(struct history *h, struct pt_sql *db, uint64_t rows, int64_t hold_us,
	int64_t *longest_us, struct pt_err *err)
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
	*longest_us = r ? pt_rollup_counts(r)->longest_us : 0;
	pt_rollup_free(r);
	return code;
}

// Rollups first, then every task of maintenance, as the services do. What they would have done in
// 90 days is done fast; the rest as they do it.
static int keep(struct history *h, struct pt_err *err)
{
	pt_autosql db = NULL;
	int64_t ignored;
	int code = pt_store_open(h->path, PT_SQL_WRITE, h->config, &db, err);

	if (!code && h->o->rows > RECENT_ROWS)
		code = roll_up(h, db, h->o->rows - RECENT_ROWS, BULK_HOLD_US, &ignored, err);
	if (!code)
		code = roll_up(h, db, UINT64_MAX, PT_UPKEEP_HOLD_US, &h->lock_us, err);
	const struct pt_maintain m = { .db = db, .config = h->config };
	for (unsigned t = 0; !code && pt_maintain_tasks[t].name; t++) {
		struct pt_maintain_report report;
		if (pt_maintain_tasks[t].asked || strcmp(pt_maintain_tasks[t].name, "upkeep") == 0)
			continue; // raw rows past their time would go
		pt_maintain_run(&m, t, &report);
		if (report.result != PT_MAINTAIN_OK)
			code = pt_err_set(err, -EPROTO, "%s: %.200s", pt_maintain_tasks[t].name,
				report.detail);
		if (report.longest_us > h->lock_us)
			h->lock_us = report.longest_us;
	}
	return code;
}

static int prepare(void *ctx, struct pt_err *err)
{
	struct history *h = ctx;
	int code = fill(h, err);

	if (!code)
		code = keep(h, err);
	return code ? code : pt_store_open(h->path, PT_SQL_READ, h->config, &h->db, err);
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
	char path[32];
	pt_autostmt s = NULL;
	struct pt_mono start = pt_mono_now();
	int code = pt_stmt_get(h->db, sql, &s, NULL, err);

	if (code)
		return code;
	(void)snprintf(path, sizeof(path), "west-site%03u-fiber", h->turn * 37 % PT_DB_PATHS);
	pt_stmt_bind_text(s, 1, path);
	pt_stmt_bind_i64(s, 2, since);
	*rows = 0;
	while ((code = pt_stmt_step(s, err)) > 0) {
		for (int i = 0; i < pt_stmt_columns(s); i++)
			(void)pt_stmt_i64(s, i);
		(*rows)++;
	}
	*us = pt_mono_diff(pt_mono_now(), start) / PT_NS_PER_US;
	return code;
}

static int once(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct history *h = ctx;
	unsigned rows;

	h->turn++;
	int code = ask(h,
		"SELECT timestamp, loss_ppm, rtt_us_p50, rtt_us_p95, jitter_us, score FROM "
		"sdwan_path_health WHERE path_id=?1 AND timestamp > ?2",
		h->now - 3600, &out[SERIES_HOUR], &rows, err);
	if (!code)
		code = ask(h,
			"SELECT timestamp, loss_ppm, rtt_us_p50, rtt_us_p95, rtt_us_p99, score "
			"FROM "
			"path_health_rollups WHERE period_secs=3600 AND path_id=?1 AND timestamp > "
			"?2",
			h->now - 90 * 86400, &out[SERIES_CHART], &rows, err);
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
		h->now - 90 * 86400, &out[SERIES_CHART], &rows, err);
}

int pt_db_history_bench(const struct pt_db_opts *o, const struct pt_config *c,
	struct pt_bench_result *out, struct pt_err *err)
{
	struct history h = { .o = o, .config = c };
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

	(void)snprintf(h.path, sizeof(h.path), "%s/history.db", o->dir);
	int code = pt_bench_run(&plan, out, err);
	finish(&h);
	pt_db_remove(h.path);
	return code;
}
