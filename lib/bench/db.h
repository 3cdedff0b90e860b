// SPDX-License-Identifier: MIT
// pt-bench db: how fast do records become rows, against a bare loop of prepared inserts with the
// same columns and indexes on the same kind of file? How fast does a large history answer one, and
// how fast many at once, from a pool of connections?
#pragma once
#include "bench/runner.h"

enum pt_db_ingest_metric {
	PT_DB_PARSED, // rows taken apart already
	PT_DB_PARSED_RATE,
	PT_DB_NDJSON, // text from a file, as our writers write it
	PT_DB_TREE,   // through the JSON parser, as all that is odd goes
	PT_DB_INGEST_METRICS
};

enum pt_db_history_metric {
	PT_DB_LAST_HOUR,
	PT_DB_LAST_HOUR_P99,
	PT_DB_LAST_HOUR_COLD, // by a new connection, with nothing of the file in memory
	PT_DB_CHART,          // 90 days by the hour, from rollups; the baseline reads the raw rows
	PT_DB_CHART_P99,
	PT_DB_LOCK, // longest that rollups and maintenance kept other writers out
	PT_DB_HISTORY_METRICS
};

enum pt_db_readers_metric {
	PT_DB_POOL, // as many threads as database.connection_pool_size; the baseline opens one each
		    // time
	PT_DB_READERS_METRICS
};

#define PT_DB_ROWS        200000
#define PT_DB_ROWS_MAX    100000000
#define PT_DB_INGEST_ROWS 60000

struct pt_config;

struct pt_db_opts {
	const struct pt_config *config;
	const char *dir;     // where the files go; removed afterwards
	const char *history; // a file that stays for the next time; NULL: in dir, too
	unsigned rows;       // of the history
	unsigned rounds;     // of the ingest, and of the readers
	unsigned runs;       // of each question
	void (*progress)(void *ctx, const char *side, unsigned run, unsigned runs); // may be NULL
	void *ctx;
};

struct pt_db_report {
	struct pt_bench_result ingest[PT_DB_INGEST_METRICS];
	struct pt_bench_result history[PT_DB_HISTORY_METRICS];
	struct pt_bench_result readers[PT_DB_READERS_METRICS];
};

int pt_db_bench(const struct pt_db_opts *o, struct pt_db_report *out, struct pt_err *err);
