// SPDX-License-Identifier: MIT
// Cells of a row from an object of JSON.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/parse.h"
#include "model/schema.h"
#include "store/row.h"

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

static void set_i64(struct pt_cell *to, int64_t n)
{
	to->kind = PT_CELL_I64;
	to->i64 = n;
}

static void set_text(struct pt_cell *to, const json_t *v)
{
	to->kind = PT_CELL_TEXT;
	to->text = json_string_value(v);
	to->len = (uint32_t)json_string_length(v); // a record is at most PT_RECORD_MAX
}

// One for each kind: 0, or -EINVAL through wrong().
typedef int take_fn(
	struct pt_cell *to, const struct pt_row_column *c, const json_t *v, struct pt_err *err);

static int take_bool(
	struct pt_cell *to, const struct pt_row_column *c, const json_t *v, struct pt_err *err)
{
	if (!json_is_boolean(v))
		return wrong(c, "true or false", err);
	set_i64(to, json_is_true(v));
	return 0;
}

static int take_i64(
	struct pt_cell *to, const struct pt_row_column *c, const json_t *v, struct pt_err *err)
{
	if (!json_is_integer(v))
		return wrong(c, "an integer", err);
	int64_t n = json_integer_value(v);
	if (!pt_row_fits_i64(c->field, n))
		return wrong(c, "in range", err);
	set_i64(to, n);
	return 0;
}

static int take_real(
	struct pt_cell *to, const struct pt_row_column *c, const json_t *v, struct pt_err *err)
{
	if (!json_is_number(v))
		return wrong(c, "a number", err);
	double n = json_number_value(v);
	if (!pt_row_fits_real(c->field, n))
		return wrong(c, "in range", err);
	to->kind = PT_CELL_REAL;
	to->real = n;
	return 0;
}

static int take_text(
	struct pt_cell *to, const struct pt_row_column *c, const json_t *v, struct pt_err *err)
{
	if (!json_is_string(v))
		return wrong(c, "a string", err);
	set_text(to, v);
	return 0;
}

static int take_enum(
	struct pt_cell *to, const struct pt_row_column *c, const json_t *v, struct pt_err *err)
{
	const char *word = json_string_value(v);
	for (const char *const *n = c->field->names; word && *n; n++) {
		if (strcmp(*n, word) == 0) {
			set_text(to, v);
			return 0;
		}
	}
	return wrong(c, "one of its words", err);
}

static int take_addr(
	struct pt_cell *to, const struct pt_row_column *c, const json_t *v, struct pt_err *err)
{
	struct pt_addr addr;
	const char *text = json_string_value(v);
	bool is_auto = text && c->field->flags & PT_FIELD_AUTO && !strcmp(text, "auto");
	if (!text || (!is_auto && pt_addr_parse(text, &addr) != 0))
		return wrong(c, "an address", err);
	set_text(to, v);
	return 0;
}

static int take_dscp(
	struct pt_cell *to, const struct pt_row_column *c, const json_t *v, struct pt_err *err)
{
	uint8_t dscp;
	if (json_is_integer(v))
		return take_i64(to, c, v, err);
	const char *text = json_string_value(v);
	if (!text || pt_parse_dscp(text, &dscp) != 0)
		return wrong(c, "a DSCP", err);
	set_i64(to, dscp);
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

static int take_json(
	struct pt_cell *to, const struct pt_row_column *c, const json_t *v, struct pt_err *err)
{
	struct pt_buf text = { 0 };

	if (!json_is_array(v))
		return wrong(c, "a list", err);
	to->kind = PT_CELL_TEXT;
	to->owned = true;
	if (json_array_size(v) && put_numbers(&text, v, 1)) {
		to->text = text.data;
		to->len = (uint32_t)text.len;
		return 0;
	}
	pt_buf_done(&text);
	to->text = json_dumps(v, PT_JSON_DUMP);
	to->len = to->text ? (uint32_t)strlen(to->text) : 0;
	return to->text ? 0 : pt_err_errno(err, -ENOMEM, "%s", c->keys[0]);
}

static take_fn *const takers[PT_KIND_COUNT] = {
	[PT_KIND_BOOL] = take_bool,
	[PT_KIND_I64] = take_i64,
	[PT_KIND_MILLI] = take_real,
	[PT_KIND_STR] = take_text,
	[PT_KIND_ENUM] = take_enum,
	[PT_KIND_ADDR] = take_addr,
	[PT_KIND_PREFIX] = take_text,
	[PT_KIND_DSCP] = take_dscp,
	[PT_KIND_PORTS] = take_text,
	[PT_KIND_OBJECT] = NULL, // flattened
	[PT_KIND_LIST] = take_json,
	[PT_KIND_HIST] = take_json,
};

int pt_row_from_json(
	struct pt_row *row, const struct pt_row_map *map, const json_t *obj, struct pt_err *err)
{
	struct walk top, sub = { 0 };
	const char *parent = NULL; // of sub

	row->n = 0;
	walk_start(&top, obj);
	for (int i = 0; i < map->n; i++) {
		const struct pt_row_column *c = &map->columns[i];
		if (c->keys[1] && c->keys[0] != parent) {
			parent = c->keys[0];
			walk_start(&sub, walk_to(&top, parent));
		}
		const json_t *v = c->keys[1] ? walk_to(&sub, c->keys[1])
					     : walk_to(&top, c->keys[0]);
		struct pt_cell *to = &row->cell[row->n++];
		*to = (struct pt_cell){ .kind = PT_CELL_NULL };
		int code = 0;
		if (v && !json_is_null(v))
			code = takers[c->field->kind](to, c, v, err);
		else if (c->field->flags & PT_FIELD_REQUIRED)
			code = pt_err_set(err, -EINVAL, "%s: missing", c->field->key);
		if (code)
			return code;
	}
	return 0;
}
