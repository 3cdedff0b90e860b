// SPDX-License-Identifier: MIT
// How much of a long work fits into one short hold of the write lock: more while it is quick, less
// when it is slow. Of what is started anew each time, as its pages come from the disk, the lock is
// let go in between.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct pt_sql;
struct pt_err;

struct pt_pace {
	int64_t n, min, max; // rows or pages of one transaction
	unsigned stuck;      // tries at the minimum that found no end
	int64_t longest_us;  // that the write lock was held
};

// A transaction for pace->n of them (pt_sql_begin_short). Each is ended with pt_pace_end.
int pt_pace_begin(
	const struct pt_pace *pace, struct pt_sql *db, int64_t hold_us, struct pt_err *err);
// As pt_sql_end, and adapts. *again: it took too long and was undone; what it has read is in memory
// now, and the next try gets further.
int pt_pace_end(struct pt_pace *pace, struct pt_sql *db, int64_t hold_us, int code, bool *again,
	struct pt_err *err);
// Between two of them: the lock stays free for as long as it was held. SQLite's waiters only look
// now and then, and would find it taken each time.
void pt_pace_rest(const struct pt_sql *db);
