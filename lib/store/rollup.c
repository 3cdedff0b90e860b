// SPDX-License-Identifier: MIT
#include "store/rollup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "store/merge.h"
#include "store/pace.h"
#include "store/sql.h"

#define ROWS_MIN   16
#define ROWS_START 64
#define ROWS_MAX   1024
#define SLOTS      16384 // a power of two, more than twice ROWS_MAX * PT_ROLLUP_LEVELS
#define SERIES_LEN 256

const int64_t pt_rollup_periods[PT_ROLLUP_LEVELS] = { 60, 300, 3600 };

// What is rolled up, from where to where, and what tells two series of one path apart.
static const struct origin {
	enum pt_store_type type;
	const char *from, *to;
	const char *series[5]; // fields; NULL ends them
} origins[] = {
	{ PT_STORE_HEALTH, "sdwan_path_health", "path_health_rollups",
		{ "target", "family", "dscp", "probe", NULL } },
	{ PT_STORE_TRAFFIC, "traffic_stats", "traffic_rollups", { "policy", NULL } },
};
#define ORIGINS PT_ARRAY_LEN(origins)

// Parameters of a merged row, before the values; the path is one of the values, too.
enum { COL_PERIOD = 1, COL_PATH, COL_TIME, COL_SERIES, COL_N, COL_FIRST };
#define KEY_COLUMNS "period_secs, path_id, timestamp, series"

struct group {
	int level;
	int64_t timestamp;
	const char *path, *series; // "" where there is none
	struct pt_merged merged;
};

struct source {
	const struct origin *o;
	struct pt_merge merge;
	struct pt_row_map values; // the columns of the rollup: all but the path
	int at[PT_ROW_MAX_COLUMNS];
	int path, key[4], n_key;
	struct pt_stmt *read, *find, *write, *mark;
	bool done; // nothing new at the last look
};

struct pt_rollup {
	struct pt_sql *db;
	int64_t hold_us;
	struct pt_pace pace; // rows of one step
	struct source source[ORIGINS];
	struct group **slot; // SLOTS
	struct group **list; // all, in the order they came
	unsigned n;
	struct pt_arena arena; // they and their names, of one step
	struct pt_rollup_counts counts;
};

static int prepare(struct pt_rollup *r, struct source *s, struct pt_err *err)
{
	pt_autobuf read = { 0 }, find = { 0 }, write = { 0 };

	pt_buf_puts(&read, "SELECT id, timestamp, ");
	pt_row_names(&s->merge.map, &read);
	pt_buf_printf(&read, " FROM %s WHERE id > ?1 ORDER BY id LIMIT ?2", s->o->from);
	pt_buf_puts(&find, "SELECT n, ");
	pt_row_names(&s->values, &find);
	pt_buf_printf(&find,
		" FROM %s WHERE period_secs=?1 AND path_id=?2 AND timestamp=?3 AND series=?4",
		s->o->to);
	pt_buf_printf(&write, "REPLACE INTO %s (" KEY_COLUMNS ", n, ", s->o->to);
	pt_row_names(&s->values, &write);
	pt_buf_puts(&write, ") VALUES (?1, ?2, ?3, ?4, ?5, ");
	pt_row_marks(&s->values, COL_FIRST, &write);
	pt_buf_puts(&write, ")");
	int code = pt_stmt_get(r->db, pt_buf_str(&read), &s->read, NULL, err);
	if (!code)
		code = pt_stmt_get(r->db, pt_buf_str(&find), &s->find, NULL, err);
	if (!code)
		code = pt_stmt_get(r->db, pt_buf_str(&write), &s->write, NULL, err);
	if (!code)
		code = pt_stmt_get(r->db,
			"REPLACE INTO rollup_marks (source, last_id) VALUES (?1, ?2)", &s->mark,
			NULL, err);
	return code;
}

static int set_up(struct pt_rollup *r, size_t i, struct pt_err *err)
{
	struct source *s = &r->source[i];

	s->o = &origins[i];
	pt_merge_init(&s->merge, s->o->type);
	s->path = pt_row_find(&s->merge.map, "path");
	for (int c = 0; c < s->merge.map.n; c++) {
		if (c == s->path)
			continue;
		s->at[s->values.n] = c;
		s->values.columns[s->values.n++] = s->merge.map.columns[c];
	}
	for (; s->o->series[s->n_key]; s->n_key++)
		s->key[s->n_key] = pt_row_find(&s->merge.map, s->o->series[s->n_key]);
	return prepare(r, s, err);
}

int pt_rollup_new(struct pt_sql *db, int64_t hold_us, struct pt_rollup **out, struct pt_err *err)
{
	struct pt_rollup *r = calloc(1, sizeof(*r));
	int code = r ? 0 : -ENOMEM;

	if (r) {
		r->db = db;
		r->hold_us = hold_us;
		r->pace = (struct pt_pace){ .n = ROWS_START, .min = ROWS_MIN, .max = ROWS_MAX };
		r->slot = calloc(SLOTS, sizeof(struct group *));
		r->list = calloc(SLOTS, sizeof(struct group *));
		code = r->slot && r->list ? 0 : -ENOMEM;
	}
	if (code)
		pt_err_errno(err, code, "rollup");
	for (size_t i = 0; !code && i < ORIGINS; i++)
		code = set_up(r, i, err);
	if (code)
		pt_rollup_free(r);
	else
		*out = r;
	return code;
}

static void forget_groups(struct pt_rollup *r)
{
	for (unsigned i = 0; i < r->n; i++)
		pt_merged_done(&r->list[i]->merged);
	pt_arena_done(&r->arena);
	if (r->n)
		memset(r->slot, 0, SLOTS * sizeof(struct group *));
	r->n = 0;
}

void pt_rollup_free(struct pt_rollup *r)
{
	if (!r)
		return;
	forget_groups(r);
	for (size_t i = 0; i < ORIGINS; i++) {
		pt_stmt_put(r->source[i].read);
		pt_stmt_put(r->source[i].find);
		pt_stmt_put(r->source[i].write);
		pt_stmt_put(r->source[i].mark);
	}
	free(r->slot);
	free(r->list);
	free(r);
}

const struct pt_rollup_counts *pt_rollup_counts(const struct pt_rollup *r)
{
	return &r->counts;
}

int pt_rollup_mark(struct pt_sql *db, const char *table, int64_t *id, struct pt_err *err)
{
	pt_autostmt s = NULL;
	int code = pt_stmt_get(
		db, "SELECT last_id FROM rollup_marks WHERE source=?1", &s, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_text(s, 1, table);
	code = pt_stmt_step(s, err);
	*id = code > 0 ? pt_stmt_i64(s, 0) : 0;
	return code < 0 ? code : 0;
}

int pt_rollup_unmark(struct pt_sql *db, const char *table, struct pt_err *err)
{
	return pt_sql_execf(db, err,
		"UPDATE rollup_marks SET last_id = (SELECT ifnull(max(id), 0) FROM %s) WHERE "
		"source = '%s' AND last_id > (SELECT ifnull(max(id), 0) FROM %s)",
		table, table, table);
}

static void name_series(const struct source *s, const struct pt_row *row, char *out, size_t len)
{
	size_t n = 0;

	*out = '\0';
	for (int i = 0; i < s->n_key && n < len; i++) {
		const struct pt_cell *c = &row->cell[s->key[i]];
		const char *gap = i ? "|" : "";
		int more = c->kind == PT_CELL_TEXT
			? snprintf(out + n, len - n, "%s%.*s", gap, (int)c->len, c->text)
			: c->kind == PT_CELL_I64
			? snprintf(out + n, len - n, "%s%" PRId64, gap, c->i64)
			: snprintf(out + n, len - n, "%s", gap);
		n += (size_t)more;
	}
}

static uint32_t hash(uint32_t h, const char *s) // FNV-1a
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619;
	return h;
}

static struct group *find_group(
	struct pt_rollup *r, int level, int64_t timestamp, const char *path, const char *series)
{
	int64_t period = pt_rollup_periods[level];
	int64_t start = timestamp - ((timestamp % period) + period) % period;
	uint32_t h = hash(hash(2166136261, path), series);

	h = (h ^ (uint32_t)(start / 60) * 2654435761u ^ (uint32_t)level) % SLOTS;
	for (struct group *g; (g = r->slot[h]); h = (h + 1) % SLOTS) {
		if (g->level == level && g->timestamp == start && strcmp(g->path, path) == 0 &&
			strcmp(g->series, series) == 0)
			return g;
	}
	struct group *g = pt_arena_alloc(&r->arena, sizeof(*g));
	g->path = pt_arena_strdup(&r->arena, path);
	g->series = pt_arena_strdup(&r->arena, series);
	g->level = level;
	g->timestamp = start;
	r->slot[h] = g;
	r->list[r->n++] = g;
	return g;
}

// Raw rows into minutes. *last: the newest taken.
static int gather(
	struct pt_rollup *r, struct source *s, int64_t *last, uint32_t *rows, struct pt_err *err)
{
	char series[SERIES_LEN], path[SERIES_LEN];
	struct pt_row row;
	int code = pt_rollup_mark(r->db, s->o->from, last, err);

	*rows = 0;
	if (code)
		return code;
	pt_stmt_bind_i64(s->read, 1, *last);
	pt_stmt_bind_i64(s->read, 2, r->pace.n);
	while ((code = pt_stmt_step(s->read, err)) > 0) {
		pt_row_fetch(&row, s->read, 2, &s->merge.map);
		const struct pt_cell *p = &row.cell[s->path];
		(void)snprintf(path, sizeof(path), "%.*s",
			p->kind == PT_CELL_TEXT ? (int)p->len : 0,
			p->kind == PT_CELL_TEXT ? p->text : "");
		name_series(s, &row, series, sizeof(series));
		struct group *g = find_group(r, 0, pt_stmt_i64(s->read, 1), path, series);
		pt_merged_add(&s->merge, &g->merged, &row, 1);
		*last = pt_stmt_i64(s->read, 0);
		(*rows)++;
	}
	pt_stmt_reset(s->read);
	return code;
}

// Minutes into five minutes, those into hours.
static void cascade(struct pt_rollup *r, const struct source *s)
{
	for (unsigned i = 0; i < r->n; i++) { // grows while it goes, by one level at a time
		struct group *g = r->list[i];
		pt_merged_finish(&s->merge, &g->merged);
		if (g->level + 1 == PT_ROLLUP_LEVELS)
			continue;
		struct group *up = find_group(r, g->level + 1, g->timestamp, g->path, g->series);
		pt_merged_add(&s->merge, &up->merged, &g->merged.row, g->merged.n);
	}
}

static int write_group(struct source *s, struct group *g, struct pt_err *err)
{
	struct pt_row found, values = { .n = s->values.n };
	struct pt_stmt *both[] = { s->find, s->write };

	for (size_t i = 0; i < PT_ARRAY_LEN(both); i++) {
		pt_stmt_bind_i64(both[i], COL_PERIOD, pt_rollup_periods[g->level]);
		pt_stmt_bind_text(both[i], COL_PATH, g->path);
		pt_stmt_bind_i64(both[i], COL_TIME, g->timestamp);
		pt_stmt_bind_text(both[i], COL_SERIES, g->series);
	}
	int code = pt_stmt_step(s->find, err);
	if (code > 0) {
		struct pt_row all = { .n = s->merge.map.n };
		pt_row_fetch(&found, s->find, 1, &s->values);
		all.cell[s->path].kind = PT_CELL_NULL;
		for (int i = 0; i < s->values.n; i++)
			all.cell[s->at[i]] = found.cell[i];
		pt_merged_add(&s->merge, &g->merged, &all, (uint32_t)pt_stmt_i64(s->find, 0));
		pt_merged_finish(&s->merge, &g->merged);
	}
	pt_stmt_reset(s->find);
	if (code < 0)
		return code;
	for (int i = 0; i < s->values.n; i++)
		values.cell[i] = g->merged.row.cell[s->at[i]];
	pt_stmt_bind_i64(s->write, COL_N, g->merged.n);
	pt_row_bind(s->write, COL_FIRST, &values);
	return pt_stmt_run(s->write, err);
}

// *same: nobody else has rolled up meanwhile.
static int write_groups(struct pt_rollup *r, struct source *s, int64_t before, int64_t last,
	bool *same, struct pt_err *err)
{
	int64_t now = before;
	int code = pt_rollup_mark(r->db, s->o->from, &now, err);

	*same = now == before;
	if (code || !*same)
		return code;
	for (unsigned i = 0; !code && i < r->n; i++)
		code = write_group(s, r->list[i], err);
	if (code)
		return code;
	pt_stmt_bind_text(s->mark, 1, s->o->from);
	pt_stmt_bind_i64(s->mark, 2, last);
	return pt_stmt_run(s->mark, err);
}

static int step_source(struct pt_rollup *r, struct source *s, struct pt_err *err)
{
	int64_t before, last;
	uint32_t rows;
	int64_t asked = r->pace.n;
	bool same = true, again;
	int code = pt_rollup_mark(r->db, s->o->from, &before, err);

	if (!code)
		code = gather(r, s, &last, &rows, err);
	if (code || !rows) {
		s->done = !code;
		return code;
	}
	cascade(r, s);
	code = pt_pace_begin(&r->pace, r->db, r->hold_us, err);
	if (code)
		return code;
	code = write_groups(r, s, before, last, &same, err);
	code = pt_pace_end(&r->pace, r->db, r->hold_us, code, &again, err);
	r->counts.longest_us = r->pace.longest_us;
	if (code || again || !same)
		return code;
	s->done = rows < asked;
	r->counts.steps++;
	r->counts.rows += rows;
	r->counts.merged += r->n;
	return 0;
}

int pt_rollup_step(struct pt_rollup *r, bool *more, struct pt_err *err)
{
	int code = 0;

	*more = false;
	for (size_t i = 0; i < ORIGINS; i++) {
		struct source *s = &r->source[i];
		if (s->done)
			continue;
		code = step_source(r, s, err);
		forget_groups(r);
		break;
	}
	for (size_t i = 0; i < ORIGINS; i++)
		*more |= !r->source[i].done;
	for (size_t i = 0; !*more && i < ORIGINS; i++)
		r->source[i].done = false; // the next round looks again
	return code;
}
