// SPDX-License-Identifier: MIT
// Old days into files of their own: copied and on the disk before a row goes here, so that whatever
// happens between leaves a row in both, never in none; the next run then only deletes it.
#pragma once
#include <stdint.h>

#include "base/err.h"

struct pt_sql;
struct pt_config;

struct pt_archive_counts {
	uint64_t days, rows;
	int64_t longest_us; // that the write lock was held
};

typedef void pt_archive_progress_fn(void *ctx, const char *day, uint64_t rows);
struct pt_archive_opts {
	const char *dir;                  // DIR/NAME-2026-01-31.db, made where it is missing
	int64_t before;                   // days that end before this, seconds since the epoch
	pt_archive_progress_fn *progress; // may be NULL
	void *ctx;
};
int pt_archive_run(struct pt_sql *db, const struct pt_config *config,
	const struct pt_archive_opts *o, struct pt_archive_counts *out, struct pt_err *err);
