// SPDX-License-Identifier: MIT
// How long what is kept (metrics.retention_seconds), a little at a time.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/pace.h"

struct pt_sql;
struct pt_config;

struct pt_retain_rule {
	const char *table;
	int64_t period_secs; // of a rollup; 0: raw rows
	unsigned share;      // of retention_seconds, with rollups: one part in so many
	const char *doc;
};
extern const struct pt_retain_rule pt_retain_rules[]; // ends with table NULL

// Rows of the rule's table from before this go: seconds since the epoch. The newest row is the
// clock where the host's runs ahead of it. 0: nothing to do.
int pt_retain_before(struct pt_sql *db, const struct pt_config *c, const struct pt_retain_rule *r,
	int64_t *before, struct pt_err *err);
// How many there are.
int pt_retain_count(struct pt_sql *db, const struct pt_retain_rule *r, int64_t before, int64_t *n,
	struct pt_err *err);
// Deletes some of them in one short transaction; more: there may be others. Raw rows that a rollup
// has not taken yet stay while there are rollups.
#define PT_RETAIN_HOLD_US 10000 // and the commit after it
#define PT_RETAIN_PACE                         \
	{                                      \
		.n = 64, .min = 8, .max = 4096 \
	}
struct pt_retain_step {
	struct pt_pace pace; // PT_RETAIN_PACE at first
	int64_t rows;        // deleted so far
	bool more;
};
int pt_retain_delete(struct pt_sql *db, const struct pt_config *c, const struct pt_retain_rule *r,
	int64_t before, struct pt_retain_step *step, struct pt_err *err);
