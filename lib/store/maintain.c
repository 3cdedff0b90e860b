// SPDX-License-Identifier: MIT
#include "store/maintain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/config.h"
#include "store/journal.h"
#include "store/pace.h"
#include "store/sql.h"
#include "store/upkeep.h"
#include "store/verify.h"

#define HOLD_US       PT_UPKEEP_HOLD_US
#define VACUUM_START  8 // pages at a time
#define VACUUM_MAX    4096
#define ANALYZE_LIMIT 400 // rows of an index that are looked at: enough for the planner
#define ANALYZE_LEAST 25
#define ANALYZE_FEW   500 // rows of a table: no statistics
#define PASSIVE_TRIES 10
#define FEW_PAGES     64 // of the log, to be moved while writers wait
#define BUSY_TRIES    200
#define BUSY_PAUSE_MS 25

const char *const pt_maintain_words[] = {
	[PT_MAINTAIN_OK] = "ok",
	[PT_MAINTAIN_NO] = "no",
	[PT_MAINTAIN_FAILED] = "failed",
};

static void tell(const struct pt_maintain *m, int64_t done, int64_t total)
{
	if (m->progress)
		m->progress(m->ctx, done, total);
}

static void held(struct pt_maintain_report *out, int64_t us)
{
	if (us > out->longest_us)
		out->longest_us = us;
}

// Beyond busy_timeout_ms: maintenance has time, and nobody is told of a lock.
static bool try_again(int code, unsigned *tries)
{
	const struct timespec pause = { .tv_nsec = BUSY_PAUSE_MS * PT_NS_PER_MS };

	if (code != -EBUSY || ++*tries > BUSY_TRIES)
		return false;
	(void)nanosleep(&pause, NULL); // an early end is a try more
	return true;
}

// One short writing transaction around a script, whose parts the caller cuts. *again: it took too
// long and was undone.
static int write_shortly(const struct pt_maintain *m, const char *sql, struct pt_pace *pace,
	bool *again, struct pt_err *err)
{
	unsigned tries = 0;
	int code;

	do {
		code = pt_pace_begin(pace, m->db, HOLD_US, err);
	} while (try_again(code, &tries));
	if (code)
		return code;
	code = pt_pace_end(pace, m->db, HOLD_US, pt_sql_exec(m->db, sql, err), again, err);
	pt_pace_rest(m->db);
	return code;
}

struct checkpoint {
	bool busy;
	int64_t log, moved; // pages; -1: no log
};

typedef int task_fn(
	const struct pt_maintain *m, struct pt_maintain_report *out, struct pt_err *err);

static int upkeep(const struct pt_maintain *m, struct pt_maintain_report *out, struct pt_err *err)
{
	struct pt_upkeep *u = NULL;
	struct pt_upkeep_counts c = { 0 };
	int64_t left = 0;
	unsigned tries = 0;
	bool more = true;
	int code = pt_upkeep_new(m->db, m->config, &u, err);

	if (code)
		return code;
	if (m->config->metrics.aggregation_enabled)
		(void)pt_sql_i64(m->db,
			"SELECT (SELECT ifnull(max(id), 0) FROM sdwan_path_health) - "
			"ifnull((SELECT "
			"last_id FROM rollup_marks WHERE source = 'sdwan_path_health'), 0)",
			&left, NULL); // only to show how far it is
	while (more && (!code || try_again(code, &tries))) {
		code = pt_upkeep_step(u, &more, err);
		pt_pace_rest(m->db);
		pt_upkeep_counts(u, &c);
		tell(m, (int64_t)c.rolled_up, left);
	}
	pt_upkeep_free(u);
	held(out, c.longest_us);
	(void)snprintf(out->detail, sizeof(out->detail),
		"%" PRIu64 " rows rolled up, %" PRIu64 " past their time deleted", c.rolled_up,
		c.deleted);
	return code;
}

// A script that looks at pace->n rows of an index, and at fewer where that takes too long.
static int look_shortly(const struct pt_maintain *m, const char *script,
	struct pt_maintain_report *out, struct pt_err *err)
{
	struct pt_pace pace = { .n = ANALYZE_LIMIT, .min = ANALYZE_LEAST, .max = ANALYZE_LIMIT };
	bool again = true;
	int code = 0;

	while (!code && again) {
		char sql[160];
		(void)snprintf(
			sql, sizeof(sql), "PRAGMA analysis_limit=%" PRId64 "; %s", pace.n, script);
		code = write_shortly(m, sql, &pace, &again, err);
	}
	held(out, pace.longest_us);
	return code;
}

// With the statistics of few rows the planner reads whole tables, and goes on to when they have
// become many; with none it takes an index.
static int forget_few(
	const struct pt_maintain *m, struct pt_maintain_report *out, struct pt_err *err)
{
	char sql[128];

	(void)snprintf(sql, sizeof(sql),
		"DELETE FROM sqlite_stat1 WHERE CAST(stat AS INTEGER) < %d; ANALYZE sqlite_schema",
		ANALYZE_FEW);
	return look_shortly(m, sql, out, err);
}

// Table by table: ANALYZE alone would keep writers out until it is through with all.
static int analyze(const struct pt_maintain *m, struct pt_maintain_report *out, struct pt_err *err)
{
	pt_autostmt s = NULL;
	char names[64][64];
	int n = 0;
	int code = pt_stmt_get(m->db,
		"SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'index' AND tbl_name NOT "
		"LIKE 'sqlite%' ORDER BY 1",
		&s, NULL, err);
	while (!code && n < 64 && (code = pt_stmt_step(s, err)) > 0) {
		(void)snprintf(names[n++], sizeof(names[0]), "%s", pt_stmt_text(s, 0));
		code = 0;
	}
	pt_stmt_reset(s);
	for (int i = 0; !code && i < n; i++) {
		char sql[128];
		(void)snprintf(sql, sizeof(sql), "ANALYZE \"%.63s\"", names[i]);
		code = look_shortly(m, sql, out, err);
		tell(m, i + 1, n);
	}
	if (!code)
		code = forget_few(m, out, err);
	(void)snprintf(out->detail, sizeof(out->detail), "%d tables", n);
	return code;
}

// In a transaction that begins as a writer: one that turns into one is refused when somebody else
// has written meanwhile.
static int optimize(const struct pt_maintain *m, struct pt_maintain_report *out, struct pt_err *err)
{
	return look_shortly(m, "PRAGMA optimize", out, err);
}

// Until none is left, or others free as fast as we do.
static int give_back(const struct pt_maintain *m, int64_t pages, int64_t *left,
	struct pt_maintain_report *out, struct pt_err *err)
{
	struct pt_pace pace = { .n = VACUUM_START, .min = 1, .max = VACUUM_MAX };
	int64_t before = INT64_MAX;
	bool again = false;
	int code = 0;

	for (*left = pages; !code && *left > 0 && (again || *left < before);) {
		char sql[64];
		before = *left;
		(void)snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%" PRId64 ")", pace.n);
		code = write_shortly(m, sql, &pace, &again, err);
		if (!code)
			code = pt_sql_i64(m->db, "PRAGMA freelist_count", left, err);
		tell(m, pages - *left, pages);
	}
	held(out, pace.longest_us);
	return code;
}

static int vacuum(const struct pt_maintain *m, struct pt_maintain_report *out, struct pt_err *err)
{
	int64_t mode, pages = 0, left = 0;
	int code = pt_sql_i64(m->db, "PRAGMA auto_vacuum", &mode, err);

	if (!code)
		code = pt_sql_i64(m->db, "PRAGMA freelist_count", &pages, err);
	if (code)
		return code;
	if (mode != 2) {
		(void)snprintf(out->detail, sizeof(out->detail),
			"auto_vacuum is not INCREMENTAL in this file: see pt-db check");
		return 0;
	}
	code = give_back(m, pages, &left, out, err);
	(void)snprintf(out->detail, sizeof(out->detail),
		"%" PRId64 " free pages given back, %" PRId64 " left", pages - left, left);
	return code;
}

// One checkpoint: how many pages the log has, and how many of them are in the file now.
static int checkpoint_once(
	const struct pt_maintain *m, const char *mode, struct checkpoint *out, struct pt_err *err)
{
	pt_autostmt s = NULL;
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "PRAGMA wal_checkpoint(%s)", mode);
	int code = pt_stmt_get(m->db, sql, &s, NULL, err);
	if (!code)
		code = pt_stmt_step(s, err);
	if (code == 1)
		*out = (struct checkpoint){ .busy = pt_stmt_i64(s, 0) != 0,
			.log = pt_stmt_i64(s, 1),
			.moved = pt_stmt_i64(s, 2) };
	return code < 0 ? code : 0;
}

// What little is left goes with the write lock held, so that the log can be emptied.
static int empty_log(const struct pt_maintain *m, struct checkpoint *c,
	struct pt_maintain_report *out, struct pt_err *err)
{
	struct pt_mono start = pt_mono_now();

	pt_sql_busy_timeout(m->db, HOLD_US / 1000); // it waits for readers with the lock in hand
	int code = checkpoint_once(m, "TRUNCATE", c, err);
	pt_sql_busy_timeout(m->db, m->config->database.busy_timeout_ms);
	held(out, pt_mono_diff(pt_mono_now(), start) / PT_NS_PER_US);
	if (code != -EBUSY)
		return code;
	c->busy = true; // as in the row, said otherwise
	return 0;
}

// First what can be done beside everyone, again while writers add much, so that the time alone is
// short.
static int checkpoint(
	const struct pt_maintain *m, struct pt_maintain_report *out, struct pt_err *err)
{
	struct checkpoint c = { 0 };
	int64_t moved = 0;
	int code = 0;

	for (unsigned i = 0; !code && i < PASSIVE_TRIES && (!i || c.log - c.moved > FEW_PAGES); i++)
		code = checkpoint_once(m, "PASSIVE", &c, err);
	if (code)
		return code;
	if (c.log < 0) {
		(void)snprintf(out->detail, sizeof(out->detail), "no write-ahead log");
		return 0;
	}
	moved = c.moved;
	c.busy = c.busy || c.log - c.moved > FEW_PAGES;
	if (!c.busy)
		code = empty_log(m, &c, out, err);
	(void)snprintf(out->detail, sizeof(out->detail), "%" PRId64 " pages moved, %s", moved,
		c.busy ? "the log is in use and stays" : "the log is empty");
	return code;
}

static int report_check(
	const struct pt_verify *v, const char *sound, struct pt_maintain_report *out)
{
	if (!v->faults) {
		(void)snprintf(out->detail, sizeof(out->detail), "%s", sound);
		return 0;
	}
	out->result = PT_MAINTAIN_NO;
	(void)snprintf(out->detail, sizeof(out->detail),
		"%" PRIu64 " faults, the first: %s: restore a backup", v->faults, v->first);
	return 0;
}

static int quick_check(
	const struct pt_maintain *m, struct pt_maintain_report *out, struct pt_err *err)
{
	struct pt_verify v;
	int code = pt_verify_pages(m->db, false, &v, err);
	return code ? code : report_check(&v, "every page and row is sound", out);
}

static int full_check(
	const struct pt_maintain *m, struct pt_maintain_report *out, struct pt_err *err)
{
	struct pt_verify v;
	int code = pt_verify_pages(m->db, true, &v, err);
	return code ? code : report_check(&v, "every page, row and index is sound", out);
}

static int foreign_keys(
	const struct pt_maintain *m, struct pt_maintain_report *out, struct pt_err *err)
{
	struct pt_verify v;
	int code = pt_verify_foreign_keys(m->db, &v, err);
	return code ? code : report_check(&v, "every reference is sound", out);
}

const struct pt_maintain_task pt_maintain_tasks[] = {
	{ "quick-check", "Whether every page and row is sound", false },
	{ "full-check", "The same, and every index against its rows", true },
	{ "foreign-keys", "Whether every reference finds its row", false },
	{ "upkeep", "Rollups, and what is past its time", false },
	{ "analyze", "Statistics for the query planner", false },
	{ "optimize", "What SQLite itself finds due", false },
	{ "vacuum", "Free pages back to the file system", false },
	{ "checkpoint", "The write-ahead log into the file", false },
	{ 0 },
};
static task_fn *const runs[] = { quick_check, full_check, foreign_keys, upkeep, analyze, optimize,
	vacuum, checkpoint };
_Static_assert(PT_ARRAY_LEN(runs) == PT_ARRAY_LEN(pt_maintain_tasks) - 1, "one for each task");

void pt_maintain_run(const struct pt_maintain *m, unsigned task, struct pt_maintain_report *out)
{
	int64_t started = pt_wall_us();
	struct pt_mono start = pt_mono_now();
	struct pt_err err = { 0 };
	unsigned tries = 0;

	*out = (struct pt_maintain_report){ 0 };
	int code = runs[task](m, out, &err);
	out->duration_us = pt_mono_diff(pt_mono_now(), start) / PT_NS_PER_US;
	if (code) {
		out->result = PT_MAINTAIN_FAILED;
		(void)snprintf(out->detail, sizeof(out->detail), "%s", err.msg);
	}
	do { // a file that cannot be written has no log either: the report says so
		code = pt_journal_write(m->db, pt_maintain_tasks[task].name, started,
			pt_maintain_words[out->result], out->detail, &err);
	} while (try_again(code, &tries));
	if (code && out->result == PT_MAINTAIN_OK) {
		out->result = PT_MAINTAIN_FAILED;
		(void)snprintf(out->detail, sizeof(out->detail), "not recorded: %s", err.msg);
	}
}
