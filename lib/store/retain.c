// SPDX-License-Identifier: MIT
#include "store/retain.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "model/config.h"
#include "store/rollup.h"
#include "store/sql.h"

const struct pt_retain_rule pt_retain_rules[] = {
	{ "sdwan_path_health", 0, 12, "Checks as they came" },
	{ "traffic_stats", 0, 12, "Traffic as it was told" },
	{ "stats", 0, 12, "Statistics of the tools" },
	{ "path_health_rollups", 60, 6, "Checks by the minute" },
	{ "traffic_rollups", 60, 6, "Traffic by the minute" },
	{ "path_health_rollups", 300, 3, "Checks by five minutes" },
	{ "traffic_rollups", 300, 3, "Traffic by five minutes" },
	{ "path_health_rollups", 3600, 1, "Checks by the hour" },
	{ "traffic_rollups", 3600, 1, "Traffic by the hour" },
	{ "transitions", 0, 1, "What came up and went down" },
	{ "decisions", 0, 1, "What was chosen" },
	{ "switches", 0, 1, "What was switched" },
	{ 0 },
};

static bool has_rollups(const struct pt_retain_rule *r)
{
	return strcmp(r->table, "sdwan_path_health") == 0 || strcmp(r->table, "traffic_stats") == 0;
}

static int where(const struct pt_retain_rule *r, char *out, size_t len)
{
	if (r->period_secs)
		return snprintf(out, len, "period_secs=%d AND timestamp", (int)r->period_secs);
	return snprintf(out, len, "timestamp");
}

int pt_retain_before(struct pt_sql *db, const struct pt_config *c, const struct pt_retain_rule *r,
	int64_t *before, struct pt_err *err)
{
	char sql[256];
	int64_t newest, now = pt_wall_us() / 1000000;
	bool whole = !c->metrics.aggregation_enabled && has_rollups(r);

	(void)snprintf(sql, sizeof(sql),
		r->period_secs ? "SELECT ifnull(max(timestamp), 0) FROM %s WHERE period_secs=%d"
			       : "SELECT ifnull(max(timestamp), 0) FROM %s",
		r->table, (int)r->period_secs);
	int code = pt_sql_i64(db, sql, &newest, err);
	if (code)
		return code;
	if (newest < now)
		now = newest;
	*before = now - c->metrics.retention_seconds / (whole ? 1 : (int64_t)r->share);
	if (*before < 0)
		*before = 0;
	return 0;
}

int pt_retain_count(struct pt_sql *db, const struct pt_retain_rule *r, int64_t before, int64_t *n,
	struct pt_err *err)
{
	char sql[256], cond[64];

	(void)where(r, cond, sizeof(cond));
	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE %s < %lld", r->table, cond,
		(long long)before);
	return pt_sql_i64(db, sql, n, err);
}

// By the index of the time alone (+id): by id, the last step would read the whole table to find
// that no more are due, with the lock held.
static int delete_rows(struct pt_sql *db, const struct pt_retain_rule *r, int64_t before,
	int64_t limit, int64_t last_id, struct pt_err *err)
{
	char sql[400];
	pt_autostmt s = NULL;

	if (r->period_secs)
		(void)snprintf(sql, sizeof(sql),
			"DELETE FROM %s WHERE (period_secs, path_id, timestamp, series) IN (SELECT "
			"period_secs, path_id, timestamp, series FROM %s WHERE period_secs=?3 AND "
			"timestamp < ?1 LIMIT ?2)",
			r->table, r->table);
	else
		(void)snprintf(sql, sizeof(sql),
			"DELETE FROM %s WHERE id IN (SELECT id FROM %s WHERE timestamp < ?1 AND "
			"+id "
			"<= ?3 LIMIT ?2)",
			r->table, r->table);
	int code = pt_stmt_get(db, sql, &s, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_i64(s, 1, before);
	pt_stmt_bind_i64(s, 2, limit);
	pt_stmt_bind_i64(s, 3, r->period_secs ? r->period_secs : last_id);
	return pt_stmt_run(s, err);
}

int pt_retain_delete(struct pt_sql *db, const struct pt_config *c, const struct pt_retain_rule *r,
	int64_t before, struct pt_retain_step *step, struct pt_err *err)
{
	int64_t last_id = INT64_MAX, limit = step->pace.n, n = 0;
	bool again;
	int code = pt_pace_begin(&step->pace, db, PT_RETAIN_HOLD_US, err);

	if (code)
		return code;
	if (c->metrics.aggregation_enabled && has_rollups(r))
		code = pt_rollup_mark(db, r->table, &last_id, err);
	if (!code)
		code = delete_rows(db, r, before, limit, last_id, err);
	if (!code)
		n = pt_sql_changes(db);
	if (!code && n && has_rollups(r))
		code = pt_rollup_unmark(db, r->table, err);
	code = pt_pace_end(&step->pace, db, PT_RETAIN_HOLD_US, code, &again, err);
	step->rows += code || again ? 0 : n;
	step->more = !code && (again || n == limit);
	return code;
}
