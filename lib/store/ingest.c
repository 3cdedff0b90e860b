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
#include "store/scan.h"
#include "store/seen.h"
#include "store/source.h"
#include "store/sql.h"
#include "store/window.h"

#define STALE_WINDOW_US (3600 * INT64_C(1000000))

// Parameters of every insert, before the type's own.
enum { COL_TIMESTAMP = 1, COL_TS_US, COL_MONO, COL_SOURCE, COL_SEQ, COL_FIRST };
#define PT_COMMON_COLUMNS "timestamp, ts_us, mono_ns, source_id, seq"

struct sink {
	struct pt_row_map map;
	struct pt_stmt *insert;
	int path; // columns that something follows from; -1: this type has none
	int received, to;
};

struct pt_ingest {
	struct pt_sql *db;
	struct sink sinks[PT_STORE_TYPES];
	struct pt_sources sources;
	struct pt_scan *scan;
	struct pt_seen *seen;
	struct pt_store_record record; // being taken
	struct pt_ingest_counts committed, now;
	uint32_t pending;
	bool transitions; // some were stored in this transaction
	bool persist_health;
	bool flushed;               // windows that an earlier run has left
	struct pt_windows *windows; // NULL: every check is a row
	int64_t every;              // so many checks are a row
};

static int prepare_sink(struct pt_ingest *g, enum pt_store_type t, struct pt_err *err)
{
	struct sink *k = &g->sinks[t];
	pt_autobuf sql = { 0 };

	pt_store_map(t, &k->map);
	k->path = pt_row_find(&k->map, "path");
	k->received = pt_row_find(&k->map, "received");
	k->to = pt_row_find(&k->map, "to");
	pt_buf_printf(&sql, "INSERT INTO %s (" PT_COMMON_COLUMNS, pt_store_tables[t].table);
	if (k->map.n) {
		pt_buf_puts(&sql, ", ");
		pt_row_names(&k->map, &sql);
	}
	pt_buf_puts(&sql, pt_store_tables[t].keep_record ? ", record" : "");
	pt_buf_puts(&sql, ") VALUES (?1, ?2, ?3, ?4, ?5");
	if (k->map.n) {
		pt_buf_puts(&sql, ", ");
		pt_row_marks(&k->map, COL_FIRST, &sql);
	}
	if (pt_store_tables[t].keep_record)
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
	int code = pt_sources_init(&g->sources, db, err);
	if (!code)
		code = pt_scan_new(&g->scan, err);
	if (!code)
		code = pt_seen_new(&g->seen, err);
	if (!code && g->persist_health && g->every > 1)
		code = pt_windows_new(db, g->every, &g->windows, err);
	for (int t = 0; !code && t < PT_STORE_TYPES; t++)
		code = prepare_sink(g, (enum pt_store_type)t, err);
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
	for (int t = 0; t < PT_STORE_TYPES; t++)
		pt_stmt_put(g->sinks[t].insert);
	pt_sources_done(&g->sources);
	pt_windows_free(g->windows);
	pt_seen_free(g->seen);
	pt_scan_free(g->scan);
	pt_row_done(&g->record.row);
	free(g);
}

// What nobody goes on with: paths that are gone, and all where every check is a row again.
static int flush_windows(struct pt_ingest *g, struct pt_err *err)
{
	int64_t every = g->persist_health ? g->every : 1;

	g->flushed = true;
	return pt_windows_flush(g->db, every, pt_wall_us() - STALE_WINDOW_US, &g->now.rows, err);
}

int pt_ingest_begin(struct pt_ingest *g, struct pt_err *err)
{
	g->pending = 0;
	g->transitions = false;
	g->now = g->committed;
	int code = pt_sql_begin(g->db, err);
	if (code)
		return code;
	bool foreign = false;
	code = pt_sources_refresh(&g->sources, &foreign, err);
	if (foreign)
		pt_windows_forget(g->windows);
	if (!code && !g->flushed)
		code = flush_windows(g, err);
	if (code)
		(void)pt_sql_end(g->db, code, NULL);
	return code;
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

// What was rolled back never was.
static void forget(struct pt_ingest *g)
{
	pt_sources_forget(&g->sources);
	pt_seen_forget(g->seen);
	pt_windows_forget(g->windows);
}

int pt_ingest_commit(struct pt_ingest *g, struct pt_err *err)
{
	int code = pt_sources_write(&g->sources, err);
	if (!code)
		code = pt_seen_write(g->seen, g->db, err);
	if (!code && g->windows)
		code = pt_windows_write(g->windows, err);
	if (!code && g->transitions)
		code = update_site_status(g, err);
	code = pt_sql_end(g->db, code, err);
	if (code)
		forget(g);
	else
		g->committed = g->now;
	return code;
}

void pt_ingest_abort(struct pt_ingest *g)
{
	(void)pt_sql_end(g->db, -ECANCELED, NULL);
	forget(g);
}

static int update_path_status(struct pt_ingest *g, const struct pt_row *row, struct pt_err *err)
{
	const struct sink *k = &g->sinks[PT_STORE_TRANSITION];
	const struct pt_cell *path = &row->cell[k->path], *to = &row->cell[k->to];
	pt_autostmt s = NULL;
	int code = pt_stmt_get(
		g->db, "UPDATE paths SET status=?2 WHERE id=?1 AND status<>?2", &s, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_bytes(s, 1, path->text, path->len);
	pt_stmt_bind_bytes(s, 2, to->text, to->len);
	return pt_stmt_run(s, err);
}

static int note_seen(struct pt_ingest *g, const struct pt_store_record *r, struct pt_err *err)
{
	const struct sink *k = &g->sinks[PT_STORE_HEALTH];
	const struct pt_cell *path = &r->row.cell[k->path], *received = &r->row.cell[k->received];
	struct pt_text name = { path->text, path->len };
	int code = 0;

	if (path->kind != PT_CELL_TEXT || received->kind != PT_CELL_I64 || received->i64 <= 0)
		return 0;
	code = pt_seen_add(g->seen, name, r->ts_us / 1000000);
	if (code != -ENOSPC)
		return code;
	code = pt_seen_write(g->seen, g->db, err);
	return code ? code : pt_seen_add(g->seen, name, r->ts_us / 1000000);
}

static int insert(struct pt_ingest *g, const struct pt_store_record *r, const struct pt_row *row,
	int64_t source_id, struct pt_err *err)
{
	struct sink *k = &g->sinks[r->type];

	pt_row_bind(k->insert, COL_FIRST, row);
	pt_stmt_bind_i64(k->insert, COL_TIMESTAMP, r->ts_us / 1000000);
	pt_stmt_bind_i64(k->insert, COL_TS_US, r->ts_us);
	pt_stmt_bind_i64(k->insert, COL_MONO, r->mono_ns);
	pt_stmt_bind_i64(k->insert, COL_SOURCE, source_id);
	pt_stmt_bind_i64(k->insert, COL_SEQ, r->seq);
	if (pt_store_tables[r->type].keep_record)
		pt_stmt_bind_text(k->insert, COL_FIRST + k->map.n, r->line);
	int code = pt_stmt_run(k->insert, err);
	if (!code)
		g->now.rows++;
	return code;
}

static int store_health(
	struct pt_ingest *g, const struct pt_store_record *r, int64_t source_id, struct pt_err *err)
{
	const struct pt_row *row = &r->row;
	int full = 1;

	if (!g->persist_health)
		full = 0;
	else if (g->windows)
		full = pt_windows_add(g->windows, r, source_id, &row, err);
	if (full > 0)
		return insert(g, r, row, source_id, err);
	g->now.not_due += full == 0;
	return full;
}

static int store(
	struct pt_ingest *g, const struct pt_store_record *r, int64_t source_id, struct pt_err *err)
{
	int code;

	switch (r->type) {
	case PT_STORE_HEALTH:
		code = note_seen(g, r, err);
		return code ? code : store_health(g, r, source_id, err);
	case PT_STORE_TRANSITION:
		g->transitions = true;
		code = insert(g, r, &r->row, source_id, err);
		return code ? code : update_path_status(g, &r->row, err);
	default:
		return insert(g, r, &r->row, source_id, err);
	}
}

int pt_ingest_row(struct pt_ingest *g, const struct pt_store_record *r, struct pt_err *err)
{
	struct pt_source *source;

	g->pending++;
	int code = pt_sources_find(&g->sources, r->src, r->boot, &source, err);
	if (code)
		return code;
	if (!pt_source_is_newer(source, r->mono_ns, r->seq)) {
		g->now.duplicates++;
		return 0;
	}
	code = store(g, r, source->id, err);
	if (!code)
		pt_source_advance(source, r->mono_ns, r->seq);
	return code;
}

int pt_ingest_line(struct pt_ingest *g, const char *line, size_t len, struct pt_err *err)
{
	if (!pt_scan_line(g->scan, line, len, &g->record))
		return 0;
	int code = pt_ingest_row(g, &g->record, err);
	if (code == -EINVAL)
		g->now.malformed++;
	return code ? code : 1;
}

int pt_ingest_record(struct pt_ingest *g, const json_t *record, const char *type, const char *line,
	struct pt_err *err)
{
	int t = pt_store_find_type(type, strlen(type));
	struct pt_store_record *r = &g->record;

	if (t < 0) {
		g->pending++;
		g->now.unknown++;
		return 0;
	}
	r->type = (enum pt_store_type)t;
	r->line = line;
	int code = pt_store_record_read(r, &g->sinks[t].map, record, err);
	if (!code)
		code = pt_ingest_row(g, r, err);
	else
		g->pending++;
	pt_row_done(&r->row);
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
