// SPDX-License-Identifier: MIT
#include "store/sql_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/schema.h"

#define PT_SQL_FILE_MODE        0640
#define PT_SQL_CACHE_SIZE       100
#define PT_SQL_CHECKPOINT_PAGES 1000 // SQLite's own default
#define PT_SQL_LIMIT_STEPS      20   // of its machine, between two looks at the clock

struct pt_stmt {
	sqlite3_stmt *s;
	struct pt_sql *db;
	struct pt_stmt *next; // in the list of idle statements, newest first
	int bind_rc;          // first failed bind
};

struct pt_sql {
	sqlite3 *db;
	char *path;
	struct pt_stmt *idle;
	size_t n_idle, max_idle;
	struct pt_mono began; // the write transaction
	int64_t held_us;
	bool released; // and its lock
	int64_t limit_us;
	bool relaxed;     // since begin_short
	const char *sync; // NULL: never set
};

// SQLite would create the file by the umask alone; keys and audit rows are not for everyone.
static int create_file(const char *path, struct pt_err *err)
{
	pt_autofd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, PT_SQL_FILE_MODE);
	if (fd >= 0)
		return 0;
	int code = -errno;
	if (code == -EROFS)
		return pt_err_set(err, code, "%s: %s", path, pt_sql_read_only_cure(path));
	return pt_err_errno(err, code, "%s", path);
}

// A commit has released the write lock. Pages go from the log to the file now, beside readers and
// other writers, as SQLite would have done.
static int on_wal_commit(void *ctx, sqlite3 *raw, const char *schema, int pages)
{
	struct pt_sql *db = ctx;

	if (!db->released)
		db->held_us = pt_mono_diff(pt_mono_now(), db->began) / PT_NS_PER_US;
	db->released = true;
	if (pages >= PT_SQL_CHECKPOINT_PAGES) // what cannot go now goes with a later commit
		(void)sqlite3_wal_checkpoint_v2(raw, schema, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

static int check_file(const char *path, enum pt_sql_mode mode, struct pt_err *err)
{
	struct stat st;

	if (strcmp(path, ":memory:") == 0)
		return 0;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) // a pipe would be waited for
		return pt_err_set(err, -EINVAL, "%s: not a file", path);
	if (mode == PT_SQL_CREATE)
		return create_file(path, err);
	if (access(path, R_OK) == 0)
		return 0;
	int code = -errno;
	if (code == -ENOENT)
		return pt_err_set(
			err, code, "%s: no database there: create it with pt-db init", path);
	return pt_err_errno(err, code, "%s", path);
}

int pt_sql_open(const char *path, enum pt_sql_mode mode, struct pt_sql **out, struct pt_err *err)
{
	int code = check_file(path, mode, err);
	if (code)
		return code;
	pt_autosql db = calloc(1, sizeof(*db));
	if (!db || !(db->path = strdup(path)))
		return pt_err_errno(err, -ENOMEM, "%s", path);
	db->max_idle = PT_SQL_CACHE_SIZE;
	db->released = true;

	int flags = mode == PT_SQL_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	int rc = sqlite3_open_v2(path, &db->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (!db->db)
		return pt_err_errno(err, -ENOMEM, "%s", path);
	if (rc != SQLITE_OK)
		return pt_sql_fail(db, rc, err);
	sqlite3_extended_result_codes(db->db, 1);
	if (mode != PT_SQL_READ)
		sqlite3_wal_hook(db->db, on_wal_commit, db);
	if (mode == PT_SQL_READ) // ATTACH could otherwise name a file to be written
		sqlite3_limit(db->db, SQLITE_LIMIT_ATTACHED, 0);
	*out = pt_take(&db);
	return 0;
}

static void stmt_free(struct pt_stmt *s)
{
	sqlite3_finalize(s->s);
	free(s);
}

void pt_sql_free(struct pt_sql *db)
{
	if (!db)
		return;
	while (db->idle) {
		struct pt_stmt *s = db->idle;
		db->idle = s->next;
		stmt_free(s);
	}
	sqlite3_close_v2(db->db);
	free(db->path);
	free(db);
}

void pt_sql_cleanup(struct pt_sql **db)
{
	pt_sql_free(*db);
}

sqlite3 *pt_sql_raw(struct pt_sql *db)
{
	return db->db;
}

int pt_sql_attach(struct pt_sql *db, const char *path, const char *schema, struct pt_err *err)
{
	pt_autofree char *sql = NULL;
	int was = sqlite3_limit(
		db->db, SQLITE_LIMIT_ATTACHED, INT32_MAX); // cut to what is built in

	if (asprintf(&sql, "ATTACH ?1 AS %s", schema) < 0) {
		sql = NULL;
		return pt_err_errno(err, -ENOMEM, "%s", path);
	}
	pt_autostmt s = NULL;
	int code = pt_stmt_get(db, sql, &s, NULL, err);
	if (!code && s) {
		pt_stmt_bind_text(s, 1, path);
		code = pt_stmt_run(s, err);
	}
	sqlite3_limit(db->db, SQLITE_LIMIT_ATTACHED, was);
	return code;
}

void pt_sql_busy_timeout(struct pt_sql *db, int64_t ms)
{
	sqlite3_busy_timeout(db->db, ms > INT32_MAX ? INT32_MAX : (int)ms);
}

void pt_sql_cache_size(struct pt_sql *db, size_t statements)
{
	db->max_idle = statements;
}

bool pt_sql_moved(struct pt_sql *db)
{
	int moved = 0;

	return sqlite3_file_control(db->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
		moved;
}

const char *pt_sql_path(const struct pt_sql *db)
{
	return db->path;
}

int pt_sql_exec(struct pt_sql *db, const char *sql, struct pt_err *err)
{
	int rc = sqlite3_exec(db->db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : pt_sql_fail(db, rc, err);
}

int pt_sql_execf(struct pt_sql *db, struct pt_err *err, const char *fmt, ...)
{
	pt_autofree char *sql = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&sql, fmt, ap);
	va_end(ap);
	if (n < 0) {
		sql = NULL;
		return pt_err_errno(err, -ENOMEM, "%s", db->path);
	}
	return pt_sql_exec(db, sql, err);
}

static int first_row(struct pt_sql *db, const char *sql, struct pt_stmt **out, struct pt_err *err)
{
	pt_autostmt s = NULL;
	int code = pt_stmt_get(db, sql, &s, NULL, err);
	if (code)
		return code;
	code = s ? pt_stmt_step(s, err) : 0;
	if (code < 0)
		return code;
	if (!code)
		return pt_err_set(err, -ENOENT, "%s: no row: %s", db->path, sql);
	*out = pt_take(&s);
	return 0;
}

int pt_sql_i64(struct pt_sql *db, const char *sql, int64_t *out, struct pt_err *err)
{
	pt_autostmt s = NULL;
	int code = first_row(db, sql, &s, err);
	if (!code)
		*out = pt_stmt_i64(s, 0);
	return code;
}

int pt_sql_text(struct pt_sql *db, const char *sql, char *out, size_t len, struct pt_err *err)
{
	pt_autostmt s = NULL;
	int code = first_row(db, sql, &s, err);
	if (code)
		return code;
	const char *text = pt_stmt_text(s, 0);
	if (!text || strlen(text) >= len)
		return pt_err_set(err, -ERANGE, "%s: unexpected value of: %s", db->path, sql);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

// Cannot fail outside of a transaction.
static void end_short(struct pt_sql *db)
{
	if (db->relaxed)
		(void)pt_sql_sync(db, db->sync, NULL);
	db->relaxed = false;
}

int pt_sql_begin(struct pt_sql *db, struct pt_err *err)
{
	int code = pt_sql_exec(db, "BEGIN IMMEDIATE", err);

	db->began = pt_mono_now();
	db->released = code != 0;
	return code;
}

static int over_limit(void *ctx)
{
	const struct pt_sql *db = ctx;

	return pt_sql_held_us(db) > db->limit_us;
}

// Where there is a log, which alone is sound without the wait.
static bool waits_needlessly(struct pt_sql *db)
{
	char mode[16];

	return db->sync && (strcmp(db->sync, "FULL") == 0 || strcmp(db->sync, "EXTRA") == 0) &&
		pt_sql_text(db, "PRAGMA journal_mode", mode, sizeof(mode), NULL) == 0 &&
		strcmp(mode, "wal") == 0;
}

int pt_sql_begin_short(struct pt_sql *db, int64_t hold_us, struct pt_err *err)
{
	int code = 0;

	db->relaxed = waits_needlessly(db);
	if (db->relaxed)
		code = pt_sql_exec(db, "PRAGMA synchronous=NORMAL", err);
	if (!code)
		code = pt_sql_begin(db, err);
	if (code) {
		end_short(db);
		return code;
	}
	db->limit_us = hold_us;
	sqlite3_progress_handler(db->db, PT_SQL_LIMIT_STEPS, over_limit, db);
	return 0;
}

int pt_sql_sync(struct pt_sql *db, const char *level, struct pt_err *err)
{
	int code = pt_sql_execf(db, err, "PRAGMA synchronous=%s", level);

	if (!code)
		db->sync = level;
	return code;
}

int pt_sql_snapshot(struct pt_sql *db, struct pt_err *err)
{
	return pt_sql_exec(db, "BEGIN", err);
}

int pt_sql_end(struct pt_sql *db, int code, struct pt_err *err)
{
	sqlite3_progress_handler(db->db, 0, NULL, NULL); // a commit is carried through
	if (!code)
		code = pt_sql_exec(db, "COMMIT", err);
	// Some faults (full disk) have rolled back already; a second rollback only says so.
	if (code && !sqlite3_get_autocommit(db->db))
		(void)pt_sql_exec(db, "ROLLBACK", NULL);
	if (!db->released)
		db->held_us = pt_mono_diff(pt_mono_now(), db->began) / PT_NS_PER_US;
	db->released = true;
	end_short(db);
	return code;
}

int64_t pt_sql_held_us(const struct pt_sql *db)
{
	return db->released ? db->held_us : pt_mono_diff(pt_mono_now(), db->began) / PT_NS_PER_US;
}

int64_t pt_sql_last_id(const struct pt_sql *db)
{
	return sqlite3_last_insert_rowid(db->db);
}

int64_t pt_sql_changes(const struct pt_sql *db)
{
	return sqlite3_changes64(db->db);
}

static struct pt_stmt *take_idle(struct pt_sql *db, const char *sql)
{
	for (struct pt_stmt **p = &db->idle; *p; p = &(*p)->next) {
		if (strcmp(sqlite3_sql((*p)->s), sql) != 0)
			continue;
		struct pt_stmt *s = *p;
		*p = s->next;
		db->n_idle--;
		return s;
	}
	return NULL;
}

int pt_stmt_get(struct pt_sql *db, const char *sql, struct pt_stmt **out, const char **rest,
	struct pt_err *err)
{
	struct pt_stmt *s = take_idle(db, sql);
	if (s) {
		if (rest)
			*rest = sql + strlen(sql);
		*out = s;
		return 0;
	}
	sqlite3_stmt *raw = NULL;
	int rc = sqlite3_prepare_v3(db->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &raw,
		rest ? rest : &(const char *){ 0 });
	if (rc != SQLITE_OK)
		return pt_sql_fail(db, rc, err);
	if (!raw && !rest)
		return pt_err_set(err, -ENOEXEC, "no statement in: %s", sql);
	if (raw) {
		s = calloc(1, sizeof(*s));
		if (!s) {
			sqlite3_finalize(raw);
			return pt_err_errno(err, -ENOMEM, "%s", db->path);
		}
		s->s = raw;
		s->db = db;
	}
	*out = s;
	return 0;
}

static void drop_oldest_idle(struct pt_sql *db)
{
	struct pt_stmt **p = &db->idle;
	while ((*p)->next)
		p = &(*p)->next;
	stmt_free(*p);
	*p = NULL;
	db->n_idle--;
}

void pt_stmt_put(struct pt_stmt *s)
{
	if (!s)
		return;
	pt_stmt_reset(s);
	sqlite3_clear_bindings(s->s);
	s->bind_rc = SQLITE_OK;
	s->next = s->db->idle;
	s->db->idle = s;
	s->db->n_idle++;
	if (s->db->n_idle > s->db->max_idle)
		drop_oldest_idle(s->db);
}

void pt_stmt_cleanup(struct pt_stmt **s)
{
	pt_stmt_put(*s);
}

static void bound(struct pt_stmt *s, int rc)
{
	if (rc != SQLITE_OK && s->bind_rc == SQLITE_OK)
		s->bind_rc = rc;
}

void pt_stmt_bind_i64(struct pt_stmt *s, int index, int64_t value)
{
	if (value == PT_NULL)
		pt_stmt_bind_null(s, index);
	else
		bound(s, sqlite3_bind_int64(s->s, index, value));
}

void pt_stmt_bind_real(struct pt_stmt *s, int index, double value)
{
	bound(s, sqlite3_bind_double(s->s, index, value));
}

void pt_stmt_bind_text(struct pt_stmt *s, int index, const char *value)
{
	bound(s, sqlite3_bind_text(s->s, index, value, -1, SQLITE_STATIC));
}

void pt_stmt_bind_bytes(struct pt_stmt *s, int index, const char *text, size_t len)
{
	bound(s, sqlite3_bind_text(s->s, index, text, (int)len, SQLITE_STATIC));
}

void pt_stmt_bind_null(struct pt_stmt *s, int index)
{
	bound(s, sqlite3_bind_null(s->s, index));
}

int pt_stmt_step(struct pt_stmt *s, struct pt_err *err)
{
	int rc = s->bind_rc == SQLITE_OK ? sqlite3_step(s->s) : s->bind_rc;
	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	int code = pt_sql_fail(s->db, rc, err);
	s->bind_rc = SQLITE_OK;
	return code;
}

int pt_stmt_run(struct pt_stmt *s, struct pt_err *err)
{
	int code = 1;
	while (code > 0)
		code = pt_stmt_step(s, err);
	pt_stmt_reset(s);
	return code;
}

void pt_stmt_reset(struct pt_stmt *s)
{
	(void)sqlite3_reset(s->s); // repeats the error that step has reported
}

bool pt_stmt_readonly(const struct pt_stmt *s)
{
	return sqlite3_stmt_readonly(s->s);
}

int pt_stmt_columns(const struct pt_stmt *s)
{
	return sqlite3_column_count(s->s);
}

const char *pt_stmt_column_name(const struct pt_stmt *s, int column)
{
	return sqlite3_column_name(s->s, column);
}

enum pt_sql_type pt_stmt_type(const struct pt_stmt *s, int column)
{
	static const enum pt_sql_type types[] = {
		[SQLITE_INTEGER] = PT_SQL_INT,
		[SQLITE_FLOAT] = PT_SQL_REAL,
		[SQLITE_TEXT] = PT_SQL_TEXT,
		[SQLITE_BLOB] = PT_SQL_BLOB,
		[SQLITE_NULL] = PT_SQL_NULL,
	};
	return types[sqlite3_column_type(s->s, column)];
}

int64_t pt_stmt_i64(const struct pt_stmt *s, int column)
{
	if (sqlite3_column_type(s->s, column) == SQLITE_NULL)
		return PT_NULL;
	return sqlite3_column_int64(s->s, column);
}

double pt_stmt_real(const struct pt_stmt *s, int column)
{
	return sqlite3_column_double(s->s, column);
}

const char *pt_stmt_text(const struct pt_stmt *s, int column)
{
	return (const char *)sqlite3_column_text(s->s, column);
}

const void *pt_stmt_blob(const struct pt_stmt *s, int column, size_t *len)
{
	const void *data = sqlite3_column_blob(s->s, column);
	*len = (size_t)sqlite3_column_bytes(s->s, column);
	return data;
}
