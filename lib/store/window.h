// SPDX-License-Identifier: MIT
// Checks on their way into one row: the database keeps one row for each db_persist_interval of
// them, merged, so that nothing measured is lost. What has been gathered is written with the
// transaction of its records: a crash loses none of it.
#pragma once
#include "store/merge.h"

struct pt_sql;
struct pt_windows;

int pt_windows_new(struct pt_sql *db, int64_t every, struct pt_windows **out, struct pt_err *err);
void pt_windows_free(struct pt_windows *w);

// 1: *out is a full window's row, valid until the next call; 0: it goes on gathering.
int pt_windows_add(struct pt_windows *w, const struct pt_store_record *r, int64_t source_id,
	const struct pt_row **out, struct pt_err *err);
// At the end of a transaction: writes what was gathered.
int pt_windows_write(struct pt_windows *w, struct pt_err *err);
// After a rollback, and when another process has written: the file is right.
void pt_windows_forget(struct pt_windows *w);

// Windows that nobody will fill any more, as rows of their table: all that stand from before
// `before_us`, or hold `every` already. Inside a transaction; *n counts them.
int pt_windows_flush(
	struct pt_sql *db, int64_t every, int64_t before_us, uint64_t *n, struct pt_err *err);
