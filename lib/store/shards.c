// SPDX-License-Identifier: MIT
#include "store/shards.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
	bool named = eq && (!slash || eq < strchr(file, '/'));
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

// A view in front of each table, and of each view: names without a schema mean it.
static int make_view(struct pt_sql *db, const char *table, const struct shard *shards, unsigned n,
	struct pt_err *err)
{
	pt_autobuf sql = { 0 };

	pt_buf_puts(&sql, "CREATE TEMP VIEW ");
	quote(&sql, table, '"');
	pt_buf_puts(&sql, " AS ");
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
	if (n == 1)
		return pt_store_open(files[0], PT_SQL_READ, config, out, err);
	for (unsigned i = 0; !code && i < n; i++)
		code = name_shard(files[i], shards, i, err);
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
