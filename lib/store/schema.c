// SPDX-License-Identifier: MIT
#include "store/schema.h"

// Text of SQL: the formatter would walk it off the page.
// clang-format off

// Every recorded row says where it came from (source_id, seq) and when, in seconds for the guide's
// queries (timestamp) and in microseconds for ours (ts_us).
#define PT_RECORDED \
	"id INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, " \
	"ts_us INTEGER NOT NULL, mono_ns INTEGER, " \
	"source_id INTEGER REFERENCES sources(id), seq INTEGER, "

#define PT_OWNED \
	"origin TEXT NOT NULL DEFAULT 'cli' CHECK (origin IN ('file', 'api', 'cli')), " \
	"created_at INTEGER NOT NULL DEFAULT (unixepoch()), " \
	"updated_at INTEGER NOT NULL DEFAULT (unixepoch())"

// References are checked at commit, so that one transaction may write its rows in any order.
#define PT_REFERS(table)  "REFERENCES " table "(id) DEFERRABLE INITIALLY DEFERRED"
#define PT_PART_OF(table) "REFERENCES " table "(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"

const char pt_schema_sql_1[] =
	// The inventory: what network.yaml says, and the state that the guide's queries ask for.
	"CREATE TABLE sites (id TEXT PRIMARY KEY NOT NULL, name TEXT, edge TEXT, "
	"preference INTEGER NOT NULL DEFAULT 0, "
	"status TEXT NOT NULL DEFAULT 'unknown', last_seen INTEGER, " PT_OWNED ") STRICT;"

	"CREATE TABLE site_prefixes ("
	"site_id TEXT NOT NULL " PT_PART_OF("sites") ", ordinal INTEGER NOT NULL, "
	"prefix TEXT NOT NULL, PRIMARY KEY (site_id, "
	"ordinal)) STRICT, WITHOUT ROWID;"

	"CREATE TABLE site_lan ("
	"site_id TEXT NOT NULL " PT_PART_OF("sites") ", ordinal INTEGER NOT NULL, "
	"device TEXT NOT NULL, PRIMARY KEY (site_id, ordinal)) STRICT, WITHOUT ROWID;"

	"CREATE TABLE uplinks (id TEXT PRIMARY KEY NOT NULL, "
	"site_id TEXT NOT NULL " PT_REFERS("sites") ", device TEXT NOT NULL, "
	"cost INTEGER NOT NULL DEFAULT 0, rate_bps INTEGER, " PT_OWNED
	") STRICT;"

	"CREATE TABLE paths (id TEXT PRIMARY KEY NOT NULL, "
	"source_site_id TEXT NOT NULL " PT_REFERS("sites") ", "
	"dest_site_id TEXT NOT NULL " PT_REFERS("sites") ", "
	"uplink_id TEXT " PT_REFERS("uplinks") ", device TEXT, next_hop TEXT, next_hop6 TEXT, "
	"target TEXT, port INTEGER, dscp INTEGER, ssid INTEGER, mtu INTEGER, "
	"preference INTEGER NOT NULL DEFAULT 0, maintenance INTEGER NOT NULL DEFAULT 0, "
	"status TEXT NOT NULL DEFAULT 'unknown', " PT_OWNED
	") STRICT;"

	"CREATE TABLE policies (id TEXT PRIMARY KEY NOT NULL, priority INTEGER NOT NULL, "
	"match_protocol TEXT, match_dscp INTEGER, match_src_ports TEXT, match_dst_ports TEXT, "
	"sla_loss_ppm INTEGER, sla_rtt_ms INTEGER, sla_jitter_ms INTEGER, sla_stale_secs INTEGER, "
	"strategy TEXT, none_inside TEXT, margin_percent INTEGER, cooldown_secs INTEGER, " PT_OWNED
	") STRICT;"

	"CREATE TABLE policy_prefer ("
	"policy_id TEXT NOT NULL " PT_PART_OF("policies") ", ordinal INTEGER NOT NULL, "
	"uplink_id TEXT NOT NULL, PRIMARY KEY (policy_id, ordinal)) STRICT, WITHOUT ROWID;"

	// The history: what the records say.
	"CREATE TABLE sources (id INTEGER PRIMARY KEY, src TEXT NOT NULL, boot TEXT NOT NULL, "
	"seq INTEGER NOT NULL, mono_ns INTEGER NOT NULL, UNIQUE (src, boot)) STRICT;"

	"CREATE TABLE spools (dir TEXT PRIMARY KEY NOT NULL, position INTEGER NOT NULL, "
	"fingerprint INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

	"CREATE TABLE sdwan_path_health (" PT_RECORDED
	"path_id TEXT, target TEXT, family TEXT, dscp INTEGER, probe TEXT, window_ms INTEGER, "
	"sent INTEGER, received INTEGER, late INTEGER, "
	"loss_ppm INTEGER, loss_out_ppm INTEGER, loss_back_ppm INTEGER, "
	"rtt_us_min INTEGER, rtt_us_p50 INTEGER, rtt_us_p95 INTEGER, rtt_us_p99 INTEGER, "
	"rtt_us_max INTEGER, rtt_us_mean INTEGER, rtt_hist TEXT, "
	"owd_out_us INTEGER, owd_back_us INTEGER, owd_error_us INTEGER, "
	"jitter_us INTEGER, pdv_us INTEGER, reordered INTEGER, duplicates INTEGER, "
	"mtu INTEGER, mos REAL, score INTEGER, timestamps TEXT) STRICT;"

	"CREATE TABLE traffic_stats (" PT_RECORDED
	"path_id TEXT, policy_id TEXT, "
	"tx_packets INTEGER, tx_bytes INTEGER, rx_packets INTEGER, rx_bytes INTEGER) STRICT;"

	"CREATE TABLE transitions (" PT_RECORDED
	"path_id TEXT, from_status TEXT, to_status TEXT, cause TEXT, silence_us INTEGER) STRICT;"

	"CREATE TABLE decisions (" PT_RECORDED
	"site_id TEXT, policy_id TEXT, paths TEXT, "
	"previous TEXT, reason TEXT, rejected TEXT, dropped INTEGER, config TEXT) STRICT;"

	// `record` keeps what has no column: the black box of a switch, the buckets of a statistic.
	"CREATE TABLE switches (" PT_RECORDED
	"paths TEXT, sites INTEGER, from_path_id TEXT, "
	"to_path_id TEXT, cause TEXT, last_reply_ns INTEGER, detected_ns INTEGER, "
	"committed_ns INTEGER, first_packet_ns INTEGER, first_reply_ns INTEGER, "
	"record TEXT) STRICT;"

	"CREATE TABLE stats (" PT_RECORDED
	"record TEXT NOT NULL) STRICT;"

	"CREATE TABLE audit_logs (id INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, "
	"ts_us INTEGER NOT NULL, username TEXT NOT NULL, event_type TEXT NOT NULL, "
	"object_type TEXT, object_id TEXT, origin TEXT, before_json TEXT, after_json TEXT) STRICT;"

	"CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT) STRICT, WITHOUT ROWID;"
	"INSERT INTO meta VALUES ('created_at', unixepoch());"

	// The guide's indexes, by its names.
	"CREATE INDEX idx_sites_status ON sites(status);"
	"CREATE INDEX idx_sites_last_seen ON sites(last_seen);"
	"CREATE INDEX idx_paths_src_dest ON paths(source_site_id, dest_site_id);"
	"CREATE INDEX idx_paths_status ON paths(status);"
	"CREATE INDEX idx_path_health_path_time ON sdwan_path_health(path_id, timestamp);"
	"CREATE INDEX idx_path_health_time ON sdwan_path_health(timestamp);"
	"CREATE INDEX idx_policies_priority ON policies(priority);"
	"CREATE INDEX idx_audit_logs_user_time ON audit_logs(username, timestamp);"
	"CREATE INDEX idx_audit_logs_event_time ON audit_logs(event_type, timestamp);"
	"CREATE INDEX idx_traffic_stats_policy_time ON traffic_stats(policy_id, timestamp);"

	// Ours: what foreign keys look up, and each history by time.
	"CREATE INDEX idx_paths_dest ON paths(dest_site_id);"
	"CREATE INDEX idx_paths_uplink ON paths(uplink_id);"
	"CREATE INDEX idx_uplinks_site ON uplinks(site_id);"
	"CREATE INDEX idx_transitions_path_time ON transitions(path_id, timestamp);"
	"CREATE INDEX idx_decisions_site_time ON decisions(site_id, timestamp);"
	"CREATE INDEX idx_switches_time ON switches(timestamp);"
	"CREATE INDEX idx_stats_time ON stats(timestamp);";

const char pt_schema_sql_2[] =
	"ALTER TABLE policies ADD COLUMN match_devices TEXT;"
	"ALTER TABLE policies ADD COLUMN match_src_prefixes TEXT;";

const char pt_schema_sql_3[] = "ALTER TABLE uplinks ADD COLUMN nat INTEGER NOT NULL DEFAULT 0;"
			       "ALTER TABLE uplinks ADD COLUMN mode TEXT;"
			       "ALTER TABLE paths ADD COLUMN mode TEXT;"
			       "ALTER TABLE policies ADD COLUMN firewall TEXT;";

// The values of one health record, or of many merged into one.
#define PT_HEALTH_VALUES                                                                           \
	"target TEXT, family TEXT, dscp INTEGER, probe TEXT, window_ms INTEGER, "                  \
	"sent INTEGER, received INTEGER, late INTEGER, "                                           \
	"loss_ppm INTEGER, loss_out_ppm INTEGER, loss_back_ppm INTEGER, "                          \
	"rtt_us_min INTEGER, rtt_us_p50 INTEGER, rtt_us_p95 INTEGER, rtt_us_p99 INTEGER, "         \
	"rtt_us_max INTEGER, rtt_us_mean INTEGER, rtt_hist TEXT, "                                 \
	"owd_out_us INTEGER, owd_back_us INTEGER, owd_error_us INTEGER, "                          \
	"jitter_us INTEGER, pdv_us INTEGER, reordered INTEGER, duplicates INTEGER, "               \
	"mtu INTEGER, mos REAL, score INTEGER, timestamps TEXT"

// Of a record that is kept whole, fields as columns, whatever is in them.
#define PT_FIELD(column, path)                                                                     \
	column " ANY GENERATED ALWAYS AS (CASE WHEN json_valid(record) THEN "                      \
	"json_extract(record, '$." path "') END) VIRTUAL"

const char pt_schema_sql_4[] =
	// Checks that wait for the rest of their db_persist_interval.
	"CREATE TABLE health_windows (series TEXT PRIMARY KEY NOT NULL, n INTEGER NOT NULL, "
	"ts_us INTEGER NOT NULL, mono_ns INTEGER, source_id INTEGER, seq INTEGER, "
	"path_id TEXT, " PT_HEALTH_VALUES ") STRICT, WITHOUT ROWID;"

	// History in steps of a minute, five minutes and an hour: one place in the file for one path.
	"CREATE TABLE path_health_rollups (period_secs INTEGER NOT NULL, path_id TEXT NOT NULL, "
	"timestamp INTEGER NOT NULL, series TEXT NOT NULL, n INTEGER NOT NULL, " PT_HEALTH_VALUES ", "
	"PRIMARY KEY (period_secs, path_id, timestamp, series)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE traffic_rollups (period_secs INTEGER NOT NULL, path_id TEXT NOT NULL, "
	"timestamp INTEGER NOT NULL, series TEXT NOT NULL, n INTEGER NOT NULL, policy_id TEXT, "
	"tx_packets INTEGER, tx_bytes INTEGER, rx_packets INTEGER, rx_bytes INTEGER, "
	"PRIMARY KEY (period_secs, path_id, timestamp, series)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX idx_path_health_rollups_time ON path_health_rollups(period_secs, timestamp);"
	"CREATE INDEX idx_traffic_rollups_time ON traffic_rollups(period_secs, timestamp);"
	"CREATE TABLE rollup_marks (source TEXT PRIMARY KEY NOT NULL, last_id INTEGER NOT NULL) "
	"STRICT, WITHOUT ROWID;"

	// What was done to the file, by maintain, backup, archive and the like.
	"CREATE TABLE maintenance_log (id INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, "
	"ts_us INTEGER NOT NULL, duration_us INTEGER NOT NULL, task TEXT NOT NULL, "
	"result TEXT NOT NULL, detail TEXT) STRICT;"
	"CREATE INDEX idx_maintenance_log_task_time ON maintenance_log(task, timestamp);"

	// Records of pt-tune and pt-bench.
	"CREATE TABLE tune_changes (" PT_RECORDED "record TEXT NOT NULL, "
	PT_FIELD("txn", "transaction") ", " PT_FIELD("key", "key") ", "
	PT_FIELD("before", "before") ", " PT_FIELD("after", "after") ", "
	PT_FIELD("action", "action") ", " PT_FIELD("rule", "rule") ") STRICT;"
	"CREATE INDEX idx_tune_changes_key_time ON tune_changes(key, timestamp);"
	"CREATE INDEX idx_tune_changes_txn ON tune_changes(txn);"
	"CREATE VIEW tune_transactions AS SELECT txn, source_id, min(timestamp) AS started_at, "
	"max(timestamp) AS ended_at, count(*) AS items FROM tune_changes GROUP BY txn, source_id;"
	"CREATE TABLE bench_results (" PT_RECORDED "record TEXT NOT NULL, "
	PT_FIELD("workload", "workload") ", " PT_FIELD("metric", "metric") ", "
	PT_FIELD("value", "value") ", " PT_FIELD("unit", "unit") ", "
	PT_FIELD("ratio", "ratio") ", " PT_FIELD("target", "target") ", "
	PT_FIELD("pass", "pass") ") STRICT;"
	"CREATE INDEX idx_bench_results_metric_time ON bench_results(workload, metric, timestamp);"

	// Who may use the API: hashes of keys, never a key.
	"CREATE TABLE api_keys (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
	"key_hash BLOB NOT NULL UNIQUE, role TEXT NOT NULL CHECK (role IN ('read', 'write', 'admin')), "
	"created_at INTEGER NOT NULL DEFAULT (unixepoch()), expires_at INTEGER, revoked_at INTEGER, "
	"last_used_at INTEGER) STRICT;"

	// One state of the past is found by its path, whatever kind of row.
	"CREATE INDEX idx_traffic_stats_path_time ON traffic_stats(path_id, timestamp);"
	"CREATE INDEX idx_traffic_stats_time ON traffic_stats(timestamp);"
	"CREATE INDEX idx_transitions_time ON transitions(timestamp);"
	"CREATE INDEX idx_decisions_time ON decisions(timestamp);"
	"CREATE INDEX idx_audit_logs_time ON audit_logs(timestamp);";

const char pt_schema_sql_5[] = "ALTER TABLE sites ADD COLUMN transit INTEGER NOT NULL DEFAULT 0;"
			       "ALTER TABLE uplinks ADD COLUMN underlay TEXT;"
			       "ALTER TABLE paths ADD COLUMN underlay TEXT;"
			       "ALTER TABLE paths ADD COLUMN via TEXT;";

const char pt_schema_sql_6[] = "ALTER TABLE uplinks ADD COLUMN weight INTEGER NOT NULL DEFAULT 1;"
			       "ALTER TABLE paths ADD COLUMN weight INTEGER;"
			       "ALTER TABLE policies ADD COLUMN weights TEXT;"
			       "ALTER TABLE policies ADD COLUMN flow_hash TEXT;"
			       "ALTER TABLE policies ADD COLUMN set_dscp INTEGER;"
			       "ALTER TABLE policies ADD COLUMN class TEXT;"
			       "ALTER TABLE decisions ADD COLUMN weights TEXT;";

const char pt_schema_sql_7[] = "ALTER TABLE paths ADD COLUMN liveness TEXT;"
			       "ALTER TABLE paths ADD COLUMN quality TEXT;"
			       "ALTER TABLE paths ADD COLUMN bfd_min_tx_ms INTEGER;"
			       "ALTER TABLE paths ADD COLUMN bfd_min_rx_ms INTEGER;"
			       "ALTER TABLE paths ADD COLUMN bfd_detect_mult INTEGER;"
			       "ALTER TABLE paths ADD COLUMN bfd_multihop INTEGER NOT NULL DEFAULT 0;";

const char pt_schema_sql_8[] = "ALTER TABLE paths ADD COLUMN targets TEXT;"
			       "ALTER TABLE paths ADD COLUMN quorum INTEGER NOT NULL DEFAULT 1;";
