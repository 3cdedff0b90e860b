// SPDX-License-Identifier: MIT
// Parts of pt-bench db.
#pragma once
#include "bench/db.h"
#include "model/config.h"

struct pt_sql;

#define PT_DB_PATHS    100
#define PT_DB_BATCH    2000
#define PT_DB_PATH_LEN 300

// Of health records alike but for path and time. spacing_us: between two.
struct pt_db_span {
	int64_t start_us, spacing_us;
	unsigned rows;
};

// A fresh database of ours at path.
int pt_db_fresh(
	const char *path, const struct pt_config *c, struct pt_sql **out, struct pt_err *err);
void pt_db_remove(const char *path);

// The baseline: prepared inserts of plain C values through SQLite's own interface, nothing else.
int pt_db_bare(const char *path, const struct pt_config *c, const struct pt_db_span *span,
	struct pt_err *err);
// The same, to what is there.
int pt_db_bare_more(const char *path, const struct pt_config *c, const struct pt_db_span *span,
	struct pt_err *err);

// The question of a dashboard: one path's rows since then. turn: which path.
#define PT_DB_LAST_HOUR_SQL                                                          \
	"SELECT timestamp, loss_ppm, rtt_us_p50, rtt_us_p95, jitter_us, score FROM " \
	"sdwan_path_health WHERE path_id=?1 AND timestamp > ?2"
// Reads every column of every row.
int pt_db_ask(struct pt_sql *db, const char *sql, unsigned turn, int64_t since, unsigned *rows,
	struct pt_err *err);

int pt_db_ingest_bench(const struct pt_db_opts *o, const struct pt_config *c,
	struct pt_bench_result *out, struct pt_err *err);
int pt_db_history_bench(const struct pt_db_opts *o, const struct pt_config *c,
	struct pt_bench_result *out, struct pt_err *err);
// Over the history, which is there.
int pt_db_readers_bench(const struct pt_db_opts *o, const struct pt_config *c,
	struct pt_bench_result *out, struct pt_err *err);
