// SPDX-License-Identifier: MIT
#include "store/row.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/schema.h"
#include "store/sql.h"

static const struct pt_rename *find_rename(const struct pt_rename *renames, const char *path)
{
	for (; renames && renames->path; renames++) {
		if (strcmp(renames->path, path) == 0)
			return renames;
	}
	return NULL;
}

static void add_column(struct pt_row_map *map, const char *parent, const struct pt_field *f,
	const struct pt_rename *renames)
{
	char path[PT_ROW_NAME];
	assert(map->n < PT_ROW_MAX_COLUMNS); // a table of the model outgrew the map
	struct pt_row_column *c = &map->columns[map->n];

	(void)snprintf(
		path, sizeof(path), "%s%s%s", parent ? parent : "", parent ? "." : "", f->key);
	const struct pt_rename *r = find_rename(renames, path);
	if (r && !r->column)
		return;
	(void)snprintf(c->name, sizeof(c->name), "%s", r ? r->column : path);
	for (char *p = c->name; *p; p++) {
		if (*p == '.')
			*p = '_';
	}
	c->keys[0] = parent ? parent : f->key;
	c->keys[1] = parent ? f->key : NULL;
	c->field = f;
	map->n++;
}

void pt_row_map_init(
	struct pt_row_map *map, const struct pt_schema *schema, const struct pt_rename *renames)
{
	map->n = 0;
	for (size_t i = 0; i < schema->n; i++) {
		const struct pt_field *f = &schema->fields[i];
		if (f->kind != PT_KIND_OBJECT) {
			add_column(map, NULL, f, renames);
			continue;
		}
		for (size_t j = 0; j < f->sub->n; j++)
			add_column(map, f->key, &f->sub->fields[j], renames);
	}
}

void pt_row_names(const struct pt_row_map *map, struct pt_buf *out)
{
	for (int i = 0; i < map->n; i++)
		pt_buf_printf(out, "%s%s", i ? ", " : "", map->columns[i].name);
}

void pt_row_marks(const struct pt_row_map *map, int first, struct pt_buf *out)
{
	for (int i = 0; i < map->n; i++)
		pt_buf_printf(out, "%s?%d", i ? ", " : "", first + i);
}

void pt_row_sets(const struct pt_row_map *map, int first, struct pt_buf *out)
{
	for (int i = 0; i < map->n; i++)
		pt_buf_printf(out, "%s%s=?%d", i ? ", " : "", map->columns[i].name, first + i);
}

int pt_row_find(const struct pt_row_map *map, const char *path)
{
	char have[PT_ROW_NAME];

	for (int i = 0; i < map->n; i++) {
		const struct pt_row_column *c = &map->columns[i];
		(void)snprintf(have, sizeof(have), "%s%s%s", c->keys[0], c->keys[1] ? "." : "",
			c->keys[1] ? c->keys[1] : "");
		if (strcmp(have, path) == 0)
			return i;
	}
	return -1;
}

// Neither bound given: any number.
bool pt_row_fits_i64(const struct pt_field *f, int64_t n)
{
	return (!f->min && !f->max) || (n >= f->min && n <= f->max);
}

// Bounds of such fields are in thousandths.
bool pt_row_fits_real(const struct pt_field *f, double n)
{
	return (!f->min && !f->max) || (n * 1000 >= (double)f->min && n * 1000 <= (double)f->max);
}

void pt_row_done(struct pt_row *row)
{
	for (int i = 0; i < row->n; i++) {
		if (row->cell[i].owned)
			free((void *)(uintptr_t)row->cell[i].text);
	}
	row->n = 0;
}

void pt_row_bind(struct pt_stmt *s, int first, const struct pt_row *row)
{
	for (int i = 0; i < row->n; i++) {
		const struct pt_cell *c = &row->cell[i];
		switch (c->kind) {
		case PT_CELL_NULL:
			pt_stmt_bind_null(s, first + i);
			break;
		case PT_CELL_I64:
			pt_stmt_bind_i64(s, first + i, c->i64);
			break;
		case PT_CELL_REAL:
			pt_stmt_bind_real(s, first + i, c->real);
			break;
		case PT_CELL_TEXT:
			pt_stmt_bind_bytes(s, first + i, c->text, c->len);
			break;
		}
	}
}

static struct pt_cell fetch_cell(const struct pt_stmt *s, int column)
{
	switch (pt_stmt_type(s, column)) {
	case PT_SQL_INT:
		return (struct pt_cell){ .kind = PT_CELL_I64, .i64 = pt_stmt_i64(s, column) };
	case PT_SQL_REAL:
		return (struct pt_cell){ .kind = PT_CELL_REAL, .real = pt_stmt_real(s, column) };
	case PT_SQL_NULL:
		return (struct pt_cell){ .kind = PT_CELL_NULL };
	default: {
		size_t len;
		const char *text = pt_stmt_blob(s, column, &len);
		return (struct pt_cell){
			.kind = PT_CELL_TEXT, .text = text ? text : "", .len = (uint32_t)len
		};
	}
	}
}

void pt_row_fetch(
	struct pt_row *row, const struct pt_stmt *s, int first, const struct pt_row_map *map)
{
	row->n = map->n;
	for (int i = 0; i < map->n; i++)
		row->cell[i] = fetch_cell(s, first + i);
}

// Text that is no JSON stays text, for the model to refuse by name.
static json_t *read_json(const char *text)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
	return j ? j : json_string(text);
}

static json_t *read_value(const struct pt_stmt *s, int column, const struct pt_field *f)
{
	if (pt_stmt_type(s, column) == PT_SQL_NULL)
		return f->flags & PT_FIELD_NULLABLE ? json_null() : NULL;
	switch (f->kind) {
	case PT_KIND_BOOL:
		return json_boolean(pt_stmt_i64(s, column) != 0);
	case PT_KIND_I64:
	case PT_KIND_DSCP:
		return json_integer(pt_stmt_i64(s, column));
	case PT_KIND_MILLI:
		return json_real(pt_stmt_real(s, column));
	case PT_KIND_LIST:
	case PT_KIND_HIST:
		return read_json(pt_stmt_text(s, column));
	default:
		return json_string(pt_stmt_text(s, column));
	}
}

json_t *pt_row_read(const struct pt_stmt *s, int first, const struct pt_row_map *map)
{
	json_t *obj = json_object();
	for (int i = 0; i < map->n; i++) {
		const struct pt_row_column *c = &map->columns[i];
		json_t *v = read_value(s, first + i, c->field);
		if (!v)
			continue;
		if (!c->keys[1]) {
			json_object_set_new(obj, c->keys[0], v);
			continue;
		}
		json_t *sub = json_object_get(obj, c->keys[0]);
		if (!sub) {
			sub = json_object();
			json_object_set_new(obj, c->keys[0], sub);
		}
		json_object_set_new(sub, c->keys[1], v);
	}
	return obj;
}
