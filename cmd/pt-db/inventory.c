// SPDX-License-Identifier: MIT
// pt-db site, uplink, path, policy: the inventory by hand.
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/emit.h"
#include "db.h"
#include "model/schema.h"
#include "store/audit.h"
#include "store/edit.h"
#include "store/open.h"

#define TEXT_LEN 256

// Keys of an object as one level, "match.protocol"; values as people write them.
typedef void each_fn(void *ctx, const char *key, const json_t *v);

static void each_value(const json_t *obj, const char *prefix, each_fn *fn, void *ctx)
{
	for (void *i = json_object_iter((json_t *)(uintptr_t)obj); i;
		i = json_object_iter_next((json_t *)(uintptr_t)obj, i)) {
		char key[TEXT_LEN];
		const json_t *v = json_object_iter_value(i);
		(void)snprintf(key, sizeof(key), "%s%s%s", prefix, *prefix ? "." : "",
			json_object_iter_key(i));
		if (json_is_object(v))
			each_value(v, key, fn, ctx);
		else
			fn(ctx, key, v);
	}
}

static void value_text(const json_t *v, struct pt_buf *out)
{
	if (json_is_array(v)) {
		for (size_t i = 0; i < json_array_size(v); i++) {
			pt_buf_puts(out, i ? "," : "");
			value_text(json_array_get(v, i), out);
		}
		return;
	}
	if (json_is_string(v)) {
		pt_buf_puts(out, json_string_value(v));
		return;
	}
	pt_autofree char *text = v && !json_is_null(v)
		? json_dumps(v, PT_JSON_DUMP | JSON_ENCODE_ANY)
		: NULL;
	pt_buf_puts(out, text ? text : "");
}

// What the inventory knows of a row beside the model: its origin and state.
static int read_row(struct pt_sql *db, enum pt_entity e, const char *id, char *origin, char *status,
	struct pt_err *err)
{
	bool has_status = e == PT_ENTITY_SITE || e == PT_ENTITY_PATH;
	char sql[128];
	pt_autostmt s = NULL;

	(void)snprintf(sql, sizeof(sql), "SELECT origin, %s FROM %s WHERE id=?1",
		has_status ? "status" : "''", pt_entity_table(e));
	int code = pt_stmt_get(db, sql, &s, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_text(s, 1, id);
	code = pt_stmt_step(s, err);
	if (code > 0) {
		(void)snprintf(origin, 16, "%s", pt_stmt_text(s, 0));
		(void)snprintf(status, 16, "%s", pt_stmt_text(s, 1));
	}
	return code < 0 ? code : 0;
}

// ---- list ----

#define LIST_COLUMNS 48

struct listing {
	struct pt_column columns[LIST_COLUMNS + 3];
	char keys[LIST_COLUMNS][TEXT_LEN];
	int n;
	struct pt_emit *e;
	int at;
};

static void note_column(void *ctx, const char *key, const json_t *v)
{
	struct listing *l = ctx;
	pt_autobuf text = { 0 };

	value_text(v, &text);
	bool said = text.len && !json_is_false(v) && strcmp(pt_buf_str(&text), "0") != 0;
	for (int i = 0; said && i < l->n; i++)
		said = strcmp(l->keys[i], key) != 0;
	if (said && l->n < LIST_COLUMNS)
		(void)snprintf(l->keys[l->n++], TEXT_LEN, "%s", key);
}

static const json_t *find_value(const json_t *obj, const char *key)
{
	const char *dot = strchr(key, '.');
	char first[TEXT_LEN];

	if (!dot)
		return json_object_get(obj, key);
	(void)snprintf(first, sizeof(first), "%.*s", (int)(dot - key), key);
	return json_object_get(json_object_get(obj, first), dot + 1);
}

static int emit_object(struct pt_sql *db, struct listing *l, enum pt_entity e, const json_t *obj,
	struct pt_err *err)
{
	char origin[16] = "", status[16] = "";
	int code = read_row(
		db, e, json_string_value(json_object_get(obj, "id")), origin, status, err);

	if (code)
		return code;
	pt_emit_row(l->e);
	for (int i = 0; i < l->n; i++) {
		pt_autobuf text = { 0 };
		value_text(find_value(obj, l->keys[i]), &text);
		pt_emit_str(l->e, pt_buf_str(&text));
	}
	pt_emit_str(l->e, status);
	pt_emit_str(l->e, origin);
	return 0;
}

// Only columns in which some row says something.
static int list(struct pt_ctx *ctx, struct pt_sql *db, enum pt_entity e, const json_t *objects)
{
	struct listing l = { 0 };
	const json_t *obj;
	int code = 0;

	(void)snprintf(l.keys[l.n++], TEXT_LEN, "id");
	for (size_t i = 0; (obj = json_array_get(objects, i)); i++)
		each_value(obj, "", note_column, &l);
	for (int i = 0; i < l.n; i++)
		l.columns[i] = (struct pt_column){ .key = l.keys[i], .heading = l.keys[i] };
	l.columns[l.n] = (struct pt_column){ .key = "status", .heading = "status" };
	l.columns[l.n + 1] = (struct pt_column){ .key = "origin", .heading = "origin" };
	if (pt_emit_new(PT_EMIT_TABLE, stdout, &l.e))
		return pt_err_errno(&ctx->err, -ENOMEM, "list");
	pt_emit_table(l.e, pt_entity_list(e), l.columns);
	for (size_t i = 0; !code && (obj = json_array_get(objects, i)); i++)
		code = emit_object(db, &l, e, obj, &ctx->err);
	(void)pt_emit_end(l.e); // the dispatcher looks at standard output
	return code;
}

// ---- show ----

static void print_pair(void *ctx, const char *key, const json_t *v)
{
	pt_autobuf text = { 0 };

	(void)ctx;
	value_text(v, &text);
	printf("%s=%s\n", key, pt_buf_str(&text));
}

static int show(struct pt_ctx *ctx, struct pt_sql *db, enum pt_entity e, const json_t *objects,
	const char *id)
{
	char origin[16] = "", status[16] = "";
	const json_t *obj;
	size_t i;

	for (i = 0; (obj = json_array_get(objects, i)); i++) {
		if (strcmp(json_string_value(json_object_get(obj, "id")), id) == 0)
			break;
	}
	if (!obj)
		return pt_err_set(
			&ctx->err, -ENOENT, "%s %s: there is none", pt_entity_name(e), id);
	if (ctx->json) {
		pt_autofree char *text = json_dumps(obj, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
		puts(text);
		return 0;
	}
	int code = read_row(db, e, id, origin, status, &ctx->err);
	if (code)
		return code;
	each_value(obj, "", print_pair, NULL);
	printf("# origin %s%s%s\n", origin, *status ? ", status " : "", status);
	return 0;
}

static int look(
	struct pt_ctx *ctx, const struct pt_config *config, enum pt_entity e, const char *id)
{
	pt_autosql db = NULL;
	pt_autojson json_t *network = NULL;
	int code = pt_store_open(db_path(ctx, config), PT_SQL_READ, config, &db, &ctx->err);

	if (!code)
		code = pt_sql_snapshot(db, &ctx->err);
	if (!code)
		code = pt_inventory_read(db, &network, NULL, &ctx->err);
	if (code)
		return code;
	const json_t *objects = json_object_get(network, pt_entity_list(e));
	if (id)
		return show(ctx, db, e, objects, id);
	if (!ctx->json)
		return list(ctx, db, e, objects);
	pt_autofree char *text = json_dumps(objects, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	puts(text);
	return 0;
}

// ---- add, set, remove ----

static int change(struct pt_ctx *ctx, const struct pt_config *config, const struct pt_edit *edit)
{
	pt_autosql db = NULL;
	pt_autobuf line = { 0 };
	int code = pt_store_open(db_path(ctx, config), PT_SQL_WRITE, config, &db, &ctx->err);

	if (!code)
		code = pt_edit_run(db, edit, &line, &ctx->err);
	if (code)
		return code;
	if (line.len)
		puts(pt_buf_str(&line));
	else
		db_say(ctx, "nothing to do");
	return 0;
}

static const struct action {
	const char *name;
	int kind;     // enum pt_change_kind; -1: look
	int min, max; // words behind it; -1: any
	const char *args;
} actions[] = {
	{ "list", -1, 0, 0, "" },
	{ "show", -1, 1, 1, "ID" },
	{ "add", PT_CHANGE_ADD, 1, -1, "ID KEY=VALUE..." },
	{ "set", PT_CHANGE_SET, 2, -1, "ID KEY=VALUE..." },
	{ "remove", PT_CHANGE_REMOVE, 1, 1, "ID" },
};

static int find_action(
	struct pt_ctx *ctx, enum pt_entity e, int argc, char **argv, const struct action **out)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(actions); i++) {
		const struct action *a = &actions[i];
		if (strcmp(a->name, argv[0]) != 0)
			continue;
		*out = a;
		if (argc - 1 >= a->min && (a->max < 0 || argc - 1 <= a->max))
			return 0;
		return pt_err_set(&ctx->err, -EINVAL, "usage: pt-db %s %s %s", pt_entity_name(e),
			a->name, a->args);
	}
	return pt_err_set(&ctx->err, -EINVAL, "%s: no '%s', one of list show add set remove",
		pt_entity_name(e), argv[0]);
}

static int inventory(
	struct pt_ctx *ctx, enum pt_entity e, int argc, char **argv, const struct db_apply_opts *o)
{
	const struct action *a;
	pt_autoarena arena = { 0 };
	struct pt_config config;
	char user[PT_AUDIT_USER_LEN];

	if (find_action(ctx, e, argc, argv, &a))
		return PT_EXIT_USAGE;
	if (db_config(ctx, &arena, &config))
		return PT_EXIT_FAIL;
	if (a->kind < 0)
		return look(ctx, &config, e, argc > 1 ? argv[1] : NULL) ? PT_EXIT_FAIL : PT_EXIT_OK;
	pt_audit_user(user);
	const struct pt_edit edit = {
		.entity = e,
		.kind = (enum pt_change_kind)a->kind,
		.id = argv[1],
		.pairs = (const char *const *)argv + 2,
		.n = (unsigned)argc - 2,
		.origin = PT_ORIGIN_CLI,
		.username = user,
		.publish = o->no_publish ? NULL
			: o->publish     ? o->publish
					 : DB_PUBLISH,
		.dry_run = ctx->dry_run,
	};
	return change(ctx, &config, &edit) ? PT_EXIT_FAIL : PT_EXIT_OK;
}

int db_site(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	return inventory(ctx, PT_ENTITY_SITE, argc, argv, opts);
}

int db_uplink(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	return inventory(ctx, PT_ENTITY_UPLINK, argc, argv, opts);
}

int db_path_verb(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	return inventory(ctx, PT_ENTITY_PATH, argc, argv, opts);
}

int db_policy(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	return inventory(ctx, PT_ENTITY_POLICY, argc, argv, opts);
}
