// SPDX-License-Identifier: MIT
// Inside the adapter for SQLite: sql.c, sql_copy.c and sql_fault.c only.
#pragma once
#include <sqlite3.h>

#include "store/sql.h"

sqlite3 *pt_sql_raw(struct pt_sql *db);
int pt_sql_fail(struct pt_sql *db, int rc, struct pt_err *err);
// What lets this user write there, or why nobody may.
const char *pt_sql_read_only_cure(const char *path);
