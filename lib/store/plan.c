// SPDX-License-Identifier: MIT
#include "store/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/schema.h"
#include "store/audit.h"

static const struct {
	char mark;
	const char *word;  // of the JSON plan
	const char *event; // of audit_logs; NULL: nothing happens
} kinds[PT_CHANGE_KINDS] = {
	[PT_CHANGE_ADD] = { .mark = '+', .word = "add", .event = "create" },
	[PT_CHANGE_SET] = { .mark = '~', .word = "set", .event = "update" },
	[PT_CHANGE_REMOVE] = { .mark = '-', .word = "remove", .event = "delete" },
	[PT_CHANGE_KEEP] = { .mark = '=', .word = "keep" },
	[PT_CHANGE_CONFLICT] = { .mark = '!', .word = "conflict" },
};

static const char *id_of(const json_t *obj)
{
	return json_string_value(json_object_get(obj, "id"));
}

// Objects of a list by their id, borrowed.
static json_t *by_id(const json_t *list)
{
	json_t *map = json_object(), *obj;
	size_t i;

	json_array_foreach(list, i, obj)
		json_object_set(map, id_of(obj), obj);
	return map;
}

static void add_change(struct pt_plan *p, const struct pt_change *c)
{
	p->changes[p->n++] = *c;
	p->count[c->kind]++;
}

static const char *origin_of(const struct pt_plan *p, enum pt_entity e, const char *id)
{
	const json_t *map = json_object_get(p->origins, pt_entity_list(e));
	return json_string_value(json_object_get(map, id));
}

static bool is_file(const char *origin)
{
	return strcmp(origin, pt_origin_names[PT_ORIGIN_FILE]) == 0;
}

static void plan_wanted(struct pt_plan *p, enum pt_entity e, json_t *want)
{
	pt_autojson json_t *have = by_id(json_object_get(p->have, pt_entity_list(e)));
	json_t *obj;
	size_t i;

	json_array_foreach(want, i, obj) {
		json_t *old = json_object_get(have, id_of(obj));
		struct pt_change c = { .entity = e, .id = id_of(obj), .after = obj, .before = old };
		if (old && json_equal(old, obj))
			continue;
		c.origin = old ? origin_of(p, e, c.id) : pt_origin_names[PT_ORIGIN_FILE];
		c.kind = !old               ? PT_CHANGE_ADD
			: is_file(c.origin) ? PT_CHANGE_SET
					    : PT_CHANGE_CONFLICT;
		add_change(p, &c);
	}
}

static void plan_absent(struct pt_plan *p, enum pt_entity e, const json_t *want, bool prune)
{
	pt_autojson json_t *wanted = by_id(want);
	json_t *obj;
	size_t i;

	json_array_foreach(json_object_get(p->have, pt_entity_list(e)), i, obj) {
		struct pt_change c = { .entity = e, .id = id_of(obj), .before = obj };
		if (json_object_get(wanted, c.id))
			continue;
		c.origin = origin_of(p, e, c.id);
		c.kind = prune ? PT_CHANGE_REMOVE : PT_CHANGE_KEEP;
		if (is_file(c.origin))
			add_change(p, &c);
	}
}

static size_t list_len(const json_t *network, enum pt_entity e)
{
	return json_array_size(json_object_get(network, pt_entity_list(e)));
}

int pt_plan_make(json_t *want, json_t *have, json_t *origins, bool prune, struct pt_plan *out,
	struct pt_err *err)
{
	size_t max = 1;

	for (int e = 0; e < PT_ENTITIES; e++)
		max += list_len(want, e) + list_len(have, e);
	struct pt_change *changes = calloc(max, sizeof(*changes));
	if (!changes)
		return pt_err_set(err, -ENOMEM, "plan: out of memory");
	*out = (struct pt_plan){
		.changes = changes,
		.want = json_incref(want),
		.have = json_incref(have),
		.origins = json_incref(origins),
	};
	for (int e = 0; e < PT_ENTITIES; e++) {
		json_t *list = json_object_get(want, pt_entity_list(e));
		plan_wanted(out, e, list);
		plan_absent(out, e, list, prune);
	}
	return 0;
}

void pt_plan_done(struct pt_plan *p)
{
	free(p->changes);
	json_decref(p->want);
	json_decref(p->have);
	json_decref(p->origins);
	*p = (struct pt_plan){ 0 };
}

bool pt_plan_changes(const struct pt_plan *p)
{
	return p->count[PT_CHANGE_ADD] || p->count[PT_CHANGE_SET] || p->count[PT_CHANGE_REMOVE];
}

static void describe_value(const json_t *v, struct pt_buf *out)
{
	if (!v || json_is_null(v)) {
		pt_buf_puts(out, "unset");
		return;
	}
	if (json_is_string(v)) {
		pt_buf_puts(out, json_string_value(v));
		return;
	}
	pt_autofree char *text = json_dumps(v, PT_JSON_DUMP | JSON_ENCODE_ANY);
	pt_buf_puts(out, text);
}

static void describe_fields(
	const char *parent, json_t *before, json_t *after, const char **gap, struct pt_buf *out)
{
	const char *key;
	json_t *now;

	json_object_foreach(after, key, now) {
		json_t *old = json_object_get(before, key);
		if (json_equal(old, now))
			continue;
		if (json_is_object(now)) {
			describe_fields(key, old, now, gap, out);
			continue;
		}
		pt_buf_printf(out, "%s%s%s%s ", *gap, parent, *parent ? "." : "", key);
		describe_value(old, out);
		pt_buf_puts(out, " -> ");
		describe_value(now, out);
		*gap = ", ";
	}
}

void pt_change_describe(const struct pt_change *c, struct pt_buf *out)
{
	const char *gap = ": ";

	pt_buf_printf(out, "%c %s %s", kinds[c->kind].mark, pt_entity_name(c->entity), c->id);
	if (c->kind == PT_CHANGE_CONFLICT)
		pt_buf_printf(out, ": made by %s, left as it is", c->origin);
	if (c->kind == PT_CHANGE_KEEP)
		pt_buf_puts(out, ": no longer in the file, kept (--prune removes it)");
	if (c->before && c->after)
		describe_fields("", c->before, c->after, &gap, out);
}

static json_t *copy_or_null(const json_t *j)
{
	return j ? json_deep_copy(j) : json_null();
}

json_t *pt_plan_json(const struct pt_plan *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->n; i++) {
		const struct pt_change *c = &p->changes[i];
		json_array_append_new(list,
			json_pack("{ss ss ss ss so so}", "action", kinds[c->kind].word, "type",
				pt_entity_name(c->entity), "id", c->id, "origin", c->origin,
				"before", copy_or_null(c->before), "after",
				copy_or_null(c->after)));
	}
	return json_pack("{so}", "changes", list);
}

int pt_change_apply(struct pt_sql *db, const struct pt_change *c, enum pt_origin origin,
	const char *username, struct pt_err *err)
{
	char event[32];
	int code = 0;

	if (!kinds[c->kind].event)
		return 0;
	if (c->kind == PT_CHANGE_ADD)
		code = pt_inventory_insert(db, c->entity, c->after, origin, err);
	else if (c->kind == PT_CHANGE_SET)
		code = pt_inventory_update(db, c->entity, c->after, origin, err);
	else
		code = pt_inventory_delete(db, c->entity, c->id, err);
	if (code)
		return code;
	(void)snprintf(
		event, sizeof(event), "%s.%s", pt_entity_name(c->entity), kinds[c->kind].event);
	return pt_audit_write(db,
		&(struct pt_audit){ .username = username,
			.event_type = event,
			.object_type = pt_entity_name(c->entity),
			.object_id = c->id,
			.origin = c->origin,
			.before = c->before,
			.after = c->after },
		err);
}

int pt_plan_apply(
	struct pt_sql *db, const struct pt_plan *p, const char *username, struct pt_err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		int code = pt_change_apply(db, &p->changes[i], PT_ORIGIN_FILE, username, err);
		if (code)
			return code;
	}
	return 0;
}
