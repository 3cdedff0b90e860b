// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/emit.h"
#include "db.h"
#include "store/open.h"

const struct argp_option db_query_options[] = {
	{ .name = "db",
		.key = 'd',
		.arg = "FILE",
		.doc = "Database; given again, all are read as one, with a column shard" },
	{ .name = "csv", .key = 'c', .doc = "Comma separated values (RFC 4180)" },
	{ 0 },
};

int db_query_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct db_query_opts *o = opts;

	switch (key) {
	case 'c':
		o->csv = true;
		return 0;
	case 'd':
		if (o->n_db == PT_SHARDS_MAX)
			return pt_err_set(&ctx->err, -E2BIG, "--db: at most %d", PT_SHARDS_MAX);
		o->db[o->n_db++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

// Blobs are shown as SQLite writes them: X'0A0B'.
static void emit_blob(struct pt_emit *e, const struct pt_stmt *s, int column)
{
	pt_autobuf text = { 0 };
	size_t len;
	const unsigned char *bytes = pt_stmt_blob(s, column, &len);

	pt_buf_puts(&text, "X'");
	for (size_t i = 0; i < len; i++)
		pt_buf_printf(&text, "%02X", bytes[i]);
	pt_buf_putc(&text, '\'');
	pt_emit_str(e, pt_buf_str(&text));
}

static void emit_value(struct pt_emit *e, const struct pt_stmt *s, int column)
{
	switch (pt_stmt_type(s, column)) {
	case PT_SQL_NULL:
		pt_emit_null(e);
		break;
	case PT_SQL_INT:
		pt_emit_i64(e, pt_stmt_i64(s, column));
		break;
	case PT_SQL_REAL:
		pt_emit_real(e, pt_stmt_real(s, column));
		break;
	case PT_SQL_TEXT:
		pt_emit_str(e, pt_stmt_text(s, column));
		break;
	case PT_SQL_BLOB:
		emit_blob(e, s, column);
		break;
	}
}

// A join has the names of both tables: as SQLite itself tells them apart, the second is name:1, so
// that an object of JSON has both.
static const char *name_column(
	const struct pt_stmt *s, int i, const struct pt_column *before, struct pt_arena *arena)
{
	const char *name = pt_stmt_column_name(s, i);
	pt_autobuf other = { 0 };

	pt_buf_puts(&other, name);
	for (int k = 0, n = 1; k < i; k++) {
		if (strcmp(before[k].key, pt_buf_str(&other)) != 0)
			continue;
		pt_buf_clear(&other);
		pt_buf_printf(&other, "%s:%d", name, n++);
		k = -1; // that may be somebody's name, too
	}
	return pt_arena_strdup(arena, pt_buf_str(&other));
}

// Named after the statement; numbers of the first row decide the alignment.
static const struct pt_column *columns_of(const struct pt_stmt *s, bool row, struct pt_arena *arena)
{
	int n = pt_stmt_columns(s);
	struct pt_column *columns = pt_arena_alloc(arena, sizeof(*columns) * ((size_t)n + 1));

	for (int i = 0; i < n; i++) {
		enum pt_sql_type type = row ? pt_stmt_type(s, i) : PT_SQL_TEXT;
		columns[i].key = name_column(s, i, columns, arena);
		columns[i].heading = columns[i].key;
		columns[i].right = type == PT_SQL_INT || type == PT_SQL_REAL;
	}
	return columns;
}

static int print_rows(struct pt_stmt *s, enum pt_emit_kind kind, struct pt_err *err)
{
	pt_autoarena arena = { 0 };
	struct pt_emit *e = NULL;
	int code = pt_stmt_step(s, err);

	if (code < 0 || pt_stmt_columns(s) == 0)
		return code;
	if (pt_emit_new(kind, stdout, &e))
		return pt_err_errno(err, -ENOMEM, "query");
	pt_emit_table(e, "rows", columns_of(s, code > 0, &arena));
	for (; code > 0 && !pt_emit_fault(e); code = pt_stmt_step(s, err)) {
		pt_emit_row(e);
		for (int i = 0; i < pt_stmt_columns(s); i++)
			emit_value(e, s, i);
	}
	int out = pt_emit_end(e); // what came before a fault is shown, too
	if (out && code >= 0)
		code = pt_err_errno(err, out, "standard output");
	return code;
}

// What is behind the first statement may be blank or a comment.
static int need_last(struct pt_sql *db, const char *rest, struct pt_err *err)
{
	const char *at = rest;

	while (*at) {
		pt_autostmt s = NULL;
		const char *next = at;
		if (pt_stmt_get(db, at, &s, &next, NULL) || s)
			return pt_err_set(
				err, -EINVAL, "one statement at a time, what is: %s", rest);
		at = next > at ? next : at + strlen(at);
	}
	return 0;
}

// Asking for the journal counts as setting it with SQLite; a mode behind it is what would.
static bool asks_journal(const char *sql)
{
	static const char *const words[] = { "pragma", "journal_mode" };

	for (size_t i = 0; i < PT_ARRAY_LEN(words); i++) {
		sql += strspn(sql, " \t\r\n");
		if (strncasecmp(sql, words[i], strlen(words[i])) != 0)
			return false;
		sql += strlen(words[i]);
	}
	return !sql[strspn(sql, " \t\r\n;")];
}

static int run_one(struct pt_sql *db, const char *sql, enum pt_emit_kind kind, struct pt_err *err)
{
	pt_autostmt s = NULL;
	const char *rest = NULL;
	int code = pt_stmt_get(db, sql, &s, &rest, err);
	if (code)
		return code;
	if (!s)
		return pt_err_set(err, -EINVAL, "no statement in: %s", sql);
	code = need_last(db, rest, err);
	if (code)
		return code;
	if (!pt_stmt_readonly(s) && !asks_journal(sql))
		return pt_err_set(err, -EROFS, "only reads, this writes: %s", sql);
	return print_rows(s, kind, err);
}

static int open_all(const struct db_query_opts *o, const struct pt_config *config,
	struct pt_sql **db, struct pt_err *err)
{
	const char *const *files = o->n_db ? o->db : &config->database.path;

	return pt_shards_open(files, o->n_db ? o->n_db : 1, config, db, err);
}

int db_query(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct db_query_opts *o = opts;
	pt_autoarena arena = { 0 };
	struct pt_config config;
	pt_autosql db = NULL;
	enum pt_emit_kind kind = o->csv ? PT_EMIT_CSV : ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE;

	(void)argc; // the dispatcher has counted
	if (db_config(ctx, &arena, &config) || open_all(o, &config, &db, &ctx->err))
		return PT_EXIT_FAIL;
	if (run_one(db, argv[0], kind, &ctx->err) == 0)
		return PT_EXIT_OK;
	pt_err_wrap(&ctx->err, "query");
	return PT_EXIT_FAIL;
}

// The plan as a tree, and a word for each step that reads a whole table.
static int print_plan(
	struct pt_sql *db, const char *sql, enum pt_emit_kind kind, struct pt_err *err)
{
	static const struct pt_column columns[] = {
		{ .key = "id", .heading = "ID", .right = true },
		{ .key = "parent", .heading = "OF", .right = true },
		{ .key = "step", .heading = "STEP" },
		{ .key = "advice", .heading = "ADVICE" },
		{ 0 },
	};
	pt_autobuf explain = { 0 };
	pt_autostmt s = NULL;
	const char *rest = NULL;
	struct pt_emit *e = NULL;

	pt_buf_printf(&explain, "EXPLAIN QUERY PLAN %s", sql);
	int code = pt_stmt_get(db, pt_buf_str(&explain), &s, &rest, err);
	if (!code)
		code = need_last(db, rest, err);
	if (code)
		return code;
	if (pt_emit_new(kind, stdout, &e))
		return pt_err_errno(err, -ENOMEM, "explain");
	pt_emit_table(e, "plan", columns);
	while ((code = pt_stmt_step(s, err)) > 0) {
		const char *step = pt_stmt_text(s, 3);
		bool scan = strncmp(step, "SCAN ", 5) == 0 && !strstr(step, " INDEX ") &&
			!strstr(step, "CONSTANT ROW") && !strstr(step, "VIRTUAL TABLE");
		bool sort = strncmp(step, "USE TEMP B-TREE", 15) == 0;
		pt_emit_row(e);
		pt_emit_i64(e, pt_stmt_i64(s, 0));
		pt_emit_i64(e, pt_stmt_i64(s, 1));
		pt_emit_str(e, step);
		pt_emit_str(e,
			scan ? "reads the whole table: ask for a column with an index"
				: sort
				? "sorts what it found: an index in that order would spare it"
				: "");
	}
	int out = pt_emit_end(e);
	return code ? code : out ? pt_err_errno(err, out, "standard output") : 0;
}

int db_explain(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	pt_autoarena arena = { 0 };
	struct pt_config config;
	pt_autosql db = NULL;

	(void)argc, (void)opts; // the dispatcher has counted; explain has no options
	if (db_config(ctx, &arena, &config) ||
		pt_store_open(db_path(ctx, &config), PT_SQL_READ, &config, &db, &ctx->err))
		return PT_EXIT_FAIL;
	if (print_plan(db, argv[0], ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, &ctx->err) == 0)
		return PT_EXIT_OK;
	pt_err_wrap(&ctx->err, "explain");
	return PT_EXIT_FAIL;
}
