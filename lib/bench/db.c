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

int pt_db_ask(struct pt_sql *db, const char *sql, unsigned turn, int64_t since, unsigned *rows,
	struct pt_err *err)
{
	char path[32];
	pt_autostmt s = NULL;
	int code = pt_stmt_get(db, sql, &s, NULL, err);

	if (code)
		return code;
	(void)snprintf(path, sizeof(path), "west-site%03u-fiber", turn * 37 % PT_DB_PATHS);
	pt_stmt_bind_text(s, 1, path);
	pt_stmt_bind_i64(s, 2, since);
	*rows = 0;
	while ((code = pt_stmt_step(s, err)) > 0) {
		for (int i = 0; i < pt_stmt_columns(s); i++)
			(void)pt_stmt_i64(s, i);
		(*rows)++;
	}
	return code;
}

int pt_db_bench(const struct pt_db_opts *o, struct pt_db_report *out, struct pt_err *err)
{
	struct pt_config config = *o->config;
	struct pt_db_opts mine = *o;
	char dir[PT_DB_PATH_LEN / 2], history[PT_DB_PATH_LEN];

	(void)snprintf(dir, sizeof(dir), "%s/pt-bench-db-XXXXXX", o->dir);
	if (!mkdtemp(dir))
		return pt_err_errno(err, -errno, "%s", dir);
	(void)snprintf(history, sizeof(history), "%s/history.db", dir);
	mine.dir = dir;
	if (!o->history)
		mine.history = history;
	config.health.db_persist_interval = 1; // a row a record
	int code = pt_db_ingest_bench(&mine, &config, out->ingest, err);
	if (!code)
		code = pt_db_history_bench(&mine, &config, out->history, err);
	if (!code)
		code = pt_db_readers_bench(&mine, &config, out->readers, err);
	pt_db_remove(history);
	(void)rmdir(dir);
	return code;
}
