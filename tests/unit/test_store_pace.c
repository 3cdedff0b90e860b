// SPDX-License-Identifier: MIT
// Work in short holds of the write lock: what takes too long is undone and cut, never carried on.
#include <errno.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "store/pace.h"
#include "store_fixture.h"

static struct pt_err err;

static struct pt_sql *with_rows(int n)
{
	struct pt_sql *db = fixture_db();

	T_EQ(pt_sql_execf(db, &err,
		     "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); WITH RECURSIVE n(i) AS "
		     "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO t SELECT "
		     "i, "
		     "hex(randomblob(50)) FROM n",
		     n),
		0);
	return db;
}

static int delete_some(struct pt_sql *db, struct pt_pace *pace, int64_t hold_us, bool *again)
{
	int code = pt_pace_begin(pace, db, hold_us, &err);

	if (!code)
		code = pt_sql_execf(db, &err,
			"DELETE FROM t WHERE id IN (SELECT id FROM t ORDER BY x LIMIT %d)",
			(int)pace->n);
	return pt_pace_end(pace, db, hold_us, code, again, &err);
}

static void too_long_is_undone_and_halved(void)
{
	struct pt_pace pace = { .n = 64, .min = 8, .max = 1024 };
	pt_autosql db = with_rows(20000);
	bool again = false;
	int64_t want[] = { 32, 16, 8, 8 };

	for (size_t i = 0; i < PT_ARRAY_LEN(want); i++) {
		T_EQ(delete_some(db, &pace, 0, &again), 0);
		T_OK(again);
		T_EQ(pace.n, want[i]);
		T_SQL(db, "SELECT count(*) FROM t", 20000);
	}
	// The lock is free in between: another writer finds its turn.
	pt_autosql other = NULL;
	T_EQ(pt_store_open(fixture_path, PT_SQL_WRITE, &fixture_config, &other, &err), 0);
	T_EQ(pt_sql_exec(other, "DELETE FROM t WHERE id = 1", &err), 0);
	// Sorting all of them takes far longer than a millisecond: it was let go long before its
	// end.
	pace.longest_us = 0;
	T_EQ(delete_some(db, &pace, 200, &again), 0);
	T_OK(again);
	T_OK(pace.longest_us < 20000);
}

static void it_comes_through_in_the_end(void)
{
	struct pt_pace pace = { .n = 8, .min = 8, .max = 1024 };
	pt_autosql db = with_rows(20000);
	bool again = true;
	int tries = 0;

	while (again && tries++ < 100)
		T_EQ(delete_some(db, &pace, 0, &again), 0);
	T_OK(tries > 10 && tries < 100);
	T_SQL(db, "SELECT count(*) FROM t", 20000 - 8);
	T_EQ(pace.stuck, 0);
}

static void quick_work_grows(void)
{
	struct pt_pace pace = { .n = 8, .min = 8, .max = 40 };
	pt_autosql db = with_rows(100);
	bool again = true;

	T_EQ(delete_some(db, &pace, INT64_MAX, &again), 0);
	T_OK(!again);
	T_EQ(pace.n, 16);
	T_EQ(delete_some(db, &pace, INT64_MAX, &again), 0);
	T_EQ(delete_some(db, &pace, INT64_MAX, &again), 0);
	T_EQ(pace.n, 40); // not beyond
	T_SQL(db, "SELECT count(*) FROM t", 100 - 8 - 16 - 32);
	T_OK(pace.longest_us > 0);
}

// Of the connection, not of the next transaction: records wait for the disk as they did.
static void the_disk_is_waited_for_again(void)
{
	static const struct {
		int level, inside, after;
	} cases[] = { { PT_SYNC_FULL, 1, 2 }, { PT_SYNC_EXTRA, 1, 3 }, { PT_SYNC_NORMAL, 1, 1 },
		{ PT_SYNC_OFF, 0, 0 } };
	bool again;

	pt_sql_free(fixture_db());
	for (size_t i = 0; i < PT_ARRAY_LEN(cases); i++) {
		for (int code = 0; code >= -ECANCELED; code -= ECANCELED) { // commit, rollback
			struct pt_pace pace = { .n = 1, .min = 1, .max = 1 };
			pt_autosql db = NULL;
			fixture_config.database.synchronous = cases[i].level;
			T_EQ(pt_store_open(fixture_path, PT_SQL_WRITE, &fixture_config, &db, &err),
				0);
			T_EQ(pt_pace_begin(&pace, db, INT64_MAX, &err), 0);
			T_SQL(db, "PRAGMA synchronous", cases[i].inside);
			T_EQ(pt_pace_end(&pace, db, INT64_MAX, code, &again, &err), code);
			T_SQL(db, "PRAGMA synchronous", cases[i].after);
		}
	}
	// Without a log all of them wait: there the wait keeps the file sound.
	pt_autosql plain = NULL;
	struct pt_pace pace = { .n = 1, .min = 1, .max = 1 };
	fixture_config.database.synchronous = PT_SYNC_FULL;
	fixture_config.database.journal_mode = PT_JOURNAL_DELETE;
	T_EQ(pt_store_open(fixture_path, PT_SQL_WRITE, &fixture_config, &plain, &err), 0);
	T_EQ(pt_pace_begin(&pace, plain, INT64_MAX, &err), 0);
	T_SQL(plain, "PRAGMA synchronous", 2);
	T_EQ(pt_pace_end(&pace, plain, INT64_MAX, 0, &again, &err), 0);
	fixture_config.database.journal_mode = PT_JOURNAL_WAL;
	pt_sql_free(pt_take(&plain));
	// Also where the lock was not to be had.
	pt_autosql a = NULL;
	fixture_config.database.synchronous = PT_SYNC_FULL;
	fixture_config.database.busy_timeout_ms = 1;
	T_EQ(pt_store_open(fixture_path, PT_SQL_WRITE, &fixture_config, &a, &err), 0);
	pt_autosql b = NULL;
	T_EQ(pt_store_open(fixture_path, PT_SQL_WRITE, &fixture_config, &b, &err), 0);
	T_EQ(pt_sql_begin(a, &err), 0);
	T_EQ(pt_sql_begin_short(b, INT64_MAX, &err), -EBUSY);
	T_SQL(b, "PRAGMA synchronous", 2);
	T_EQ(pt_sql_end(a, 0, &err), 0);
}

enum { WORK_MS = 1500, HOLD_MS = 15, PATIENCE_MS = 400 };

// Holds the lock again and again until the time is over, as maintenance does.
static void keep_busy(bool rest)
{
	struct pt_mono end = pt_mono_add(pt_mono_now(), WORK_MS * PT_NS_PER_MS);
	struct pt_pace pace = { .n = 1, .min = 1, .max = 1 };
	pt_autosql db = NULL;
	bool again;

	fixture_config.database.busy_timeout_ms = 5000;
	if (pt_store_open(fixture_path, PT_SQL_WRITE, &fixture_config, &db, &err))
		_exit(2);
	while (pt_mono_diff(end, pt_mono_now()) > 0) {
		if (pt_pace_begin(&pace, db, INT64_MAX, &err))
			continue;
		while (pt_sql_held_us(db) < HOLD_MS * 1000)
			(void)pt_sql_exec(db, "UPDATE t SET x = 'a' WHERE id = 1", NULL);
		(void)pt_pace_end(&pace, db, INT64_MAX, 0, &again, &err);
		if (rest)
			pt_pace_rest(db);
	}
	_exit(0);
}

// Another writer beside that: how often it found no turn in its time.
static unsigned times_locked(bool rest, unsigned *tries)
{
	pt_autosql db = with_rows(1);
	unsigned locked = 0;
	int status = -1;

	pt_sql_free(pt_take(&db));
	pid_t pid = fork();
	if (pid == 0)
		keep_busy(rest);
	fixture_config.database.busy_timeout_ms = PATIENCE_MS;
	T_EQ(pt_store_open(fixture_path, PT_SQL_WRITE, &fixture_config, &db, &err), 0);
	for (*tries = 0; waitpid(pid, &status, WNOHANG) == 0; (*tries)++) {
		locked += pt_sql_exec(db, "INSERT INTO t (x) VALUES ('b')", &err) == -EBUSY;
		pt_pace_rest(db); // or it would itself be the one who lets nobody in
	}
	T_EQ(status, 0);
	return locked;
}

static void others_find_their_turn(void)
{
	unsigned tries, without, locked = times_locked(true, &tries);

	printf("# %u tries of another writer, %u in vain\n", tries, locked);
	T_OK(tries > 10);
	T_OK(locked * 10 <= tries);
	locked = times_locked(false, &without);
	printf("# without a rest: %u tries, %u in vain\n", without, locked);
	T_OK(without < tries);
}

T_MAIN({ "what takes too long is undone and halved, the lock is free in between",
	       too_long_is_undone_and_halved },
	{ "it comes through in the end", it_comes_through_in_the_end },
	{ "quick work grows to its maximum", quick_work_grows },
	{ "others find their turn in between", others_find_their_turn },
	{ "afterwards commits wait for the disk as before", the_disk_is_waited_for_again })
