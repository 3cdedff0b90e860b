// SPDX-License-Identifier: MIT
// SQLite alone, as anybody opens it: what a pragma of the guide's changes.
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/claims_parts.h"

#define ROWS      60000 // of 400 bytes and an index: more than the small cache, less than the large
#define PATH_LEN  300
#define CACHE_OLD "PRAGMA cache_size=-2000;" // SQLite's own

enum { JOURNAL, WAL, WAL_NORMAL, READ_JOURNAL, READ_WAL, READ_CACHE, READ_MMAP, SIDES };
static const struct pt_turns_side sides[SIDES] = {
	[JOURNAL] = { .name = "rollback journal" },
	[WAL] = { .name = "WAL" },
	[WAL_NORMAL] = { .name = "WAL, synchronous NORMAL" },
	[READ_JOURNAL] = { .name = "reads, rollback journal, 2 MB cache" },
	[READ_WAL] = { .name = "reads, WAL, 2 MB cache" },
	[READ_CACHE] = { .name = "reads, WAL, 64 MB cache" },
	[READ_MMAP] = { .name = "reads, WAL, 2 MB cache, mmap" },
};
static const struct {
	const char *pragmas;
	bool wal; // which file
} how[SIDES] = {
	[JOURNAL] = { "PRAGMA synchronous=FULL;", false },
	[WAL] = { "PRAGMA synchronous=FULL;", true },
	[WAL_NORMAL] = { "PRAGMA synchronous=NORMAL;", true },
	[READ_JOURNAL] = { CACHE_OLD, false },
	[READ_WAL] = { CACHE_OLD, true },
	[READ_CACHE] = { "PRAGMA cache_size=-65536;", true },
	[READ_MMAP] = { CACHE_OLD "PRAGMA mmap_size=268435456;", true },
};
static const struct pt_turns_metric metrics[] = {
	{ PT_CLAIM_METRIC("wal_commits", "commits/s", "Transactions of one row"), WAL, JOURNAL },
	{ PT_CLAIM_METRIC("wal_reads", "reads/s", "Rows by their key"), READ_WAL, READ_JOURNAL },
	{ PT_CLAIM_METRIC("synchronous_normal", "commits/s", "Transactions of one row"), WAL_NORMAL,
		WAL },
	{ PT_CLAIM_METRIC("cache_size", "reads/s", "Rows by their key"), READ_CACHE, READ_WAL },
	{ PT_CLAIM_METRIC("mmap_size", "reads/s", "Rows by their key"), READ_MMAP, READ_WAL },
};
static const struct pt_claim claims[] = {
	{ "PRAGMA journal_mode=WAL (10-20% improvement)", 1100000, 1200000 },
	{ "PRAGMA journal_mode=WAL (10-20% improvement)", 1100000, 1200000 },
	{ "PRAGMA synchronous = NORMAL (faster commits)", 0, 0 },
	{ "PRAGMA cache_size=-65536 (5-10% improvement)", 1050000, 1100000 },
	{ "PRAGMA mmap_size = 268435456", 0, 0 },
};

struct db {
	char path[2][PATH_LEN]; // without a log, with
	int64_t turn_ns;
	uint64_t seed;
};

static int failed(sqlite3 *db, struct pt_err *err)
{
	return pt_err_set(err, -EIO, "SQLite: %s", db ? sqlite3_errmsg(db) : "no memory");
}

static int make(const char *path, bool wal, struct pt_err *err)
{
	sqlite3 *db = NULL;
	char sql[600];
	int rc = 0;

	(void)snprintf(sql, sizeof(sql),
		"PRAGMA journal_mode=%s; PRAGMA synchronous=OFF; CREATE TABLE h (id INTEGER "
		"PRIMARY "
		"KEY, path TEXT, at INTEGER, text TEXT); CREATE INDEX h_path ON h(path, at); "
		"BEGIN; "
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
		"INSERT INTO h SELECT i, 'path-' || (i %% 100), i, printf('%%400d', i) FROM n; "
		"COMMIT; CREATE TABLE w (id INTEGER PRIMARY KEY, path TEXT, at INTEGER); CREATE "
		"INDEX w_path ON w(path, at); PRAGMA wal_checkpoint(TRUNCATE)",
		wal ? "WAL" : "DELETE", ROWS);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
			SQLITE_OK ||
		sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		rc = failed(db, err);
	sqlite3_close(db);
	return rc;
}

// Until its time is over; how often a second.
static int work(sqlite3 *db, struct db *d, bool writes, int64_t *rate, struct pt_err *err)
{
	sqlite3_stmt *s = NULL;
	struct pt_mono start = pt_mono_now();
	int64_t n = 0, ns = 0;
	int rc = sqlite3_prepare_v2(db,
		writes ? "INSERT INTO w (path, at) VALUES ('path-1', ?1)"
		       : "SELECT text FROM h WHERE id = ?1",
		-1, &s, NULL);

	while (rc == SQLITE_OK && (ns = pt_mono_diff(pt_mono_now(), start)) < d->turn_ns) {
		d->seed = d->seed * 6364136223846793005u + 1442695040888963407u;
		sqlite3_bind_int64(s, 1, 1 + (int64_t)((d->seed >> 33) % ROWS));
		int got = sqlite3_step(s);
		rc = got == SQLITE_ROW || got == SQLITE_DONE ? sqlite3_reset(s) : got;
		n++;
	}
	sqlite3_finalize(s);
	if (rc != SQLITE_OK)
		return failed(db, err);
	*rate = (int64_t)((double)n * 1e9 / (double)ns);
	return 0;
}

// Reads go over the whole table first: caches are compared when they are full.
static int once(void *ctx, unsigned side, int64_t *value, struct pt_err *err)
{
	struct db *d = ctx;
	sqlite3 *db = NULL;
	bool writes = side <= WAL_NORMAL;
	int rc = 0;

	if (sqlite3_open_v2(d->path[how[side].wal], &db, SQLITE_OPEN_READWRITE, NULL) !=
			SQLITE_OK ||
		sqlite3_exec(db, how[side].pragmas, NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_exec(db, writes ? "DELETE FROM w" : "SELECT sum(length(text)) FROM h", NULL,
			NULL, NULL) != SQLITE_OK)
		rc = failed(db, err);
	if (rc == 0)
		rc = work(db, d, writes, value, err);
	sqlite3_close(db);
	return rc;
}

static void remove_all(const struct db *d)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	char path[PATH_LEN + 16];

	for (size_t i = 0; i < 8; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", d->path[i / 4], ends[i % 4]);
		(void)unlink(path); // not there: as wanted
	}
}

int pt_claims_db(const struct pt_claims_opts *o, struct pt_claim_result *out, unsigned *n,
	struct pt_err *err)
{
	struct db d = { .turn_ns = o->turn_ns, .seed = 1 };
	const struct pt_claims_group g = { .claims = claims,
		.turns = { .workload = "claims",
			.sides = sides,
			.n_sides = SIDES,
			.metrics = metrics,
			.n_metrics = sizeof(metrics) / sizeof(metrics[0]),
			.rounds = o->rounds,
			.once = once,
			.ctx = &d,
			.progress = o->progress } };
	int rc = 0;

	for (int wal = 0; wal < 2 && rc == 0; wal++) {
		(void)snprintf(d.path[wal], sizeof(d.path[wal]), "%s/%d.db", o->dir, wal);
		rc = make(d.path[wal], wal, err);
	}
	if (rc == 0)
		rc = pt_claims_play(&g, out, n, err);
	remove_all(&d);
	return rc;
}
