// SPDX-License-Identifier: MIT
#include "store/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/migrate.h"
#include "store/sql.h"

static void note(struct pt_verify *out, const char *text)
{
	if (out->faults++ == 0)
		(void)snprintf(out->first, sizeof(out->first), "%.*s", PT_VERIFY_FIRST - 1, text);
}

int pt_verify_pages(struct pt_sql *db, bool full, struct pt_verify *out, struct pt_err *err)
{
	pt_autostmt s = NULL;
	struct pt_err local = { 0 };

	*out = (struct pt_verify){ 0 };
	int code = pt_stmt_get(
		db, full ? "PRAGMA integrity_check" : "PRAGMA quick_check", &s, NULL, &local);
	while (!code && (code = pt_stmt_step(s, &local)) > 0) {
		const char *text = pt_stmt_text(s, 0);
		if (!text || strcmp(text, "ok") != 0)
			note(out, text ? text : "no text");
		code = 0;
	}
	if (code != -EUCLEAN && code != -EBADMSG) {
		if (code)
			*err = local;
		return code;
	}
	note(out, local.msg); // so damaged that it cannot even be read through
	return 0;
}

int pt_verify_foreign_keys(struct pt_sql *db, struct pt_verify *out, struct pt_err *err)
{
	pt_autostmt s = NULL;
	char text[PT_VERIFY_FIRST];

	*out = (struct pt_verify){ 0 };
	int code = pt_stmt_get(db, "PRAGMA foreign_key_check", &s, NULL, err);
	while (!code && (code = pt_stmt_step(s, err)) > 0) {
		(void)snprintf(text, sizeof(text), "%s: row %" PRId64 " refers to nothing in %s",
			pt_stmt_text(s, 0), pt_stmt_i64(s, 1), pt_stmt_text(s, 2));
		note(out, text);
		code = 0;
	}
	return code;
}

int pt_verify_file(const char *path, bool full, struct pt_err *err)
{
	pt_autosql db = NULL;
	struct pt_verify v = { 0 };
	enum pt_store_state state;
	// Not read-only: the last to leave takes the log and its index away.
	int code = pt_sql_open(path, PT_SQL_WRITE, &db, err);

	if (!code)
		code = pt_store_state(db, &state, NULL, err);
	if (!code && state == PT_STORE_EMPTY)
		code = pt_err_set(err, -ENODATA, "%s: empty, no database", path);
	if (!code)
		code = pt_verify_pages(db, full, &v, err);
	if (!code && !v.faults)
		code = pt_verify_foreign_keys(db, &v, err);
	if (!code && v.faults)
		code = pt_err_set(err, -EUCLEAN, "%s: damaged: %s", path, v.first);
	return code;
}
