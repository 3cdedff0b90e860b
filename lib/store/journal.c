// SPDX-License-Identifier: MIT
#include "store/journal.h"

#include "base/clock.h"
#include "store/sql.h"

int pt_journal_write(struct pt_sql *db, const char *task, int64_t started_us, const char *result,
	const char *detail, struct pt_err *err)
{
	pt_autostmt s = NULL;
	int64_t took = pt_wall_us() - started_us;
	int code = pt_stmt_get(db,
		"INSERT INTO maintenance_log (timestamp, ts_us, duration_us, task, result, detail) "
		"VALUES (?1 / 1000000, ?1, ?2, ?3, ?4, ?5)",
		&s, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_i64(s, 1, started_us);
	pt_stmt_bind_i64(s, 2, took < 0 ? 0 : took); // the clock may be set back meanwhile
	pt_stmt_bind_text(s, 3, task);
	pt_stmt_bind_text(s, 4, result);
	pt_stmt_bind_text(s, 5, detail);
	return pt_stmt_run(s, err);
}

int pt_journal_last(struct pt_sql *db, const char *task, int64_t *timestamp, struct pt_err *err)
{
	pt_autostmt s = NULL;
	int code = pt_stmt_get(db,
		"SELECT ifnull(max(timestamp), 0) FROM maintenance_log WHERE task=?1 AND "
		"result='ok'",
		&s, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_text(s, 1, task);
	code = pt_stmt_step(s, err);
	if (code > 0)
		*timestamp = pt_stmt_i64(s, 0);
	return code < 0 ? code : 0;
}
