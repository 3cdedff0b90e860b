// SPDX-License-Identifier: MIT
#include "model/config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "model/node.h"

// A member of one of pt_config's sections, counted from the section's start.
#define IN(section, member) \
	.offset = offsetof(struct pt_config, section.member) - offsetof(struct pt_config, section)
#define SIZE(section) sizeof(((const struct pt_config *)NULL)->section)
#define SCHEMA(name_, table)                                                                     \
	{                                                                                        \
		.name = #name_, .size = SIZE(name_), .fields = (table), .n = PT_ARRAY_LEN(table) \
	}

#define DAY_SECS    86400
#define MAX_CLIENTS 1000000

const char *const pt_journal_mode_names[] = {
	[PT_JOURNAL_WAL] = "WAL",
	[PT_JOURNAL_DELETE] = "DELETE",
	[PT_JOURNAL_TRUNCATE] = "TRUNCATE",
	[PT_JOURNAL_PERSIST] = "PERSIST",
	[PT_JOURNAL_MEMORY] = "MEMORY",
	[PT_JOURNAL_OFF] = "OFF",
	NULL,
};
const char *const pt_synchronous_names[] = {
	[PT_SYNC_OFF] = "OFF",
	[PT_SYNC_NORMAL] = "NORMAL",
	[PT_SYNC_FULL] = "FULL",
	[PT_SYNC_EXTRA] = "EXTRA",
	NULL,
};
static const char *const level_names[] = {
	[PT_LOG_ERROR] = "error",
	[PT_LOG_WARN] = "warn",
	[PT_LOG_INFO] = "info",
	[PT_LOG_DEBUG] = "debug",
	NULL,
};
static const char *const format_names[] = {
	[PT_LOG_FORMAT_JSON] = "json",
	[PT_LOG_FORMAT_TEXT] = "text",
	NULL,
};
static const char *const rotation_names[] = {
	[PT_ROTATE_HOURLY] = "hourly",
	[PT_ROTATE_DAILY] = "daily",
	[PT_ROTATE_WEEKLY] = "weekly",
	[PT_ROTATE_NEVER] = "never",
	NULL,
};

static const struct pt_field health_fields[] = {
	{ .key = "check_interval_secs",
		.kind = PT_KIND_I64,
		IN(health, check_interval_secs),
		.min = 1,
		.max = 3600,
		.def = 10,
		.unit = "s",
		.doc = "Time between two quality rounds of a path" },
	{ .key = "check_interval_ms",
		.kind = PT_KIND_I64,
		IN(health, check_interval_ms),
		.flags = PT_FIELD_NULLABLE,
		.min = 10,
		.max = 3600000,
		.def = PT_NULL,
		.unit = "ms",
		.doc = "The same in milliseconds; overrides check_interval_secs" },
	{ .key = "probes_per_check",
		.kind = PT_KIND_I64,
		IN(health, probes_per_check),
		.min = 1,
		.max = 200,
		.def = 5,
		.doc = "Probes of one quality round, spread over it evenly" },
	{ .key = "probe_timeout_ms",
		.kind = PT_KIND_I64,
		IN(health, probe_timeout_ms),
		.min = 1,
		.max = 60000,
		.def = 1000,
		.unit = "ms",
		.doc = "A probe unanswered for so long is lost" },
	{ .key = "persist_to_db",
		.kind = PT_KIND_BOOL,
		IN(health, persist_to_db),
		.def = true,
		.doc = "Whether health records go to the database" },
	{ .key = "db_persist_interval",
		.kind = PT_KIND_I64,
		IN(health, db_persist_interval),
		.min = 1,
		.max = 10000,
		.def = 6,
		.doc = "Of how many rounds one goes to the database" },
};
static const struct pt_schema health_schema = SCHEMA(health, health_fields);

static const struct pt_field failover_fields[] = {
	{ .key = "detection_threshold",
		.kind = PT_KIND_I64,
		IN(failover, detection_threshold),
		.min = 1,
		.max = 100,
		.def = 3,
		.doc = "Overdue probes in a row before a path is down" },
	{ .key = "detection_interval_secs",
		.kind = PT_KIND_I64,
		IN(failover, detection_interval_secs),
		.min = 1,
		.max = 3600,
		.def = 5,
		.unit = "s",
		.doc = "Time between two liveness probes of a path" },
	{ .key = "detection_interval_ms",
		.kind = PT_KIND_I64,
		IN(failover, detection_interval_ms),
		.flags = PT_FIELD_NULLABLE,
		.min = 1,
		.max = 3600000,
		.def = PT_NULL,
		.unit = "ms",
		.doc = "The same in milliseconds; overrides detection_interval_secs" },
	{ .key = "up_count",
		.kind = PT_KIND_I64,
		IN(failover, up_count),
		.min = 1,
		.max = 1000,
		.def = 3,
		.doc = "Replies in a row before a path is up again" },
	{ .key = "cooldown_period_secs",
		.kind = PT_KIND_I64,
		IN(failover, cooldown_period_secs),
		.min = 0,
		.max = DAY_SECS,
		.def = 60,
		.unit = "s",
		.doc = "Wait before traffic fails back to a path that was down" },
	{ .key = "hold_ms",
		.kind = PT_KIND_I64,
		IN(failover, hold_ms),
		.flags = PT_FIELD_NULLABLE,
		.min = 0,
		.max = DAY_SECS * 1000,
		.def = PT_NULL,
		.unit = "ms",
		.doc = "The same in milliseconds; overrides cooldown_period_secs" },
	{ .key = "parallel_checks",
		.kind = PT_KIND_BOOL,
		IN(failover, parallel_checks),
		.def = true,
		.doc = "Probe all paths at once instead of one after the other" },
};
static const struct pt_schema failover_schema = SCHEMA(failover, failover_fields);

static const struct pt_field database_fields[] = {
	{ .key = "path",
		.kind = PT_KIND_STR,
		IN(database, path),
		.def_str = "/var/lib/patronus/sdwan.db",
		.doc = "The SQLite file" },
	{ .key = "connection_pool_size",
		.kind = PT_KIND_I64,
		IN(database, connection_pool_size),
		.min = 1,
		.max = 1024,
		.def = 32,
		.doc = "Read connections kept open" },
	{ .key = "max_connections",
		.kind = PT_KIND_I64,
		IN(database, max_connections),
		.min = 1,
		.max = 4096,
		.def = 64,
		.doc = "Connections at most, the pool included" },
	{ .key = "statement_cache_size",
		.kind = PT_KIND_I64,
		IN(database, statement_cache_size),
		.min = 0,
		.max = 10000,
		.def = 100,
		.doc = "Prepared statements kept for each connection" },
	{ .key = "busy_timeout_ms",
		.kind = PT_KIND_I64,
		IN(database, busy_timeout_ms),
		.min = 0,
		.max = 600000,
		.def = 5000,
		.unit = "ms",
		.doc = "How long to wait for a lock" },
	{ .key = "journal_mode",
		.kind = PT_KIND_ENUM,
		IN(database, journal_mode),
		.names = pt_journal_mode_names,
		.def = PT_JOURNAL_WAL,
		.doc = "SQLite's journal" },
	{ .key = "synchronous",
		.kind = PT_KIND_ENUM,
		IN(database, synchronous),
		.names = pt_synchronous_names,
		.def = PT_SYNC_NORMAL,
		.doc = "When SQLite waits for the disk" },
	{ .key = "cache_size",
		.kind = PT_KIND_I64,
		IN(database, cache_size),
		.min = -16777216,
		.max = 16777216,
		.def = -65536,
		.doc = "Page cache of a connection: pages, or KiB when negative" },
	{ .key = "mmap_size",
		.kind = PT_KIND_I64,
		IN(database, mmap_size),
		.min = 0,
		.max = INT64_C(1) << 40,
		.def = 268435456,
		.unit = "bytes",
		.doc = "How much of the file is read through memory" },
	{ .key = "page_size",
		.kind = PT_KIND_I64,
		IN(database, page_size),
		.min = 512,
		.max = 65536,
		.def = 4096,
		.unit = "bytes",
		.doc = "Page of a new database: a power of two" },
};
static const struct pt_schema database_schema = SCHEMA(database, database_fields);

static const struct pt_field api_fields[] = {
	{ .key = "bind",
		.kind = PT_KIND_STR,
		IN(api, bind),
		.def_str = "0.0.0.0:8081",
		.doc = "Where the API listens: ADDRESS:PORT or [IPV6]:PORT" },
	{ .key = "workers",
		.kind = PT_KIND_I64,
		IN(api, workers),
		.min = 1,
		.max = 256,
		.def = 8,
		.doc = "Threads that answer requests" },
	{ .key = "max_connections",
		.kind = PT_KIND_I64,
		IN(api, max_connections),
		.min = 1,
		.max = MAX_CLIENTS,
		.def = 10000,
		.doc = "Clients at once" },
	{ .key = "keep_alive",
		.kind = PT_KIND_I64,
		IN(api, keep_alive),
		.min = 0,
		.max = 3600,
		.def = 75,
		.unit = "s",
		.doc = "How long an idle connection stays open" },
	{ .key = "request_timeout",
		.kind = PT_KIND_I64,
		IN(api, request_timeout),
		.min = 1,
		.max = 3600,
		.def = 30,
		.unit = "s",
		.doc = "How long a request may take" },
	{ .key = "max_request_size",
		.kind = PT_KIND_I64,
		IN(api, max_request_size),
		.min = 1024,
		.max = 1 << 30,
		.def = 1048576,
		.unit = "bytes",
		.doc = "Largest request body that is read" },
};
static const struct pt_schema api_schema = SCHEMA(api, api_fields);

static const struct pt_field dashboard_fields[] = {
	{ .key = "bind",
		.kind = PT_KIND_STR,
		IN(dashboard, bind),
		.def_str = "0.0.0.0:8080",
		.doc = "Where the dashboard listens: ADDRESS:PORT or [IPV6]:PORT" },
	{ .key = "workers",
		.kind = PT_KIND_I64,
		IN(dashboard, workers),
		.min = 1,
		.max = 256,
		.def = 4,
		.doc = "Threads that answer requests" },
	{ .key = "max_connections",
		.kind = PT_KIND_I64,
		IN(dashboard, max_connections),
		.min = 1,
		.max = MAX_CLIENTS,
		.def = 5000,
		.doc = "Clients at once" },
	{ .key = "static_cache_ttl",
		.kind = PT_KIND_I64,
		IN(dashboard, static_cache_ttl),
		.min = 0,
		.max = 365 * DAY_SECS,
		.def = 3600,
		.unit = "s",
		.doc = "How long a browser may keep the page's files" },
};
static const struct pt_schema dashboard_schema = SCHEMA(dashboard, dashboard_fields);

static const struct pt_field metrics_fields[] = {
	{ .key = "enabled",
		.kind = PT_KIND_BOOL,
		IN(metrics, enabled),
		.def = true,
		.doc = "Whether tools write stats records and pt-serve exports metrics" },
	{ .key = "export_interval_secs",
		.kind = PT_KIND_I64,
		IN(metrics, export_interval_secs),
		.min = 1,
		.max = 3600,
		.def = 10,
		.unit = "s",
		.doc = "Time between two stats records of a tool" },
	{ .key = "retention_seconds",
		.kind = PT_KIND_I64,
		IN(metrics, retention_seconds),
		.min = 60,
		.max = INT64_C(3650) * DAY_SECS,
		.def = 7776000,
		.unit = "s",
		.doc = "Age at which rows leave the database" },
	{ .key = "aggregation_enabled",
		.kind = PT_KIND_BOOL,
		IN(metrics, aggregation_enabled),
		.def = true,
		.doc = "Whether old rows are merged into aggregates" },
	{ .key = "aggregation_interval_secs",
		.kind = PT_KIND_I64,
		IN(metrics, aggregation_interval_secs),
		.min = 1,
		.max = DAY_SECS,
		.def = 300,
		.unit = "s",
		.doc = "Time that one aggregate covers" },
};
static const struct pt_schema metrics_schema = SCHEMA(metrics, metrics_fields);

static const struct pt_field logging_fields[] = {
	{ .key = "level",
		.kind = PT_KIND_ENUM,
		IN(logging, level),
		.names = level_names,
		.def = PT_LOG_INFO,
		.doc = "The least important level that is written" },
	{ .key = "format",
		.kind = PT_KIND_ENUM,
		IN(logging, format),
		.names = format_names,
		.def = PT_LOG_FORMAT_JSON,
		.doc = "Shape of a log line" },
	{ .key = "rotation",
		.kind = PT_KIND_ENUM,
		IN(logging, rotation),
		.names = rotation_names,
		.def = PT_ROTATE_DAILY,
		.doc = "When a new log file begins" },
	{ .key = "retention_days",
		.kind = PT_KIND_I64,
		IN(logging, retention_days),
		.min = 1,
		.max = 3650,
		.def = 30,
		.unit = "days",
		.doc = "How long log files are kept" },
	{ .key = "max_size_mb",
		.kind = PT_KIND_I64,
		IN(logging, max_size_mb),
		.min = 1,
		.max = 102400,
		.def = 100,
		.unit = "MB",
		.doc = "Size at which a log file is rotated early" },
};
static const struct pt_schema logging_schema = SCHEMA(logging, logging_fields);

static const struct pt_field wireguard_fields[] = {
	{ .key = "persistent_keepalive",
		.kind = PT_KIND_I64,
		IN(wireguard, persistent_keepalive),
		.min = 0,
		.max = 65535,
		.def = 25,
		.unit = "s",
		.doc = "Keepalive of every peer, 0 for none" },
	{ .key = "allowed_ips_batch_size",
		.kind = PT_KIND_I64,
		IN(wireguard, allowed_ips_batch_size),
		.min = 1,
		.max = 10000,
		.def = 100,
		.doc = "Allowed addresses sent to the kernel in one message" },
};
static const struct pt_schema wireguard_schema = SCHEMA(wireguard, wireguard_fields);

#define SECTION(name_, text)                                                                 \
	{                                                                                    \
		.key = #name_, .kind = PT_KIND_OBJECT, PT_FIELD_AT(struct pt_config, name_), \
		.sub = &name_##_schema, .doc = (text)                                        \
	}
static const struct pt_field config_fields[] = {
	{ .key = "edge",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_config, edge),
		.flags = PT_FIELD_ID,
		.doc = "Who this host is: a site's edge; the host name where absent" },
	SECTION(health, "Quality rounds"),
	SECTION(failover, "Liveness and failing back"),
	SECTION(database, "SQLite"),
	SECTION(api, "REST API"),
	SECTION(dashboard, "Dashboard"),
	SECTION(metrics, "Statistics, their export and their retention"),
	SECTION(logging, "Log output"),
	SECTION(wireguard, "WireGuard peers"),
};
const struct pt_schema pt_config_schema = {
	.name = "config",
	.size = sizeof(struct pt_config),
	.fields = config_fields,
	.n = PT_ARRAY_LEN(config_fields),
};

int64_t pt_config_detection_ms(const struct pt_config *c)
{
	int64_t ms = c->failover.detection_interval_ms;

	return ms == PT_NULL ? c->failover.detection_interval_secs * 1000 : ms;
}

int64_t pt_config_check_ms(const struct pt_config *c)
{
	int64_t ms = c->health.check_interval_ms;

	return ms == PT_NULL ? c->health.check_interval_secs * 1000 : ms;
}

int64_t pt_config_hold_ms(const struct pt_config *c)
{
	return c->failover.hold_ms == PT_NULL ? c->failover.cooldown_period_secs * 1000
					      : c->failover.hold_ms;
}

// The first of the fields that the file itself sets: that is where the author must look.
static const char *where(const struct pt_marks *m, const void *a, const void *b)
{
	return pt_marks_where(m, pt_marks_has(m, a) ? a : b);
}

static int check_probes(const struct pt_config *c, const struct pt_marks *m, struct pt_err *err)
{
	const int64_t *timeout = &c->health.probe_timeout_ms;
	int64_t detection = pt_config_detection_ms(c), check = pt_config_check_ms(c);
	int64_t live = *timeout / detection;
	int64_t rounds = (*timeout + check - 1) / check * c->health.probes_per_check;

	if (live > PT_MAX_OUTSTANDING)
		return pt_err_set(err, -ERANGE,
			"%s: health.probe_timeout_ms: %" PRId64 " ms with a probe every %" PRId64
			" ms leaves %" PRId64 " outstanding, at most %d are possible: lower it to "
			"%" PRId64 " or raise failover.detection_interval_ms",
			where(m, timeout, &c->failover.detection_interval_ms), *timeout, detection,
			live, PT_MAX_OUTSTANDING, detection * PT_MAX_OUTSTANDING);
	if (rounds > PT_MAX_OUTSTANDING)
		return pt_err_set(err, -ERANGE,
			"%s: health.probes_per_check: %" PRId64 " probes every %" PRId64
			" ms leave %" PRId64 " outstanding within health.probe_timeout_ms, at most "
			"%d are possible",
			where(m, &c->health.probes_per_check, &c->health.check_interval_ms),
			c->health.probes_per_check, check, rounds, PT_MAX_OUTSTANDING);
	if (c->health.probes_per_check > check)
		return pt_err_set(err, -ERANGE,
			"%s: health.probes_per_check: more than one probe a millisecond",
			pt_marks_where(m, &c->health.probes_per_check));
	return 0;
}

static int check_bind(
	const char *key, const char *const *bind, const struct pt_marks *m, struct pt_err *err)
{
	char host[PT_ADDR_LEN];
	const char *colon = strrchr(*bind, ':'), *start = *bind;
	struct pt_addr addr = { 0 };
	uint32_t port;

	size_t len = colon ? (size_t)(colon - start) : 0;
	bool bracket = len > 2 && start[0] == '[' && start[len - 1] == ']';
	if (bracket) {
		start++;
		len -= 2;
	}
	bool fits = len > 0 && len < sizeof(host);
	(void)snprintf(host, sizeof(host), "%.*s", fits ? (int)len : 0, start);
	if (fits && pt_addr_parse(host, &addr) == 0 && (addr.family == AF_INET6) == bracket &&
		pt_parse_u32(colon + 1, 0, UINT16_MAX, &port) == 0)
		return 0;
	return pt_err_set(err, -EINVAL,
		"%s: %s: \"%s\" is not ADDRESS:PORT, such as 127.0.0.1:8081 or [::1]:8081",
		pt_marks_where(m, bind), key, *bind);
}

static int check_storage(const struct pt_config *c, const struct pt_marks *m, struct pt_err *err)
{
	int64_t page = c->database.page_size;

	if (page & (page - 1))
		return pt_err_set(err, -EINVAL,
			"%s: database.page_size: %" PRId64 " is not a power of two",
			pt_marks_where(m, &c->database.page_size), page);
	if (c->database.connection_pool_size > c->database.max_connections)
		return pt_err_set(err, -ERANGE,
			"%s: database.connection_pool_size: %" PRId64
			" is more than database.max_connections, %" PRId64,
			where(m, &c->database.connection_pool_size, &c->database.max_connections),
			c->database.connection_pool_size, c->database.max_connections);
	if (c->metrics.retention_seconds < c->metrics.aggregation_interval_secs)
		return pt_err_set(err, -ERANGE,
			"%s: metrics.retention_seconds: %" PRId64
			" s is less than metrics.aggregation_interval_secs, %" PRId64 " s",
			where(m, &c->metrics.retention_seconds,
				&c->metrics.aggregation_interval_secs),
			c->metrics.retention_seconds, c->metrics.aggregation_interval_secs);
	return 0;
}

int pt_config_load(const char *path, struct pt_arena *a, struct pt_config *out, struct pt_err *err)
{
	struct pt_config c;
	struct pt_marks *m = NULL;
	int rc;

	pt_schema_defaults(&pt_config_schema, &c);
	if (path) {
		rc = pt_yaml_load(path, &pt_config_schema, a, &m, &c, err);
		if (rc == 0)
			rc = check_probes(&c, m, err);
		if (rc == 0)
			rc = check_bind("api.bind", &c.api.bind, m, err);
		if (rc == 0)
			rc = check_bind("dashboard.bind", &c.dashboard.bind, m, err);
		if (rc == 0)
			rc = check_storage(&c, m, err);
		if (rc < 0)
			return rc;
	}
	*out = c;
	return 0;
}
