// SPDX-License-Identifier: MIT
#include "model/config.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "tmpfile.h"

static int load(const char *text, struct pt_arena *a, struct pt_config *c, struct pt_err *err)
{
	t_autofile f = t_file_make(text);
	int rc = pt_config_load(f.path, a, c, err);

	if (rc < 0)
		t_file_cut(&f, err->msg);
	return rc;
}

// The guide's figures, key by key.
static void defaults_are_the_guides(void)
{
	pt_autoarena a = { 0 };
	struct pt_config c;

	T_NEED(pt_config_load(NULL, &a, &c, NULL) == 0);
	T_OK(c.edge == NULL);
	T_EQ(c.health.check_interval_secs, 10);
	T_EQ(c.health.check_interval_ms, PT_NULL);
	T_EQ(c.health.probes_per_check, 5);
	T_EQ(c.health.probe_timeout_ms, 1000);
	T_OK(c.health.persist_to_db);
	T_EQ(c.health.db_persist_interval, 6);
	T_STR(c.database.path, "/var/lib/patronus/sdwan.db");
	T_EQ(c.database.connection_pool_size, 32);
	T_EQ(c.database.max_connections, 64);
	T_EQ(c.database.statement_cache_size, 100);
	T_EQ(c.database.busy_timeout_ms, 5000);
	T_STR(pt_journal_mode_names[c.database.journal_mode], "WAL");
	// But this: with NORMAL a power cut takes the newest rows, and FULL costs next to nothing.
	T_STR(pt_synchronous_names[c.database.synchronous], "FULL");
	T_EQ(c.database.cache_size, -65536);
	T_EQ(c.database.mmap_size, 268435456);
	T_EQ(c.database.page_size, 4096);
	T_STR(c.api.bind, "0.0.0.0:8081");
	T_EQ(c.api.workers, 8);
	T_EQ(c.api.max_connections, 10000);
	T_EQ(c.api.keep_alive, 75);
	T_EQ(c.api.request_timeout, 30);
	T_EQ(c.api.max_request_size, 1048576);
	T_STR(c.dashboard.bind, "0.0.0.0:8080");
	T_EQ(c.dashboard.workers, 4);
	T_EQ(c.dashboard.max_connections, 5000);
	T_EQ(c.dashboard.static_cache_ttl, 3600);
	T_OK(c.metrics.enabled);
	T_EQ(c.metrics.export_interval_secs, 10);
	T_EQ(c.metrics.retention_seconds, 7776000);
	T_OK(c.metrics.aggregation_enabled);
	T_EQ(c.metrics.aggregation_interval_secs, 300);
	T_EQ(c.logging.level, PT_LOG_INFO);
	T_EQ(c.logging.format, PT_LOG_FORMAT_JSON);
	T_EQ(c.logging.rotation, PT_ROTATE_DAILY);
	T_EQ(c.logging.retention_days, 30);
	T_EQ(c.logging.max_size_mb, 100);
	T_EQ(c.failover.detection_threshold, 3);
	T_EQ(c.failover.detection_interval_secs, 5);
	T_EQ(c.failover.detection_interval_ms, PT_NULL);
	T_EQ(c.failover.up_count, 3);
	T_EQ(c.failover.cooldown_period_secs, 60);
	T_EQ(c.failover.hold_ms, PT_NULL);
	T_EQ(c.failover.cooldown_half_life_secs, 900);
	T_EQ(c.failover.cooldown_max_secs, 3600);
	T_OK(c.failover.traffic_probes);
	T_OK(c.failover.passive);
	T_EQ(c.failover.passive_share, 16);
	T_OK(c.failover.parallel_checks);
	T_EQ(c.wireguard.persistent_keepalive, 25);
	T_EQ(c.wireguard.allowed_ips_batch_size, 100);
}

// etc/config.yaml states every default, and states it rightly.
static void example_is_the_defaults(void)
{
	pt_autoarena a = { 0 };
	struct pt_config c, want;
	struct pt_err err = { 0 };

	pt_schema_defaults(&pt_config_schema, &want);
	if (pt_config_load("etc/config.yaml", &a, &c, &err) < 0)
		T_FAIL("%s", err.msg);
	else
		T_OK(pt_schema_equal(&pt_config_schema, &c, &want));
}

static void profiles_load(void)
{
	static const struct {
		const char *path;
		int64_t pool, cache, workers, check, retention;
	} rows[] = {
		{ "etc/profiles/small.yaml", 8, -16384, 4, 10000, 7776000 },
		{ "etc/profiles/medium.yaml", 32, -65536, 8, 10000, 7776000 },
		{ "etc/profiles/large.yaml", 64, -131072, 16, 15000, 2592000 },
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		pt_autoarena a = { 0 };
		struct pt_config c;
		struct pt_err err = { 0 };
		if (pt_config_load(rows[i].path, &a, &c, &err) < 0) {
			T_FAIL("%s", err.msg);
			continue;
		}
		T_EQ(c.database.connection_pool_size, rows[i].pool);
		T_EQ(c.database.cache_size, rows[i].cache);
		T_EQ(c.api.workers, rows[i].workers);
		T_EQ(pt_config_check_ms(&c), rows[i].check);
		T_EQ(c.metrics.retention_seconds, rows[i].retention);
	}
}

static void milliseconds_override(void)
{
	pt_autoarena a = { 0 };
	struct pt_config c;
	struct pt_err err = { 0 };

	T_NEED(load("failover: {detection_interval_secs: 7, cooldown_period_secs: 2}\n"
		    "health: {check_interval_secs: 3}\n",
		       &a, &c, &err) == 0);
	T_EQ(pt_config_detection_ms(&c), 7000);
	T_EQ(pt_config_hold_ms(&c), 2000);
	T_EQ(pt_config_check_ms(&c), 3000);
	T_NEED(load("failover: {detection_interval_ms: 10, detection_interval_secs: 7, hold_ms: "
		    "0}\n"
		    "health: {check_interval_ms: 500, check_interval_secs: 3}\n",
		       &a, &c, &err) == 0);
	T_EQ(pt_config_detection_ms(&c), 10);
	T_EQ(pt_config_hold_ms(&c), 0);
	T_EQ(pt_config_check_ms(&c), 500);
	T_EQ(pt_config_probe_ns(&c), 10000000);
	T_NEED(load("failover: {detection_interval_ms: 250}\n"
		    "health: {check_interval_ms: 1000, probes_per_check: 20}\n",
		       &a, &c, &err) == 0);
	T_EQ(pt_config_probe_ns(&c), 50000000); // quality wants more probes than detection
}

static const struct {
	const char *text, *error;
} refused[] = {
	{ "failover:\n  detection_threshhold: 3\n",
		"2:3: failover.detection_threshhold: unknown key; did you mean "
		"detection_threshold?" },
	{ "helth:\n  probes_per_check: 3\n", "1:1: helth: unknown key; did you mean health?" },
	{ "failover:\n  detection_threshold: 0\n",
		"2:24: failover.detection_threshold: 0 is out of range 1 to 100" },
	{ "failover:\n  detection_interval_ms: 0\n",
		"2:26: failover.detection_interval_ms: 0 is out of range 1 to 3600000 ms" },
	{ "database:\n  journal_mode: OFF\n",
		"2:17: database.journal_mode: \"OFF\" is not a word for this; valid here: WAL, "
		"DELETE, TRUNCATE, PERSIST" },
	{ "database:\n  journal_mode: wal\n",
		"2:17: database.journal_mode: \"wal\" is not a word for this; did you mean WAL?" },
	{ "logging:\n  level: verbose\n",
		"2:10: logging.level: \"verbose\" is not a word for this; valid here: error, warn, "
		"info, debug" },
	{ "edge: west edge\n",
		"1:7: edge: \"west edge\" is not an id: 1 to 63 of A-Z a-z 0-9 . _ -" },
	{ "failover:\n  detection_interval_ms: 1\n",
		"2:26: health.probe_timeout_ms: 1000 ms with a probe every 1 ms leaves 1000 "
		"outstanding, at most 200 are possible: lower it to 200 or raise "
		"failover.detection_interval_ms" },
	{ "failover:\n  detection_interval_ms: 1\nhealth:\n  probe_timeout_ms: 201\n",
		"4:21: health.probe_timeout_ms: 201 ms with a probe every 1 ms leaves 201 "
		"outstanding, at most 200 are possible: lower it to 200 or raise "
		"failover.detection_interval_ms" },
	{ "health:\n  probes_per_check: 150\n  check_interval_ms: 900\n",
		"2:21: health.probes_per_check: 150 probes every 900 ms leave 300 outstanding "
		"within health.probe_timeout_ms, at most 200 are possible" },
	{ "health:\n  probes_per_check: 20\n  check_interval_ms: 10\n  probe_timeout_ms: 10\n",
		"2:21: health.probes_per_check: more than one probe a millisecond" },
	{ "database: {page_size: 5000}\n", "1:23: database.page_size: 5000 is not a power of two" },
	{ "database: {connection_pool_size: 65}\n",
		"1:34: database.connection_pool_size: 65 is more than database.max_connections, "
		"64" },
	{ "database: {max_connections: 8}\n",
		"1:29: database.connection_pool_size: 32 is more than database.max_connections, "
		"8" },
	{ "metrics: {retention_seconds: 60}\n",
		"1:30: metrics.retention_seconds: 60 s is less than "
		"metrics.aggregation_interval_secs, 300 s" },
	{ "api: {bind: localhost:8081}\n",
		"1:13: api.bind: \"localhost:8081\" is not "
		"ADDRESS:PORT, such as 127.0.0.1:8081 or [::1]:8081" },
	{ "api: {bind: \"::1:8081\"}\n",
		"1:13: api.bind: \"::1:8081\" is not ADDRESS:PORT, such as "
		"127.0.0.1:8081 or [::1]:8081" },
	{ "dashboard: {bind: \"127.0.0.1:65536\"}\n",
		"1:19: dashboard.bind: \"127.0.0.1:65536\" is not ADDRESS:PORT, such as "
		"127.0.0.1:8081 or [::1]:8081" },
	{ "dashboard: {bind: \"127.0.0.1\"}\n",
		"1:19: dashboard.bind: \"127.0.0.1\" is not ADDRESS:PORT, such as 127.0.0.1:8081 "
		"or [::1]:8081" },
	{ "health: 5\n", "1:9: health: needs a mapping (key: value), has a single value" },
};

static void refuses(void)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(refused); i++) {
		pt_autoarena a = { 0 };
		struct pt_config c = { .edge = "untouched" };
		struct pt_err err = { 0 };
		int rc = load(refused[i].text, &a, &c, &err);
		if (rc >= 0)
			T_FAIL("accepted: %s", refused[i].text);
		else
			T_STR(err.msg, refused[i].error);
		T_STR(c.edge, "untouched"); // a bad file changes nothing
	}
}

static void addresses_to_bind(void)
{
	static const char *const good[] = { "127.0.0.1:1", "0.0.0.0:0", "[::1]:8081",
		"[::]:65535" };

	for (size_t i = 0; i < PT_ARRAY_LEN(good); i++) {
		pt_autoarena a = { 0 };
		pt_autobuf text = { 0 };
		struct pt_config c;
		struct pt_err err = { 0 };
		pt_buf_printf(&text, "api: {bind: \"%s\"}\n", good[i]);
		if (load(text.data, &a, &c, &err) < 0)
			T_FAIL("%s", err.msg);
		else
			T_STR(c.api.bind, good[i]);
	}
}

// Each number of the schema: its bounds are taken, one past them is not.
static void check_bounds(const struct pt_schema *section, const char *name, unsigned *tried)
{
	for (size_t i = 0; i < section->n; i++) {
		const struct pt_field *f = &section->fields[i];
		if (f->kind != PT_KIND_I64)
			continue;
		const int64_t values[] = { f->min, f->max, f->min - 1, f->max + 1 };
		for (size_t k = 0; k < PT_ARRAY_LEN(values); k++, (*tried)++) {
			pt_autoarena a = { 0 };
			pt_autobuf text = { 0 };
			struct pt_config c;
			struct pt_err err = { 0 };
			pt_buf_printf(&text, "%s:\n  %s: %" PRId64 "\n", name, f->key, values[k]);
			int rc = pt_yaml_parse(&(struct pt_yaml_text){ "f", text.data, text.len },
				&pt_config_schema, &a, NULL, &c, &err);
			if ((rc == 0) != (k < 2))
				T_FAIL("%s.%s: %" PRId64 ": %s", name, f->key, values[k],
					rc ? err.msg : "taken");
		}
	}
}

static void bounds_hold(void)
{
	unsigned tried = 0;

	for (size_t i = 0; i < pt_config_schema.n; i++) {
		const struct pt_field *f = &pt_config_schema.fields[i];
		if (f->sub)
			check_bounds(f->sub, f->key, &tried);
	}
	T_OK(tried >= 4 * 28);
}

static void round_trip(void)
{
	pt_autoarena a = { 0 };
	pt_autobuf text = { 0 };
	struct pt_config c, d;
	struct pt_err err = { 0 };

	T_NEED(load("edge: west\ndatabase: {synchronous: \"OFF\", path: /tmp/a b.db}\n"
		    "failover: {hold_ms: 0, parallel_checks: false}\nlogging: {level: debug}\n",
		       &a, &c, &err) == 0);
	T_EQ(pt_yaml_write(&pt_config_schema, &c, &text), 0);
	T_STR(text.data,
		"edge: west\nfailover:\n  hold_ms: 0\n  parallel_checks: false\ndatabase:\n"
		"  path: /tmp/a b.db\n  synchronous: \"OFF\"\nlogging:\n  level: debug\n");
	T_NEED(load(text.data, &a, &d, &err) == 0);
	T_OK(pt_schema_equal(&pt_config_schema, &c, &d));
}

static void missing_file(void)
{
	pt_autoarena a = { 0 };
	struct pt_config c;
	struct pt_err err = { 0 };

	T_EQ(pt_config_load("/nonexistent.yaml", &a, &c, &err), -ENOENT);
	T_STR(err.msg, "/nonexistent.yaml: No such file or directory");
}

T_MAIN({ "the defaults are the guide's", defaults_are_the_guides },
	{ "etc/config.yaml states them", example_is_the_defaults },
	{ "the profiles load", profiles_load },
	{ "milliseconds override seconds", milliseconds_override },
	{ "what is refused, and where", refuses }, { "addresses to bind", addresses_to_bind },
	{ "every bound holds", bounds_hold }, { "written and read again", round_trip },
	{ "a missing file", missing_file })
