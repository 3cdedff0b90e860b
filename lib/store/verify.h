// SPDX-License-Identifier: MIT
// Whether a file is whole. Reads only, beside everyone else.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pt_sql;

#define PT_VERIFY_FIRST 200

struct pt_verify {
	uint64_t faults;             // 0: sound
	char first[PT_VERIFY_FIRST]; // the first of them in SQLite's words
};

// Every page and row; full: every index entry against its row, too. Damage is a fault, not a
// failure.
int pt_verify_pages(struct pt_sql *db, bool full, struct pt_verify *out, struct pt_err *err);
int pt_verify_foreign_keys(struct pt_sql *db, struct pt_verify *out, struct pt_err *err);
// A file of ours, of this version or older, pages and foreign keys sound; else an error that says
// what is wrong.
int pt_verify_file(const char *path, bool full, struct pt_err *err);
