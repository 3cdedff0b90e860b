// SPDX-License-Identifier: MIT
// pt-db: the fleet's inventory and history in one SQLite file (pt-db(8)).
#include <stdarg.h>
#include <unistd.h>

#include "db.h"

static const struct pt_verb verbs[] = {
	{ .name = "init",
		.run = db_init,
		.need = PT_NEED_CONFIG | PT_NEED_DB,
		.doc = "Create the database; nothing happens where it exists" },
	{ .name = "migrate",
		.run = db_migrate,
		.need = PT_NEED_CONFIG | PT_NEED_DB,
		.doc = "Bring an older database to this program's version" },
	{ .name = "apply",
		.run = db_apply,
		.options = db_apply_options,
		.parse = db_apply_parse,
		.opts_size = sizeof(struct db_apply_opts),
		.args = "FILE",
		.min_args = 1,
		.max_args = 1,
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_DRY_RUN | PT_NEED_JSON,
		.doc = "Make the inventory match network.yaml and show what changed" },
	{ .name = "export",
		.run = db_export,
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_JSON,
		.doc = "Write the inventory as network.yaml, or network.json with --json" },
	{ .name = "site",
		.run = db_site,
		.options = db_change_options,
		.parse = db_apply_parse,
		.opts_size = sizeof(struct db_apply_opts),
		.args = "ACTION [ID [KEY=VALUE...]]",
		.min_args = 1,
		.max_args = -1,
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_DRY_RUN | PT_NEED_JSON,
		.doc = "Sites by hand: list, show ID, add ID, set ID, remove ID" },
	{ .name = "uplink",
		.run = db_uplink,
		.options = db_change_options,
		.parse = db_apply_parse,
		.opts_size = sizeof(struct db_apply_opts),
		.args = "ACTION [ID [KEY=VALUE...]]",
		.min_args = 1,
		.max_args = -1,
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_DRY_RUN | PT_NEED_JSON,
		.doc = "Uplinks by hand: list, show ID, add ID, set ID, remove ID" },
	{ .name = "path",
		.run = db_path_verb,
		.options = db_change_options,
		.parse = db_apply_parse,
		.opts_size = sizeof(struct db_apply_opts),
		.args = "ACTION [ID [KEY=VALUE...]]",
		.min_args = 1,
		.max_args = -1,
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_DRY_RUN | PT_NEED_JSON,
		.doc = "Paths by hand: list, show ID, add ID, set ID, remove ID" },
	{ .name = "policy",
		.run = db_policy,
		.options = db_change_options,
		.parse = db_apply_parse,
		.opts_size = sizeof(struct db_apply_opts),
		.args = "ACTION [ID [KEY=VALUE...]]",
		.min_args = 1,
		.max_args = -1,
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_DRY_RUN | PT_NEED_JSON,
		.doc = "Policies by hand: list, show ID, add ID, set ID, remove ID" },
	{ .name = "ingest",
		.run = db_ingest,
		.options = db_ingest_options,
		.parse = db_ingest_parse,
		.opts_size = sizeof(struct db_ingest_opts),
		.need = PT_NEED_CONFIG | PT_NEED_DB,
		.doc = "Store the records of standard input or a spool" },
	{ .name = "query",
		.run = db_query,
		.options = db_query_options,
		.parse = db_query_parse,
		.opts_size = sizeof(struct db_query_opts),
		.args = "SQL",
		.min_args = 1,
		.max_args = 1,
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_JSON,
		.doc = "Print the rows of a question in SQL; cannot write" },
	{ .name = "explain",
		.run = db_explain,
		.args = "SQL",
		.min_args = 1,
		.max_args = 1,
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_JSON,
		.doc = "Show how a question would be answered, and what would speed it up" },
	{ .name = "maintain",
		.run = db_maintain,
		.options = db_maintain_options,
		.parse = db_care_parse,
		.opts_size = sizeof(struct db_care_opts),
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_JSON,
		.doc = "Keep the file fast and sound while it is in use" },
	{ .name = "check",
		.run = db_check,
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_JSON,
		.doc = "Say why the database is slow, or will be, and what helps" },
	{ .name = "stats",
		.run = db_stats,
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_JSON,
		.doc = "Rows, pages and times of each table" },
	{ .name = "backup",
		.run = db_backup,
		.options = db_backup_options,
		.parse = db_care_parse,
		.opts_size = sizeof(struct db_care_opts),
		.args = "[DIR]",
		.max_args = 1,
		.need = PT_NEED_CONFIG | PT_NEED_DB,
		.doc = "Copy the database beside its users, verify the copy, drop the oldest" },
	{ .name = "restore",
		.run = db_restore,
		.options = db_restore_options,
		.parse = db_care_parse,
		.opts_size = sizeof(struct db_care_opts),
		.args = "FILE",
		.min_args = 1,
		.max_args = 1,
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_DRY_RUN,
		.doc = "Make a verified backup the database; what was there is kept beside it" },
	{ .name = "prune",
		.run = db_prune,
		.need = PT_NEED_CONFIG | PT_NEED_DB | PT_NEED_DRY_RUN | PT_NEED_JSON,
		.doc = "Delete what is past metrics.retention_seconds" },
	{ .name = "archive",
		.run = db_archive,
		.options = db_archive_options,
		.parse = db_care_parse,
		.opts_size = sizeof(struct db_care_opts),
		.args = "[DIR]",
		.max_args = 1,
		.need = PT_NEED_CONFIG | PT_NEED_DB,
		.doc = "Move old days into files of their own" },
	{ 0 },
};

static const struct pt_tool tool = {
	.name = "pt-db",
	.doc = "The fleet's inventory and history in one SQLite file.",
	.verbs = verbs,
};

int db_config(struct pt_ctx *ctx, struct pt_arena *a, struct pt_config *out)
{
	bool load = ctx->config_given || access(ctx->config, F_OK) == 0;
	return pt_config_load(load ? ctx->config : NULL, a, out, &ctx->err);
}

const char *db_path(const struct pt_ctx *ctx, const struct pt_config *config)
{
	return ctx->db_given ? ctx->db : config->database.path;
}

void db_say(const struct pt_ctx *ctx, const char *fmt, ...)
{
	va_list ap;

	if (ctx->quiet)
		return;
	va_start(ap, fmt);
	fprintf(stderr, "%s: ", ctx->tool);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

int main(int argc, char **argv)
{
	return pt_cli_main(&tool, argc, argv);
}
