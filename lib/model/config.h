// SPDX-License-Identifier: MIT
// /etc/patronus/config.yaml: the tuning guide's keys, and ours beside them. Each is effective and
// proven by a test of its effect in the tool that uses it. Defaults are the guide's.
#pragma once
#include "model/schema.h"

enum pt_log_format { PT_LOG_FORMAT_JSON, PT_LOG_FORMAT_TEXT };
enum pt_log_rotation { PT_ROTATE_HOURLY, PT_ROTATE_DAILY, PT_ROTATE_WEEKLY, PT_ROTATE_NEVER };
// The words of SQLite's pragmas, in the order of these; journals that a crash spares alone.
enum pt_journal_mode { PT_JOURNAL_WAL, PT_JOURNAL_DELETE, PT_JOURNAL_TRUNCATE, PT_JOURNAL_PERSIST };
extern const char *const pt_journal_mode_names[];
enum pt_synchronous { PT_SYNC_OFF, PT_SYNC_NORMAL, PT_SYNC_FULL, PT_SYNC_EXTRA };
extern const char *const pt_synchronous_names[];
// Where programs are attached: TCX where there is such, always TCX, filters of the clsact qdisc, or
// as `auto` with XDP in front.
enum pt_hook_kind { PT_HOOK_KIND_AUTO, PT_HOOK_KIND_TCX, PT_HOOK_KIND_CLSACT, PT_HOOK_KIND_XDP };
extern const char *const pt_hook_names[];

struct pt_config {
	const char *edge; // who I am: a site's `edge`; NULL: the host name

	struct {
		int64_t check_interval_secs;
		int64_t check_interval_ms; // PT_NULL: check_interval_secs holds
		int64_t probes_per_check;
		int64_t probe_timeout_ms;
		bool persist_to_db;
		int64_t db_persist_interval;
		int64_t budget_pps, budget_bps, budget_percent; // PT_NULL: no limit
		int64_t cpu;                                    // PT_NULL: any
		const char *auth_key;                           // file; NULL: none
	} health;

	struct {
		int64_t detection_threshold;
		int64_t detection_interval_secs;
		int64_t detection_interval_ms; // PT_NULL: detection_interval_secs holds
		int64_t up_count;              // replies in a row before a path is up again
		int64_t cooldown_period_secs;  // wait before failing back
		int64_t hold_ms;               // PT_NULL: cooldown_period_secs holds
		int64_t cooldown_half_life_secs,
			cooldown_max_secs; // of paths that fall again and again
		bool parallel_checks;
		bool traffic_probes;
		bool passive;
		int64_t passive_share; // one TCP flow in so many
		int64_t mark_shift;    // our 12 bits of packet marks begin here
		int64_t rule_priority; // of the first of our policy rules
		int64_t route_metric;  // of routes to sites
		int hook;              // enum pt_hook_kind
	} failover;

	struct {
		const char *path;
		int64_t connection_pool_size, max_connections, statement_cache_size;
		int64_t busy_timeout_ms;
		int journal_mode; // enum pt_journal_mode
		int synchronous;  // enum pt_synchronous
		int64_t cache_size, mmap_size, page_size;
	} database;

	struct {
		const char *bind;
		int64_t workers, max_connections, keep_alive, request_timeout, max_request_size;
	} api;

	struct {
		const char *bind;
		int64_t workers, max_connections, static_cache_ttl;
	} dashboard;

	struct {
		bool enabled;
		int64_t export_interval_secs, retention_seconds;
		bool aggregation_enabled;
		int64_t aggregation_interval_secs;
	} metrics;

	struct {
		int level;    // enum pt_log_level
		int format;   // enum pt_log_format
		int rotation; // enum pt_log_rotation
		int64_t retention_days, max_size_mb;
	} logging;

	struct {
		int64_t persistent_keepalive, allowed_ips_batch_size;
	} wireguard;
};

extern const struct pt_schema pt_config_schema;

// Probes that the kernel remembers for one path; more outstanding than this cannot be told apart.
#define PT_MAX_OUTSTANDING 200 // of a ring of 256: room for a late burst

// Loads and checks path (NULL: all defaults). Strings live in the arena. *out only on success.
int pt_config_load(const char *path, struct pt_arena *a, struct pt_config *out, struct pt_err *err);

// Effective values: the milliseconds where given, the seconds otherwise.
int64_t pt_config_detection_ms(const struct pt_config *c);
int64_t pt_config_check_ms(const struct pt_config *c);
int64_t pt_config_hold_ms(const struct pt_config *c);
// Time between two probes of a path: the detection interval, or the check interval divided by its
// probes where that is shorter. What sends and what judges must agree on it.
int64_t pt_config_probe_ns(const struct pt_config *c);
