// SPDX-License-Identifier: MIT
// Copies of the database: made beside writers, verified before they count, the oldest go. And back.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/sql_copy.h"

struct pt_sql;
struct pt_config;

#define PT_BACKUP_PATH 512

struct pt_backup_opts {
	const char *dir; // made where it is missing
	unsigned keep;   // so many stay; 0: all
	bool full;       // every index against its rows, too
	pt_sql_progress_fn *progress;
	void *ctx;
};

// DIR/NAME-20260131T120000Z.db. What an earlier run left half done goes.
int pt_backup_make(struct pt_sql *db, const struct pt_backup_opts *o, char out[PT_BACKUP_PATH],
	unsigned *dropped, struct pt_err *err);

// A verified copy of the file as it is, at `to`, by way of `to`.new.
int pt_backup_copy(
	struct pt_sql *db, const char *to, const struct pt_backup_opts *o, struct pt_err *err);

// Whether there is a file to restore `path` from. -ENOENT with the newest of dir as the cure.
int pt_backup_need(const char *from, const char *path, const char *dir, struct pt_err *err);

// Makes `from` the database at `path`: a new file, brought to this version, verified, then renamed
// into place in one step. What was there stays beside it, its name in `old` ("" where there was
// nothing). -EBUSY: somebody has it open.
int pt_backup_restore(const char *from, const char *path, const struct pt_config *config,
	const struct pt_backup_opts *o, char old[PT_BACKUP_PATH], struct pt_err *err);
