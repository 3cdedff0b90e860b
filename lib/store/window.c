// SPDX-License-Identifier: MIT
#include "store/window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "store/sql.h"

#define SLOTS   16384 // a power of two
#define MAX_SET 8192  // in memory at a time; the rest is in the file
#define KEY_LEN 512

struct window {
	char *series;
	struct pt_merged merged;
	int64_t ts_us, mono_ns, source_id, seq; // of the newest
	bool dirty;
};

struct pt_windows {
	struct pt_sql *db;
	int64_t every;
	struct pt_merge merge;
	struct pt_stmt *select, *upsert;
	int key[5]; // columns that make a series
	struct window *slot[SLOTS];
	unsigned used;
	struct window *dirty[MAX_SET];
	unsigned n_dirty;
};

static const char *const series_fields[] = { "path", "target", "family", "dscp", "probe" };

// Parameters and columns of a window in the file, before the values.
enum { COL_SERIES = 1, COL_N, COL_TS, COL_MONO, COL_SOURCE, COL_SEQ, COL_FIRST };
#define COLUMNS "series, n, ts_us, mono_ns, source_id, seq"

static int prepare(struct pt_windows *w, struct pt_err *err)
{
	pt_autobuf select = { 0 }, upsert = { 0 };

	pt_buf_puts(&select, "SELECT " COLUMNS ", ");
	pt_row_names(&w->merge.map, &select);
	pt_buf_puts(&select, " FROM health_windows WHERE series=?1");
	pt_buf_puts(&upsert, "REPLACE INTO health_windows (" COLUMNS ", ");
	pt_row_names(&w->merge.map, &upsert);
	pt_buf_puts(&upsert, ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ");
	pt_row_marks(&w->merge.map, COL_FIRST, &upsert);
	pt_buf_puts(&upsert, ")");
	int code = pt_stmt_get(w->db, pt_buf_str(&select), &w->select, NULL, err);
	return code ? code : pt_stmt_get(w->db, pt_buf_str(&upsert), &w->upsert, NULL, err);
}

int pt_windows_new(struct pt_sql *db, int64_t every, struct pt_windows **out, struct pt_err *err)
{
	struct pt_windows *w = calloc(1, sizeof(*w));

	if (!w)
		return pt_err_errno(err, -ENOMEM, "windows");
	w->db = db;
	w->every = every;
	pt_merge_init(&w->merge, PT_STORE_HEALTH);
	for (size_t i = 0; i < PT_ARRAY_LEN(series_fields); i++)
		w->key[i] = pt_row_find(&w->merge.map, series_fields[i]);
	int code = prepare(w, err);
	if (code)
		pt_windows_free(w);
	else
		*out = w;
	return code;
}

static void window_free(struct window *k)
{
	if (!k)
		return;
	pt_merged_done(&k->merged);
	free(k->series);
	free(k);
}

void pt_windows_forget(struct pt_windows *w)
{
	if (!w)
		return;
	for (unsigned i = 0; i < SLOTS && w->used; i++) {
		window_free(w->slot[i]);
		w->slot[i] = NULL;
	}
	w->used = w->n_dirty = 0;
}

void pt_windows_free(struct pt_windows *w)
{
	if (!w)
		return;
	pt_windows_forget(w);
	pt_stmt_put(w->select);
	pt_stmt_put(w->upsert);
	free(w);
}

static void name_series(const struct pt_windows *w, const struct pt_row *row, char *out, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < PT_ARRAY_LEN(w->key); i++) {
		const struct pt_cell *c = &row->cell[w->key[i]];
		int more = c->kind == PT_CELL_TEXT
			? snprintf(out + n, len - n, "%.*s|", (int)c->len, c->text)
			: snprintf(out + n, len - n, "%" PRId64 "|",
				  c->kind == PT_CELL_I64 ? c->i64 : 0);
		n += (size_t)more;
		if (n >= len)
			return; // cut: a name of hundreds of bytes is nobody's path
	}
}

static int load(struct pt_windows *w, struct window *k, struct pt_err *err)
{
	struct pt_row row;

	pt_stmt_bind_text(w->select, 1, k->series);
	int code = pt_stmt_step(w->select, err);
	if (code > 0 && pt_stmt_i64(w->select, COL_N - 1) > 0) {
		pt_row_fetch(&row, w->select, COL_FIRST - 1, &w->merge.map);
		pt_merged_add(
			&w->merge, &k->merged, &row, (uint32_t)pt_stmt_i64(w->select, COL_N - 1));
	}
	pt_stmt_reset(w->select);
	return code < 0 ? code : 0;
}

static uint32_t hash(const char *s) // FNV-1a
{
	uint32_t h = 2166136261;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619;
	return h ^ h >> 15;
}

static int find(
	struct pt_windows *w, const struct pt_row *row, struct window **out, struct pt_err *err)
{
	char name[KEY_LEN] = "";

	name_series(w, row, name, sizeof(name));
	uint32_t i = hash(name) % SLOTS;
	while (w->slot[i] && strcmp(w->slot[i]->series, name) != 0)
		i = (i + 1) % SLOTS;
	if (w->slot[i]) {
		*out = w->slot[i];
		return 0;
	}
	if (w->used == MAX_SET) {
		int code = pt_windows_write(w, err);
		if (code)
			return code;
		pt_windows_forget(w);
		i = hash(name) % SLOTS;
	}
	struct window *k = calloc(1, sizeof(*k));
	if (!k || !(k->series = strdup(name))) {
		window_free(k);
		return pt_err_errno(err, -ENOMEM, "windows");
	}
	int code = load(w, k, err);
	if (code) {
		window_free(k);
		return code;
	}
	w->slot[i] = *out = k;
	w->used++;
	return 0;
}

int pt_windows_add(struct pt_windows *w, const struct pt_store_record *r, int64_t source_id,
	const struct pt_row **out, struct pt_err *err)
{
	struct window *k;
	int code = find(w, &r->row, &k, err);
	if (code)
		return code;
	if (k->merged.n >= w->every) // the row that was given out is stored
		pt_merged_done(&k->merged);
	pt_merged_add(&w->merge, &k->merged, &r->row, 1);
	k->ts_us = r->ts_us;
	k->mono_ns = r->mono_ns;
	k->seq = r->seq;
	k->source_id = source_id;
	if (!k->dirty)
		w->dirty[w->n_dirty++] = k;
	k->dirty = true;
	if (k->merged.n < w->every)
		return 0;
	pt_merged_finish(&w->merge, &k->merged);
	*out = &k->merged.row;
	return 1;
}

static int write_window(struct pt_windows *w, struct window *k, struct pt_err *err)
{
	bool full = k->merged.n >= w->every;
	struct pt_row none = { 0 };

	if (!full)
		pt_merged_finish(&w->merge, &k->merged);
	pt_stmt_bind_text(w->upsert, COL_SERIES, k->series);
	pt_stmt_bind_i64(w->upsert, COL_N, full ? 0 : k->merged.n);
	pt_stmt_bind_i64(w->upsert, COL_TS, k->ts_us);
	pt_stmt_bind_i64(w->upsert, COL_MONO, k->mono_ns);
	pt_stmt_bind_i64(w->upsert, COL_SOURCE, k->source_id);
	pt_stmt_bind_i64(w->upsert, COL_SEQ, k->seq);
	if (full) { // its row is stored, the place stays
		none.n = w->merge.map.n;
		for (int i = 0; i < none.n; i++)
			none.cell[i].kind = PT_CELL_NULL;
	}
	pt_row_bind(w->upsert, COL_FIRST, full ? &none : &k->merged.row);
	return pt_stmt_run(w->upsert, err);
}

int pt_windows_write(struct pt_windows *w, struct pt_err *err)
{
	int code = 0;

	for (unsigned i = 0; !code && i < w->n_dirty; i++) {
		code = write_window(w, w->dirty[i], err);
		w->dirty[i]->dirty = false;
	}
	w->n_dirty = 0;
	return code;
}

int pt_windows_flush(
	struct pt_sql *db, int64_t every, int64_t before_us, uint64_t *n, struct pt_err *err)
{
	pt_autobuf sql = { 0 };
	pt_autostmt insert = NULL;
	pt_autostmt drop = NULL;
	struct pt_row_map map;

	pt_store_map(PT_STORE_HEALTH, &map);
	pt_buf_puts(
		&sql, "INSERT INTO sdwan_path_health (timestamp, ts_us, mono_ns, source_id, seq, ");
	pt_row_names(&map, &sql);
	pt_buf_puts(&sql, ") SELECT ts_us / 1000000, ts_us, mono_ns, source_id, seq, ");
	pt_row_names(&map, &sql);
	pt_buf_puts(&sql, " FROM health_windows WHERE n > 0 AND (n >= ?1 OR ts_us < ?2)");
	int code = pt_stmt_get(db, pt_buf_str(&sql), &insert, NULL, err);
	if (!code)
		code = pt_stmt_get(db, "DELETE FROM health_windows WHERE n >= ?1 OR ts_us < ?2",
			&drop, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_i64(insert, 1, every);
	pt_stmt_bind_i64(insert, 2, before_us);
	pt_stmt_bind_i64(drop, 1, every);
	pt_stmt_bind_i64(drop, 2, before_us);
	code = pt_stmt_run(insert, err);
	if (!code)
		*n += (uint64_t)pt_sql_changes(db);
	return code ? code : pt_stmt_run(drop, err);
}
