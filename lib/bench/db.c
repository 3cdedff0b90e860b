// SPDX-License-Identifier: MIT
#include "bench/db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bench/db_parts.h"
#include "store/open.h"

void pt_db_remove(const char *path)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	char name[PT_DB_PATH_LEN + 8];

	for (size_t i = 0; i < PT_ARRAY_LEN(tails); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		(void)unlink(name); // mostly not there
	}
}

int pt_db_fresh(
	const char *path, const struct pt_config *c, struct pt_sql **out, struct pt_err *err)
{
	bool created;

	pt_db_remove(path);
	return pt_store_create(path, c, &created, out, err);
}

int pt_db_bench(const struct pt_db_opts *o, struct pt_db_report *out, struct pt_err *err)
{
	pt_autoarena arena = { 0 };
	struct pt_config config;
	struct pt_db_opts mine = *o;
	char dir[PT_DB_PATH_LEN / 2];

	(void)snprintf(dir, sizeof(dir), "%s/pt-bench-db-XXXXXX", o->dir);
	if (!mkdtemp(dir))
		return pt_err_errno(err, -errno, "%s", dir);
	mine.dir = dir;
	int code = pt_config_load(NULL, &arena, &config, err);
	config.health.db_persist_interval = 1; // a row a record
	if (!code)
		code = pt_db_ingest_bench(&mine, &config, out->ingest, err);
	if (!code)
		code = pt_db_history_bench(&mine, &config, out->history, err);
	(void)rmdir(dir);
	return code;
}
