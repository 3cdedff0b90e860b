// SPDX-License-Identifier: MIT
// The power goes at any write: what was committed is there, each row once, the file is sound, and
// the records go on from where it stands.
#include "power_vfs.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "store/edit.h"
#include "store/ingest.h"
#include "store/maintain.h"
#include "store/scan.h"
#include "store/upkeep.h"
#include "store/verify.h"
#include "store_fixture.h"

enum { RECORDS = 6000, BATCH = 40, CUTS = 40 };

static struct {
	unsigned committed; // records whose commit has returned
	unsigned sites;     // of the inventory, the same
	struct {
		unsigned committed, sites;
	} at[CUTS];
	unsigned n;
	uint32_t rarity; // one write in so many is a cut
} run;

static struct pt_err err;

static void image(unsigned i, char *dir, size_t len)
{
	(void)snprintf(dir, len, "%s/cut%u", fixture_dir, i);
}

static void maybe_cut(void)
{
	char dir[128];

	if (run.n == CUTS || power_below(run.rarity))
		return;
	image(run.n, dir, sizeof(dir));
	(void)mkdir(dir, 0700);
	power_cut(dir);
	run.at[run.n].committed = run.committed;
	run.at[run.n++].sites = run.sites;
}

static void line_of(unsigned i, char *out, size_t len)
{
	(void)snprintf(out, len,
		"{\"type\":\"health\",\"v\":1,\"ts\":\"2026-11-23T%02u:%02u:%02u.000000Z\","
		"\"mono_ns\":%u,\"boot\":\"b\",\"src\":\"h/t\",\"seq\":%u,\"path\":\"p%u\","
		"\"target\":\"192.0.2.1\",\"family\":\"ipv4\",\"probe\":\"stamp\",\"window_ms\":"
		"1000,\"sent\":10,\"received\":10,\"rtt_hist\":[[%u,10]]}",
		i / 3600 % 24, i / 60 % 60, i % 60, i, i, i % 7, i % 400);
}

static void feed(struct pt_sql *db, unsigned from, bool more_work)
{
	struct pt_ingest *g = NULL;
	char line[512];

	T_EQ(pt_ingest_new(db, &fixture_config, &g, &err), 0);
	T_EQ(pt_ingest_begin(g, &err), 0);
	for (unsigned i = from; i <= RECORDS; i++) {
		line_of(i, line, sizeof(line));
		if (pt_ingest_line(g, line, strlen(line), &err) != 1)
			T_FAIL("record %u: %s", i, err.msg);
		if (i % BATCH && i < RECORDS)
			continue;
		T_EQ(pt_ingest_commit(g, &err), 0);
		run.committed = i;
		if (more_work && i % (BATCH * 25) == 0) { // rollups, vacuum, checkpoint between
			struct pt_maintain_report r;
			const struct pt_maintain m = { .db = db, .config = &fixture_config };
			for (unsigned t = 0; pt_maintain_tasks[t].name; t++)
				pt_maintain_run(&m, t, &r);
		}
		T_EQ(pt_ingest_begin(g, &err), 0);
	}
	T_EQ(pt_ingest_commit(g, &err), 0);
	pt_ingest_free(g);
}

static void add_sites(struct pt_sql *db, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char id[16];
		pt_autobuf line = { 0 };
		(void)snprintf(id, sizeof(id), "site-%u", i);
		const struct pt_edit e = { .entity = PT_ENTITY_SITE,
			.kind = PT_CHANGE_ADD,
			.id = id,
			.origin = PT_ORIGIN_CLI,
			.username = "test" };
		T_EQ(pt_edit_run(db, &e, &line, &err), 0);
		run.sites = i + 1;
	}
}

// The image as the next start finds it.
static struct pt_sql *open_image(unsigned i)
{
	char dir[128], path[192];
	const char *name = strrchr(fixture_path, '/') + 1;
	struct pt_sql *db = NULL;

	image(i, dir, sizeof(dir));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (pt_store_open(path, PT_SQL_WRITE, &fixture_config, &db, &err))
		T_FAIL("cut %u: %s", i, err.msg);
	return db;
}

static void is_sound(struct pt_sql *db, unsigned i)
{
	struct pt_verify v;

	T_EQ(pt_verify_pages(db, true, &v, &err), 0);
	if (v.faults)
		T_FAIL("cut %u: %s", i, v.first);
	T_EQ(pt_verify_foreign_keys(db, &v, &err), 0);
	T_EQ(v.faults, 0);
	int64_t n = fixture_number(db, "SELECT count(*) FROM sdwan_path_health");
	// A prefix of the records, each once, and the mark is where it ends.
	T_SQL(db, "SELECT count(DISTINCT seq) FROM sdwan_path_health", n);
	T_SQL(db, "SELECT ifnull(max(seq), 0) FROM sdwan_path_health", n);
	T_SQL(db, "SELECT ifnull((SELECT seq FROM sources WHERE src = 'h/t'), 0)", n);
	// No row is in the rollups that is not there.
	T_OK(fixture_number(db,
		     "SELECT ifnull(sum(n), 0) FROM path_health_rollups WHERE period_secs = 60") <=
		n);
	T_SQL(db,
		"SELECT ifnull(sum(n), 0) = (SELECT count(*) FROM sdwan_path_health WHERE id <= "
		"ifnull((SELECT last_id FROM rollup_marks WHERE source = 'sdwan_path_health'), 0)) "
		"FROM path_health_rollups WHERE period_secs = 3600",
		1);
	T_SQL(db, "SELECT (SELECT count(*) FROM sites) = (SELECT count(*) FROM audit_logs)", 1);
}

static void cut_under(int synchronous, uint64_t seed)
{
	struct pt_sql *db;
	int64_t lost = 0;

	memset(&run, 0, sizeof(run));
	power_on(seed);
	db = fixture_db(); // under the power from its first byte on
	fixture_config.database.synchronous = synchronous;
	fixture_config.health.db_persist_interval = 1;
	fixture_config.metrics.aggregation_enabled = true;
	pt_sql_free(db);
	T_NEED(pt_store_open(fixture_path, PT_SQL_WRITE, &fixture_config, &db, &err) == 0);
	run.rarity = synchronous == PT_SYNC_FULL ? 50 : 50;
	power.on_write = maybe_cut;
	feed(db, 1, true);
	pt_sql_free(db);
	power_off();
	printf("# %u cuts in %llu writes\n", run.n, (unsigned long long)power.writes);
	T_OK(run.n >= 20);
	for (unsigned i = 0; i < run.n; i++) {
		db = open_image(i);
		T_NEED(db);
		is_sound(db, i);
		int64_t n = fixture_number(db, "SELECT count(*) FROM sdwan_path_health");
		if (synchronous == PT_SYNC_FULL && n < run.at[i].committed)
			T_FAIL("cut %u: %lld rows of %u committed", i, (long long)n,
				run.at[i].committed);
		lost += n < run.at[i].committed ? run.at[i].committed - n : 0;
		if (i % 8 == 0) { // and it goes on
			run.committed = 0;
			feed(db, 1, false);
			is_sound(db, i);
			T_SQL(db, "SELECT count(*) FROM sdwan_path_health", RECORDS);
		}
		pt_sql_free(db);
	}
	printf("# %s: %lld rows behind the last commit, in %u cuts\n",
		pt_synchronous_names[synchronous], (long long)lost, run.n);
}

static void full_loses_nothing(void)
{
	cut_under(PT_SYNC_FULL, 1);
}

static void normal_loses_the_newest_alone(void)
{
	cut_under(PT_SYNC_NORMAL, 2);
}

// What a person has changed stays, also under NORMAL.
static void changes_by_hand_stay(void)
{
	struct pt_sql *db;

	memset(&run, 0, sizeof(run));
	power_on(3);
	db = fixture_db();
	fixture_config.database.synchronous = PT_SYNC_NORMAL;
	run.rarity = 6;
	power.on_write = maybe_cut;
	add_sites(db, 60);
	pt_sql_free(db);
	power_off();
	T_OK(run.n >= 20);
	for (unsigned i = 0; i < run.n; i++) {
		db = open_image(i);
		T_NEED(db);
		is_sound(db, i);
		T_OK(fixture_number(db, "SELECT count(*) FROM sites") >= run.at[i].sites);
		pt_sql_free(db);
	}
}

// The test itself: without syncs the same cuts do harm, and it is seen.
static int p_no_sync(sqlite3_file *f, int flags)
{
	(void)f, (void)flags;
	return SQLITE_OK;
}

static int open_without_sync(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	static sqlite3_io_methods methods;
	int rc = p_open(vfs, name, f, flags, out);

	methods = power_methods;
	methods.xSync = p_no_sync;
	if (f->pMethods)
		f->pMethods = &methods;
	return rc;
}

static void without_syncs_it_shows(void)
{
	struct pt_sql *db;
	unsigned harmed = 0;

	memset(&run, 0, sizeof(run));
	power_on(4);
	power.vfs.xOpen = open_without_sync;
	db = fixture_db();
	run.rarity = 60;
	power.on_write = maybe_cut;
	feed(db, 1, true);
	pt_sql_free(db);
	power_off();
	for (unsigned i = 0; i < run.n; i++) {
		char dir[128], path[192];
		struct pt_verify v = { 0 };
		int64_t n = -1;
		struct pt_sql *cut = NULL;
		image(i, dir, sizeof(dir));
		(void)snprintf(path, sizeof(path), "%s/%s", dir, strrchr(fixture_path, '/') + 1);
		bool ok = pt_store_open(path, PT_SQL_WRITE, &fixture_config, &cut, &err) == 0 &&
			pt_verify_pages(cut, true, &v, &err) == 0 && !v.faults &&
			pt_sql_i64(cut, "SELECT count(*) FROM sdwan_path_health", &n, &err) == 0 &&
			n >= run.at[i].committed;
		harmed += !ok;
		pt_sql_free(cut);
	}
	printf("# without syncs: %u of %u cuts did harm\n", harmed, run.n);
	T_OK(harmed > 0);
}

T_MAIN({ "synchronous FULL: what was committed is there", full_loses_nothing },
	{ "synchronous NORMAL: sound, and a prefix of what was committed",
		normal_loses_the_newest_alone },
	{ "changes by hand stay, whatever synchronous is", changes_by_hand_stay },
	{ "without syncs the same cuts do harm", without_syncs_it_shows })
