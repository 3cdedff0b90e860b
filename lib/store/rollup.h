// SPDX-License-Identifier: MIT
// History in coarser steps: raw rows become minutes, minutes five minutes, those hours, merged
// (store/merge.h). It goes by row id: each raw row is taken once, however late or by however wrong
// a clock it came, and a step that is interrupted never was.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pt_sql;
struct pt_rollup;

#define PT_ROLLUP_LEVELS 3
extern const int64_t pt_rollup_periods[PT_ROLLUP_LEVELS]; // seconds, rising

struct pt_rollup_counts {
	uint64_t rows;   // raw rows taken
	uint64_t merged; // rows written
	uint64_t steps;
	int64_t longest_us; // that the write lock was held
};

// hold_us: how long one step should hold the write lock at most. The connection stays the caller's.
int pt_rollup_new(struct pt_sql *db, int64_t hold_us, struct pt_rollup **out, struct pt_err *err);
void pt_rollup_free(struct pt_rollup *r);

// One step, one short transaction. *more: raw rows are left. -EBUSY: another writer is at it.
int pt_rollup_step(struct pt_rollup *r, bool *more, struct pt_err *err);
const struct pt_rollup_counts *pt_rollup_counts(const struct pt_rollup *r);

// Raw rows of a table up to this id are in the rollups.
int pt_rollup_mark(struct pt_sql *db, const char *table, int64_t *id, struct pt_err *err);
// Rows that were rolled up have been deleted: to be called in the same transaction, or new rows
// that get the old ids would count as rolled up.
int pt_rollup_unmark(struct pt_sql *db, const char *table, struct pt_err *err);
