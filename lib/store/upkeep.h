// SPDX-License-Identifier: MIT
// What a running store does beside storing: rollups every metrics.aggregation_interval_secs, then
// what is past its time goes. In steps that hold the write lock for PT_UPKEEP_HOLD_US at most.
#pragma once
#include "base/err.h"
#include "model/config.h"
#include "store/retain.h"
#include "store/rollup.h"

struct pt_sql;
struct pt_upkeep;

#define PT_UPKEEP_HOLD_US PT_RETAIN_HOLD_US

struct pt_upkeep_counts {
	uint64_t rolled_up, merged, deleted;
	int64_t longest_us; // that the write lock was held
};

int pt_upkeep_new(struct pt_sql *db, const struct pt_config *config, struct pt_upkeep **out,
	struct pt_err *err);
void pt_upkeep_free(struct pt_upkeep *u);

// One step of a round. *more: the round goes on. -EBUSY: another writer is at it, nothing happened.
int pt_upkeep_step(struct pt_upkeep *u, bool *more, struct pt_err *err);
void pt_upkeep_counts(const struct pt_upkeep *u, struct pt_upkeep_counts *out);
