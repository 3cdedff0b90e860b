// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "db.h"
#include "store/audit.h"
#include "store/open.h"
#include "store/plan.h"
#include "store/publish.h"

enum { KEY_PUBLISH = 1, KEY_NO_PUBLISH, KEY_PRUNE };

const struct argp_option db_apply_options[] = {
	{ .name = "publish",
		.key = KEY_PUBLISH,
		.arg = "FILE",
		.doc = "Rename a fresh network.json into this place (default " DB_PUBLISH ")" },
	{ .name = "no-publish", .key = KEY_NO_PUBLISH, .doc = "Change the database alone" },
	{ .name = "prune",
		.key = KEY_PRUNE,
		.doc = "Remove what an earlier file made and this one no longer names" },
	{ 0 },
};

// Of the verbs that change one row.
const struct argp_option db_change_options[] = {
	{ .name = "publish",
		.key = KEY_PUBLISH,
		.arg = "FILE",
		.doc = "Rename a fresh network.json into this place (default " DB_PUBLISH ")" },
	{ .name = "no-publish", .key = KEY_NO_PUBLISH, .doc = "Change the database alone" },
	{ 0 },
};

int db_apply_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct db_apply_opts *o = opts;

	(void)ctx; // every value is welcome
	switch (key) {
	case KEY_PUBLISH:
		o->publish = arg;
		return 0;
	case KEY_NO_PUBLISH:
		o->no_publish = true;
		return 0;
	case KEY_PRUNE:
		o->prune = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

// The file as written: the check fills in what it leaves to us (session ids, devices), which
// belongs to the readers of network.json, not into the inventory.
static int read_file(const char *path, json_t **out, struct pt_err *err)
{
	pt_autoarena arena = { 0 };
	struct pt_network checked, plain;
	int code = pt_network_load(path, &arena, &checked, err);
	if (!code)
		code = pt_yaml_load(path, &pt_network_schema, &arena, NULL, &plain, err);
	if (!code)
		*out = pt_json_write(&pt_network_schema, &plain);
	return code;
}

static void show(const struct pt_ctx *ctx, const struct pt_plan *plan)
{
	if (ctx->json) {
		pt_autojson json_t *j = pt_plan_json(plan);
		pt_autofree char *text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
		puts(text);
		return;
	}
	for (size_t i = 0; i < plan->n; i++) {
		pt_autobuf line = { 0 };
		pt_change_describe(&plan->changes[i], &line);
		puts(pt_buf_str(&line));
	}
}

static int make_plan(
	struct pt_sql *db, json_t *want, bool prune, struct pt_plan *out, struct pt_err *err)
{
	pt_autojson json_t *have = NULL;
	pt_autojson json_t *origins = NULL;
	int code = pt_inventory_read(db, &have, &origins, err);
	if (!code)
		code = pt_plan_make(want, have, origins, prune, out, err);
	return code;
}

// Inside the transaction: changes the rows, looks at the whole, writes it beside network.json.
static int carry_out(struct pt_sql *db, const struct pt_plan *plan, const char *publish,
	struct pt_publish *file, struct pt_err *err)
{
	char user[PT_AUDIT_USER_LEN];
	pt_autojson json_t *network = NULL;

	pt_audit_user(user);
	int code = pt_plan_apply(db, plan, user, err);
	if (!code)
		code = pt_inventory_read(db, &network, NULL, err);
	if (!code)
		code = pt_inventory_check(network, err);
	if (!code && publish)
		code = pt_publish_begin(publish, network, file, err);
	return code;
}

static int dry_run(struct pt_ctx *ctx, const char *path, const struct pt_config *config,
	json_t *want, bool prune)
{
	pt_autosql db = NULL;
	pt_autoplan plan = { 0 };
	int code = pt_store_open(path, PT_SQL_READ, config, &db, &ctx->err);
	if (!code)
		code = pt_sql_snapshot(db, &ctx->err);
	if (!code)
		code = make_plan(db, want, prune, &plan, &ctx->err);
	if (code)
		return code;
	show(ctx, &plan);
	if (!pt_plan_changes(&plan))
		db_say(ctx, "nothing to do");
	return plan.count[PT_CHANGE_CONFLICT] ? PT_EXIT_NO : PT_EXIT_OK;
}

static int apply(struct pt_ctx *ctx, const char *path, const struct pt_config *config, json_t *want,
	const struct db_apply_opts *o)
{
	const char *publish = o->no_publish ? NULL : o->publish ? o->publish : DB_PUBLISH;
	pt_autosql db = NULL;
	pt_autoplan plan = { 0 };
	pt_autopublish file = { .dir_fd = -1 };
	int code = pt_store_open(path, PT_SQL_WRITE, config, &db, &ctx->err);
	if (!code)
		code = pt_store_durable(db, &ctx->err);
	if (!code)
		code = pt_sql_begin(db, &ctx->err);
	if (code)
		return code;
	code = make_plan(db, want, o->prune, &plan, &ctx->err);
	if (!code)
		code = carry_out(db, &plan, publish, &file, &ctx->err);
	code = pt_sql_end(db, code, &ctx->err);
	if (!code)
		code = pt_publish_end(&file, &ctx->err);
	if (code)
		return code;
	show(ctx, &plan);
	if (!pt_plan_changes(&plan))
		db_say(ctx, "nothing to do%s",
			publish && !file.unchanged ? ", network.json was missing or old" : "");
	return plan.count[PT_CHANGE_CONFLICT] ? PT_EXIT_NO : PT_EXIT_OK;
}

int db_apply(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct db_apply_opts *o = opts;
	pt_autoarena arena = { 0 };
	struct pt_config config;
	pt_autojson json_t *want = NULL;

	(void)argc; // the dispatcher has counted
	if (db_config(ctx, &arena, &config) || read_file(argv[0], &want, &ctx->err))
		return PT_EXIT_FAIL;
	const char *path = db_path(ctx, &config);
	int code = ctx->dry_run ? dry_run(ctx, path, &config, want, o->prune)
				: apply(ctx, path, &config, want, o);
	if (code == PT_EXIT_NO)
		pt_err_set(&ctx->err, -EEXIST,
			"conflicts, left as they are: change them where they were made, or name "
			"them "
			"otherwise in %s",
			argv[0]);
	return code < 0 ? PT_EXIT_FAIL : code;
}
