// SPDX-License-Identifier: MIT
// Connections as config.database wants them: what SQLite keeps per connection is set on each one,
// what it keeps in the file is set when the file is made.
#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "store/sql.h"

struct pt_config;

// Opens an existing database of this program's version. PT_SQL_READ and PT_SQL_WRITE only.
// path NULL: config's.
int pt_store_open(const char *path, enum pt_sql_mode mode, const struct pt_config *config,
	struct pt_sql **out, struct pt_err *err);

// Makes the database where it is missing or empty (*created), or opens it. Makes the last directory
// of the path, too. An old version stays as it is and is an error.
int pt_store_create(const char *path, const struct pt_config *config, bool *created,
	struct pt_sql **out, struct pt_err *err);

// From here on a commit is on the disk when it returns, whatever database.synchronous says: what a
// person changed, and network.json with it, outlives a power cut.
int pt_store_durable(struct pt_sql *db, struct pt_err *err);

// Brings an existing database to this program's version; *applied counts the migrations. Where any
// is needed a verified copy is made first, PATH.before-version-N, its name in `copy` (may be NULL;
// "" where none was).
int pt_store_upgrade(const char *path, const struct pt_config *config, unsigned *applied,
	char *copy, size_t copy_len, struct pt_err *err);
// The same without the copy, for a file that is one.
int pt_store_upgrade_in_place(
	const char *path, const struct pt_config *config, unsigned *applied, struct pt_err *err);
