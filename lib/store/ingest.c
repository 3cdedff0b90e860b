// SPDX-License-Identifier: MIT
#include "store/ingest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/record.h"
#include "base/spool.h"
#include "model/config.h"
#include "model/records.h"
#include "store/row.h"
#include "store/source.h"
#include "store/sql.h"

#define PT_SERIES_KEY 256
#define PT_SERIES_MAX 65536 // counted at a time; hostile input may name any number

enum ingest_type {
	TYPE_HEALTH,
	TYPE_TRANSITION,
	TYPE_DECISION,
	TYPE_SWITCH,
	TYPE_TRAFFIC,
	TYPE_STATS,
	TYPES
};

static const struct type {
	const char *name, *table;
	const struct pt_schema *schema; // NULL: the common columns and the record alone
	const struct pt_rename *renames;
	bool keep_record; // the whole text, in column `record`
} types[TYPES] = {
	[TYPE_HEALTH] = { .name = "health",
		.table = "sdwan_path_health",
		.schema = &pt_health_schema,
		.renames = (const struct pt_rename[]){ { "path", "path_id" }, { 0 } } },
	[TYPE_TRANSITION] = { .name = "transition",
		.table = "transitions",
		.schema = &pt_transition_schema,
		.renames = (const struct pt_rename[]){ { "path", "path_id" },
			{ "from", "from_status" }, { "to", "to_status" }, { 0 } } },
	[TYPE_DECISION] = { .name = "decision",
		.table = "decisions",
		.schema = &pt_decision_schema,
		.renames = (const struct pt_rename[]){ { "site", "site_id" },
			{ "policy", "policy_id" }, { "drop", "dropped" }, { 0 } } },
	[TYPE_SWITCH] = { .name = "switch",
		.table = "switches",
		.schema = &pt_switch_schema,
		.renames = (const struct pt_rename[]){ { "from", "from_path_id" },
			{ "to", "to_path_id" }, { "probes", NULL }, { 0 } },
		.keep_record = true },
	[TYPE_TRAFFIC] = { .name = "traffic",
		.table = "traffic_stats",
		.schema = &pt_traffic_schema,
		.renames = (const struct pt_rename[]){ { "path", "path_id" },
			{ "policy", "policy_id" }, { 0 } } },
	[TYPE_STATS] = { .name = "stats", .table = "stats", .keep_record = true },
};

// Parameters of every insert, before the type's own.
enum { COL_TIMESTAMP = 1, COL_TS_US, COL_MONO, COL_SOURCE, COL_SEQ, COL_FIRST };
#define PT_COMMON_COLUMNS "timestamp, ts_us, mono_ns, source_id, seq"

struct sink {
	struct pt_row_map map;
	struct pt_stmt *insert;
};

struct pt_ingest {
	struct pt_sql *db;
	struct sink sinks[TYPES];
	struct pt_sources sources;
	struct pt_ingest_counts committed, now;
	uint32_t pending;
	int64_t first_health; // row id of the first health row of this transaction; 0: none
	bool transitions;     // some were stored in this transaction
	bool persist_health;
	int64_t every;  // health: each how manieth is stored
	json_t *series; // health: checks seen, by series
};

static int prepare_sink(struct pt_ingest *g, enum ingest_type t, struct pt_err *err)
{
	struct sink *k = &g->sinks[t];
	pt_autobuf sql = { 0 };

	if (types[t].schema)
		pt_row_map_init(&k->map, types[t].schema, types[t].renames);
	pt_buf_printf(&sql, "INSERT INTO %s (" PT_COMMON_COLUMNS, types[t].table);
	if (k->map.n) {
		pt_buf_puts(&sql, ", ");
		pt_row_names(&k->map, &sql);
	}
	pt_buf_puts(&sql, types[t].keep_record ? ", record" : "");
	pt_buf_puts(&sql, ") VALUES (?1, ?2, ?3, ?4, ?5");
	if (k->map.n) {
		pt_buf_puts(&sql, ", ");
		pt_row_marks(&k->map, COL_FIRST, &sql);
	}
	if (types[t].keep_record)
		pt_buf_printf(&sql, ", ?%d", COL_FIRST + k->map.n);
	pt_buf_puts(&sql, ")");
	return pt_stmt_get(g->db, pt_buf_str(&sql), &k->insert, NULL, err);
}

int pt_ingest_new(struct pt_sql *db, const struct pt_config *config, struct pt_ingest **out,
	struct pt_err *err)
{
	struct pt_ingest *g = calloc(1, sizeof(*g));
	if (!g)
		return pt_err_errno(err, -ENOMEM, "ingest");
	g->db = db;
	g->persist_health = config->health.persist_to_db;
	g->every = config->health.db_persist_interval;
	g->series = json_object();
	int code = pt_sources_init(&g->sources, db, err);
	for (int t = 0; !code && t < TYPES; t++)
		code = prepare_sink(g, t, err);
	if (code) {
		pt_ingest_free(g);
		return code;
	}
	*out = g;
	return 0;
}

void pt_ingest_free(struct pt_ingest *g)
{
	if (!g)
		return;
	for (int t = 0; t < TYPES; t++)
		pt_stmt_put(g->sinks[t].insert);
	pt_sources_done(&g->sources);
	json_decref(g->series);
	free(g);
}

int pt_ingest_begin(struct pt_ingest *g, struct pt_err *err)
{
	g->pending = 0;
	g->first_health = 0;
	g->transitions = false;
	g->now = g->committed;
	int code = pt_sql_begin(g->db, err);
	if (code)
		return code;
	code = pt_sources_refresh(&g->sources, err);
	if (code)
		(void)pt_sql_end(g->db, code, NULL);
	return code;
}

// A site was seen when one of the paths towards it was answered.
static int update_last_seen(struct pt_ingest *g, struct pt_err *err)
{
	pt_autostmt s = NULL;
	int code = pt_stmt_get(g->db,
		"UPDATE sites SET last_seen = h.seen FROM ("
		"SELECT p.dest_site_id AS site, max(h.timestamp) AS seen "
		"FROM sdwan_path_health h CROSS JOIN paths p ON p.id = h.path_id "
		"WHERE h.id >= ?1 AND h.received > 0 GROUP BY p.dest_site_id) h "
		"WHERE sites.id = h.site AND ifnull(sites.last_seen, 0) < h.seen",
		&s, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_i64(s, 1, g->first_health);
	return pt_stmt_run(s, err);
}

// A site is up while a path towards it is, down when all that may carry traffic are.
static int update_site_status(struct pt_ingest *g, struct pt_err *err)
{
	pt_autostmt s = NULL;
	int code = pt_stmt_get(g->db,
		"UPDATE sites SET status = p.now FROM ("
		"SELECT dest_site_id AS site, CASE WHEN max(status = 'up') THEN 'up' "
		"WHEN min(status IN ('down', 'maintenance')) THEN 'down' ELSE 'unknown' END AS now "
		"FROM paths GROUP BY dest_site_id) p "
		"WHERE sites.id = p.site AND sites.status <> p.now",
		&s, NULL, err);
	return code ? code : pt_stmt_run(s, err);
}

int pt_ingest_commit(struct pt_ingest *g, struct pt_err *err)
{
	int code = pt_sources_write(&g->sources, err);
	if (!code && g->first_health)
		code = update_last_seen(g, err);
	if (!code && g->transitions)
		code = update_site_status(g, err);
	code = pt_sql_end(g->db, code, err);
	if (code)
		pt_sources_forget(&g->sources);
	else
		g->committed = g->now;
	return code;
}

void pt_ingest_abort(struct pt_ingest *g)
{
	(void)pt_sql_end(g->db, -ECANCELED, NULL);
	pt_sources_forget(&g->sources);
}

static const char *text_of(const json_t *record, const char *key)
{
	return json_string_value(json_object_get(record, key));
}

// What every record carries, and what it is.
struct header {
	enum ingest_type type;
	const char *src, *boot, *line;
	int64_t seq, mono_ns, ts_us, source_id;
};

static int read_header(const json_t *record, struct header *h, struct pt_err *err)
{
	const json_t *v = json_object_get(record, "v");
	const json_t *seq = json_object_get(record, "seq"),
		     *mono = json_object_get(record, "mono_ns");
	const char *ts = text_of(record, "ts");

	if (!json_is_integer(v) || json_integer_value(v) != PT_RECORD_VERSION)
		return pt_err_set(err, -EINVAL, "v: not %d", PT_RECORD_VERSION);
	if (!ts || pt_rfc3339_parse(ts, &h->ts_us) != 0)
		return pt_err_set(err, -EINVAL, "ts: not a time of RFC 3339");
	h->src = text_of(record, "src");
	h->boot = text_of(record, "boot");
	if (!h->src || !h->boot)
		return pt_err_set(err, -EINVAL, "%s: missing", h->src ? "boot" : "src");
	if (!json_is_integer(seq) || !json_is_integer(mono))
		return pt_err_set(err, -EINVAL, "%s: not an integer",
			json_is_integer(seq) ? "mono_ns" : "seq");
	h->seq = json_integer_value(seq);
	h->mono_ns = json_integer_value(mono);
	return 0;
}

// Health comes with every check; the database keeps the first and then each db_persist_interval-th
// of a series (one path, probe and window of one source).
static bool due(struct pt_ingest *g, const json_t *record, const struct header *h)
{
	char name[PT_SERIES_KEY];
	const char *path = text_of(record, "path"), *target = text_of(record, "target");

	if (!g->persist_health)
		return false;
	if (g->every <= 1)
		return true;
	(void)snprintf(name, sizeof(name), "%s|%s|%s|%" JSON_INTEGER_FORMAT "|%s", path ? path : "",
		target ? target : "", text_of(record, "probe") ? text_of(record, "probe") : "",
		json_integer_value(json_object_get(record, "window_ms")), h->src);
	json_t *seen = json_object_get(g->series, name);
	if (!seen) {
		if (json_object_size(g->series) >= PT_SERIES_MAX)
			json_object_clear(g->series);
		seen = json_integer(0);
		json_object_set_new(g->series, name, seen);
	}
	int64_t n = json_integer_value(seen);
	json_integer_set(seen, (n + 1) % g->every);
	return n == 0;
}

static int update_path_status(struct pt_ingest *g, const json_t *record, struct pt_err *err)
{
	pt_autostmt s = NULL;
	int code = pt_stmt_get(
		g->db, "UPDATE paths SET status=?2 WHERE id=?1 AND status<>?2", &s, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_text(s, 1, text_of(record, "path"));
	pt_stmt_bind_text(s, 2, text_of(record, "to"));
	return pt_stmt_run(s, err);
}

static int insert(
	struct pt_ingest *g, const struct header *h, const json_t *record, struct pt_err *err)
{
	struct sink *k = &g->sinks[h->type];
	int code = pt_row_bind(k->insert, COL_FIRST, &k->map, record, err);
	if (code)
		return code;
	pt_stmt_bind_i64(k->insert, COL_TIMESTAMP, h->ts_us / 1000000);
	pt_stmt_bind_i64(k->insert, COL_TS_US, h->ts_us);
	pt_stmt_bind_i64(k->insert, COL_MONO, h->mono_ns);
	pt_stmt_bind_i64(k->insert, COL_SOURCE, h->source_id);
	pt_stmt_bind_i64(k->insert, COL_SEQ, h->seq);
	if (types[h->type].keep_record)
		pt_stmt_bind_text(k->insert, COL_FIRST + k->map.n, h->line);
	code = pt_stmt_run(k->insert, err);
	if (code)
		return code;
	g->now.rows++;
	if (h->type == TYPE_HEALTH && !g->first_health)
		g->first_health = pt_sql_last_id(g->db);
	if (h->type != TYPE_TRANSITION)
		return 0;
	g->transitions = true;
	return update_path_status(g, record, err);
}

static int find_type(const char *name)
{
	for (int t = 0; t < TYPES; t++) {
		if (strcmp(types[t].name, name) == 0)
			return t;
	}
	return -1;
}

static int take(struct pt_ingest *g, struct header *h, const json_t *record, struct pt_err *err)
{
	struct pt_source *source;
	int code = read_header(record, h, err);
	if (!code)
		code = pt_sources_find(&g->sources, h->src, h->boot, &source, err);
	if (code)
		return code;
	if (!pt_source_is_newer(source, h->mono_ns, h->seq)) {
		g->now.duplicates++;
		return 0;
	}
	h->source_id = source->id;
	if (h->type == TYPE_HEALTH && !due(g, record, h))
		g->now.not_due++;
	else
		code = insert(g, h, record, err);
	if (!code)
		pt_source_advance(source, h->mono_ns, h->seq);
	return code;
}

int pt_ingest_record(struct pt_ingest *g, const json_t *record, const char *type, const char *line,
	struct pt_err *err)
{
	int t = find_type(type);
	struct header h = { .type = t < 0 ? TYPES : t, .line = line };

	g->pending++;
	if (t < 0) {
		g->now.unknown++;
		return 0;
	}
	int code = take(g, &h, record, err);
	if (code == -EINVAL)
		g->now.malformed++;
	return code;
}

uint32_t pt_ingest_pending(const struct pt_ingest *g)
{
	return g->pending;
}

const struct pt_ingest_counts *pt_ingest_counts(const struct pt_ingest *g)
{
	return &g->committed;
}

int pt_ingest_spool_load(
	struct pt_ingest *g, const char *dir, struct pt_spool_pos *out, struct pt_err *err)
{
	pt_autostmt s = NULL;
	int code = pt_stmt_get(
		g->db, "SELECT position, fingerprint FROM spools WHERE dir=?1", &s, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_text(s, 1, dir);
	code = pt_stmt_step(s, err);
	if (code <= 0)
		return code ? code : -ENOENT;
	out->position = (uint64_t)pt_stmt_i64(s, 0);
	out->fingerprint = (uint64_t)pt_stmt_i64(s, 1);
	return 0;
}

int pt_ingest_spool_save(
	struct pt_ingest *g, const char *dir, const struct pt_spool_pos *pos, struct pt_err *err)
{
	pt_autostmt s = NULL;
	int code = pt_stmt_get(g->db,
		"INSERT INTO spools (dir, position, fingerprint) VALUES (?1, ?2, ?3) "
		"ON CONFLICT (dir) DO UPDATE SET position=?2, fingerprint=?3",
		&s, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_text(s, 1, dir);
	pt_stmt_bind_i64(s, 2, (int64_t)pos->position);
	pt_stmt_bind_i64(s, 3, (int64_t)pos->fingerprint);
	return pt_stmt_run(s, err);
}
