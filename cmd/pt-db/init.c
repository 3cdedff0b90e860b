// SPDX-License-Identifier: MIT
#include <inttypes.h>

#include "db.h"
#include "store/backup.h"
#include "store/migrate.h"
#include "store/open.h"

int db_init(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	pt_autoarena arena = { 0 };
	struct pt_config config;
	pt_autosql db = NULL;
	bool created;

	(void)argc, (void)argv, (void)opts; // init takes none
	if (db_config(ctx, &arena, &config) ||
		pt_store_create(db_path(ctx, &config), &config, &created, &db, &ctx->err))
		return PT_EXIT_FAIL;
	db_say(ctx, "%s: %s, version %" PRId64, db_path(ctx, &config),
		created ? "created" : "exists", pt_store_version());
	return PT_EXIT_OK;
}

int db_migrate(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	pt_autoarena arena = { 0 };
	struct pt_config config;
	unsigned applied = 0;
	char copy[PT_BACKUP_PATH];

	(void)argc, (void)argv, (void)opts; // migrate takes none
	if (db_config(ctx, &arena, &config) ||
		pt_store_upgrade(
			db_path(ctx, &config), &config, &applied, copy, sizeof(copy), &ctx->err))
		return PT_EXIT_FAIL;
	if (*copy)
		db_say(ctx, "%s: the database as it was", copy);
	db_say(ctx, "%s: version %" PRId64 ", %u migrations run", db_path(ctx, &config),
		pt_store_version(), applied);
	return PT_EXIT_OK;
}
