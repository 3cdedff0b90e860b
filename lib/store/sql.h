// SPDX-License-Identifier: MIT
// The adapter for SQLite: the only module that knows its names. Its result codes become ours
// (-EBUSY locked, -ENOSPC full, -EROFS read-only, -EUCLEAN damaged, -EBADMSG not a database,
// -EEXIST constraint, -ENOEXEC wrong SQL), its text becomes the message, and the cure follows where
// there is one.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pt_sql;  // one connection, one thread at a time
struct pt_stmt; // one prepared statement, borrowed from its connection's cache

enum pt_sql_mode {
	PT_SQL_READ,   // nothing can be written through it, attached files included
	PT_SQL_WRITE,  // the file must exist
	PT_SQL_CREATE, // creates the file (mode 0640) where it is missing
};

// ":memory:" is no file. Opens without reading a page: what the file is shows with the first
// statement.
int pt_sql_open(const char *path, enum pt_sql_mode mode, struct pt_sql **out, struct pt_err *err);
void pt_sql_free(struct pt_sql *db);
void pt_sql_cleanup(struct pt_sql **db);
#define pt_autosql __attribute__((cleanup(pt_sql_cleanup))) struct pt_sql *

// Another file beside the first, as `schema`, in the mode of the first.
int pt_sql_attach(struct pt_sql *db, const char *path, const char *schema, struct pt_err *err);

void pt_sql_busy_timeout(struct pt_sql *db, int64_t ms);
void pt_sql_cache_size(struct pt_sql *db, size_t statements); // idle statements kept prepared
// "OFF", "NORMAL", "FULL" or "EXTRA", static: when commits of this connection wait for the disk.
int pt_sql_sync(struct pt_sql *db, const char *level, struct pt_err *err);
const char *pt_sql_path(const struct pt_sql *db);
bool pt_sql_moved(struct pt_sql *db); // its file has lost its name, mostly to another

// Runs a script of one or more statements and drops their rows.
int pt_sql_exec(struct pt_sql *db, const char *sql, struct pt_err *err);
int pt_sql_execf(struct pt_sql *db, struct pt_err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
// The first column of the first row; -ENOENT when there is no row.
int pt_sql_i64(struct pt_sql *db, const char *sql, int64_t *out, struct pt_err *err);
int pt_sql_text(struct pt_sql *db, const char *sql, char *out, size_t len, struct pt_err *err);

// A writing transaction: takes the write lock at once, so that it cannot fail half way for want of
// it. End returns code: commits when it is 0 (and returns the commit's own failure), rolls back
// otherwise.
int pt_sql_begin(struct pt_sql *db, struct pt_err *err);
int pt_sql_end(struct pt_sql *db, int code, struct pt_err *err);
// For work that can be done again, in smaller parts: a statement that finds the lock held for
// longer than hold_us ends with -EINTR, and the commit does not wait for the disk (a later one that
// does takes it along; lost with the power, it is done again).
int pt_sql_begin_short(struct pt_sql *db, int64_t hold_us, struct pt_err *err);
// How long it has, or the last of them had, kept other writers out; a checkpoint that followed it
// does not count.
int64_t pt_sql_held_us(const struct pt_sql *db);
// A reading transaction: every statement until the end sees one state.
int pt_sql_snapshot(struct pt_sql *db, struct pt_err *err);

int64_t pt_sql_last_id(const struct pt_sql *db);
int64_t pt_sql_changes(const struct pt_sql *db); // rows of the last statement that wrote

// Takes the statement from the cache or prepares it. `rest` gets the text after the first statement
// and *out is NULL when there is none; with rest NULL that is an error. Give it back with
// pt_stmt_put.
int pt_stmt_get(struct pt_sql *db, const char *sql, struct pt_stmt **out, const char **rest,
	struct pt_err *err);
void pt_stmt_put(struct pt_stmt *s); // NULL is allowed
void pt_stmt_cleanup(struct pt_stmt **s);
#define pt_autostmt __attribute__((cleanup(pt_stmt_cleanup))) struct pt_stmt *

// Parameters count from 1. Text and blobs are borrowed until the next step ends or the reset.
// A failure shows at the next step.
void pt_stmt_bind_i64(struct pt_stmt *s, int index, int64_t value); // PT_NULL binds NULL
void pt_stmt_bind_real(struct pt_stmt *s, int index, double value);
void pt_stmt_bind_text(struct pt_stmt *s, int index, const char *value); // NULL binds NULL
void pt_stmt_bind_bytes(struct pt_stmt *s, int index, const char *text, size_t len); // UTF-8
void pt_stmt_bind_null(struct pt_stmt *s, int index);

int pt_stmt_step(struct pt_stmt *s, struct pt_err *err); // 1: a row; 0: done; or -errno
int pt_stmt_run(struct pt_stmt *s, struct pt_err *err);  // to the end, then resets
void pt_stmt_reset(struct pt_stmt *s);                   // keeps the bindings
bool pt_stmt_readonly(const struct pt_stmt *s);

enum pt_sql_type { PT_SQL_NULL, PT_SQL_INT, PT_SQL_REAL, PT_SQL_TEXT, PT_SQL_BLOB };
// Columns count from 0; text lives until the next step or reset.
int pt_stmt_columns(const struct pt_stmt *s);
const char *pt_stmt_column_name(const struct pt_stmt *s, int column);
enum pt_sql_type pt_stmt_type(const struct pt_stmt *s, int column);
int64_t pt_stmt_i64(const struct pt_stmt *s, int column); // PT_NULL for NULL
double pt_stmt_real(const struct pt_stmt *s, int column);
const char *pt_stmt_text(const struct pt_stmt *s, int column); // NULL for NULL
const void *pt_stmt_blob(const struct pt_stmt *s, int column, size_t *len);
