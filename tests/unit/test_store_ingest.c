// SPDX-License-Identifier: MIT
#include <errno.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/spool.h"
#include "store/ingest.h"
#include "store_fixture.h"

#define HEALTH                                                                              \
	"\"path\": \"p1\", \"target\": \"192.0.2.1\", \"family\": \"ipv4\", \"dscp\": 46, " \
	"\"probe\": \"stamp\", \"window_ms\": 1000, \"sent\": 10, \"received\": 9, "        \
	"\"late\": 1, \"loss_ppm\": 100000, \"loss_out_ppm\": null, \"loss_back_ppm\": 0, " \
	"\"rtt_us\": {\"min\": 1, \"p50\": 2, \"p95\": 3, \"p99\": 4, \"max\": 5, "         \
	"\"mean\": 6}, \"rtt_hist\": [[1, 9]], \"owd_out_us\": -7, \"owd_back_us\": 8, "    \
	"\"owd_error_us\": 9, \"jitter_us\": 10, \"pdv_us\": 11, \"reordered\": 12, "       \
	"\"duplicates\": 13, \"mtu\": 1400, \"mos\": 4.123, \"score\": 77, "                \
	"\"timestamps\": \"kernel\""

static struct pt_sql *db;
static struct pt_ingest *ingest;
static struct pt_err err;

static void begin(void)
{
	err = (struct pt_err){ 0 };
	db = fixture_db();
	fixture_config.health.db_persist_interval = 1;
	fixture_config.health.persist_to_db = true;
	T_EQ(pt_ingest_new(db, &fixture_config, &ingest, &err), 0);
	T_EQ(pt_ingest_begin(ingest, &err), 0);
}

static void end(void)
{
	pt_ingest_free(ingest);
	pt_sql_free(db);
}

static const char *ts = "2026-11-23T10:00:07.250000Z";

// One record of source h/t; the body is what follows the common fields.
static int put_as(const char *src, const char *boot, const char *type, int64_t mono, int64_t seq,
	const char *body)
{
	pt_autofree char *text = NULL;
	json_error_t why;

	T_OK(asprintf(&text,
		     "{\"type\": \"%s\", \"v\": 1, \"ts\": \"%s\", "
		     "\"mono_ns\": %" PRId64
		     ", \"boot\": \"%s\", \"src\": \"%s\", \"seq\": %" PRId64 "%s%s}",
		     type, ts, mono, boot, src, seq, *body ? ", " : "", body) > 0);
	pt_autojson json_t *record = json_loads(text, 0, &why);
	if (!record) {
		T_FAIL("%s", why.text);
		return -1;
	}
	return pt_ingest_record(ingest, record, type, text, &err);
}

static int put(const char *type, int64_t mono, int64_t seq, const char *body)
{
	return put_as("h/t", "b", type, mono, seq, body);
}

static void next_pass(void)
{
	if (pt_ingest_commit(ingest, &err) || pt_ingest_begin(ingest, &err))
		T_FAIL("%s", err.msg);
}

// The first row of a table, all columns, in a line.
static void row_text(const char *sql, char *out, size_t len)
{
	if (pt_sql_text(db, sql, out, len, &err))
		T_FAIL("%s", err.msg);
}

static void every_field_has_its_column(void)
{
	char text[512];

	begin();
	T_EQ(put("health", 1, 1, HEALTH), 0);
	T_EQ(put("transition", 2, 2,
		     "\"path\": \"p1\", \"from\": \"up\", \"to\": \"down\", \"cause\": "
		     "\"timeout\", "
		     "\"silence_us\": 30000"),
		0);
	T_EQ(put("decision", 3, 3,
		     "\"site\": \"s\", \"policy\": \"voice\", \"paths\": [\"p2\", \"p1\"], "
		     "\"previous\": [\"p1\"], \"reason\": \"sla\", \"rejected\": [{\"path\": "
		     "\"p1\", "
		     "\"why\": \"loss\"}], \"drop\": true, \"config\": \"c0ffee\""),
		0);
	T_EQ(put("switch", 4, 4,
		     "\"paths\": [\"p1\"], \"sites\": 2, \"from\": \"p1\", \"to\": null, "
		     "\"cause\": "
		     "\"timeout\", \"last_reply_ns\": 1, \"detected_ns\": 2, \"committed_ns\": 3, "
		     "\"first_packet_ns\": 4, \"first_reply_ns\": null, \"probes\": [{\"sent_ns\": "
		     "1, \"rtt_us\": 2}]"),
		0);
	T_EQ(put("traffic", 5, 5,
		     "\"path\": \"p1\", \"policy\": \"voice\", \"tx_packets\": 1, \"tx_bytes\": 2, "
		     "\"rx_packets\": 3, \"rx_bytes\": 4"),
		0);
	T_EQ(put("stats", 6, 6, "\"histograms\": {\"a\": [1, 2]}"), 0);
	next_pass();
	T_EQ(pt_ingest_counts(ingest)->rows, 6);

	row_text(
		"SELECT concat FROM (SELECT path_id||' '||target||' '||family||' '||dscp||' "
		"'||probe"
		"||' '||window_ms||' '||sent||' '||received||' '||late||' '||loss_ppm||' '||"
		"coalesce(loss_out_ppm, 'null')||' '||loss_back_ppm||' '||rtt_us_min||rtt_us_p50||"
		"rtt_us_p95||rtt_us_p99||rtt_us_max||rtt_us_mean||' '||rtt_hist||' '||owd_out_us||"
		"' '||owd_back_us||' '||owd_error_us||' '||jitter_us||' '||pdv_us||' '||reordered||"
		"' '||duplicates||' '||mtu||' '||mos||' '||score||' '||timestamps AS concat "
		"FROM sdwan_path_health)",
		text, sizeof(text));
	T_STR(text,
		"p1 192.0.2.1 ipv4 46 stamp 1000 10 9 1 100000 null 0 123456 [[1,9]] -7 8 9 10 "
		"11 12 13 1400 4.123 77 kernel");
	row_text("SELECT path_id||' '||from_status||' '||to_status||' '||cause||' '||silence_us "
		 "FROM transitions",
		text, sizeof(text));
	T_STR(text, "p1 up down timeout 30000");
	row_text("SELECT site_id||' '||policy_id||' '||paths||' '||previous||' '||reason||' '||"
		 "rejected||' '||dropped||' '||config FROM decisions",
		text, sizeof(text));
	T_STR(text,
		"s voice [\"p2\",\"p1\"] [\"p1\"] sla [{\"path\":\"p1\",\"why\":\"loss\"}] 1 "
		"c0ffee");
	row_text("SELECT paths||' '||sites||' '||from_path_id||' '||(to_path_id IS NULL)||' '||"
		 "cause||' '||last_reply_ns||detected_ns||committed_ns||first_packet_ns||"
		 "(first_reply_ns IS NULL)||' '||json_extract(record, '$.probes') FROM switches",
		text, sizeof(text));
	T_STR(text, "[\"p1\"] 2 p1 1 timeout 12341 [{\"sent_ns\":1,\"rtt_us\":2}]");
	row_text("SELECT path_id||' '||policy_id||' '||tx_packets||tx_bytes||rx_packets||rx_bytes "
		 "FROM traffic_stats",
		text, sizeof(text));
	T_STR(text, "p1 voice 1234");
	row_text("SELECT json_extract(record, '$.histograms.a') FROM stats", text, sizeof(text));
	T_STR(text, "[1,2]");
	// Where and when each came from: 2026-11-23T10:00:07.25Z.
	T_SQL(db, "SELECT timestamp FROM sdwan_path_health", 1795428007);
	T_SQL(db, "SELECT ts_us FROM sdwan_path_health", 1795428007250000);
	T_SQL(db,
		"SELECT count(*) FROM switches w JOIN sources s ON s.id = w.source_id "
		"WHERE s.src = 'h/t' AND s.boot = 'b' AND w.seq = 4 AND w.mono_ns = 4",
		1);
	end();
}

static void each_record_once(void)
{
	begin();
	T_EQ(put("stats", 10, 1, ""), 0);
	T_EQ(put("stats", 10, 1, ""), 0); // the same
	T_EQ(put("stats", 10, 2, ""), 0); // the same nanosecond
	T_EQ(put("stats", 9, 3, ""), 0);  // older
	T_EQ(put("stats", 11, 1, ""), 0); // the writer was restarted: seq begins again
	T_EQ(put_as("h/t", "b2", "stats", 1, 1, ""), 0); // another boot
	T_EQ(put_as("h/u", "b", "stats", 1, 1, ""), 0);  // another source
	next_pass();
	T_EQ(pt_ingest_counts(ingest)->rows, 5);
	T_EQ(pt_ingest_counts(ingest)->duplicates, 2);
	T_SQL(db, "SELECT count(*) FROM stats", 5);
	T_SQL(db, "SELECT count(*) FROM sources", 3);
	// What is known is known to the next process, too.
	pt_ingest_free(ingest);
	ingest = NULL;
	T_EQ(pt_sql_end(db, 0, &err), 0);
	T_EQ(pt_ingest_new(db, &fixture_config, &ingest, &err), 0);
	T_EQ(pt_ingest_begin(ingest, &err), 0);
	T_EQ(put("stats", 11, 1, ""), 0);
	T_EQ(put("stats", 11, 2, ""), 0);
	next_pass();
	T_EQ(pt_ingest_counts(ingest)->rows, 1);
	T_EQ(pt_ingest_counts(ingest)->duplicates, 1);
	end();
}

static void what_is_rolled_back_never_was(void)
{
	begin();
	T_EQ(put("stats", 1, 1, ""), 0);
	pt_ingest_abort(ingest);
	T_EQ(pt_ingest_counts(ingest)->rows, 0);
	T_SQL(db, "SELECT count(*) FROM sources", 0);
	T_EQ(pt_ingest_begin(ingest, &err), 0);
	T_EQ(put("stats", 1, 1, ""), 0);
	next_pass();
	T_EQ(pt_ingest_counts(ingest)->rows, 1);
	T_EQ(pt_ingest_counts(ingest)->duplicates, 0);
	T_SQL(db, "SELECT count(*) FROM stats", 1);
	end();
}

// Two processes with one source, as when an old service has not quite ended.
static void another_process_moves_the_mark(void)
{
	struct pt_sql *other_db = NULL;
	struct pt_ingest *first, *other = NULL;

	begin();
	first = ingest;
	T_EQ(put("stats", 1, 1, ""), 0);
	T_EQ(pt_ingest_commit(first, &err), 0);
	T_EQ(pt_store_open(fixture_path, PT_SQL_WRITE, &fixture_config, &other_db, &err), 0);
	T_EQ(pt_ingest_new(other_db, &fixture_config, &other, &err), 0);
	ingest = other;
	T_EQ(pt_ingest_begin(other, &err), 0);
	T_EQ(put("stats", 2, 2, ""), 0);
	T_EQ(pt_ingest_commit(other, &err), 0);
	ingest = first;
	T_EQ(pt_ingest_begin(first, &err), 0);
	T_EQ(put("stats", 2, 2, ""), 0);
	T_EQ(put("stats", 3, 3, ""), 0);
	next_pass();
	T_EQ(pt_ingest_counts(first)->duplicates, 1);
	T_SQL(db, "SELECT count(*) FROM stats", 3);
	pt_ingest_free(other);
	pt_sql_free(other_db);
	end();
}

static void hostile_records(void)
{
	static const struct {
		const char *type, *body, *why;
	} bad[] = {
		{ "traffic", "\"path\": 5", "path: not a string" },
		{ "traffic", "", "path: missing" },
		{ "traffic", "\"path\": \"p\", \"tx_bytes\": \"1; DROP TABLE paths\"",
			"tx_bytes: not an integer" },
		{ "traffic", "\"path\": \"p\", \"tx_bytes\": -1", "tx_bytes: not in range" },
		{ "traffic", "\"path\": \"p\", \"tx_bytes\": 1.5", "tx_bytes: not an integer" },
		{ "traffic", "\"path\": \"p\", \"tx_bytes\": {}", "tx_bytes: not an integer" },
		{ "transition", "\"path\": \"p\", \"from\": \"up\", \"to\": \"sideways\"",
			"to: not one of" },
		{ "transition", "\"path\": \"p\", \"from\": \"up\"", "to: missing" },
		{ "switch", "\"paths\": \"p1\"", "paths: not a list" },
		{ "decision", "\"site\": \"s\", \"policy\": \"p\", \"drop\": 1", "drop: not true" },
	};

	begin();
	for (size_t i = 0; i < PT_ARRAY_LEN(bad); i++) {
		T_EQ(put(bad[i].type, 100, 100, bad[i].body), -EINVAL);
		T_HAS(err.msg, bad[i].why);
	}
	// The mark of a source would be taken for NULL, and no transaction would pass with it.
	T_EQ(put_as("h/n", "b", "stats", 1, INT64_MIN, ""), -EINVAL);
	T_HAS(err.msg, "seq: negative");
	T_EQ(put_as("h/n", "b", "stats", INT64_MIN, 1, ""), -EINVAL);
	T_HAS(err.msg, "mono_ns: negative");
	T_EQ(put_as("", "b", "nonsense", 1, 1, ""), 0);
	// A bad one does not stand in the way of a good one.
	T_EQ(put("traffic", 5, 5, "\"path\": \"'); DROP TABLE paths; --\""), 0);
	next_pass();
	T_EQ(pt_ingest_counts(ingest)->malformed, PT_ARRAY_LEN(bad) + 2);
	T_EQ(pt_ingest_counts(ingest)->unknown, 1);
	T_EQ(pt_ingest_counts(ingest)->rows, 1);
	T_SQL(db, "SELECT count(*) FROM traffic_stats WHERE path_id LIKE '%DROP TABLE%'", 1);
	T_SQL(db, "SELECT count(*) FROM paths", 0);
	end();
}

static void common_fields_are_needed(void)
{
	static const char *const bad[][2] = {
		{ "{\"type\":\"stats\"}", "v: not 1" },
		{ "{\"type\":\"stats\",\"v\":2}", "v: not 1" },
		{ "{\"type\":\"stats\",\"v\":1,\"ts\":\"yesterday\"}", "ts: not a time" },
		{ "{\"type\":\"stats\",\"v\":1,\"ts\":\"2026-11-23T10:00:07.250000Z\"}",
			"src: missing" },
		{ "{\"type\":\"stats\",\"v\":1,\"ts\":\"2026-11-23T10:00:07.250000Z\","
		  "\"src\":\"a\"}",
			"boot: missing" },
		{ "{\"type\":\"stats\",\"v\":1,\"ts\":\"2026-11-23T10:00:07.250000Z\","
		  "\"src\":\"a\",\"boot\":\"b\",\"mono_ns\":1}",
			"seq: not an integer" },
		{ "{\"type\":\"stats\",\"v\":1,\"ts\":\"2026-11-23T10:00:07.250000Z\","
		  "\"src\":\"a\",\"boot\":\"b\",\"seq\":1,\"mono_ns\":\"1\"}",
			"mono_ns: not an integer" },
	};

	begin();
	for (size_t i = 0; i < PT_ARRAY_LEN(bad); i++) {
		pt_autojson json_t *record = json_loads(bad[i][0], 0, NULL);
		T_EQ(pt_ingest_record(ingest, record, "stats", bad[i][0], &err), -EINVAL);
		T_HAS(err.msg, bad[i][1]);
	}
	next_pass();
	T_SQL(db, "SELECT count(*) FROM stats", 0);
	end();
}

static void health_is_persisted_as_configured(void)
{
	begin();
	pt_ingest_free(ingest);
	fixture_config.health.db_persist_interval = 6;
	T_EQ(pt_ingest_new(db, &fixture_config, &ingest, &err), 0);
	char now[PT_RFC3339_LEN];
	pt_rfc3339_format(pt_wall_us(), now);
	const char *fixed = ts;
	ts = now; // of an hour ago is of a path that is gone
	for (int i = 1; i <= 13; i++)
		T_EQ(put("health", i, i, HEALTH), 0);
	next_pass();
	// Each sixth is a row of six, and the one too many waits.
	T_SQL(db, "SELECT count(*) FROM sdwan_path_health WHERE seq IN (6, 12)", 2);
	T_SQL(db,
		"SELECT count(*) FROM sdwan_path_health WHERE sent = 60 AND rtt_hist = '[[1,54]]'",
		2);
	T_SQL(db, "SELECT n FROM health_windows", 1);
	T_EQ(pt_ingest_counts(ingest)->not_due, 11);
	T_EQ(pt_sql_end(db, 0, &err), 0);
	// The next process goes on with it.
	pt_ingest_free(ingest);
	T_EQ(pt_ingest_new(db, &fixture_config, &ingest, &err), 0);
	T_EQ(pt_ingest_begin(ingest, &err), 0);
	for (int i = 14; i <= 18; i++)
		T_EQ(put("health", i, i, HEALTH), 0);
	next_pass();
	T_SQL(db, "SELECT sent FROM sdwan_path_health WHERE seq = 18", 60);
	// What is rolled back is not gathered.
	T_EQ(put("health", 19, 19, HEALTH), 0);
	pt_ingest_abort(ingest);
	T_EQ(pt_ingest_begin(ingest, &err), 0);
	T_EQ(put("health", 19, 19, HEALTH), 0);
	next_pass();
	T_SQL(db, "SELECT n FROM health_windows", 1);
	T_EQ(pt_sql_end(db, 0, &err), 0);

	pt_ingest_free(ingest);
	fixture_config.health.persist_to_db = false;
	T_EQ(pt_ingest_new(db, &fixture_config, &ingest, &err), 0);
	T_EQ(pt_ingest_begin(ingest, &err), 0);
	T_EQ(put("health", 100, 100, HEALTH), 0);
	T_EQ(put("stats", 101, 101, ""), 0); // health alone is meant
	next_pass();
	// ... and what had been gathered for a row is one now.
	T_SQL(db, "SELECT count(*) FROM sdwan_path_health", 4);
	T_SQL(db, "SELECT sent FROM sdwan_path_health WHERE seq = 19", 10);
	T_SQL(db, "SELECT count(*) FROM health_windows", 0);
	T_SQL(db, "SELECT count(*) FROM stats", 1);
	end();
	ts = fixed;
}

static void status_and_last_seen_follow(void)
{
	begin();
	T_EQ(pt_sql_exec(db,
		     "INSERT INTO sites (id) VALUES ('west'), ('east');"
		     "INSERT INTO paths (id, source_site_id, dest_site_id) VALUES "
		     "('p1', 'west', 'east'), ('p2', 'west', 'east')",
		     &err),
		0);
	T_EQ(put("health", 1, 1, HEALTH), 0);
	next_pass();
	T_SQL(db, "SELECT last_seen FROM sites WHERE id = 'east'", 1795428007);
	T_SQL(db, "SELECT count(*) FROM sites WHERE last_seen IS NULL AND id = 'west'", 1);
#define TO(path, to) "\"path\": \"" path "\", \"from\": \"unknown\", \"to\": \"" to "\""
	T_EQ(put("transition", 2, 2, TO("p1", "up")), 0);
	T_EQ(put("transition", 3, 3, TO("p2", "down")), 0);
	next_pass();
	T_SQL(db, "SELECT count(*) FROM paths WHERE id||status IN ('p1up', 'p2down')", 2);
	T_SQL(db, "SELECT count(*) FROM sites WHERE id||status IN ('eastup', 'westunknown')", 2);
	T_EQ(put("transition", 4, 4, TO("p1", "down")), 0);
	next_pass();
	T_SQL(db, "SELECT count(*) FROM sites WHERE id||status = 'eastdown'", 1);
	T_EQ(put("transition", 5, 5, TO("gone", "up")), 0); // of a path that is no more
	next_pass();
	T_SQL(db, "SELECT count(*) FROM transitions", 4);
	end();
}

static void a_clock_ahead_is_not_believed_for_long(void)
{
	static const char ahead[] = "9998-01-01T00:00:00.000000Z";
	const char *now = ts;

	begin();
	T_EQ(pt_sql_exec(db,
		     "INSERT INTO sites (id) VALUES ('west'), ('east');"
		     "INSERT INTO paths (id, source_site_id, dest_site_id) VALUES "
		     "('p1', 'west', 'east')",
		     &err),
		0);
	ts = ahead;
	T_EQ(put("health", 1, 1, HEALTH), 0);
	next_pass();
	ts = now;
	T_EQ(put("health", 2, 2, HEALTH), 0);
	next_pass();
	T_SQL(db, "SELECT last_seen FROM sites WHERE id = 'east'", 1795428007);
	end();
}

static void spool_position_is_part_of_it(void)
{
	struct pt_spool_pos pos = { .position = 7, .fingerprint = 7 };

	begin();
	T_EQ(pt_ingest_spool_load(ingest, "/s", &pos, &err), -ENOENT);
	pos = (struct pt_spool_pos){ .position = 12345, .fingerprint = UINT64_MAX - 1 };
	T_EQ(pt_ingest_spool_save(ingest, "/s", &pos, &err), 0);
	next_pass();
	pos.position++;
	T_EQ(pt_ingest_spool_save(ingest, "/s", &pos, &err), 0);
	pt_ingest_abort(ingest);
	pos = (struct pt_spool_pos){ 0 };
	T_EQ(pt_ingest_spool_load(ingest, "/s", &pos, &err), 0);
	T_EQ(pos.position, 12345);
	T_OK(pos.fingerprint == UINT64_MAX - 1);
	end();
}

static void any_number_of_sources(void)
{
	enum { SOURCES = 600 };

	begin();
	for (int round = 1; round <= 2; round++) {
		for (int i = 0; i < SOURCES; i++) {
			char src[16];
			(void)snprintf(src, sizeof(src), "h%d/t", i);
			T_EQ(put_as(src, "b", "stats", round, round, ""), 0);
			T_EQ(put_as(src, "b", "stats", round, round, ""), 0);
		}
	}
	next_pass();
	T_EQ(pt_ingest_counts(ingest)->rows, 2 * SOURCES);
	T_EQ(pt_ingest_counts(ingest)->duplicates, 2 * SOURCES);
	T_SQL(db, "SELECT count(*) FROM sources WHERE mono_ns = 2 AND seq = 2", SOURCES);
	end();
}

T_MAIN({ "every field of every type has its column", every_field_has_its_column },
	{ "each record once, over restarts", each_record_once },
	{ "what is rolled back never was", what_is_rolled_back_never_was },
	{ "another process moves the mark", another_process_moves_the_mark },
	{ "hostile records", hostile_records },
	{ "the common fields are needed", common_fields_are_needed },
	{ "health is persisted as configured", health_is_persisted_as_configured },
	{ "path and site status, last_seen", status_and_last_seen_follow },
	{ "a clock that ran ahead is not believed for long",
		a_clock_ahead_is_not_believed_for_long },
	{ "the spool position is part of the transaction", spool_position_is_part_of_it },
	{ "any number of sources", any_number_of_sources })
