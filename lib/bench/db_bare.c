// SPDX-License-Identifier: MIT
// Nothing of ours is between this and SQLite: it is what we are measured against.
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "bench/db_parts.h"
#include "store/sql.h"

static const char insert[] =
	"INSERT INTO sdwan_path_health (timestamp, ts_us, mono_ns, source_id, seq, path_id, "
	"target, "
	"family, dscp, probe, window_ms, sent, received, late, loss_ppm, loss_out_ppm, "
	"loss_back_ppm, rtt_us_min, rtt_us_p50, rtt_us_p95, rtt_us_p99, rtt_us_max, rtt_us_mean, "
	"rtt_hist, owd_out_us, owd_back_us, owd_error_us, jitter_us, pdv_us, reordered, "
	"duplicates, "
	"mtu, mos, score, timestamps) VALUES "
	"(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

static void bind_row(sqlite3_stmt *s, const struct pt_db_span *span, unsigned i, const char *path)
{
	static const int numbers[] = { 10000, 10, 9, 0, 100000, 0, 0, 100, 120, 200, 250, 300,
		130 };
	static const int more[] = { 60, 60, 0, 5, 100, 0, 0, 1500 };
	int64_t ts_us = span->start_us + (int64_t)i * span->spacing_us;
	int c = 1;

	sqlite3_bind_int64(s, c++, ts_us / 1000000);
	sqlite3_bind_int64(s, c++, ts_us);
	sqlite3_bind_int64(s, c++, (int64_t)i * 1000);
	sqlite3_bind_int64(s, c++, 1);
	sqlite3_bind_int64(s, c++, (int64_t)i + 1);
	sqlite3_bind_text(s, c++, path, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, c++, "192.0.2.130", -1, SQLITE_STATIC);
	sqlite3_bind_text(s, c++, "ipv4", -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, c++, 0);
	sqlite3_bind_text(s, c++, "stamp", -1, SQLITE_STATIC);
	for (size_t n = 0; n < PT_ARRAY_LEN(numbers); n++)
		sqlite3_bind_int64(s, c++, numbers[n]);
	sqlite3_bind_text(s, c++, "[[80,3],[81,4],[90,2]]", -1, SQLITE_STATIC);
	for (size_t n = 0; n < PT_ARRAY_LEN(more); n++)
		sqlite3_bind_int64(s, c++, more[n]);
	sqlite3_bind_double(s, c++, 4.409);
	sqlite3_bind_int64(s, c++, 98);
	sqlite3_bind_text(s, c++, "kernel", -1, SQLITE_STATIC);
}

static int insert_all(sqlite3 *db, const struct pt_db_span *span)
{
	sqlite3_stmt *s = NULL;
	char paths[PT_DB_PATHS][32];
	int rc = sqlite3_prepare_v2(db, insert, -1, &s, NULL);

	for (unsigned i = 0; i < PT_DB_PATHS; i++)
		(void)snprintf(paths[i], sizeof(paths[i]), "west-site%03u-fiber", i);
	for (unsigned i = 0; rc == SQLITE_OK && i < span->rows; i++) {
		if (i % PT_DB_BATCH == 0)
			rc = sqlite3_exec(db, i ? "COMMIT; BEGIN" : "BEGIN", NULL, NULL, NULL);
		bind_row(s, span, i, paths[i % PT_DB_PATHS]);
		if (sqlite3_step(s) != SQLITE_DONE)
			rc = SQLITE_ERROR;
		sqlite3_reset(s);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	sqlite3_finalize(s);
	return rc;
}

int pt_db_bare_more(const char *path, const struct pt_config *c, const struct pt_db_span *span,
	struct pt_err *err)
{
	sqlite3 *db = NULL;
	char pragmas[300];
	int code = 0;

	(void)snprintf(pragmas, sizeof(pragmas),
		"PRAGMA synchronous=%s; PRAGMA cache_size=%" PRId64 "; PRAGMA mmap_size=%" PRId64
		"; PRAGMA temp_store=MEMORY; INSERT OR IGNORE INTO sources VALUES (1, 's', 'b', 0, "
		"0)",
		pt_synchronous_names[c->database.synchronous], c->database.cache_size,
		c->database.mmap_size);
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, pragmas, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = insert_all(db, span);
	if (rc != SQLITE_OK)
		code = pt_err_set(err, -EIO, "bare loop: %s: %s", path, sqlite3_errmsg(db));
	sqlite3_close(db);
	return code;
}

int pt_db_bare(const char *path, const struct pt_config *c, const struct pt_db_span *span,
	struct pt_err *err)
{
	struct pt_sql *made = NULL;
	int code = pt_db_fresh(path, c, &made, err);

	pt_sql_free(made);
	return code ? code : pt_db_bare_more(path, c, span, err);
}
