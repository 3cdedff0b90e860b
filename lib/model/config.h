// SPDX-License-Identifier: MIT
// /etc/patronus/config.yaml: the tuning guide's keys, and ours beside them. Each is effective and
// proven by a test of its effect in the tool that uses it. Defaults are the guide's.
#pragma once
#include "model/schema.h"

enum pt_log_format { PT_LOG_FORMAT_JSON, PT_LOG_FORMAT_TEXT };

struct pt_config {
	const char *edge; // who I am: a site's `edge`; NULL: the host name

	struct {
		int64_t check_interval_secs;
		int64_t check_interval_ms; // PT_NULL: check_interval_secs holds
		int64_t probes_per_check;
		int64_t probe_timeout_ms;
		bool persist_to_db;
		int64_t db_persist_interval;
	} health;

	struct {
		int64_t detection_threshold;
		int64_t detection_interval_secs;
		int64_t detection_interval_ms; // PT_NULL: detection_interval_secs holds
		int64_t up_count;              // replies in a row before a path is up again
		int64_t cooldown_period_secs;  // wait before failing back
		int64_t hold_ms;               // PT_NULL: cooldown_period_secs holds
		bool parallel_checks;
	} failover;

	struct {
		const char *path;
		int64_t connection_pool_size, max_connections, statement_cache_size;
		int64_t busy_timeout_ms;
		int journal_mode, synchronous; // enum words of the guide
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
		int level;  // enum pt_log_level
		int format; // enum pt_log_format
		int rotation;
		int64_t retention_days, max_size_mb;
	} logging;

	struct {
		int64_t persistent_keepalive, allowed_ips_batch_size;
	} wireguard;
};

extern const struct pt_schema pt_config_schema;

// Loads and checks path (NULL: all defaults). Strings live in the arena.
int pt_config_load(const char *path, struct pt_arena *a, struct pt_config *out, struct pt_err *err);

// Effective values: the milliseconds where given, the seconds otherwise.
int64_t pt_config_detection_ms(const struct pt_config *c);
int64_t pt_config_check_ms(const struct pt_config *c);
int64_t pt_config_hold_ms(const struct pt_config *c);
