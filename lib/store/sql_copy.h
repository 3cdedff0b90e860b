// SPDX-License-Identifier: MIT
// One state of a database into another file, beside readers and writers.
#pragma once
#include <stdint.h>

#include "base/err.h"

struct pt_sql;

typedef void pt_sql_progress_fn(void *ctx, int64_t done, int64_t total); // pages

// `to` is overwritten; it is on the disk when this returns. progress may be NULL.
int pt_sql_copy(struct pt_sql *from, const char *to, pt_sql_progress_fn *progress, void *ctx,
	struct pt_err *err);
