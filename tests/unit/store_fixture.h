// SPDX-License-Identifier: MIT
// A database for one test, gone with the process.
#pragma once
#include <ftw.h>
#include <unistd.h>

#include "base/arena.h"
#include "model/config.h"
#include "store/open.h"
#include "test.h"

static char fixture_dir[] = "/tmp/pt-test-store-XXXXXX";
static char fixture_path[64];
static struct pt_config fixture_config; // the defaults, for the test to change

static int fixture_unlink(const char *p, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(p);
}

static void fixture_remove(void)
{
	(void)nftw(fixture_dir, fixture_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static struct pt_sql *fixture_db(void)
{
	static unsigned n;
	static struct pt_arena arena; // of the settings, as long as the process
	struct pt_sql *db = NULL;
	struct pt_err err = { 0 };
	bool created;

	if (!n)
		T_OK(mkdtemp(fixture_dir) && atexit(fixture_remove) == 0 &&
			pt_config_load(NULL, &arena, &fixture_config, NULL) == 0);
	(void)snprintf(fixture_path, sizeof(fixture_path), "%s/%u.db", fixture_dir, ++n);
	if (pt_store_create(fixture_path, &fixture_config, &created, &db, &err))
		T_FAIL("%s", err.msg);
	return db;
}

static int64_t fixture_number(struct pt_sql *db, const char *sql)
{
	int64_t v = -1;
	struct pt_err err = { 0 };

	if (pt_sql_i64(db, sql, &v, &err))
		T_FAIL("%s: %s", sql, err.msg);
	return v;
}

#define T_SQL(db, sql, want) T_EQ(fixture_number((db), (sql)), (want))
