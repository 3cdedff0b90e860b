// SPDX-License-Identifier: MIT
#include "store/edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/schema.h"
#include "store/open.h"

static int unknown_key(
	const struct pt_schema *s, const char *parent, const char *key, struct pt_err *err)
{
	pt_autobuf keys = { 0 };

	for (size_t i = 0; i < s->n; i++)
		pt_buf_printf(&keys, " %s%s", s->fields[i].key,
			s->fields[i].kind == PT_KIND_OBJECT ? ".*" : "");
	return pt_err_set(
		err, -EINVAL, "%s%s: no such key, one of%s", parent, key, pt_buf_str(&keys));
}

static const struct pt_field *find_field(const struct pt_schema *s, const char *key, size_t len)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strlen(s->fields[i].key) == len && memcmp(s->fields[i].key, key, len) == 0)
			return &s->fields[i];
	}
	return NULL;
}

static json_t *scalar(enum pt_kind kind, const char *text)
{
	int64_t n;
	char *end;

	switch (kind) {
	case PT_KIND_BOOL:
		if (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0)
			return json_true();
		if (strcmp(text, "false") == 0 || strcmp(text, "no") == 0)
			return json_false();
		return json_string(text); // for the model to refuse by name
	case PT_KIND_I64:
	case PT_KIND_DSCP:
		return pt_parse_i64(text, INT64_MIN + 1, INT64_MAX, &n) == 0 ? json_integer(n)
									     : json_string(text);
	case PT_KIND_MILLI: {
		double v = strtod(text, &end);
		return *text && !*end ? json_real(v) : json_string(text);
	}
	default:
		return json_string(text);
	}
}

static json_t *list_of(const struct pt_field *f, const char *text)
{
	json_t *list = json_array();
	pt_autofree char *copy = strdup(text);
	char *rest = copy, *item;

	while (copy && (item = strsep(&rest, ","))) {
		if (json_array_append_new(list, scalar(f->item, item)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

int pt_edit_set(enum pt_entity e, json_t *obj, const char *pair, struct pt_err *err)
{
	const struct pt_schema *s = pt_entity_schema(e);
	const char *eq = strchr(pair, '='), *key = pair, *parent = "";
	pt_autofree char *name = NULL;

	if (!eq || eq == pair)
		return pt_err_set(err, -EINVAL, "'%s': not KEY=VALUE", pair);
	name = strndup(pair, (size_t)(eq - pair));
	if (!name)
		return pt_err_errno(err, -ENOMEM, "%s", pair);
	char *dot = strchr(name, '.');
	const struct pt_field *f = find_field(s, name, dot ? (size_t)(dot - name) : strlen(name));
	if (!f || (f->kind == PT_KIND_OBJECT) != (dot != NULL))
		return unknown_key(s, "", name, err);
	key = name;
	if (dot) {
		const struct pt_schema *sub = f->sub;
		*dot = '\0';
		parent = name;
		key = dot + 1;
		f = find_field(sub, key, strlen(key));
		if (!f)
			return unknown_key(sub, "", key, err);
		json_t *inner = json_object_get(obj, parent);
		if (!json_is_object(inner))
			(void)json_object_set_new(obj, parent, json_object());
		obj = json_object_get(obj, parent);
	}
	if (strcmp(key, "id") == 0)
		return pt_err_set(err, -EINVAL, "id: cannot change: remove it and add another");
	if (!eq[1]) {
		(void)json_object_del(obj, key);
		return 0;
	}
	json_t *value = f->kind == PT_KIND_LIST ? list_of(f, eq + 1) : scalar(f->kind, eq + 1);
	if (json_object_set_new(obj, key, value) != 0) // there is none of bytes that are no text
		return pt_err_set(err, -EINVAL, "%s: not a value in UTF-8", key);
	return 0;
}

int pt_edit_normalise(enum pt_entity e, json_t **obj, struct pt_err *err)
{
	const struct pt_schema *s = pt_entity_schema(e);
	pt_autoarena arena = { 0 };
	void *body = pt_arena_alloc(&arena, s->size);
	int code = pt_json_read(*obj, s, &arena, body, err);

	if (code)
		return code;
	json_decref(*obj);
	*obj = pt_json_write(s, body);
	return 0;
}

static json_t *find_object(json_t *network, enum pt_entity e, const char *id)
{
	json_t *obj;
	size_t i;

	json_array_foreach(json_object_get(network, pt_entity_list(e)), i, obj) {
		if (strcmp(json_string_value(json_object_get(obj, "id")), id) == 0)
			return obj;
	}
	return NULL;
}

static int need_state(const struct pt_edit *e, const json_t *have, struct pt_err *err)
{
	const char *name = pt_entity_name(e->entity);

	if (e->kind == PT_CHANGE_ADD && have)
		return pt_err_set(err, -EEXIST, "%s %s: is there already", name, e->id);
	if (e->kind != PT_CHANGE_ADD && !have)
		return pt_err_set(err, -ENOENT, "%s %s: there is none", name, e->id);
	return 0;
}

// The object as it will be; NULL for one that goes.
static int make_after(
	const struct pt_edit *e, const json_t *before, json_t **after, struct pt_err *err)
{
	*after = NULL;
	if (e->kind == PT_CHANGE_REMOVE)
		return 0;
	*after = before ? json_deep_copy(before) : json_pack("{ss}", "id", e->id);
	int code = *after ? 0 : pt_err_set(err, -EINVAL, "%s: not a name", e->id);
	for (unsigned i = 0; !code && i < e->n; i++)
		code = pt_edit_set(e->entity, *after, e->pairs[i], err);
	return code ? code : pt_edit_normalise(e->entity, after, err);
}

// Everything inside the transaction.
static int carry_out(struct pt_sql *db, const struct pt_edit *e, const struct pt_change *c,
	struct pt_publish *file, struct pt_err *err)
{
	pt_autojson json_t *network = NULL;
	int code = pt_change_apply(db, c, e->origin, e->username, err);

	if (!code)
		code = pt_inventory_read(db, &network, NULL, err);
	if (!code)
		code = pt_inventory_check(network, err);
	if (code == -EINVAL && e->kind == PT_CHANGE_REMOVE)
		pt_err_wrap(err, "%s %s: still needed", pt_entity_name(e->entity), e->id);
	if (!code && e->publish && !e->dry_run)
		code = pt_publish_begin(e->publish, network, file, err);
	return code ? code : e->dry_run ? -ECANCELED : 0;
}

int pt_edit_run(struct pt_sql *db, const struct pt_edit *e, struct pt_buf *line, struct pt_err *err)
{
	pt_autojson json_t *network = NULL;
	pt_autojson json_t *after = NULL;
	pt_autopublish file = { .dir_fd = -1 };
	struct pt_change c = { .kind = e->kind,
		.entity = e->entity,
		.id = e->id,
		.origin = pt_origin_names[e->origin] };
	int code = pt_store_durable(db, err);

	if (!code)
		code = pt_sql_begin(db, err);

	if (code)
		return code;
	code = pt_inventory_read(db, &network, NULL, err);
	if (!code) {
		c.before = find_object(network, e->entity, e->id);
		code = need_state(e, c.before, err);
	}
	if (!code)
		code = make_after(e, c.before, &after, err);
	c.after = after;
	bool same = !code && c.before && after && json_equal(c.before, after);
	if (!code && !same)
		code = carry_out(db, e, &c, &file, err);
	code = pt_sql_end(db, code ? code : same ? -ECANCELED : 0, err);
	if (!code)
		code = pt_publish_end(&file, err);
	if (code && code != -ECANCELED)
		return code;
	if (!same)
		pt_change_describe(&c, line);
	return 0;
}
