// SPDX-License-Identifier: MIT
// The guide's SQL runs verbatim and uses its indexes.
#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "store_fixture.h"

// The plan's text, all rows.
static void plan_of(struct pt_sql *db, const char *sql, struct pt_buf *out)
{
	pt_autobuf explain = { 0 };
	pt_autostmt s = NULL;
	struct pt_err err = { 0 };

	pt_buf_printf(&explain, "EXPLAIN QUERY PLAN %s", sql);
	if (pt_stmt_get(db, pt_buf_str(&explain), &s, NULL, &err)) {
		T_FAIL("%s: %s", sql, err.msg);
		return;
	}
	while (pt_stmt_step(s, &err) > 0)
		pt_buf_printf(out, "%s\n", pt_stmt_text(s, 3));
}

static void queries_use_their_index(void)
{
	static const struct {
		const char *sql, *index;
	} queries[] = {
		{ "SELECT * FROM paths WHERE source_site_id = '123'", "idx_paths_src_dest" },
		{ "SELECT * FROM sdwan_path_health WHERE path_id = '456' AND timestamp > 1000",
			"idx_path_health_path_time (path_id=? AND timestamp>?)" },
		{ "SELECT * FROM sdwan_path_health WHERE timestamp > "
		  "strftime('%s', 'now', '-1 hour')",
			"idx_path_health_time (timestamp>?)" },
		{ "SELECT COUNT(*) FROM sdwan_path_health", "COVERING INDEX" },
		{ "SELECT * FROM sites WHERE status = 'up'", "idx_sites_status" },
		{ "SELECT * FROM sites WHERE last_seen < 1000", "idx_sites_last_seen" },
		{ "SELECT * FROM paths WHERE source_site_id = 'a' AND dest_site_id = 'b'",
			"idx_paths_src_dest (source_site_id=? AND dest_site_id=?)" },
		{ "SELECT * FROM paths WHERE status = 'down'", "idx_paths_status" },
		{ "SELECT * FROM policies ORDER BY priority", "idx_policies_priority" },
		{ "SELECT * FROM audit_logs WHERE username = 'root' AND timestamp > 5",
			"idx_audit_logs_user_time (username=? AND timestamp>?)" },
		{ "SELECT * FROM audit_logs WHERE event_type = 'path.update' AND timestamp > 5",
			"idx_audit_logs_event_time (event_type=? AND timestamp>?)" },
		{ "SELECT * FROM traffic_stats WHERE policy_id = 'voice' AND timestamp > 5",
			"idx_traffic_stats_policy_time (policy_id=? AND timestamp>?)" },
		{ "SELECT * FROM transitions WHERE path_id = 'p' AND timestamp > 5",
			"idx_transitions_path_time" },
		{ "SELECT * FROM decisions WHERE site_id = 's' AND timestamp > 5",
			"idx_decisions_site_time" },
		{ "SELECT * FROM switches WHERE timestamp > 5", "idx_switches_time" },
		{ "SELECT * FROM stats WHERE timestamp > 5", "idx_stats_time" },
		// What foreign keys look up when a row goes.
		{ "SELECT 1 FROM paths WHERE dest_site_id = 's'", "idx_paths_dest" },
		{ "SELECT 1 FROM paths WHERE uplink_id = 'u'", "idx_paths_uplink" },
		{ "SELECT 1 FROM uplinks WHERE site_id = 's'", "idx_uplinks_site" },
	};
	pt_autosql db = fixture_db();
	T_NEED(db);
	for (size_t i = 0; i < PT_ARRAY_LEN(queries); i++) {
		pt_autobuf plan = { 0 };
		plan_of(db, queries[i].sql, &plan);
		if (!strstr(pt_buf_str(&plan), queries[i].index))
			T_FAIL("%s: plan is %s", queries[i].sql, pt_buf_str(&plan));
	}
}

// Word for word from the tuning guide, "Indexing" and "SQLite Tuning".
static void guide_statements_run_verbatim(void)
{
	static const char indexes[] =
		"CREATE INDEX IF NOT EXISTS idx_sites_status ON sites(status);\n"
		"CREATE INDEX IF NOT EXISTS idx_sites_last_seen ON sites(last_seen);\n"
		"CREATE INDEX IF NOT EXISTS idx_paths_src_dest ON paths(source_site_id, "
		"dest_site_id);\n"
		"CREATE INDEX IF NOT EXISTS idx_paths_status ON paths(status);\n"
		"CREATE INDEX IF NOT EXISTS idx_path_health_path_time\n"
		"    ON sdwan_path_health(path_id, timestamp);\n"
		"CREATE INDEX IF NOT EXISTS idx_path_health_time\n"
		"    ON sdwan_path_health(timestamp);\n"
		"CREATE INDEX IF NOT EXISTS idx_policies_priority ON policies(priority);\n"
		"CREATE INDEX IF NOT EXISTS idx_audit_logs_user_time\n"
		"    ON audit_logs(username, timestamp);\n"
		"CREATE INDEX IF NOT EXISTS idx_audit_logs_event_time\n"
		"    ON audit_logs(event_type, timestamp);\n"
		"CREATE INDEX IF NOT EXISTS idx_traffic_stats_policy_time\n"
		"    ON traffic_stats(policy_id, timestamp);\n";
	static const char *const others[] = {
		"PRAGMA journal_mode = WAL;",
		"PRAGMA synchronous = NORMAL;",
		"PRAGMA cache_size = -65536;",
		"PRAGMA page_size = 4096;",
		"PRAGMA mmap_size = 268435456;",
		"PRAGMA temp_store = MEMORY;",
		"PRAGMA locking_mode = NORMAL;",
		"PRAGMA auto_vacuum = INCREMENTAL;",
		"ANALYZE;",
		"PRAGMA incremental_vacuum;",
		"PRAGMA optimize;",
		"SELECT COUNT(*) FROM sites;",
		"SELECT COUNT(*) FROM paths;",
		"SELECT COUNT(*) FROM sdwan_path_health;",
		"SELECT * FROM sdwan_path_health WHERE timestamp > strftime('%s', 'now', '-1 "
		"hour');",
	};
	static const char count[] = "SELECT count(*) FROM sqlite_schema WHERE type = 'index'";
	pt_autosql db = fixture_db();
	struct pt_err err = { 0 };
	char check[64];

	T_NEED(db);
	int64_t before = fixture_number(db, count);
	T_EQ(pt_sql_exec(db, indexes, &err), 0);
	T_SQL(db, count, before); // each was there already, under its name
	for (size_t i = 0; i < PT_ARRAY_LEN(others); i++) {
		if (pt_sql_exec(db, others[i], &err))
			T_FAIL("%s: %s", others[i], err.msg);
	}
	T_EQ(pt_sql_text(db, "PRAGMA integrity_check;", check, sizeof(check), NULL), 0);
	T_STR(check, "ok");
}

static void references_hold_at_commit(void)
{
	pt_autosql db = fixture_db();
	struct pt_err err = { 0 };

	T_NEED(db);
	// Any order inside the transaction.
	T_EQ(pt_sql_begin(db, NULL), 0);
	T_EQ(pt_sql_exec(db,
		     "INSERT INTO uplinks (id, site_id, device) VALUES ('u', 's', 'wan0');"
		     "INSERT INTO sites (id) VALUES ('s');"
		     "INSERT INTO site_prefixes VALUES ('s', 0, '10.0.0.0/8')",
		     &err),
		0);
	T_EQ(pt_sql_end(db, 0, &err), 0);
	// A site that is still needed stays.
	T_EQ(pt_sql_begin(db, NULL), 0);
	T_EQ(pt_sql_exec(db, "DELETE FROM sites", NULL), 0);
	T_EQ(pt_sql_end(db, 0, &err), -EEXIST);
	T_SQL(db, "SELECT count(*) FROM sites", 1);
	// Its prefixes go with it.
	T_EQ(pt_sql_exec(db, "DELETE FROM uplinks; DELETE FROM sites", &err), 0);
	T_SQL(db, "SELECT count(*) FROM site_prefixes", 0);
	T_OK(pt_sql_exec(db, "INSERT INTO sites (id, origin) VALUES ('x', 'else')", NULL) < 0);
}

T_MAIN({ "each query of the guide and ours uses its index", queries_use_their_index },
	{ "the guide's SQL runs word for word", guide_statements_run_verbatim },
	{ "references hold at commit", references_hold_at_commit })
