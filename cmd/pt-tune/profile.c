// SPDX-License-Identifier: MIT
// pt-tune profile: which there are, and what one asks for.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tune.h"

const struct argp_option tune_profile_options[] = {
	TUNE_HOST_OPTIONS,
	{ 0 },
};

static const struct pt_column list_columns[] = {
	{ .key = "name", .heading = "PROFILE" },
	{ .key = "origin", .heading = "FROM" },
	{ .key = "settings", .heading = "SETTINGS", .right = true },
	{ .key = "doc", .heading = "WHAT FOR" },
	{ .key = NULL },
};
static const struct pt_column item_columns[] = {
	{ .key = "key", .heading = "KEY" },
	{ .key = "role", .heading = "ROLE" },
	{ .key = "op", .heading = "OP" },
	{ .key = "value", .heading = "VALUE" },
	{ .key = "file", .heading = "FILE" },
	{ .key = "line", .heading = "LINE", .right = true },
	{ .key = "why", .heading = "WHY" },
	{ .key = NULL },
};

static int put_profile(struct pt_ctx *ctx, struct tune_job *j, struct pt_emit *e, const char *name,
	const char *origin)
{
	struct pt_profile p;

	if (pt_profile_load(&j->host, name, &j->arena, &p, &ctx->err) < 0)
		return -EINVAL;
	pt_emit_row(e);
	pt_emit_str(e, name);
	pt_emit_str(e, origin);
	pt_emit_i64(e, (int64_t)p.n_items);
	pt_emit_str(e, p.doc);
	return 0;
}

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

// Those of the administrator go before the shipped ones of the same name.
static int put_own(struct pt_ctx *ctx, struct tune_job *j, struct pt_emit *e)
{
	int fd = pt_host_dir(&j->host, PT_PROFILE_DIR), rc = 0;
	__attribute__((cleanup(close_dir))) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	while (dir && rc == 0 && (d = readdir(dir))) {
		const char *dot = strrchr(d->d_name, '.');
		if (!dot || strcmp(dot, ".yaml") != 0)
			continue;
		rc = put_profile(ctx, j, e,
			pt_arena_strndup(&j->arena, d->d_name, (size_t)(dot - d->d_name)),
			PT_PROFILE_DIR);
	}
	return rc;
}

static int list(struct pt_ctx *ctx, struct tune_job *j, struct pt_emit *e)
{
	pt_emit_table(e, "profiles", list_columns);
	int rc = put_own(ctx, j, e);

	for (const struct pt_shipped_profile *s = pt_shipped_profiles; rc == 0 && s->name; s++) {
		char path[256];
		(void)snprintf(path, sizeof(path), PT_PROFILE_DIR "/%s.yaml", s->name);
		if (!pt_host_has(&j->host, path))
			rc = put_profile(ctx, j, e, s->name, "shipped");
	}
	return rc;
}

static int show(const struct tune_job *j, struct pt_emit *e)
{
	pt_emit_table(e, "items", item_columns);
	for (size_t i = 0; i < j->profile.n_items; i++) {
		const struct pt_profile_item *it = &j->profile.items[i];
		pt_emit_row(e);
		pt_emit_str(e, it->knob->key);
		pt_emit_str(e, it->match.role ? it->match.role : it->match.name);
		pt_emit_str(e, pt_knob_op_names[it->op]);
		pt_emit_str(e, it->text);
		pt_emit_str(e, it->file);
		pt_emit_i64(e, it->line);
		pt_emit_str(e, it->why);
	}
	return 0;
}

int tune_profile(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct tune_job j;
	struct pt_emit *e = NULL;
	int rc = tune_job_host(ctx, opts, &j);

	if (rc == 0 && argc)
		rc = pt_profile_load(&j.host, argv[0], &j.arena, &j.profile, &ctx->err);
	if (rc == 0)
		rc = pt_emit_new(ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e);
	if (rc == 0)
		rc = argc ? show(&j, e) : list(ctx, &j, e);
	if (e && pt_emit_end(e) < 0)
		rc = -EIO;
	tune_job_done(&j);
	return rc < 0 ? PT_EXIT_FAIL : PT_EXIT_OK;
}
