// SPDX-License-Identifier: MIT
#include "store/inventory.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "store/row.h"
#include "store/sql.h"

const char *const pt_origin_names[] = {
	[PT_ORIGIN_FILE] = "file", [PT_ORIGIN_API] = "api", [PT_ORIGIN_CLI] = "cli", NULL
};

// A list of texts that has a table of its own, one row an item.
struct part {
	const char *key; // of the object; NULL ends the list
	const char *table, *owner, *column;
};

static const struct entity {
	const char *name, *list, *table;
	const struct pt_schema *schema;
	const struct pt_rename *renames;
	const struct part *parts;
} entities[PT_ENTITIES] = {
	[PT_ENTITY_SITE] = { .name = "site",
		.list = "sites",
		.table = "sites",
		.schema = &pt_site_schema,
		.renames = (const struct pt_rename[]){ { "prefixes", NULL }, { "lan", NULL },
			{ 0 } },
		.parts =
			(const struct part[]){ { "prefixes", "site_prefixes", "site_id", "prefix" },
				{ "lan", "site_lan", "site_id", "device" }, { 0 } } },
	[PT_ENTITY_UPLINK] = { .name = "uplink",
		.list = "uplinks",
		.table = "uplinks",
		.schema = &pt_uplink_schema,
		.renames = (const struct pt_rename[]){ { "site", "site_id" }, { 0 } } },
	[PT_ENTITY_PATH] = { .name = "path",
		.list = "paths",
		.table = "paths",
		.schema = &pt_path_schema,
		.renames = (const struct pt_rename[]){ { "source", "source_site_id" },
			{ "dest", "dest_site_id" }, { "uplink", "uplink_id" }, { 0 } } },
	[PT_ENTITY_POLICY] = { .name = "policy",
		.list = "policies",
		.table = "policies",
		.schema = &pt_policy_schema,
		.renames = (const struct pt_rename[]){ { "prefer", NULL }, { 0 } },
		.parts =
			(const struct part[]){
				{ "prefer", "policy_prefer", "policy_id", "uplink_id" }, { 0 } } },
};

const char *pt_entity_name(enum pt_entity e)
{
	return entities[e].name;
}

const char *pt_entity_list(enum pt_entity e)
{
	return entities[e].list;
}

const struct pt_schema *pt_entity_schema(enum pt_entity e)
{
	return entities[e].schema;
}

const char *pt_entity_table(enum pt_entity e)
{
	return entities[e].table;
}

static int prepare(struct pt_sql *db, struct pt_buf *sql, struct pt_stmt **out, struct pt_err *err)
{
	return pt_stmt_get(db, pt_buf_str(sql), out, NULL, err);
}

static int read_part(struct pt_sql *db, const struct part *p, json_t *obj, struct pt_err *err)
{
	pt_autobuf sql = { 0 };
	pt_buf_printf(&sql, "SELECT %s FROM %s WHERE %s=?1 ORDER BY ordinal", p->column, p->table,
		p->owner);
	pt_autostmt s = NULL;
	int code = prepare(db, &sql, &s, err);
	if (code)
		return code;
	json_t *list = json_array();
	json_object_set_new(obj, p->key, list);
	pt_stmt_bind_text(s, 1, json_string_value(json_object_get(obj, "id")));
	while ((code = pt_stmt_step(s, err)) > 0)
		json_array_append_new(list, json_string(pt_stmt_text(s, 0)));
	return code;
}

static int read_parts(struct pt_sql *db, const struct part *p, json_t *obj, struct pt_err *err)
{
	int code = 0;
	for (; !code && p && p->key; p++)
		code = read_part(db, p, obj, err);
	return code;
}

static int read_entity(struct pt_sql *db, const struct entity *e, json_t *network, json_t *origins,
	struct pt_err *err)
{
	struct pt_row_map map;
	pt_autobuf sql = { 0 };
	pt_autostmt s = NULL;
	json_t *list = json_array(), *from = json_object();

	json_object_set_new(network, e->list, list);
	json_object_set_new(origins, e->list, from);
	pt_row_map_init(&map, e->schema, e->renames);
	pt_buf_puts(&sql, "SELECT origin, ");
	pt_row_names(&map, &sql);
	pt_buf_printf(&sql, " FROM %s ORDER BY id", e->table);
	int code = prepare(db, &sql, &s, err);
	if (code)
		return code;
	while ((code = pt_stmt_step(s, err)) > 0) {
		json_t *obj = pt_row_read(s, 1, &map);
		json_array_append_new(list, obj);
		json_object_set_new(from, json_string_value(json_object_get(obj, "id")),
			json_string(pt_stmt_text(s, 0)));
		code = read_parts(db, e->parts, obj, err);
		if (code)
			return code;
	}
	return code;
}

// Through the model and back: defaults filled in, every value in its one spelling, and a row that
// somebody wrote wrongly by hand is found here and named.
static int normalise(json_t **network, struct pt_err *err)
{
	pt_autoarena arena = { 0 };
	struct pt_network n;
	int code = pt_json_read(*network, &pt_network_schema, &arena, &n, err);
	if (code)
		return code;
	json_decref(*network);
	*network = pt_json_write(&pt_network_schema, &n);
	return 0;
}

int pt_inventory_read(struct pt_sql *db, json_t **network, json_t **origins, struct pt_err *err)
{
	pt_autojson json_t *doc = json_object();
	pt_autojson json_t *from = json_object();
	int code = 0;

	for (size_t i = 0; !code && i < PT_ARRAY_LEN(entities); i++)
		code = read_entity(db, &entities[i], doc, from, err);
	if (code)
		return code;
	code = normalise(&doc, err);
	if (code) {
		pt_err_wrap(err, "%s: a row that does not fit", pt_sql_path(db));
		return code;
	}
	*network = pt_take(&doc);
	if (origins)
		*origins = pt_take(&from);
	return 0;
}

int pt_inventory_check(const json_t *network, struct pt_err *err)
{
	pt_autoarena arena = { 0 };
	struct pt_network n;
	int code = pt_json_read(network, &pt_network_schema, &arena, &n, err);
	return code ? code : pt_network_check(&n, &arena, NULL, err);
}

static int write_part(
	struct pt_sql *db, const struct part *p, const json_t *obj, struct pt_err *err)
{
	const char *id = json_string_value(json_object_get(obj, "id"));
	pt_autobuf del = { 0 }, ins = { 0 };
	pt_autostmt d = NULL;
	pt_autostmt s = NULL;

	pt_buf_printf(&del, "DELETE FROM %s WHERE %s=?1", p->table, p->owner);
	pt_buf_printf(&ins, "INSERT INTO %s (%s, ordinal, %s) VALUES (?1, ?2, ?3)", p->table,
		p->owner, p->column);
	int code = prepare(db, &del, &d, err);
	if (!code)
		code = prepare(db, &ins, &s, err);
	if (code)
		return code;
	pt_stmt_bind_text(d, 1, id);
	code = pt_stmt_run(d, err);

	const json_t *item, *list = json_object_get(obj, p->key);
	for (size_t i = 0; !code && (item = json_array_get(list, i)); i++) {
		pt_stmt_bind_text(s, 1, id);
		pt_stmt_bind_i64(s, 2, (int64_t)i);
		pt_stmt_bind_text(s, 3, json_string_value(item));
		code = pt_stmt_run(s, err);
	}
	return code;
}

static int write_parts(
	struct pt_sql *db, const struct part *p, const json_t *obj, struct pt_err *err)
{
	int code = 0;
	for (; !code && p && p->key; p++)
		code = write_part(db, p, obj, err);
	return code;
}

// The object's fields are parameters 2 and on.
static int run_with(
	struct pt_stmt *s, const struct pt_row_map *map, const json_t *obj, struct pt_err *err)
{
	pt_autorow row = { 0 };
	int code = pt_row_from_json(&row, map, obj, err);
	if (code)
		return code;
	pt_row_bind(s, 2, &row);
	return pt_stmt_run(s, err);
}

int pt_inventory_insert(struct pt_sql *db, enum pt_entity e, const json_t *obj,
	enum pt_origin origin, struct pt_err *err)
{
	const struct entity *ent = &entities[e];
	struct pt_row_map map;
	pt_autobuf sql = { 0 };
	pt_autostmt s = NULL;

	pt_row_map_init(&map, ent->schema, ent->renames);
	pt_buf_printf(&sql, "INSERT INTO %s (origin, ", ent->table);
	pt_row_names(&map, &sql);
	pt_buf_puts(&sql, ") VALUES (?1, ");
	pt_row_marks(&map, 2, &sql);
	pt_buf_puts(&sql, ")");
	int code = prepare(db, &sql, &s, err);
	if (code)
		return code;
	pt_stmt_bind_text(s, 1, pt_origin_names[origin]);
	code = run_with(s, &map, obj, err);
	return code ? code : write_parts(db, ent->parts, obj, err);
}

int pt_inventory_update(struct pt_sql *db, enum pt_entity e, const json_t *obj,
	enum pt_origin origin, struct pt_err *err)
{
	const struct entity *ent = &entities[e];
	struct pt_row_map map;
	pt_autobuf sql = { 0 };
	pt_autostmt s = NULL;

	pt_row_map_init(&map, ent->schema, ent->renames);
	pt_buf_printf(&sql, "UPDATE %s SET updated_at=unixepoch(), origin=?1, ", ent->table);
	pt_row_sets(&map, 2, &sql);
	pt_buf_printf(&sql, " WHERE id=?%d", 2 + map.n);
	int code = prepare(db, &sql, &s, err);
	if (code)
		return code;
	pt_stmt_bind_text(s, 1, pt_origin_names[origin]);
	pt_stmt_bind_text(s, 2 + map.n, json_string_value(json_object_get(obj, "id")));
	code = run_with(s, &map, obj, err);
	return code ? code : write_parts(db, ent->parts, obj, err);
}

int pt_inventory_delete(struct pt_sql *db, enum pt_entity e, const char *id, struct pt_err *err)
{
	pt_autobuf sql = { 0 };
	pt_autostmt s = NULL;

	pt_buf_printf(&sql, "DELETE FROM %s WHERE id=?1", entities[e].table);
	int code = prepare(db, &sql, &s, err);
	if (code)
		return code;
	pt_stmt_bind_text(s, 1, id);
	return pt_stmt_run(s, err);
}
