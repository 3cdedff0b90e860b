// SPDX-License-Identifier: MIT
// maintenance_log: what was done to the file, when, for how long, and what came of it.
#pragma once
#include <stdint.h>

#include "base/err.h"

struct pt_sql;

// In a transaction of its own. result: "ok", "no" (the answer is no), "failed".
int pt_journal_write(struct pt_sql *db, const char *task, int64_t started_us, const char *result,
	const char *detail, struct pt_err *err);
// When the task was last done with "ok", in seconds; 0: never.
int pt_journal_last(struct pt_sql *db, const char *task, int64_t *timestamp, struct pt_err *err);
