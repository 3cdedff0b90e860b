// SPDX-License-Identifier: MIT
#include "store/sql_copy.h"

#include <errno.h>

#include "store/sql_internal.h"

#define PAGES_A_STEP 1024

static int copy_pages(sqlite3_backup *b, pt_sql_progress_fn *progress, void *ctx)
{
	int rc;

	do {
		rc = sqlite3_backup_step(b, PAGES_A_STEP);
		if (progress && (rc == SQLITE_OK || rc == SQLITE_DONE))
			progress(ctx, sqlite3_backup_pagecount(b) - sqlite3_backup_remaining(b),
				sqlite3_backup_pagecount(b));
	} while (rc == SQLITE_OK);
	return rc;
}

int pt_sql_copy(struct pt_sql *from, const char *to, pt_sql_progress_fn *progress, void *ctx,
	struct pt_err *err)
{
	struct pt_sql *dest = NULL;
	int64_t n;

	// A snapshot held meanwhile: what writers add is not in it and does not make it begin
	// again.
	int code = pt_sql_snapshot(from, err);
	if (code)
		return code;
	code = pt_sql_i64(from, "SELECT count(*) FROM sqlite_schema", &n, err);
	if (!code)
		code = pt_sql_open(to, PT_SQL_CREATE, &dest, err);
	if (!code) {
		sqlite3_backup *b = sqlite3_backup_init(
			pt_sql_raw(dest), "main", pt_sql_raw(from), "main");
		int rc = b ? copy_pages(b, progress, ctx) : sqlite3_errcode(pt_sql_raw(dest));
		int end = b ? sqlite3_backup_finish(b) : rc;
		if (rc != SQLITE_DONE)
			code = pt_sql_fail(dest, end == SQLITE_OK ? rc : end, err);
		else // one file, readable from any medium; who writes to it again sets the mode
			code = pt_sql_exec(dest, "PRAGMA journal_mode=DELETE", err);
	}
	pt_sql_free(dest);
	(void)pt_sql_end(from, -ECANCELED, NULL); // it only read
	return code;
}
