// SPDX-License-Identifier: MIT
// connection_pool_size, max_connections and the budget of all caches.
#include <errno.h>
#include <pthread.h>

#include "base/clock.h"
#include "store/pool.h"
#include "store_fixture.h"

static struct pt_pool *pool;
static struct pt_err err;

static void begin(int64_t size, int64_t max)
{
	pt_sql_free(fixture_db());
	fixture_config.database.connection_pool_size = size;
	fixture_config.database.max_connections = max;
	fixture_config.database.busy_timeout_ms = 100;
	err = (struct pt_err){ 0 };
	T_EQ(pt_pool_new(fixture_path, &fixture_config, &pool, &err), 0);
}

static struct pt_pool_counts counts(void)
{
	struct pt_pool_counts c;

	pt_pool_counts(pool, &c);
	return c;
}

static void so_many_stay_open(void)
{
	struct pt_sql *db[4];

	begin(2, 4);
	T_EQ(counts().open, 1);
	for (int i = 0; i < 4; i++)
		T_EQ(pt_pool_get(pool, &db[i], &err), 0);
	T_EQ(counts().open, 4);
	T_EQ(counts().idle, 0);
	for (int i = 0; i < 4; i++)
		pt_pool_put(pool, db[i]);
	T_EQ(counts().open, 2);
	T_EQ(counts().idle, 2);
	struct pt_sql *again;
	T_EQ(pt_pool_get(pool, &again, &err), 0);
	T_OK(again == db[1]); // the one with the warmest cache
	T_EQ(pt_sql_exec(again, "DELETE FROM sites", &err), -EROFS);
	pt_pool_put(pool, again);
	pt_pool_free(pool);
}

static void no_more_than_max(void)
{
	struct pt_sql *db[2], *one_more = NULL;

	begin(1, 2);
	for (int i = 0; i < 2; i++)
		T_EQ(pt_pool_get(pool, &db[i], &err), 0);
	struct pt_mono start = pt_mono_now();
	T_EQ(pt_pool_get(pool, &one_more, &err), -EBUSY);
	int64_t ms = pt_mono_diff(pt_mono_now(), start) / PT_NS_PER_MS;
	T_OK(ms >= 90 && ms < 5000);
	T_HAS(err.msg, "all 2 connections are in use: raise database.max_connections");
	T_EQ(counts().waits, 1);
	for (int i = 0; i < 2; i++)
		pt_pool_put(pool, db[i]);
	pt_pool_free(pool);
}

static void *ask(void *ctx)
{
	int64_t *sum = ctx;

	for (int i = 0; i < 200; i++) {
		struct pt_sql *db = NULL;
		struct pt_err e = { 0 };
		int64_t n;
		if (pt_pool_get(pool, &db, &e) || pt_sql_i64(db, "SELECT 1", &n, &e))
			return NULL;
		*sum += n;
		pt_pool_put(pool, db);
	}
	return NULL;
}

static void threads_share_them(void)
{
	enum { THREADS = 8 };
	pthread_t t[THREADS];
	int64_t sums[THREADS] = { 0 };

	begin(2, 3);
	fixture_config.database.busy_timeout_ms = 20000;
	pt_pool_free(pool);
	T_EQ(pt_pool_new(fixture_path, &fixture_config, &pool, &err), 0);
	for (int i = 0; i < THREADS; i++)
		T_EQ(pthread_create(&t[i], NULL, ask, &sums[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		T_EQ(pthread_join(t[i], NULL), 0);
		T_EQ(sums[i], 200);
	}
	T_OK(counts().open <= 3);
	pt_pool_free(pool);
}

static void caches_have_a_budget(void)
{
	int64_t ram_kib = (int64_t)sysconf(_SC_PHYS_PAGES) * (sysconf(_SC_PAGESIZE) / 1024);
	struct pt_sql *db;

	fixture_config.database.cache_size = -2048;
	begin(4, 8);
	T_EQ(counts().cache_kib, 2048);
	pt_pool_free(pool);
	fixture_config.database.cache_size = -(ram_kib / 2);
	T_EQ(pt_pool_new(fixture_path, &fixture_config, &pool, &err), 0);
	T_EQ(counts().cache_kib, ram_kib / 16);
	T_EQ(pt_pool_get(pool, &db, &err), 0);
	T_SQL(db, "PRAGMA cache_size", -(ram_kib / 16));
	pt_pool_put(pool, db);
	pt_pool_free(pool);
}

static void what_is_wrong_shows_at_once(void)
{
	pool = NULL;
	T_EQ(pt_pool_new("/nowhere/at/all.db", &fixture_config, &pool, &err), -ENOENT);
	T_OK(!pool);
}

T_MAIN({ "connection_pool_size stay open", so_many_stay_open },
	{ "max_connections, and a bounded wait", no_more_than_max },
	{ "threads share them", threads_share_them },
	{ "all caches together have a budget", caches_have_a_budget },
	{ "what is wrong with the file shows at once", what_is_wrong_shows_at_once })
