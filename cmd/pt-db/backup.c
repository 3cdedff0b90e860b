// SPDX-License-Identifier: MIT
// pt-db backup and restore.
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "db.h"
#include "store/backup.h"
#include "store/journal.h"
#include "store/open.h"
#include "store/verify.h"

#define KEEP 7

static void on_progress(void *ctx, int64_t done, int64_t total)
{
	(void)ctx;
	fprintf(stderr, "\r\033[K%" PRId64 " of %" PRId64 " pages%s", done, total,
		done == total ? "\r\033[K" : "");
}

static struct pt_backup_opts options(const struct pt_ctx *ctx, const struct db_care_opts *o)
{
	return (struct pt_backup_opts){
		.keep = o->keep_given ? o->keep : KEEP,
		.full = o->full,
		.progress = !ctx->quiet && isatty(STDERR_FILENO) ? on_progress : NULL,
	};
}

int db_backup(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	pt_autoarena arena = { 0 };
	struct pt_config config;
	pt_autosql db = NULL;
	struct pt_backup_opts o = options(ctx, opts);
	char dir[PT_BACKUP_PATH], made[PT_BACKUP_PATH];
	int64_t started = pt_wall_us();
	unsigned dropped;

	if (db_config(ctx, &arena, &config) ||
		pt_store_open(db_path(ctx, &config), PT_SQL_WRITE, &config, &db, &ctx->err))
		return PT_EXIT_FAIL;
	db_beside(db_path(ctx, &config), "backup", dir, sizeof(dir));
	o.dir = argc ? argv[0] : dir;
	int code = pt_backup_make(db, &o, made, &dropped, &ctx->err);
	if (code) {
		// What kept the copy from being made may keep this from being written, too.
		(void)pt_journal_write(db, "backup", started, "failed", ctx->err.msg, NULL);
		return PT_EXIT_FAIL;
	}
	if (pt_journal_write(db, "backup", started, "ok", made, &ctx->err))
		return PT_EXIT_FAIL;
	puts(made);
	if (dropped)
		db_say(ctx, "%u older than the newest %u dropped", dropped, o.keep);
	return PT_EXIT_OK;
}

int db_restore(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	pt_autoarena arena = { 0 };
	struct pt_config config;
	const struct pt_backup_opts o = options(ctx, opts);
	char old[PT_BACKUP_PATH], dir[PT_BACKUP_PATH];

	(void)argc; // the dispatcher has counted
	if (db_config(ctx, &arena, &config))
		return PT_EXIT_FAIL;
	const char *path = db_path(ctx, &config);
	db_beside(path, "backup", dir, sizeof(dir));
	if (pt_backup_need(argv[0], path, dir, &ctx->err))
		return PT_EXIT_FAIL;
	if (ctx->dry_run) {
		if (pt_verify_file(argv[0], o.full, &ctx->err))
			return PT_EXIT_FAIL;
		db_say(ctx, "%s: sound, would become %s", argv[0], path);
		return PT_EXIT_OK;
	}
	int64_t started = pt_wall_us();
	if (pt_backup_restore(argv[0], path, &config, &o, old, &ctx->err))
		return PT_EXIT_FAIL;
	pt_autosql db = NULL;
	if (pt_store_open(path, PT_SQL_WRITE, &config, &db, &ctx->err) ||
		pt_journal_write(db, "restore", started, "ok", argv[0], &ctx->err))
		return PT_EXIT_FAIL;
	db_say(ctx, "%s: restored from %s", path, argv[0]);
	if (*old)
		db_say(ctx, "%s: what was there", old);
	return PT_EXIT_OK;
}
