// SPDX-License-Identifier: MIT
// The adapter to jansson: structs to objects and back, by the rows of a schema.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hist.h"
#include "model/value.h"

static json_t *write_value(
	const struct pt_field *f, enum pt_kind kind, const struct pt_schema *sub, const void *slot)
{
	pt_autobuf text = { 0 };

	switch (kind) {
	case PT_KIND_BOOL:
		return json_boolean(*(const bool *)slot);
	case PT_KIND_I64:
	case PT_KIND_DSCP: {
		int64_t v = *(const int64_t *)slot;
		return v == PT_NULL ? json_null() : json_integer(v);
	}
	case PT_KIND_MILLI: {
		int64_t v = *(const int64_t *)slot;
		return v == PT_NULL ? json_null() : json_real((double)v / 1000);
	}
	case PT_KIND_OBJECT:
		return pt_json_write(sub, slot);
	case PT_KIND_HIST: {
		const struct pt_hist *h = *(struct pt_hist *const *)slot;
		return h ? pt_hist_to_json(h) : json_null();
	}
	default:
		break;
	}
	if (!pt_value_format(f, kind, slot, &text))
		return json_null();
	json_t *s = json_stringn(pt_buf_str(&text), text.len);
	return s ? s : json_null(); // not UTF-8: no reader could take it
}

static json_t *write_list(const struct pt_field *f, const char *obj)
{
	uint32_t n = *(const uint32_t *)(obj + f->count_offset);
	const char *items = *(const char *const *)(obj + f->offset);
	size_t size = pt_value_size(f->item, f->sub);
	json_t *list = json_array();

	for (uint32_t i = 0; list && i < n; i++) {
		if (json_array_append_new(list, write_value(f, f->item, f->sub, items + i * size)) <
			0)
			abort(); // out of memory
	}
	return list;
}

json_t *pt_json_write(const struct pt_schema *s, const void *obj)
{
	const char *base = obj;
	json_t *j = json_object();

	for (size_t i = 0; i < s->n; i++) {
		const struct pt_field *f = &s->fields[i];
		json_t *v = f->kind == PT_KIND_LIST
			? write_list(f, base)
			: write_value(f, f->kind, f->sub, base + f->offset);
		if (json_object_set_new_nocheck(j, f->key, v) < 0)
			abort(); // out of memory
	}
	return j;
}

static const char *type_name(const json_t *j)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "a list",
		[JSON_STRING] = "a text",
		[JSON_INTEGER] = "a whole number",
		[JSON_REAL] = "a number",
		[JSON_TRUE] = "true",
		[JSON_FALSE] = "false",
		[JSON_NULL] = "null",
	};

	return names[json_typeof(j)];
}

static int wants(const json_t *j, const char *what, struct pt_err *err)
{
	return pt_err_set(err, -EINVAL, "needs %s, has %s", what, type_name(j));
}

struct reader {
	struct pt_arena *arena;
	struct pt_err *err;
};

static int read_object(const struct reader *r, const struct pt_schema *s, const json_t *j,
	const struct pt_trail *up, void *obj);

static int read_hist(const struct reader *r, const json_t *j, void *slot)
{
	struct pt_hist *h = pt_arena_alloc(r->arena, sizeof(*h));

	if (pt_hist_from_json(j, h) < 0)
		return pt_err_set(r->err, -EINVAL, "is not a histogram: [[bucket, count], ...]");
	*(struct pt_hist **)slot = h;
	return 0;
}

static int read_milli(const struct reader *r, const struct pt_field *f, const json_t *j, void *slot)
{
	double v = json_number_value(j) * 1000;

	if (!json_is_number(j))
		return wants(j, "a number", r->err);
	if (!(v > -9e15 && v < 9e15) ||
		((f->min || f->max) && (v < (double)f->min || v > (double)f->max)))
		return pt_err_set(r->err, -ERANGE, "%g is out of range", v / 1000);
	*(int64_t *)slot = llround(v);
	return 0;
}

static int read_text(const struct reader *r, const struct pt_field *f, enum pt_kind kind,
	const json_t *j, void *slot)
{
	struct pt_text t = { .s = json_string_value(j), .len = json_string_length(j) };

	if (!json_is_string(j))
		return wants(j, "a text", r->err);
	return pt_value_parse(f, kind, &t, r->arena, slot, r->err);
}

static int read_scalar(const struct reader *r, const struct pt_field *f, enum pt_kind kind,
	const json_t *j, void *slot)
{
	switch (kind) {
	case PT_KIND_BOOL:
		if (!json_is_boolean(j))
			return wants(j, "true or false", r->err);
		*(bool *)slot = json_is_true(j);
		return 0;
	case PT_KIND_I64:
		if (!json_is_integer(j))
			return wants(j, "a whole number", r->err);
		return pt_value_integer(f, kind, json_integer_value(j), slot, r->err);
	case PT_KIND_DSCP:
	case PT_KIND_PORTS:
		if (json_is_integer(j))
			return pt_value_integer(f, kind, json_integer_value(j), slot, r->err);
		return read_text(r, f, kind, j, slot);
	case PT_KIND_MILLI:
		return read_milli(r, f, j, slot);
	case PT_KIND_HIST:
		return read_hist(r, j, slot);
	default:
		return read_text(r, f, kind, j, slot);
	}
}

static int read_value(const struct reader *r, const struct pt_field *f, enum pt_kind kind,
	const json_t *j, const struct pt_trail *t, void *slot)
{
	if (kind == PT_KIND_OBJECT)
		return read_object(r, f->sub, j, t, slot);
	int rc = read_scalar(r, f, kind, j, slot);
	return rc < 0 ? pt_trail_fail(t, NULL, r->err) : 0;
}

static int read_list(const struct reader *r, const struct pt_field *f, const json_t *j,
	const struct pt_trail *t, char *obj)
{
	size_t size = pt_value_size(f->item, f->sub), n = json_array_size(j);
	struct pt_trail item = { .up = t };

	if (!json_is_array(j)) {
		(void)wants(j, "a list", r->err);
		return pt_trail_fail(t, NULL, r->err);
	}
	if (n > (f->max ? (size_t)f->max : UINT32_MAX)) {
		(void)pt_err_set(r->err, -ERANGE, "%zu items, at most %u are possible", n,
			f->max ? (unsigned)f->max : UINT32_MAX);
		return pt_trail_fail(t, NULL, r->err);
	}
	char *items = n ? pt_arena_alloc(r->arena, n * size) : NULL;
	for (; item.index < n; item.index++) {
		int rc = read_value(r, f, f->item, json_array_get(j, item.index), &item,
			items + item.index * size);
		if (rc < 0)
			return rc;
	}
	memcpy(obj + f->offset, &items, sizeof(items));
	*(uint32_t *)(obj + f->count_offset) = (uint32_t)n;
	return 0;
}

static int read_field(const struct reader *r, const struct pt_field *f, const json_t *j,
	const struct pt_trail *t, char *obj)
{
	if (!j) {
		if (!(f->flags & PT_FIELD_REQUIRED))
			return 0;
		(void)pt_err_set(r->err, -EINVAL, "is missing");
		return pt_trail_fail(t, NULL, r->err);
	}
	if (json_is_null(j) && pt_value_optional(f)) {
		// An explicit null also beats a default, which pt_schema_defaults has set.
		if (f->flags & PT_FIELD_NULLABLE)
			*(int64_t *)(obj + f->offset) = PT_NULL;
		return 0;
	}
	if (f->kind == PT_KIND_LIST)
		return read_list(r, f, j, t, obj);
	return read_value(r, f, f->kind, j, t, obj + f->offset);
}

static int read_object(const struct reader *r, const struct pt_schema *s, const json_t *j,
	const struct pt_trail *up, void *obj)
{
	if (!json_is_object(j)) {
		(void)wants(j, "an object", r->err);
		return pt_trail_fail(up, NULL, r->err);
	}
	pt_schema_defaults(s, obj);
	for (size_t i = 0; i < s->n; i++) {
		const struct pt_field *f = &s->fields[i];
		struct pt_trail t = { .up = up, .key = f->key };
		int rc = read_field(r, f, json_object_get(j, f->key), &t, obj);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int pt_json_read(const json_t *j, const struct pt_schema *s, struct pt_arena *a, void *obj,
	struct pt_err *err)
{
	struct pt_err own = { 0 };
	struct reader r = { .arena = a, .err = err ? err : &own };

	return read_object(&r, s, j, NULL, obj);
}
