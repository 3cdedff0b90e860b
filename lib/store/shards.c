// SPDX-License-Identifier: MIT
#include "store/shards.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "store/open.h"

#define NAME_LEN 64

struct shard {
	char name[NAME_LEN];
	const char *path;
	char schema[16]; // in SQL
};

static int name_shard(const char *file, struct shard *shards, unsigned i, struct pt_err *err)
{
	struct shard *s = &shards[i];
	const char *eq = strchr(file, '='), *slash = strrchr(file, '/');
	bool named = eq && (!slash || eq < strchr(file, '/')) && access(file, F_OK) != 0;
	const char *start = named ? file : slash ? slash + 1 : file;
	const char *dot = strrchr(start, '.');
	size_t len = named           ? (size_t)(eq - file)
		: dot && dot > start ? (size_t)(dot - start)
				     : strlen(start);

	s->path = named ? eq + 1 : file;
	(void)snprintf(s->name, sizeof(s->name), "%.*s", (int)(len < NAME_LEN ? len : NAME_LEN - 1),
		start);
	(void)snprintf(s->schema, sizeof(s->schema), i ? "shard%u" : "main", i);
	for (unsigned k = 0; k < i; k++) {
		if (strcmp(shards[k].name, s->name) == 0)
			return pt_err_set(err, -EEXIST,
				"--db %s: two are called %s: give one a name, NAME=FILE", file,
				s->name);
	}
	return 0;
}

// Checked as if it were alone, so that what is wrong is said of the file it is wrong with.
static int attach(struct pt_sql *db, const struct shard *s, const struct pt_config *config,
	struct pt_err *err)
{
	struct pt_sql *alone = NULL;
	int code = pt_store_open(s->path, PT_SQL_READ, config, &alone, err);

	pt_sql_free(alone);
	return code ? code : pt_sql_attach(db, s->path, s->schema, err);
}

static void quote(struct pt_buf *out, const char *text, char mark)
{
	pt_buf_putc(out, mark);
	for (; *text; text++) {
		if (*text == mark)
			pt_buf_putc(out, mark);
		pt_buf_putc(out, *text);
	}
	pt_buf_putc(out, mark);
}

// Of main and this one.
static int have_same_columns(
	struct pt_sql *db, const char *table, const struct shard *s, bool *same, struct pt_err *err)
{
	pt_autostmt q = NULL;
	int code = pt_stmt_get(db,
		"SELECT (SELECT group_concat(name) FROM pragma_table_xinfo(?1, 'main')) IS (SELECT "
		"group_concat(name) FROM pragma_table_xinfo(?1, ?2))",
		&q, NULL, err);
	if (code)
		return code;
	pt_stmt_bind_text(q, 1, table);
	pt_stmt_bind_text(q, 2, s->schema);
	code = pt_stmt_step(q, err);
	*same = code > 0 && pt_stmt_i64(q, 0);
	return code < 0 ? code : 0;
}

// Who asks for a table that is not the same everywhere is told so by the name that it then refers
// to; questions that do not need it are answered.
static void refer_to_fault(struct pt_buf *sql, const char *table, const struct shard *s)
{
	pt_autobuf fault = { 0 };

	pt_buf_printf(&fault, "%s with the same columns in %s", table, s->path);
	pt_buf_puts(sql, "SELECT * FROM ");
	quote(sql, pt_buf_str(&fault), '"');
}

// A view in front of each table, and of each view: names without a schema mean it.
static int make_view(struct pt_sql *db, const char *table, const struct shard *shards, unsigned n,
	struct pt_err *err)
{
	pt_autobuf sql = { 0 };

	pt_buf_puts(&sql, "CREATE TEMP VIEW ");
	quote(&sql, table, '"');
	pt_buf_puts(&sql, " AS ");
	for (unsigned i = 1; i < n; i++) {
		bool same;
		int code = have_same_columns(db, table, &shards[i], &same, err);
		if (code)
			return code;
		if (same)
			continue;
		refer_to_fault(&sql, table, &shards[i]);
		return pt_sql_exec(db, pt_buf_str(&sql), err);
	}
	for (unsigned i = 0; i < n; i++) {
		pt_buf_puts(&sql, i ? " UNION ALL SELECT " : "SELECT ");
		quote(&sql, shards[i].name, '\'');
		pt_buf_printf(&sql, " AS shard, * FROM %s.", shards[i].schema);
		quote(&sql, table, '"');
	}
	return pt_sql_exec(db, pt_buf_str(&sql), err);
}

static int make_views(struct pt_sql *db, const struct shard *shards, unsigned n, struct pt_err *err)
{
	pt_autostmt s = NULL;
	// Making a view writes to the temporary schema, which is nobody's file.
	int code = pt_sql_exec(db, "PRAGMA query_only=OFF", err);

	if (!code)
		code = pt_stmt_get(db,
			"SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') AND "
			"name NOT LIKE 'sqlite%'",
			&s, NULL, err);
	while (!code && (code = pt_stmt_step(s, err)) > 0)
		code = make_view(db, pt_stmt_text(s, 0), shards, n, err);
	return code ? code : pt_sql_exec(db, "PRAGMA query_only=ON", err);
}

int pt_shards_open(const char *const *files, unsigned n, const struct pt_config *config,
	struct pt_sql **out, struct pt_err *err)
{
	struct shard shards[PT_SHARDS_MAX] = { 0 };
	pt_autosql db = NULL;
	int code = 0;

	if (n > PT_SHARDS_MAX)
		return pt_err_set(err, -E2BIG, "--db: at most %d at once", PT_SHARDS_MAX);
	for (unsigned i = 0; !code && i < n; i++)
		code = name_shard(files[i], shards, i, err);
	if (!code && n == 1)
		return pt_store_open(shards[0].path, PT_SQL_READ, config, out, err);
	if (!code)
		code = pt_store_open(shards[0].path, PT_SQL_READ, config, &db, err);
	for (unsigned i = 1; !code && i < n; i++)
		code = attach(db, &shards[i], config, err);
	if (!code)
		code = make_views(db, shards, n, err);
	if (!code)
		*out = pt_take(&db);
	return code;
}
