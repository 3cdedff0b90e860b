// SPDX-License-Identifier: MIT
// How fast health records become rows, against a bare loop of prepared inserts with the same
// columns and indexes on the same kind of file, in the same run.
//   dbrate DIR [ROWS [ROUNDS]]   rounds of bare, parsed (objects in memory) and ndjson (text from a
//                                file), in turn; prints the medians in rows a second
#include "tests/tools/common/tool.h"

#include <fcntl.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/record.h"
#include "model/config.h"
#include "store/ingest.h"
#include "store/open.h"

enum { BARE, PARSED, NDJSON, WAYS };
enum { ROUNDS_MAX = 15, BATCH = 2000, PATHS = 100 };

const char *tool_name = "dbrate";

static const char *dir;
static struct pt_config config;
static json_t **records;
static char ndjson[256];
static uint64_t rows = 100000;

static json_t *record(uint64_t i)
{
	char path[32], ts[PT_RFC3339_LEN];

	(void)snprintf(path, sizeof(path), "west-site%03u-fiber", (unsigned)(i % PATHS));
	pt_rfc3339_format(1795428000000000 + (int64_t)i * 10000, ts);
	return json_pack("{ss si ss sI ss ss sI  ss ss ss si ss si si si si si si si "
			 "s{si si si si si si} s[[ii][ii][ii]] si si sn si si si si si sf si ss}",
		"type", "health", "v", 1, "ts", ts, "mono_ns", (json_int_t)(i + 1) * 1000, "boot",
		"00000000-0000-4000-8000-000000000000", "src", "west/pt-probe", "seq",
		(json_int_t)i + 1, "path", path, "target", "192.0.2.130", "family", "ipv4", "dscp",
		0, "probe", "stamp", "window_ms", 10000, "sent", 10, "received", 9, "late", 0,
		"loss_ppm", 100000, "loss_out_ppm", 0, "loss_back_ppm", 0, "rtt_us", "min", 100,
		"p50", 120, "p95", 200, "p99", 250, "max", 300, "mean", 130, "rtt_hist", 80, 3, 81,
		4, 90, 2, "owd_out_us", 60, "owd_back_us", 60, "owd_error_us", "jitter_us", 5,
		"pdv_us", 100, "reordered", 0, "duplicates", 0, "mtu", 1500, "mos", 4.409, "score",
		98, "timestamps", "kernel");
}

static int make_input(void)
{
	pt_autofile FILE *f = fopen(ndjson, "we");

	records = calloc(rows, sizeof(*records));
	if (!records || !f)
		return tool_fail(ndjson, "cannot be written");
	for (uint64_t i = 0; i < rows; i++) {
		records[i] = record(i);
		if (!records[i] ||
			json_dumpf(records[i], f, JSON_COMPACT | JSON_REAL_PRECISION(15)) ||
			fputc('\n', f) == EOF)
			return tool_fail(ndjson, "cannot be written");
	}
	return fflush(f) ? tool_fail(ndjson, "cannot be written") : 0;
}

static int fresh(const char *path, struct pt_sql **db)
{
	struct pt_err err = { 0 };
	bool created;
	char name[280];

	static const char *const tails[] = { "", "-wal", "-shm" };
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		(void)unlink(name);
	}
	if (pt_store_create(path, &config, &created, db, &err))
		return tool_fail("create", err.msg);
	return 0;
}

// The same 35 columns, from plain C values.
static void bind_row(sqlite3_stmt *s, uint64_t i, const char *path)
{
	static const int numbers[] = { 10000, 10, 9, 0, 100000, 0, 0, 100, 120, 200, 250, 300,
		130 };
	static const int more[] = { 60, 60, 0, 5, 100, 0, 0, 1500 };
	int c = 1;

	sqlite3_bind_int64(s, c++, 1795428000 + (int64_t)i / 100);
	sqlite3_bind_int64(s, c++, 1795428000000000 + (int64_t)i * 10000);
	sqlite3_bind_int64(s, c++, (int64_t)i * 1000);
	sqlite3_bind_int64(s, c++, 1);
	sqlite3_bind_int64(s, c++, (int64_t)i + 1);
	sqlite3_bind_text(s, c++, path, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, c++, "192.0.2.130", -1, SQLITE_STATIC);
	sqlite3_bind_text(s, c++, "ipv4", -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, c++, 0);
	sqlite3_bind_text(s, c++, "stamp", -1, SQLITE_STATIC);
	for (size_t n = 0; n < ARRAY_LEN(numbers); n++)
		sqlite3_bind_int64(s, c++, numbers[n]);
	sqlite3_bind_text(s, c++, "[[80,3],[81,4],[90,2]]", -1, SQLITE_STATIC);
	for (size_t n = 0; n < ARRAY_LEN(more); n++)
		sqlite3_bind_int64(s, c++, more[n]);
	sqlite3_bind_double(s, c++, 4.409);
	sqlite3_bind_int64(s, c++, 98);
	sqlite3_bind_text(s, c++, "kernel", -1, SQLITE_STATIC);
}

static int bare_rows(sqlite3 *db)
{
	static const char insert[] =
		"INSERT INTO sdwan_path_health (timestamp, ts_us, mono_ns, source_id, seq, "
		"path_id, "
		"target, family, dscp, probe, window_ms, sent, received, late, loss_ppm, "
		"loss_out_ppm, loss_back_ppm, rtt_us_min, rtt_us_p50, rtt_us_p95, rtt_us_p99, "
		"rtt_us_max, rtt_us_mean, rtt_hist, owd_out_us, owd_back_us, owd_error_us, "
		"jitter_us, pdv_us, reordered, duplicates, mtu, mos, score, timestamps) VALUES "
		"(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
	sqlite3_stmt *s = NULL;
	char path[32];

	int rc = sqlite3_prepare_v2(db, insert, -1, &s, NULL);
	for (uint64_t i = 0; rc == SQLITE_OK && i < rows; i++) {
		if (i % BATCH == 0)
			rc = sqlite3_exec(db, i ? "COMMIT; BEGIN" : "BEGIN", NULL, NULL, NULL);
		(void)snprintf(path, sizeof(path), "west-site%03u-fiber", (unsigned)(i % PATHS));
		bind_row(s, i, path);
		if (sqlite3_step(s) != SQLITE_DONE)
			rc = SQLITE_ERROR;
		sqlite3_reset(s);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	int code = rc == SQLITE_OK ? 0 : tool_fail("bare loop", sqlite3_errmsg(db));
	sqlite3_finalize(s);
	return code;
}

static int run_bare(const char *path)
{
	struct pt_sql *made = NULL;
	sqlite3 *db = NULL;
	char pragmas[200];

	if (fresh(path, &made))
		return 2;
	pt_sql_free(made);
	(void)snprintf(pragmas, sizeof(pragmas),
		"PRAGMA synchronous=%s; PRAGMA cache_size=%lld; PRAGMA mmap_size=%lld; "
		"PRAGMA temp_store=MEMORY; INSERT INTO sources VALUES (1, 's', 'b', 0, 0)",
		pt_synchronous_names[config.database.synchronous],
		(long long)config.database.cache_size, (long long)config.database.mmap_size);
	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) ||
			sqlite3_exec(db, pragmas, NULL, NULL, NULL)
		? tool_fail("open", sqlite3_errmsg(db))
		: bare_rows(db);
	sqlite3_close(db);
	return code;
}

static int next_batch(struct pt_ingest *g, struct pt_err *err)
{
	int code = pt_ingest_commit(g, err);
	return code ? code : pt_ingest_begin(g, err);
}

static int on_record(void *ctx, const json_t *r, const char *type, const char *line)
{
	struct pt_ingest *g = ctx;
	struct pt_err err = { 0 };
	int code = pt_ingest_record(g, r, type, line, &err);

	if (!code && pt_ingest_pending(g) >= BATCH)
		code = next_batch(g, &err);
	return code ? -tool_fail("record", err.msg) : 0;
}

static int on_line(void *ctx, const char *line, size_t len)
{
	struct pt_ingest *g = ctx;
	struct pt_err err = { 0 };
	int code = pt_ingest_line(g, line, len, &err);

	if (code > 0 && pt_ingest_pending(g) >= BATCH)
		code = next_batch(g, &err) ? -1 : 1;
	return code < 0 ? -tool_fail("record", err.msg) : code;
}

static int feed(struct pt_ingest *g, int way, struct pt_err *err)
{
	const struct pt_record_sink sink = { .fn = on_record, .raw = on_line, .ctx = g };
	struct pt_record_reader *reader = NULL;
	int code = 0;

	if (way == PARSED) {
		for (uint64_t i = 0; !code && i < rows; i++)
			code = on_record(g, records[i], "health", "");
		return code;
	}
	pt_autofd fd = open(ndjson, O_RDONLY | O_CLOEXEC);
	code = pt_record_reader_new(fd, NULL, NULL, &sink, &reader, err);
	if (!code)
		code = pt_record_read_all(reader, err);
	pt_record_reader_free(reader);
	return code;
}

static int run_ours(const char *path, int way)
{
	pt_autosql db = NULL;
	struct pt_ingest *g = NULL;
	struct pt_err err = { 0 };

	if (fresh(path, &db))
		return 2;
	int code = pt_ingest_new(db, &config, &g, &err);
	if (!code)
		code = pt_ingest_begin(g, &err);
	if (!code)
		code = feed(g, way, &err);
	if (!code)
		code = pt_ingest_commit(g, &err);
	if (!code && pt_ingest_counts(g)->rows != rows)
		code = pt_err_set(&err, -1, "not every record became a row");
	pt_ingest_free(g);
	return code ? tool_fail("ingest", err.msg) : 0;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static int measure(unsigned rounds)
{
	static const char *const names[WAYS] = { "bare", "parsed", "ndjson" };
	double rate[WAYS][ROUNDS_MAX];
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/dbrate.db", dir);
	for (unsigned r = 0; r < rounds; r++) {
		for (int way = 0; way < WAYS; way++) {
			uint64_t start = tool_clock_ns(CLOCK_MONOTONIC);
			int code = way == BARE ? run_bare(path) : run_ours(path, way);
			if (code)
				return code;
			rate[way][r] = (double)rows * 1e9 /
				(double)(tool_clock_ns(CLOCK_MONOTONIC) - start);
		}
	}
	for (int way = 0; way < WAYS; way++)
		qsort(rate[way], rounds, sizeof(double), compare);
	for (int way = 0; way < WAYS; way++)
		printf("%-7s %8.0f rows/s (%.0f to %.0f), %.2f of bare\n", names[way],
			rate[way][rounds / 2], rate[way][0], rate[way][rounds - 1],
			rate[way][rounds / 2] / rate[BARE][rounds / 2]);
	return 0;
}

int main(int argc, char **argv)
{
	pt_autoarena arena = { 0 };
	struct pt_err err = { 0 };
	uint64_t rounds = 5;

	if (argc < 2 || (argc > 2 && !tool_parse_u64(argv[2], 100000000, &rows)) ||
		(argc > 3 && !tool_parse_u64(argv[3], ROUNDS_MAX, &rounds)) || !rows || !rounds) {
		fprintf(stderr, "usage: dbrate DIR [ROWS [ROUNDS]]\n");
		return 64;
	}
	dir = argv[1];
	(void)snprintf(ndjson, sizeof(ndjson), "%s/dbrate.ndjson", dir);
	if (pt_config_load(NULL, &arena, &config, &err))
		return tool_fail("settings", err.msg);
	config.health.db_persist_interval = 1;
	int code = make_input();
	if (!code)
		code = measure((unsigned)rounds);
	for (uint64_t i = 0; records && i < rows; i++)
		json_decref(records[i]);
	free(records);
	return code;
}
