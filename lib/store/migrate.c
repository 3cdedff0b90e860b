// SPDX-License-Identifier: MIT
#include "store/migrate.h"

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "store/schema.h"
#include "store/sql.h"

// Row i brings a file from version i to version i + 1.
static const struct pt_migration {
	const char *sql;
	const char *doc;
} migrations[] = {
	{ .sql = pt_schema_sql_1, .doc = "inventory, history, audit" },
	{ .sql = pt_schema_sql_2, .doc = "policies match by device and source prefix" },
	{ .sql = pt_schema_sql_3, .doc = "modes, NAT, firewall" },
	{ .sql = pt_schema_sql_4, .doc = "rollups, windows, maintenance, tune, bench, keys" },
	{ .sql = pt_schema_sql_5, .doc = "hubs, underlays" },
	{ .sql = pt_schema_sql_6, .doc = "weights, code points and classes to set" },
	{ .sql = pt_schema_sql_7, .doc = "liveness by BFD" },
	{ .sql = pt_schema_sql_8, .doc = "targets of a path, and their quorum" },
};

int64_t pt_store_version(void)
{
	return (int64_t)PT_ARRAY_LEN(migrations);
}

int pt_store_state(
	struct pt_sql *db, enum pt_store_state *state, int64_t *version, struct pt_err *err)
{
	pt_autostmt s = NULL;
	// One statement, one state of the file, even while another process runs init.
	int code = pt_stmt_get(db,
		"SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) "
		"FROM pragma_application_id, pragma_user_version",
		&s, NULL, err);
	if (!code)
		code = pt_stmt_step(s, err);
	if (code < 0)
		return code;
	int64_t id = pt_stmt_i64(s, 0), have = pt_stmt_i64(s, 1), objects = pt_stmt_i64(s, 2);
	if (version)
		*version = have;
	if (id == 0 && have == 0 && objects == 0) {
		*state = PT_STORE_EMPTY;
		return 0;
	}
	if (id != PT_STORE_APPLICATION_ID)
		return pt_err_set(err, -EBADMSG,
			"%s: an SQLite database, but not of Patronus (application id 0x%08" PRIx64
			"): give ours with --db",
			pt_sql_path(db), (uint64_t)id);
	if (have > pt_store_version())
		return pt_err_set(err, -EPROTO,
			"%s: database version %" PRId64 " is newer than %" PRId64
			", the newest this program knows: upgrade Patronus or restore a backup",
			pt_sql_path(db), have, pt_store_version());
	*state = have == pt_store_version() ? PT_STORE_CURRENT : PT_STORE_OLD;
	return 0;
}

// Inside the transaction, because another process may have come first.
static int migrate_step(struct pt_sql *db, bool *more, unsigned *applied, struct pt_err *err)
{
	enum pt_store_state state;
	int64_t version;
	int code = pt_store_state(db, &state, &version, err);
	if (code)
		return code;
	*more = state != PT_STORE_CURRENT;
	if (!*more)
		return 0;
	code = pt_sql_exec(db, migrations[version].sql, err);
	if (code) {
		pt_err_wrap(err, "migration to version %" PRId64 " (%s)", version + 1,
			migrations[version].doc);
		return code;
	}
	*applied += 1;
	return pt_sql_execf(db, err, "PRAGMA application_id=%d; PRAGMA user_version=%" PRId64,
		PT_STORE_APPLICATION_ID, version + 1);
}

int pt_store_migrate(struct pt_sql *db, unsigned *applied, struct pt_err *err)
{
	bool more = true;
	unsigned count = 0;
	int code = pt_sql_begin(db, err);

	if (code)
		return code;
	while (more && !code)
		code = migrate_step(db, &more, &count, err);
	code = pt_sql_end(db, code, err);
	if (!code && applied)
		*applied = count;
	return code;
}
