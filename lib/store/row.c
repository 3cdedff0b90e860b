// SPDX-License-Identifier: MIT
#include "store/row.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/parse.h"
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

// Goes through an object in its own order, which is the schema's as long as our writers made it: a
// comparison a field instead of a look-up.
struct walk {
	json_t *obj;
	void *at; // the field expected next; NULL: look up
};

static void walk_start(struct walk *w, const json_t *obj)
{
	memcpy(&w->obj, &obj,
		sizeof(obj)); // jansson iterates over const objects, but does not say so
	w->at = json_object_iter(w->obj);
}

static json_t *walk_to(struct walk *w, const char *key)
{
	if (!w->at || strcmp(json_object_iter_key(w->at), key) != 0)
		w->at = json_object_iter_at(w->obj, key);
	if (!w->at)
		return NULL;
	json_t *value = json_object_iter_value(w->at);
	w->at = json_object_iter_next(w->obj, w->at);
	return value;
}

static int wrong(const struct pt_row_column *c, const char *want, struct pt_err *err)
{
	return pt_err_set(err, -EINVAL, "%s%s%s: not %s", c->keys[0], c->keys[1] ? "." : "",
		c->keys[1] ? c->keys[1] : "", want);
}

// One binder per kind: 0, or -EINVAL through wrong().
typedef int bind_fn(struct pt_stmt *s, int index, const struct pt_row_column *c, const json_t *v,
	struct pt_err *err);

static int bind_bool(struct pt_stmt *s, int index, const struct pt_row_column *c, const json_t *v,
	struct pt_err *err)
{
	if (!json_is_boolean(v))
		return wrong(c, "true or false", err);
	pt_stmt_bind_i64(s, index, json_is_true(v));
	return 0;
}

static int bind_i64(struct pt_stmt *s, int index, const struct pt_row_column *c, const json_t *v,
	struct pt_err *err)
{
	if (!json_is_integer(v))
		return wrong(c, "an integer", err);
	int64_t n = json_integer_value(v);
	bool bounded = c->field->min || c->field->max; // neither: any number
	if (bounded && (n < c->field->min || n > c->field->max))
		return wrong(c, "in range", err);
	pt_stmt_bind_i64(s, index, n);
	return 0;
}

static int bind_real(struct pt_stmt *s, int index, const struct pt_row_column *c, const json_t *v,
	struct pt_err *err)
{
	if (!json_is_number(v))
		return wrong(c, "a number", err);
	double n = json_number_value(v);
	bool bounded = c->field->min || c->field->max; // in thousandths
	if (bounded && (n * 1000 < (double)c->field->min || n * 1000 > (double)c->field->max))
		return wrong(c, "in range", err);
	pt_stmt_bind_real(s, index, n);
	return 0;
}

static int bind_text(struct pt_stmt *s, int index, const struct pt_row_column *c, const json_t *v,
	struct pt_err *err)
{
	if (!json_is_string(v))
		return wrong(c, "a string", err);
	pt_stmt_bind_text(s, index, json_string_value(v));
	return 0;
}

static int bind_enum(struct pt_stmt *s, int index, const struct pt_row_column *c, const json_t *v,
	struct pt_err *err)
{
	const char *word = json_string_value(v);
	for (const char *const *n = c->field->names; word && *n; n++) {
		if (strcmp(*n, word) == 0) {
			pt_stmt_bind_text(s, index, word);
			return 0;
		}
	}
	return wrong(c, "one of its words", err);
}

static int bind_addr(struct pt_stmt *s, int index, const struct pt_row_column *c, const json_t *v,
	struct pt_err *err)
{
	struct pt_addr addr;
	const char *text = json_string_value(v);
	bool is_auto = text && c->field->flags & PT_FIELD_AUTO && !strcmp(text, "auto");
	if (!text || (!is_auto && pt_addr_parse(text, &addr) != 0))
		return wrong(c, "an address", err);
	pt_stmt_bind_text(s, index, text);
	return 0;
}

static int bind_dscp(struct pt_stmt *s, int index, const struct pt_row_column *c, const json_t *v,
	struct pt_err *err)
{
	uint8_t dscp;
	if (json_is_integer(v))
		return bind_i64(s, index, c, v, err);
	const char *text = json_string_value(v);
	if (!text || pt_parse_dscp(text, &dscp) != 0)
		return wrong(c, "a DSCP", err);
	pt_stmt_bind_i64(s, index, dscp);
	return 0;
}

static void put_number(struct pt_buf *out, int64_t n)
{
	char digits[24], *p = digits + sizeof(digits);
	uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	do
		*--p = (char)('0' + left % 10);
	while (left /= 10);
	if (n < 0)
		*--p = '-';
	pt_buf_add(out, p, (size_t)(digits + sizeof(digits) - p));
}

// Lists of integers, such as histograms, which are most of what comes, without json_dumps' pace.
// false: something else is in it.
static bool put_numbers(struct pt_buf *out, const json_t *list, int depth)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);
		pt_buf_putc(out, i ? ',' : '[');
		if (json_is_integer(v))
			put_number(out, json_integer_value(v));
		else if (!depth || !json_array_size(v) || !put_numbers(out, v, depth - 1))
			return false;
	}
	pt_buf_putc(out, ']');
	return true;
}

static int bind_json(struct pt_stmt *s, int index, const struct pt_row_column *c, const json_t *v,
	struct pt_err *err)
{
	struct pt_buf text = { 0 };

	if (!json_is_array(v))
		return wrong(c, "a list", err);
	if (json_array_size(v) && put_numbers(&text, v, 1)) {
		pt_stmt_bind_owned(s, index, text.data);
		return 0;
	}
	pt_buf_done(&text);
	pt_stmt_bind_owned(s, index, json_dumps(v, PT_JSON_DUMP));
	return 0;
}

static bind_fn *const binders[PT_KIND_COUNT] = {
	[PT_KIND_BOOL] = bind_bool,
	[PT_KIND_I64] = bind_i64,
	[PT_KIND_MILLI] = bind_real,
	[PT_KIND_STR] = bind_text,
	[PT_KIND_ENUM] = bind_enum,
	[PT_KIND_ADDR] = bind_addr,
	[PT_KIND_PREFIX] = bind_text,
	[PT_KIND_DSCP] = bind_dscp,
	[PT_KIND_PORTS] = bind_text,
	[PT_KIND_OBJECT] = NULL, // flattened
	[PT_KIND_LIST] = bind_json,
	[PT_KIND_HIST] = bind_json,
};

int pt_row_bind(struct pt_stmt *s, int first, const struct pt_row_map *map, const json_t *obj,
	struct pt_err *err)
{
	struct walk top, sub = { 0 };
	const char *parent = NULL; // of sub

	walk_start(&top, obj);
	for (int i = 0; i < map->n; i++) {
		const struct pt_row_column *c = &map->columns[i];
		if (c->keys[1] && c->keys[0] != parent) {
			parent = c->keys[0];
			walk_start(&sub, walk_to(&top, parent));
		}
		const json_t *v = c->keys[1] ? walk_to(&sub, c->keys[1])
					     : walk_to(&top, c->keys[0]);
		int code = 0;
		if (v && !json_is_null(v))
			code = binders[c->field->kind](s, first + i, c, v, err);
		else if (c->field->flags & PT_FIELD_REQUIRED)
			code = pt_err_set(err, -EINVAL, "%s: missing", c->field->key);
		else
			pt_stmt_bind_null(s, first + i);
		if (code)
			return code;
	}
	return 0;
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
