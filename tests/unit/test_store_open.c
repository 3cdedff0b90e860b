// SPDX-License-Identifier: MIT
// Connections, creation, versions and files that are no database.
#include <inttypes.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "model/config.h"
#include "store/migrate.h"
#include "store/open.h"
#include "store/schema.h"
#include "test.h"

static char dir[] = "/tmp/pt-test-store-XXXXXX";
static char path[128];
static struct pt_config config;

static int unlink_entry(const char *p, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(p);
}

static void remove_dir(void)
{
	(void)nftw(dir, unlink_entry, 8, FTW_DEPTH | FTW_PHYS);
}

// A fresh path and the defaults.
static void begin(void)
{
	static unsigned n;
	static struct pt_arena arena;

	if (!n)
		T_OK(mkdtemp(dir) && atexit(remove_dir) == 0);
	(void)snprintf(path, sizeof(path), "%s/%u/sdwan.db", dir, ++n);
	T_EQ(pt_config_load(NULL, &arena, &config, NULL), 0);
	pt_arena_done(&arena);
}

static struct pt_sql *create(void)
{
	struct pt_sql *db = NULL;
	struct pt_err err = { 0 };
	bool created;

	if (pt_store_create(path, &config, &created, &db, &err))
		T_FAIL("create: %s", err.msg);
	return db;
}

static int64_t number(struct pt_sql *db, const char *sql)
{
	int64_t v = -1;
	struct pt_err err = { 0 };

	if (pt_sql_i64(db, sql, &v, &err))
		T_FAIL("%s: %s", sql, err.msg);
	return v;
}

static void creation_settings(void)
{
	begin();
	config.database.page_size = 8192;
	pt_autosql db = create();
	T_NEED(db);
	pt_autosql again = NULL;
	T_EQ(pt_store_open(path, PT_SQL_WRITE, &config, &again, NULL), 0);
	T_EQ(pt_sql_held_us(again), 0); // it has kept nobody out yet: no rest is due
	char mode[16];
	struct stat st;
	T_EQ(number(db, "PRAGMA page_size"), 8192);
	T_EQ(number(db, "PRAGMA auto_vacuum"), 2);
	T_EQ(number(db, "PRAGMA application_id"), PT_STORE_APPLICATION_ID);
	T_EQ(number(db, "PRAGMA user_version"), pt_store_version());
	T_EQ(pt_sql_text(db, "PRAGMA journal_mode", mode, sizeof(mode), NULL), 0);
	T_STR(mode, "wal");
	T_EQ(stat(path, &st), 0);
	T_EQ(st.st_mode & 0777, 0640);
}

static void journal_mode_follows_config(void)
{
	begin();
	config.database.journal_mode = PT_JOURNAL_TRUNCATE;
	pt_sql_free(create());
	char mode[16];
	pt_autosql db = NULL;
	T_EQ(pt_store_open(path, PT_SQL_READ, &config, &db, NULL), 0);
	T_EQ(pt_sql_text(db, "PRAGMA journal_mode", mode, sizeof(mode), NULL), 0);
	// Per connection outside WAL: delete is what a file without WAL shows.
	T_STR(mode, "delete");
	pt_sql_free(pt_take(&db));
	config.database.journal_mode = PT_JOURNAL_WAL;
	T_EQ(pt_store_open(path, PT_SQL_WRITE, &config, &db, NULL), 0);
	T_EQ(pt_sql_text(db, "PRAGMA journal_mode", mode, sizeof(mode), NULL), 0);
	T_STR(mode, "wal");
}

static void every_connection_is_set(void)
{
	begin();
	config.database.cache_size = -12345;
	config.database.mmap_size = 1 << 20;
	config.database.synchronous = PT_SYNC_FULL;
	config.database.busy_timeout_ms = 4321;
	for (int i = 0; i < 3; i++) {
		pt_autosql db = NULL;
		if (i == 0)
			db = create();
		else
			T_EQ(pt_store_open(
				     path, i == 1 ? PT_SQL_WRITE : PT_SQL_READ, &config, &db, NULL),
				0);
		T_NEED(db);
		T_EQ(number(db, "PRAGMA cache_size"), -12345);
		T_EQ(number(db, "PRAGMA mmap_size"), 1 << 20);
		T_EQ(number(db, "PRAGMA synchronous"), 2);
		T_EQ(number(db, "PRAGMA temp_store"), 2);
		T_EQ(number(db, "PRAGMA foreign_keys"), 1);
		T_EQ(number(db, "PRAGMA busy_timeout"), 4321);
		T_EQ(number(db, "PRAGMA query_only"), i == 2);
	}
}

static void busy_wait_is_bounded(void)
{
	begin();
	config.database.busy_timeout_ms = 200;
	pt_autosql a = create();
	pt_autosql b = NULL;
	struct pt_err err = { 0 };
	T_EQ(pt_store_open(path, PT_SQL_WRITE, &config, &b, NULL), 0);
	T_EQ(pt_sql_begin(a, NULL), 0);
	struct pt_mono start = pt_mono_now();
	T_EQ(pt_sql_begin(b, &err), -EBUSY);
	int64_t ms = pt_mono_diff(pt_mono_now(), start) / PT_NS_PER_MS;
	T_OK(ms >= 150 && ms < 3000);
	T_HAS(err.msg, "database is locked");
	T_HAS(err.msg, "busy_timeout_ms");
	// Readers never wait for the writer.
	pt_autosql r = NULL;
	T_EQ(pt_store_open(path, PT_SQL_READ, &config, &r, NULL), 0);
	T_EQ(number(r, "SELECT count(*) FROM paths"), 0);
	T_EQ(pt_sql_end(a, 0, NULL), 0);
	T_EQ(pt_sql_begin(b, &err), 0);
	T_EQ(pt_sql_end(b, 0, NULL), 0);
}

static int64_t log_bytes(void)
{
	char name[160];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s-wal", path);
	return stat(name, &st) == 0 ? (int64_t)st.st_size : -1;
}

// A log that a reader has made long does not stay so for as long as somebody writes.
static void log_shrinks_again(void)
{
	enum { LIMIT = 64 << 20 };

	begin();
	config.database.synchronous = PT_SYNC_OFF; // for the test's time alone
	pt_autosql w = create();
	pt_autosql r = NULL;
	T_EQ(pt_store_open(path, PT_SQL_READ, &config, &r, NULL), 0);
	T_EQ(pt_sql_exec(w, "CREATE TABLE big (x); INSERT INTO big VALUES (0)", NULL), 0);
	T_EQ(pt_sql_snapshot(r, NULL), 0);
	T_EQ(number(r, "SELECT count(*) FROM big"), 1);
	for (int i = 0; i < 5; i++)
		T_EQ(pt_sql_execf(w, NULL, "UPDATE big SET x = zeroblob(%d)", 16000000 + i), 0);
	T_OK(log_bytes() > LIMIT);
	T_EQ(pt_sql_end(r, 0, NULL), 0);
	T_EQ(pt_sql_exec(w, "INSERT INTO big VALUES (1)", NULL), 0); // moves all into the file
	T_EQ(pt_sql_exec(w, "INSERT INTO big VALUES (2)", NULL), 0); // begins the log anew
	T_EQ(log_bytes(), LIMIT);
}

static void statement_cache_is_bounded(void)
{
	begin();
	config.database.statement_cache_size = 2;
	pt_autosql db = create();
	pt_autostmt probe = NULL;
	T_NEED(db);
	if (pt_stmt_get(db, "SELECT count(*) FROM sqlite_stmt", &probe, NULL, NULL))
		T_SKIP("this SQLite has no sqlite_stmt");
	static const char *const queries[] = { "SELECT 1", "SELECT 2", "SELECT 3", "SELECT 4" };
	for (size_t i = 0; i < PT_ARRAY_LEN(queries); i++) {
		pt_autostmt s = NULL;
		T_EQ(pt_stmt_get(db, queries[i], &s, NULL, NULL), 0);
	}
	T_EQ(pt_stmt_step(probe, NULL), 1);
	T_EQ(pt_stmt_i64(probe, 0), 3); // itself and the two that are kept
	pt_autostmt again = NULL;
	T_EQ(pt_stmt_get(db, "SELECT 4", &again, NULL, NULL), 0);
	T_EQ(pt_stmt_step(again, NULL), 1);
	T_EQ(pt_stmt_i64(again, 0), 4);
}

static void readers_cannot_write(void)
{
	begin();
	pt_sql_free(create());
	pt_autosql db = NULL;
	struct pt_err err = { 0 };
	T_EQ(pt_store_open(path, PT_SQL_READ, &config, &db, NULL), 0);
	T_OK(pt_sql_exec(db, "INSERT INTO meta VALUES ('a', 'b')", &err) < 0);
	T_EQ(pt_sql_exec(db, "PRAGMA query_only=OFF", NULL), 0);
	T_EQ(pt_sql_exec(db, "INSERT INTO meta VALUES ('a', 'b')", &err), -EROFS);
	T_HAS(err.msg, "readonly");
	T_OK(pt_sql_exec(db, "ATTACH '/tmp/pt-test-attached' AS x", &err) < 0);
	T_EQ(access("/tmp/pt-test-attached", F_OK), -1);
}

// Opens for writing and for reading; both must fail with the code and a line holding the words.
static void refused(int code, const char *words)
{
	for (int i = 0; i < 2; i++) {
		pt_autosql db = NULL;
		struct pt_err err = { 0 };
		T_EQ(pt_store_open(path, i ? PT_SQL_READ : PT_SQL_WRITE, &config, &db, &err), code);
		T_HAS(err.msg, words);
		T_HAS(err.msg, path);
		T_OK(!strchr(err.msg, '\n'));
	}
}

static void newer_version_is_refused(void)
{
	begin();
	pt_autosql db = create();
	T_EQ(pt_sql_exec(db, "PRAGMA user_version=99", NULL), 0);
	char want[64];
	(void)snprintf(want, sizeof(want), "database version 99 is newer than %" PRId64,
		pt_store_version());
	refused(-EPROTO, want);
	bool created;
	struct pt_err err = { 0 };
	pt_autosql again = NULL;
	T_EQ(pt_store_create(path, &config, &created, &again, &err), -EPROTO);
	T_EQ(pt_store_upgrade(path, &config, &(unsigned){ 0 }, NULL, 0, &err), -EPROTO);
	T_EQ(number(db, "PRAGMA user_version"), 99);
}

static void write_file(const char *bytes, size_t n)
{
	char parent[128];
	(void)snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	(void)mkdir(parent, 0755);
	pt_autofd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	T_EQ(write(fd, bytes, n), (int64_t)n);
}

static void files_that_are_no_database(void)
{
	static const char text[] = "sites:\n  - id: west\n# a network.yaml, given by mistake, with "
				   "enough text to fill the header of a database file\n";
	begin();
	refused(-ENOENT, "create it with pt-db init");
	write_file("", 0);
	T_EQ(unlink(path), 0);
	T_EQ(mkfifo(path, 0600), 0);
	refused(-EINVAL, "not a file"); // and not waited for
	T_EQ(unlink(path), 0);
	write_file("", 0);
	refused(-ENODATA, "run pt-db init");
	write_file(text, sizeof(text));
	refused(-EBADMSG, "file is not a database");
	begin();
	write_file("", 0);
	pt_autosql other = NULL;
	T_EQ(pt_sql_open(path, PT_SQL_WRITE, &other, NULL), 0);
	T_EQ(pt_sql_exec(other, "CREATE TABLE browser_history (url TEXT)", NULL), 0);
	refused(-EBADMSG, "not of Patronus");
	bool created;
	pt_autosql db = NULL;
	struct pt_err err = { 0 };
	T_EQ(pt_store_create(path, &config, &created, &db, &err), -EBADMSG);
	T_EQ(number(other, "SELECT count(*) FROM sqlite_schema"), 1);
}

static void truncated_file_is_refused(void)
{
	begin();
	pt_sql_free(create());
	T_EQ(truncate(path, 3 * 4096 + 100), 0);
	refused(-EUCLEAN, "truncated or damaged");
	T_EQ(truncate(path, 50), 0); // less than the header
	refused(-EUCLEAN, "truncated or damaged");
}

static void damaged_page_is_reported(void)
{
	begin();
	pt_autosql w = create();
	T_EQ(pt_sql_exec(w, "INSERT INTO sites (id) VALUES ('west')", NULL), 0);
	pt_sql_free(pt_take(&w));
	pt_autofd fd = open(path, O_RDWR | O_CLOEXEC);
	char junk[4096];
	struct stat st;
	memset(junk, 0xa5, sizeof(junk));
	T_EQ(fstat(fd, &st), 0);
	for (off_t at = 2 * 4096; at < st.st_size; at += 4096)
		T_EQ(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
	pt_autosql db = NULL;
	struct pt_err err = { 0 };
	int64_t n;
	int code = pt_store_open(path, PT_SQL_READ, &config, &db, &err);
	if (!code)
		code = pt_sql_i64(db, "SELECT count(*) FROM sites", &n, &err);
	T_EQ(code, -EUCLEAN);
	T_HAS(err.msg, "restore a backup");
}

static void init_twice_and_on_an_empty_file(void)
{
	begin();
	bool created = false;
	pt_autosql a = NULL;
	pt_autosql b = NULL;
	T_EQ(pt_store_create(path, &config, &created, &a, NULL), 0);
	T_OK(created);
	T_EQ(pt_sql_exec(a, "INSERT INTO sites (id) VALUES ('west')", NULL), 0);
	T_EQ(pt_store_create(path, &config, &created, &b, NULL), 0);
	T_OK(!created);
	T_EQ(number(b, "SELECT count(*) FROM sites"), 1);
	begin();
	write_file("", 0);
	pt_autosql c = NULL;
	T_EQ(pt_store_create(path, &config, &created, &c, NULL), 0);
	T_OK(created);
}

static void init_by_many_at_once(void)
{
	enum { PROCESSES = 6 };
	begin();
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			bool created;
			struct pt_err err = { 0 };
			pt_autosql db = NULL;
			int code = pt_store_create(path, &config, &created, &db, &err);
			if (code)
				printf("# %s\n", err.msg);
			_exit(code ? 9 : created);
		}
	}
	int failed = 0;
	for (int i = 0; i < PROCESSES; i++) {
		int status = -1;
		(void)wait(&status);
		failed += !WIFEXITED(status) || WEXITSTATUS(status) > 1;
	}
	T_EQ(failed, 0);
	pt_autosql db = NULL;
	T_EQ(pt_store_open(path, PT_SQL_READ, &config, &db, NULL), 0);
	T_EQ(number(db, "PRAGMA user_version"), pt_store_version());
	T_EQ(number(db, "SELECT count(*) FROM meta"), 1);
}

// As after a restore, whose file is in no log's mode until somebody writes.
static void switched_by_many_at_once(void)
{
	enum { PROCESSES = 6, ROUNDS = 10 };
	int failed = 0;

	begin();
	pt_sql_free(create());
	for (int round = 0; round < ROUNDS; round++) {
		pt_autosql plain = NULL;
		int start[2];
		T_EQ(pt_sql_open(path, PT_SQL_WRITE, &plain, NULL), 0);
		T_EQ(pt_sql_exec(plain, "PRAGMA journal_mode=DELETE", NULL), 0);
		pt_sql_free(pt_take(&plain));
		T_EQ(pipe2(start, O_CLOEXEC), 0);
		for (int i = 0; i < PROCESSES; i++) {
			if (fork() == 0) {
				pt_autosql db = NULL;
				char c;
				struct pt_err err = { 0 };
				close(start[1]);
				(void)!read(start[0], &c, 1); // until the others are there
				int code = pt_store_open(path, PT_SQL_WRITE, &config, &db, &err);
				if (code)
					printf("# %s\n", err.msg);
				_exit(code ? 1 : 0);
			}
		}
		close(start[0]);
		close(start[1]);
		for (int i = 0; i < PROCESSES; i++) {
			int status = -1;
			(void)wait(&status);
			failed += status != 0;
		}
	}
	T_EQ(failed, 0);
}

// Somebody restores while the file is being opened: what is opened is what then has the name.
static void a_file_that_loses_its_name_is_opened_again(void)
{
	static const struct flock all = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512
	};
	char other[160];
	int ready[2];

	begin();
	pt_autosql db = create();
	T_EQ(pt_sql_exec(db, "INSERT INTO meta VALUES ('which', 2)", NULL), 0);
	pt_sql_free(pt_take(&db));
	(void)snprintf(other, sizeof(other), "%s.new", path);
	T_EQ(rename(path, other), 0);
	db = create();
	T_EQ(pt_sql_exec(db, "INSERT INTO meta VALUES ('which', 1)", NULL), 0);
	pt_sql_free(pt_take(&db));
	T_EQ(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct flock lock = all;
		const struct timespec while_it_waits = { .tv_nsec = 300000000 };
		int fd = open(path, O_RDWR | O_CLOEXEC);
		bool ok = fcntl(fd, F_OFD_SETLK, &lock) == 0 && write(ready[1], "", 1) == 1;
		(void)nanosleep(&while_it_waits, NULL);
		_exit(ok && rename(other, path) == 0 ? 0 : 1);
	}
	char c;
	int status = -1;
	T_EQ(read(ready[0], &c, 1), 1);
	T_EQ(pt_store_open(path, PT_SQL_WRITE, &config, &db, NULL), 0);
	T_EQ(number(db, "SELECT value FROM meta WHERE key = 'which'"), 2);
	T_EQ(waitpid(pid, &status, 0), pid);
	T_EQ(status, 0);
	close(ready[0]);
	close(ready[1]);
}

static void failed_migration_leaves_nothing(void)
{
	begin();
	write_file("", 0);
	pt_autosql db = NULL;
	struct pt_err err = { 0 };
	enum pt_store_state state;
	T_EQ(pt_sql_open(path, PT_SQL_WRITE, &db, NULL), 0);
	T_EQ(pt_sql_exec(db, "PRAGMA journal_mode=WAL; PRAGMA max_page_count=8", NULL), 0);
	T_EQ(pt_store_migrate(db, NULL, &err), -ENOSPC);
	T_HAS(err.msg, "migration to version 1");
	T_EQ(number(db, "SELECT count(*) FROM sqlite_schema"), 0);
	T_EQ(pt_store_state(db, &state, NULL, NULL), 0);
	T_EQ(state, PT_STORE_EMPTY);
	T_EQ(pt_sql_exec(db, "PRAGMA max_page_count=100000", NULL), 0);
	T_EQ(pt_store_migrate(db, NULL, &err), 0);
	T_EQ(pt_store_state(db, &state, NULL, NULL), 0);
	T_EQ(state, PT_STORE_CURRENT);
}

// A file of the first version, with a row in it: nothing is lost, and the new columns are there.
static void first_version_is_migrated(void)
{
	begin();
	write_file("", 0);
	pt_autosql db = NULL;
	struct pt_err err = { 0 };
	enum pt_store_state state;
	unsigned applied = 0;
	T_EQ(pt_sql_open(path, PT_SQL_WRITE, &db, NULL), 0);
	T_EQ(pt_sql_exec(db, pt_schema_sql_1, &err), 0);
	T_EQ(pt_sql_execf(db, &err,
		     "PRAGMA application_id=%d; PRAGMA user_version=1;"
		     "INSERT INTO policies (id, priority, match_dscp) VALUES ('voice', 10, 46)",
		     PT_STORE_APPLICATION_ID),
		0);
	T_EQ(pt_store_state(db, &state, NULL, &err), 0);
	T_EQ(state, PT_STORE_OLD);
	T_EQ(pt_store_migrate(db, &applied, &err), 0);
	T_EQ(applied, pt_store_version() - 1);
	T_EQ(pt_store_state(db, &state, NULL, &err), 0);
	T_EQ(state, PT_STORE_CURRENT);
	T_EQ(number(db,
		     "SELECT match_dscp FROM policies WHERE id = 'voice' AND priority = 10 "
		     "AND match_devices IS NULL AND match_src_prefixes IS NULL"),
		46);
}

T_MAIN({ "creation: page size, auto vacuum, WAL, ids, mode", creation_settings },
	{ "journal_mode follows config.yaml", journal_mode_follows_config },
	{ "every connection has the settings of config.yaml", every_connection_is_set },
	{ "busy wait is bounded, readers do not wait", busy_wait_is_bounded },
	{ "a long log shrinks again", log_shrinks_again },
	{ "statement cache keeps statement_cache_size", statement_cache_is_bounded },
	{ "a reading connection cannot write or attach", readers_cannot_write },
	{ "newer version is refused and left alone", newer_version_is_refused },
	{ "missing, empty, foreign and other files", files_that_are_no_database },
	{ "truncated file is refused", truncated_file_is_refused },
	{ "damaged pages are reported with the cure", damaged_page_is_reported },
	{ "init twice, init on an empty file", init_twice_and_on_an_empty_file },
	{ "init by many processes at once", init_by_many_at_once },
	{ "switched to WAL by many at once", switched_by_many_at_once },
	{ "a file that loses its name is opened again",
		a_file_that_loses_its_name_is_opened_again },
	{ "a file of the first version is migrated", first_version_is_migrated },
	{ "a failed migration leaves nothing", failed_migration_leaves_nothing })
