// SPDX-License-Identifier: MIT
// Several databases, of regions or tenants, as one to read: every table has the rows of all, with
// the column `shard` in front.
#pragma once
#include "base/err.h"

struct pt_sql;
struct pt_config;

#define PT_SHARDS_MAX 11 // SQLite attaches ten beside the first

// Each is FILE or NAME=FILE; without a name it is the file's, less its ending. One alone is opened
// as it is, without the column.
int pt_shards_open(const char *const *files, unsigned n, const struct pt_config *config,
	struct pt_sql **out, struct pt_err *err);
