// SPDX-License-Identifier: MIT
#include "store/archive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "model/config.h"
#include "store/open.h"
#include "store/owner.h"
#include "store/pace.h"
#include "store/rollup.h"
#include "store/upkeep.h"

#define DAY      86400
#define ROWS_MIN 16
#define ROWS_MAX 4096
#define PATH_LEN 512

// Tables with rows of a day. Rollups stay: they are what is left of it here.
static const char *const tables[] = { "sdwan_path_health", "traffic_stats", "transitions",
	"decisions", "switches", "stats" };
#define TABLES PT_ARRAY_LEN(tables)

static int name_day(const struct pt_sql *db, const char *dir, int64_t start, char day[16],
	char path[PATH_LEN], struct pt_err *err)
{
	const char *slash = strrchr(pt_sql_path(db), '/');
	const char *name = slash ? slash + 1 : pt_sql_path(db);
	const char *dot = strrchr(name, '.');
	time_t t = (time_t)start;
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	(void)strftime(day, 16, "%Y-%m-%d", &tm);
	int n = snprintf(path, PATH_LEN, "%s/%.*s-%s.db", dir,
		dot && dot > name ? (int)(dot - name) : (int)strlen(name), name, day);
	return n < PATH_LEN ? 0 : pt_err_set(err, -ENAMETOOLONG, "%s: too long a name", dir);
}

// The first day that has a row; *any false: none.
static int oldest_day(struct pt_sql *db, int64_t *start, bool *any, struct pt_err *err)
{
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < TABLES; i++) {
		char sql[128];
		int64_t v;
		(void)snprintf(sql, sizeof(sql), "SELECT ifnull(min(timestamp), %lld) FROM %s",
			(long long)INT64_MAX, tables[i]);
		int code = pt_sql_i64(db, sql, &v, err);
		if (code)
			return code;
		least = v < least ? v : least;
	}
	*any = least != INT64_MAX;
	*start = least - ((least % DAY) + DAY) % DAY;
	return 0;
}

// Newest rows of the state that is copied: what comes later, even of an old day, is not in it.
static int newest_rows(struct pt_sql *archive, int64_t last_id[TABLES], struct pt_err *err)
{
	int code = 0;

	for (size_t i = 0; !code && i < TABLES; i++) {
		char sql[128];
		(void)snprintf(
			sql, sizeof(sql), "SELECT ifnull(max(id), 0) FROM live.%s", tables[i]);
		code = pt_sql_i64(archive, sql, &last_id[i], err);
	}
	return code;
}

static int copy_table(struct pt_sql *archive, const char *table, int64_t start, uint64_t *rows,
	struct pt_err *err)
{
	pt_autostmt s = NULL;
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		"INSERT OR IGNORE INTO main.%s SELECT * FROM live.%s WHERE timestamp >= ?1 AND "
		"timestamp < ?2",
		table, table);
	int code = pt_stmt_get(archive, sql, &s, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_i64(s, 1, start);
	pt_stmt_bind_i64(s, 2, start + DAY);
	code = pt_stmt_run(s, err);
	*rows += code ? 0 : (uint64_t)pt_sql_changes(archive);
	return code;
}

// Numbers come again when their rows are gone, or the database is another. What the day's file has
// under the same number is then another row: this one would be in neither place.
static int need_same(struct pt_sql *archive, const char *path, int64_t start, struct pt_err *err)
{
	char sql[512];
	int64_t others = 0;
	int code = pt_sql_i64(archive,
		"SELECT count(*) FROM live.sources l JOIN main.sources m USING (id) WHERE l.src <> "
		"m.src OR l.boot <> m.boot",
		&others, err);

	for (size_t i = 0; !code && !others && i < TABLES; i++) {
		(void)snprintf(sql, sizeof(sql),
			"SELECT count(*) FROM live.%s l JOIN main.%s m USING (id) WHERE "
			"l.timestamp >= %lld AND l.timestamp < %lld AND (l.ts_us <> m.ts_us OR "
			"l.mono_ns IS NOT m.mono_ns OR l.source_id IS NOT m.source_id OR l.seq IS "
			"NOT m.seq)",
			tables[i], tables[i], (long long)start, (long long)start + DAY);
		code = pt_sql_i64(archive, sql, &others, err);
	}
	if (!code && others)
		return pt_err_set(err, -EEXIST,
			"%s: has other rows under the same numbers: archive to another directory",
			path);
	return code;
}

struct day {
	int64_t start;
	char name[16], path[PATH_LEN];
	int64_t last_id[TABLES];
	uint64_t rows;
};

// Into the day's file, in one transaction. The archive's connection only reads the live file.
static int copy_day(
	struct pt_sql *db, const struct pt_config *config, struct day *d, struct pt_err *err)
{
	struct pt_config safe = *config;
	pt_autosql archive = NULL;
	pt_autostmt attach = NULL;
	bool created;

	safe.database.synchronous = PT_SYNC_EXTRA; // on the disk before anything is deleted
	int code = pt_store_create(d->path, &safe, &created, &archive, err);
	if (!code)
		code = pt_stmt_get(archive, "ATTACH ?1 AS live", &attach, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_text(attach, 1, pt_sql_path(db));
	code = pt_stmt_run(attach, err);
	if (!code)
		code = pt_sql_exec(archive,
			"BEGIN; INSERT OR IGNORE INTO main.sources SELECT * FROM "
			"live.sources",
			err);
	if (!code)
		code = newest_rows(archive, d->last_id, err);
	for (size_t i = 0; !code && i < TABLES; i++)
		code = copy_table(archive, tables[i], d->start, &d->rows, err);
	if (!code)
		code = need_same(archive, d->path, d->start, err);
	code = pt_sql_end(archive, code, err);
	if (code)
		return code;
	// One file, readable from any medium; one that somebody reads just now keeps its log.
	pt_sql_busy_timeout(archive, 0);
	(void)pt_sql_exec(archive, "PRAGMA main.journal_mode=DELETE", NULL);
	return 0;
}

static int delete_table(struct pt_sql *db, const char *table, int64_t end, int64_t last_id,
	struct pt_archive_counts *out, struct pt_err *err)
{
	struct pt_pace pace = { .n = ROWS_MIN, .min = ROWS_MIN, .max = ROWS_MAX };
	char sql[256];
	int64_t limit, n;
	bool again = false;
	pt_autostmt s = NULL;

	(void)snprintf(sql, sizeof(sql),
		"DELETE FROM %s WHERE id IN (SELECT id FROM %s WHERE timestamp < ?1 AND +id <= ?3 "
		"LIMIT ?2)",
		table, table);
	int code = pt_stmt_get(db, sql, &s, NULL, err);
	do {
		code = code ? code : pt_pace_begin(&pace, db, PT_UPKEEP_HOLD_US, err);
		if (code)
			return code;
		limit = pace.n;
		pt_stmt_bind_i64(s, 1, end);
		pt_stmt_bind_i64(s, 2, limit);
		pt_stmt_bind_i64(s, 3, last_id);
		code = pt_stmt_run(s, err);
		n = pt_sql_changes(db);
		if (!code && n)
			code = pt_rollup_unmark(db, table, err);
		code = pt_pace_end(&pace, db, PT_UPKEEP_HOLD_US, code, &again, err);
		pt_pace_rest(db);
	} while (!code && (again || n == limit));
	if (pace.longest_us > out->longest_us)
		out->longest_us = pace.longest_us;
	return code;
}

// Rows that no rollup has taken would be gone from the charts.
static int roll_up(struct pt_sql *db, const struct pt_config *config, struct pt_err *err)
{
	struct pt_rollup *r = NULL;
	bool more = config->metrics.aggregation_enabled;
	int code = more ? pt_rollup_new(db, PT_UPKEEP_HOLD_US, &r, err) : 0;

	while (!code && more)
		code = pt_rollup_step(r, &more, err);
	pt_rollup_free(r);
	return code;
}

static int open_dir(const char *dir, struct pt_err *err)
{
	struct stat st;

	if (mkdir(dir, 0750) == 0)
		return pt_owner_take(dir, NULL, err);
	if (errno == EEXIST && stat(dir, &st) == 0)
		return S_ISDIR(st.st_mode) ? 0 : pt_err_errno(err, -ENOTDIR, "%s", dir);
	return pt_err_errno(err, -errno, "%s", dir);
}

int pt_archive_run(struct pt_sql *db, const struct pt_config *config,
	const struct pt_archive_opts *o, struct pt_archive_counts *out, struct pt_err *err)
{
	struct day d = { 0 };
	bool any = false;
	int code = roll_up(db, config, err);

	*out = (struct pt_archive_counts){ 0 };
	if (!code)
		code = open_dir(o->dir, err);
	while (!code && (code = oldest_day(db, &d.start, &any, err)) == 0 && any &&
		d.start + DAY <= o->before) {
		d.rows = 0;
		code = name_day(db, o->dir, d.start, d.name, d.path, err);
		if (!code)
			code = copy_day(db, config, &d, err);
		for (size_t i = 0; !code && i < TABLES; i++)
			code = delete_table(db, tables[i], d.start + DAY, d.last_id[i], out, err);
		if (code)
			break;
		out->days++;
		out->rows += d.rows;
		if (o->progress)
			o->progress(o->ctx, d.name, d.rows);
	}
	return code;
}
