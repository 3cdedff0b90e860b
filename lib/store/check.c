// SPDX-License-Identifier: MIT
#include "store/check.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/config.h"
#include "store/journal.h"
#include "store/migrate.h"
#include "store/schema.h"
#include "store/sql.h"

#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xFF534D42
#endif

#define MIB         (1024 * INT64_C(1024))
#define DAY_SECS    86400
#define API_MS      100 // what the API has for an answer
#define LOG_MAX_MIB 64
#define LAG_MAX     100000 // raw rows that no rollup has taken

const char *const pt_check_words[] = {
	[PT_CHECK_FINE] = "fine",
	[PT_CHECK_NOTE] = "note",
	[PT_CHECK_BAD] = "bad",
};

struct check {
	struct pt_sql *db;
	const struct pt_config *config;
	struct pt_check_finding *f; // being filled
	struct pt_err *err;
};

__attribute__((format(printf, 2, 3))) static void value(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->f->value, sizeof(c->f->value), fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 3, 4))) static void cure(
	struct check *c, enum pt_check_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->f->cure, sizeof(c->f->cure), fmt, ap);
	va_end(ap);
	c->f->verdict = verdict;
}

static int number(struct check *c, const char *sql, int64_t *out)
{
	return pt_sql_i64(c->db, sql, out, c->err);
}

static int check_journal(struct check *c)
{
	char mode[16];
	const char *want = pt_journal_mode_names[c->config->database.journal_mode];
	int code = pt_sql_text(c->db, "PRAGMA journal_mode", mode, sizeof(mode), c->err);

	if (code)
		return code;
	value(c, "%s", mode);
	if (c->config->database.journal_mode != PT_JOURNAL_WAL)
		cure(c, PT_CHECK_BAD,
			"readers and writers wait for each other: set database.journal_mode to "
			"WAL");
	else if (strcasecmp(mode, want) != 0)
		cure(c, PT_CHECK_NOTE, "settings say %s: the next writer sets it", want);
	return 0;
}

static int check_synchronous(struct check *c)
{
	value(c, "%s", pt_synchronous_names[c->config->database.synchronous]);
	if (c->config->database.synchronous == PT_SYNC_OFF)
		cure(c, PT_CHECK_BAD,
			"a power cut can destroy the file: set database.synchronous to FULL");
	else if (c->config->database.synchronous == PT_SYNC_NORMAL)
		cure(c, PT_CHECK_NOTE,
			"a power cut loses the newest rows, up to those since the last "
			"checkpoint: set database.synchronous to FULL");
	return 0;
}

static int check_page_size(struct check *c)
{
	int64_t size;
	int code = number(c, "PRAGMA page_size", &size);

	if (code)
		return code;
	value(c, "%" PRId64 " bytes", size);
	if (size != c->config->database.page_size)
		cure(c, PT_CHECK_NOTE,
			"settings say %" PRId64
			", which a file in WAL ignores: PRAGMA journal_mode=DELETE, page_size, "
			"VACUUM, WAL again, with everything stopped",
			c->config->database.page_size);
	return 0;
}

static int check_auto_vacuum(struct check *c)
{
	int64_t mode;
	int code = number(c, "PRAGMA auto_vacuum", &mode);

	if (code)
		return code;
	value(c, "%s", mode == 2 ? "incremental" : mode ? "full" : "none");
	if (mode != 2)
		cure(c, PT_CHECK_NOTE,
			"space is never given back: PRAGMA auto_vacuum=2; VACUUM, with as much "
			"free space as the file takes");
	return 0;
}

static int check_free_pages(struct check *c)
{
	int64_t pages, unused;
	int code = number(c, "PRAGMA page_count", &pages);

	if (!code)
		code = number(c, "PRAGMA freelist_count", &unused);
	if (code)
		return code;
	int64_t percent = pages ? unused * 100 / pages : 0;
	value(c, "%" PRId64 "%% of %" PRId64 " pages", percent, pages);
	if (percent >= 25 && unused > 1000)
		cure(c, PT_CHECK_NOTE, "run pt-db maintain");
	return 0;
}

static int check_log(struct check *c)
{
	char name[512];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s-wal", pt_sql_path(c->db));
	int64_t mib = stat(name, &st) == 0 ? st.st_size / MIB : 0;
	value(c, "%" PRId64 " MiB", mib);
	if (mib > LOG_MAX_MIB)
		cure(c, PT_CHECK_BAD,
			"a reader keeps it from being emptied, and every read goes through it: end "
			"the reader, then pt-db maintain");
	return 0;
}

// Every index of a fresh database, by the statement that makes it.
static int check_indexes(struct check *c)
{
	pt_autosql fresh = NULL;
	pt_autostmt s = NULL;
	pt_autostmt have = NULL;
	int missing = 0, n = 0;
	int code = pt_sql_open(":memory:", PT_SQL_CREATE, &fresh, c->err);

	if (!code)
		code = pt_store_migrate(fresh, NULL, c->err);
	if (!code)
		code = pt_stmt_get(fresh,
			"SELECT name, sql FROM sqlite_schema WHERE type='index' AND sql IS NOT "
			"NULL",
			&s, NULL, c->err);
	if (!code)
		code = pt_stmt_get(c->db,
			"SELECT 1 FROM sqlite_schema WHERE type='index' AND name=?1", &have, NULL,
			c->err);
	while (!code && (code = pt_stmt_step(s, c->err)) > 0) {
		pt_stmt_bind_text(have, 1, pt_stmt_text(s, 0));
		code = pt_stmt_step(have, c->err);
		if (code == 0 && missing++ == 0)
			cure(c, PT_CHECK_BAD, "queries read whole tables: %s", pt_stmt_text(s, 1));
		pt_stmt_reset(have);
		n++;
		code = code < 0 ? code : 0;
	}
	value(c, "%d of %d", n - missing, n);
	return code;
}

static int check_statistics(struct check *c)
{
	int64_t n, last;
	int code = number(c, "SELECT count(*) FROM sqlite_schema WHERE name='sqlite_stat1'", &n);

	if (!code)
		code = pt_journal_last(c->db, "analyze", &last, c->err);
	if (code)
		return code;
	int64_t days = (pt_wall_us() / 1000000 - last) / DAY_SECS;
	if (!n) {
		value(c, "none");
		cure(c, PT_CHECK_NOTE, "the planner guesses: run pt-db maintain");
	} else if (!last) {
		value(c, "of unknown age");
	} else {
		value(c, "%" PRId64 " days old", days);
		if (days > 30)
			cure(c, PT_CHECK_NOTE, "run pt-db maintain, or enable its timer");
	}
	return 0;
}

// Every connection of the pool has a cache of its own.
static int check_cache(struct check *c)
{
	int64_t kib = c->config->database.cache_size;
	int64_t ram = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / MIB;

	kib = kib < 0 ? -kib : kib * c->config->database.page_size / 1024;
	int64_t mib = kib * c->config->database.connection_pool_size / 1024;
	value(c, "%" PRId64 " x %" PRId64 " MiB of %" PRId64 " MiB memory",
		c->config->database.connection_pool_size, kib / 1024, ram);
	if (mib * 4 > ram)
		cure(c, PT_CHECK_BAD,
			"the pool's caches may take %" PRId64 " MiB, more than a quarter of the "
			"memory: set database.cache_size to -%" PRId64,
			mib, ram * 1024 / 4 / c->config->database.connection_pool_size);
	return 0;
}

static int check_busy(struct check *c)
{
	value(c, "%" PRId64 " ms", c->config->database.busy_timeout_ms);
	if (c->config->database.busy_timeout_ms > API_MS)
		cure(c, PT_CHECK_NOTE,
			"a writer may wait %" PRId64 " times as long as the API has for an answer; "
			"readers never wait",
			c->config->database.busy_timeout_ms / API_MS);
	return 0;
}

static int check_rollups(struct check *c)
{
	int64_t left;
	int code = number(c,
		"SELECT (SELECT ifnull(max(id), 0) FROM sdwan_path_health) - ifnull((SELECT "
		"last_id "
		"FROM rollup_marks WHERE source='sdwan_path_health'), 0)",
		&left);

	if (code)
		return code;
	value(c, "%" PRId64 " rows behind", left);
	if (!c->config->metrics.aggregation_enabled)
		cure(c, PT_CHECK_NOTE,
			"charts of months read every row: set metrics.aggregation_enabled");
	else if (left > LAG_MAX)
		cure(c, PT_CHECK_NOTE, "run pt-db maintain; does patronus-db run?");
	return 0;
}

static int check_age(struct check *c, const char *task, int64_t max_days, const char *how)
{
	int64_t last;
	int code = pt_journal_last(c->db, task, &last, c->err);

	if (code)
		return code;
	int64_t days = (pt_wall_us() / 1000000 - last) / DAY_SECS;
	if (last)
		value(c, "%" PRId64 " days ago", days);
	else
		value(c, "never");
	if (!last || days > max_days)
		cure(c, PT_CHECK_NOTE, "%s", how);
	return 0;
}

static int check_maintenance(struct check *c)
{
	return check_age(c, "quick-check", 8, "systemctl enable --now patronus-maintain.timer");
}

static int check_backup(struct check *c)
{
	return check_age(c, "backup", 8, "run pt-db backup, or enable patronus-maintain.timer");
}

static int check_space(struct check *c)
{
	struct statfs fs;
	struct stat st;

	if (stat(pt_sql_path(c->db), &st) != 0 || statfs(pt_sql_path(c->db), &fs) != 0)
		return pt_err_errno(c->err, -errno, "%s", pt_sql_path(c->db));
	int64_t room = (int64_t)fs.f_bavail * fs.f_bsize;
	value(c, "%" PRId64 " MiB free, the file has %" PRId64, room / MIB,
		(int64_t)st.st_size / MIB);
	if (room < st.st_size)
		cure(c, PT_CHECK_NOTE, "too little for a backup beside it or a VACUUM");
	return 0;
}

static int check_file_system(struct check *c)
{
	static const struct {
		uint32_t magic;
		const char *name;
	} shared[] = { { NFS_SUPER_MAGIC, "NFS" }, { CIFS_SUPER_MAGIC, "CIFS" },
		{ SMB2_SUPER_MAGIC, "SMB" }, { FUSE_SUPER_MAGIC, "FUSE" }, { V9FS_MAGIC, "9P" } };
	struct statfs fs;

	if (statfs(pt_sql_path(c->db), &fs) != 0)
		return pt_err_errno(c->err, -errno, "%s", pt_sql_path(c->db));
	value(c, "local");
	for (size_t i = 0; i < PT_ARRAY_LEN(shared); i++) {
		if ((uint32_t)fs.f_type != shared[i].magic)
			continue;
		value(c, "%s", shared[i].name);
		cure(c, PT_CHECK_BAD,
			"the write-ahead log needs memory shared by its users: move the file to a "
			"local disk");
	}
	return 0;
}

int pt_check_run(struct pt_sql *db, const struct pt_config *config,
	struct pt_check_finding out[PT_CHECK_MAX], unsigned *n, struct pt_err *err)
{
	static const struct {
		const char *name;
		int (*run)(struct check *c);
	} checks[] = {
		{ "journal_mode", check_journal },
		{ "synchronous", check_synchronous },
		{ "page_size", check_page_size },
		{ "auto_vacuum", check_auto_vacuum },
		{ "free pages", check_free_pages },
		{ "write-ahead log", check_log },
		{ "indexes", check_indexes },
		{ "planner statistics", check_statistics },
		{ "rollups", check_rollups },
		{ "cache budget", check_cache },
		{ "busy_timeout_ms", check_busy },
		{ "maintenance", check_maintenance },
		{ "backup", check_backup },
		{ "disk space", check_space },
		{ "file system", check_file_system },
	};
	_Static_assert(PT_ARRAY_LEN(checks) <= PT_CHECK_MAX, "all find room");
	struct check c = { .db = db, .config = config, .err = err };
	int code = 0;

	for (*n = 0; !code && *n < PT_ARRAY_LEN(checks); (*n)++) {
		c.f = &out[*n];
		*c.f = (struct pt_check_finding){ .name = checks[*n].name };
		code = checks[*n].run(&c);
	}
	return code;
}
