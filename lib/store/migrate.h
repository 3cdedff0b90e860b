// SPDX-License-Identifier: MIT
// Schema versions. PRAGMA application_id says that a file is ours, user_version how old it is.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pt_sql;

#define PT_STORE_APPLICATION_ID 0x50544442 // "PTDB"

enum pt_store_state {
	PT_STORE_EMPTY,   // no table yet
	PT_STORE_CURRENT, // this program's version
	PT_STORE_OLD,     // needs pt_store_migrate
};

int64_t pt_store_version(void); // the newest that this program knows

// What the file is. A newer version, a foreign database and a damaged file are errors that say so.
// *version may be NULL.
int pt_store_state(
	struct pt_sql *db, enum pt_store_state *state, int64_t *version, struct pt_err *err);

// Runs the migrations that are missing, all in one transaction, so that a program that is killed
// leaves the version it found; safe against another process doing the same. *applied (may be NULL)
// counts those run here.
int pt_store_migrate(struct pt_sql *db, unsigned *applied, struct pt_err *err);
