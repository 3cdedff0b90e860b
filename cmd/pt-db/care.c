// SPDX-License-Identifier: MIT
// pt-db maintain, check, stats, prune, archive: what keeps the file in order.
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/emit.h"
#include "base/parse.h"
#include "db.h"
#include "store/archive.h"
#include "store/check.h"
#include "store/journal.h"
#include "store/maintain.h"
#include "store/open.h"
#include "store/upkeep.h"

enum { KEY_TASK = 1, KEY_FULL, KEY_KEEP, KEY_OLDER };

#define FULL                                                                                      \
	{                                                                                         \
		.name = "full", .key = KEY_FULL, .doc = "Check every index against its rows, too" \
	}
const struct argp_option db_maintain_options[] = {
	{ .name = "task",
		.key = KEY_TASK,
		.arg = "NAME",
		.doc = "Only this task; may be given again" },
	FULL,
	{ 0 },
};
const struct argp_option db_archive_options[] = {
	{ .name = "older",
		.key = KEY_OLDER,
		.arg = "TIME",
		.doc = "Days that are over for so long (default 7d)" },
	{ 0 },
};
const struct argp_option db_backup_options[] = {
	{ .name = "keep", .key = KEY_KEEP, .arg = "N", .doc = "So many stay (default 7; 0: all)" },
	FULL,
	{ 0 },
};
const struct argp_option db_restore_options[] = { FULL, { 0 } };

#define ARCHIVE_OLDER_NS (7 * 86400 * PT_NS_PER_S)

static int add_task(struct pt_ctx *ctx, const char *arg, struct db_care_opts *o)
{
	for (const struct pt_maintain_task *t = pt_maintain_tasks; t->name; t++) {
		if (strcmp(t->name, arg) == 0 && o->n_tasks < DB_TASKS) {
			o->tasks[o->n_tasks++] = arg;
			return 0;
		}
	}
	pt_err_set(&ctx->err, -EINVAL, "--task: no '%s', one of", arg);
	for (const struct pt_maintain_task *t = pt_maintain_tasks; t->name; t++) {
		size_t n = strlen(ctx->err.msg);
		(void)snprintf(ctx->err.msg + n, sizeof(ctx->err.msg) - n, " %s", t->name);
	}
	return -EINVAL;
}

int db_care_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct db_care_opts *o = opts;

	switch (key) {
	case KEY_TASK:
		return add_task(ctx, arg, o);
	case KEY_FULL:
		o->full = true;
		return 0;
	case KEY_KEEP:
		if (pt_parse_u32(arg, 0, 100000, &o->keep))
			return pt_err_set(&ctx->err, -EINVAL, "--keep: '%s' is no number", arg);
		o->keep_given = true;
		return 0;
	case KEY_OLDER:
		if (pt_parse_duration_ns(arg, PT_NS_PER_S, &o->older_ns))
			return pt_err_set(&ctx->err, -EINVAL, "--older: '%s' is no time", arg);
		o->older_given = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void db_beside(const char *path, const char *name, char *out, size_t len)
{
	const char *slash = strrchr(path, '/');

	(void)snprintf(out, len, "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, name);
}

// ---- maintain ----

struct showing {
	const char *name;
	bool on; // a terminal is there to look at
};

static void on_progress(void *ctx, int64_t done, int64_t total)
{
	const struct showing *s = ctx;

	if (s->on && total > 0)
		fprintf(stderr, "\r\033[K%s: %" PRId64 " of %" PRId64, s->name, done, total);
}

static bool wanted(const struct db_care_opts *o, const struct pt_maintain_task *t)
{
	for (unsigned i = 0; i < o->n_tasks; i++) {
		if (strcmp(o->tasks[i], t->name) == 0)
			return true;
	}
	if (o->n_tasks)
		return false;
	return o->full ? strcmp(t->name, "quick-check") != 0 : !t->asked;
}

static void emit_report(
	struct pt_emit *e, const struct pt_maintain_task *t, const struct pt_maintain_report *r)
{
	char took[32], held[32];

	pt_duration_format(r->duration_us * PT_NS_PER_US, took, sizeof(took));
	pt_duration_format(r->longest_us * PT_NS_PER_US, held, sizeof(held));
	pt_emit_row(e);
	pt_emit_str(e, t->name);
	pt_emit_str(e, pt_maintain_words[r->result]);
	pt_emit_i64_as(e, r->duration_us, took);
	pt_emit_i64_as(e, r->longest_us, held);
	pt_emit_str(e, r->detail);
}

int db_maintain(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	static const struct pt_column columns[] = {
		{ .key = "task", .heading = "TASK" },
		{ .key = "result", .heading = "RESULT" },
		{ .key = "duration_us", .heading = "TOOK", .right = true },
		{ .key = "longest_lock_us", .heading = "LONGEST LOCK", .right = true },
		{ .key = "detail", .heading = "DETAIL" },
		{ 0 },
	};
	const struct db_care_opts *o = opts;
	pt_autoarena arena = { 0 };
	struct pt_config config;
	pt_autosql db = NULL;
	struct pt_emit *e = NULL;
	enum pt_maintain_result worst = PT_MAINTAIN_OK;

	(void)argc, (void)argv; // maintain takes none
	if (db_config(ctx, &arena, &config) ||
		pt_store_open(db_path(ctx, &config), PT_SQL_WRITE, &config, &db, &ctx->err) ||
		pt_emit_new(ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e))
		return PT_EXIT_FAIL;
	pt_emit_table(e, "tasks", columns);
	struct showing s = { .on = !ctx->quiet && isatty(STDERR_FILENO) };
	const struct pt_maintain m = { db, &config, on_progress, &s };
	for (unsigned i = 0; pt_maintain_tasks[i].name; i++) {
		struct pt_maintain_report r;
		if (!wanted(o, &pt_maintain_tasks[i]))
			continue;
		s.name = pt_maintain_tasks[i].name;
		if (s.on)
			fprintf(stderr, "\r\033[K%s", s.name);
		pt_maintain_run(&m, i, &r);
		if (s.on)
			fprintf(stderr, "\r\033[K");
		emit_report(e, &pt_maintain_tasks[i], &r);
		if (r.result != PT_MAINTAIN_OK)
			pt_err_set(&ctx->err, -EUCLEAN, "%s: %s", s.name, r.detail);
		worst = r.result > worst ? r.result : worst;
	}
	(void)pt_emit_end(e); // the dispatcher looks at standard output
	return worst == PT_MAINTAIN_OK    ? PT_EXIT_OK
		: worst == PT_MAINTAIN_NO ? PT_EXIT_NO
					  : PT_EXIT_FAIL;
}

// ---- check ----

int db_check(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	static const struct pt_column columns[] = {
		{ .key = "check", .heading = "CHECK" },
		{ .key = "value", .heading = "VALUE" },
		{ .key = "verdict", .heading = "VERDICT" },
		{ .key = "cure", .heading = "CURE" },
		{ 0 },
	};
	pt_autoarena arena = { 0 };
	struct pt_config config;
	pt_autosql db = NULL;
	struct pt_emit *e = NULL;
	struct pt_check_finding f[PT_CHECK_MAX];
	unsigned n;
	bool bad = false;

	(void)argc, (void)argv, (void)opts; // check takes none
	if (db_config(ctx, &arena, &config) ||
		pt_store_open(db_path(ctx, &config), PT_SQL_READ, &config, &db, &ctx->err) ||
		pt_check_run(db, &config, f, &n, &ctx->err) ||
		pt_emit_new(ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e))
		return PT_EXIT_FAIL;
	pt_emit_table(e, "checks", columns);
	for (unsigned i = 0; i < n; i++) {
		pt_emit_row(e);
		pt_emit_str(e, f[i].name);
		pt_emit_str(e, f[i].value);
		pt_emit_str(e, pt_check_words[f[i].verdict]);
		pt_emit_str(e, f[i].cure);
		bad |= f[i].verdict == PT_CHECK_BAD;
	}
	(void)pt_emit_end(e); // the dispatcher looks at standard output
	return bad ? PT_EXIT_NO : PT_EXIT_OK;
}

// ---- stats ----

static int emit_table(struct pt_sql *db, struct pt_emit *e, const char *table, struct pt_err *err)
{
	char sql[256];
	int64_t has_time = 0, rows = 0, first = 0, last = 0;

	(void)snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM pragma_table_info('%s') WHERE name='timestamp'", table);
	int code = pt_sql_i64(db, sql, &has_time, err);
	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM \"%s\"", table);
	if (!code)
		code = pt_sql_i64(db, sql, &rows, err);
	(void)snprintf(sql, sizeof(sql), "SELECT min(timestamp) FROM \"%s\"", table);
	if (!code && has_time && rows)
		code = pt_sql_i64(db, sql, &first, err);
	(void)snprintf(sql, sizeof(sql), "SELECT max(timestamp) FROM \"%s\"", table);
	if (!code && has_time && rows)
		code = pt_sql_i64(db, sql, &last, err);
	if (code)
		return code;
	pt_emit_row(e);
	pt_emit_str(e, table);
	pt_emit_i64(e, rows);
	for (int i = 0; i < 2; i++) {
		char text[PT_RFC3339_LEN];
		if (!has_time || !rows) {
			pt_emit_null(e);
			continue;
		}
		pt_rfc3339_format((i ? last : first) * 1000000, text);
		text[19] = '\0'; // seconds are enough for people
		pt_emit_i64_as(e, i ? last : first, text);
	}
	return 0;
}

int db_stats(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	static const struct pt_column columns[] = {
		{ .key = "table", .heading = "TABLE" },
		{ .key = "rows", .heading = "ROWS", .right = true },
		{ .key = "first", .heading = "FIRST (UTC)" },
		{ .key = "last", .heading = "LAST (UTC)" },
		{ 0 },
	};
	pt_autoarena arena = { 0 };
	struct pt_config config;
	pt_autosql db = NULL;
	pt_autostmt s = NULL;
	struct pt_emit *e = NULL;
	int64_t pages, page;

	(void)argc, (void)argv, (void)opts; // stats takes none
	if (db_config(ctx, &arena, &config) ||
		pt_store_open(db_path(ctx, &config), PT_SQL_READ, &config, &db, &ctx->err) ||
		pt_sql_snapshot(db, &ctx->err) ||
		pt_sql_i64(db, "PRAGMA page_count", &pages, &ctx->err) ||
		pt_sql_i64(db, "PRAGMA page_size", &page, &ctx->err) ||
		pt_stmt_get(db,
			"SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE "
			"'sqlite%' ORDER BY name",
			&s, NULL, &ctx->err) ||
		pt_emit_new(ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e))
		return PT_EXIT_FAIL;
	int code;
	pt_emit_table(e, "tables", columns);
	while ((code = pt_stmt_step(s, &ctx->err)) > 0) {
		code = emit_table(db, e, pt_stmt_text(s, 0), &ctx->err);
		if (code)
			break;
	}
	(void)pt_emit_end(e); // the dispatcher looks at standard output
	if (!code)
		db_say(ctx, "%s: %" PRId64 " KiB in %" PRId64 " pages", db_path(ctx, &config),
			pages * page / 1024, pages);
	return code ? PT_EXIT_FAIL : PT_EXIT_OK;
}

// ---- prune ----

static int prune_one(struct pt_ctx *ctx, struct pt_sql *db, const struct pt_config *config,
	const struct pt_retain_rule *r, int64_t *before, int64_t *n)
{
	struct pt_retain_step step = { .pace = PT_RETAIN_PACE, .more = true };
	int code = pt_retain_before(db, config, r, before, &ctx->err);

	if (!code && ctx->dry_run)
		return pt_retain_count(db, r, *before, n, &ctx->err);
	while (!code && step.more) {
		code = pt_retain_delete(db, config, r, *before, &step, &ctx->err);
		pt_pace_rest(db);
	}
	*n = step.rows;
	return code;
}

int db_prune(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	static const struct pt_column columns[] = {
		{ .key = "table", .heading = "TABLE" },
		{ .key = "period_secs", .heading = "STEP (s)", .right = true },
		{ .key = "before", .heading = "BEFORE (UTC)" },
		{ .key = "rows", .heading = "ROWS", .right = true },
		{ 0 },
	};
	pt_autoarena arena = { 0 };
	struct pt_config config;
	pt_autosql db = NULL;
	struct pt_emit *e = NULL;
	enum pt_sql_mode mode = ctx->dry_run ? PT_SQL_READ : PT_SQL_WRITE;
	int64_t started = pt_wall_us(), all = 0;

	(void)argc, (void)argv, (void)opts; // prune takes none
	if (db_config(ctx, &arena, &config) ||
		pt_store_open(db_path(ctx, &config), mode, &config, &db, &ctx->err) ||
		pt_emit_new(ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e))
		return PT_EXIT_FAIL;
	int code = 0;
	pt_emit_table(e, "pruned", columns);
	for (const struct pt_retain_rule *r = pt_retain_rules; !code && r->table; r++) {
		char text[PT_RFC3339_LEN];
		int64_t before, n;
		code = prune_one(ctx, db, &config, r, &before, &n);
		if (code)
			break;
		pt_rfc3339_format(before * 1000000, text);
		text[19] = '\0';
		pt_emit_row(e);
		pt_emit_str(e, r->table);
		if (r->period_secs)
			pt_emit_i64(e, r->period_secs);
		else
			pt_emit_null(e);
		pt_emit_i64_as(e, before, text);
		pt_emit_i64(e, n);
		all += n;
	}
	(void)pt_emit_end(e); // the dispatcher looks at standard output
	if (!code && !ctx->dry_run) {
		char detail[64];
		(void)snprintf(detail, sizeof(detail), "%" PRId64 " rows deleted", all);
		code = pt_journal_write(db, "prune", started, "ok", detail, &ctx->err);
	}
	return code ? PT_EXIT_FAIL : PT_EXIT_OK;
}

// ---- archive ----

static void on_day(void *ctx, const char *day, uint64_t rows)
{
	db_say(ctx, "%s: %" PRIu64 " rows", day, rows);
}

int db_archive(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct db_care_opts *o = opts;
	pt_autoarena arena = { 0 };
	struct pt_config config;
	pt_autosql db = NULL;
	struct pt_archive_counts c;
	char dir[512], detail[128];
	int64_t started = pt_wall_us();

	if (db_config(ctx, &arena, &config) ||
		pt_store_open(db_path(ctx, &config), PT_SQL_WRITE, &config, &db, &ctx->err))
		return PT_EXIT_FAIL;
	db_beside(db_path(ctx, &config), "archive", dir, sizeof(dir));
	const struct pt_archive_opts opt = {
		.dir = argc ? argv[0] : dir,
		.before = (started * PT_NS_PER_US -
				  (o->older_given ? o->older_ns : ARCHIVE_OLDER_NS)) /
			PT_NS_PER_S,
		.progress = on_day,
		.ctx = ctx,
	};
	int code = pt_archive_run(db, &config, &opt, &c, &ctx->err);
	(void)snprintf(
		detail, sizeof(detail), "%" PRIu64 " rows of %" PRIu64 " days", c.rows, c.days);
	if (!code)
		code = pt_journal_write(db, "archive", started, "ok", detail, &ctx->err);
	if (!code)
		db_say(ctx, "%s in %s", detail, opt.dir);
	return code ? PT_EXIT_FAIL : PT_EXIT_OK;
}
