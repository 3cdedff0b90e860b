// SPDX-License-Identifier: MIT
// pt-tune history, persist, unpersist: what was done, and what is kept of it.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "state.h"
#include "tune/files.h"
#include "tune/unit.h"

static const struct pt_column list_columns[] = {
	{ .key = "id", .heading = "TRANSACTION" },
	{ .key = "profile", .heading = "PROFILE" },
	{ .key = "result", .heading = "RESULT" },
	{ .key = "settings", .heading = "SETTINGS", .right = true },
	{ .key = "effect", .heading = "COUNTERS A SECOND, BEFORE>AFTER" },
	{ .key = NULL },
};
static const struct pt_column show_columns[] = {
	{ .key = "key", .heading = "KEY" },
	{ .key = "device", .heading = "DEVICE" },
	{ .key = "before", .heading = "BEFORE" },
	{ .key = "want", .heading = "WANT" },
	{ .key = "after", .heading = "AFTER" },
	{ .key = "rule", .heading = "RULE" },
	{ .key = "trouble", .heading = "TROUBLE" },
	{ .key = NULL },
};

static const struct pt_column effect_columns[] = {
	{ .key = "counter", .heading = "COUNTER" },
	{ .key = "before", .heading = "BEFORE/s", .right = true },
	{ .key = "after", .heading = "AFTER/s", .right = true },
	{ .key = NULL },
};

static unsigned mains(const struct pt_tx *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->n; i++)
		n += t->item[i].want != NULL;
	return n;
}

static int put_list(struct pt_ctx *ctx, struct tune_work *w, struct pt_emit *e)
{
	char **list;
	int n = pt_tx_list(&w->state, &w->job.arena, &list, &ctx->err);

	pt_emit_table(e, "transactions", list_columns);
	for (int i = 0; i < n; i++) {
		struct pt_tx t;
		if (pt_tx_load(&w->state, &w->job.arena, list[i], &t, NULL) < 0)
			continue;
		pt_emit_row(e);
		pt_emit_str(e, t.id);
		pt_emit_str(e, t.profile);
		pt_emit_str(e, pt_tx_result_names[t.result]);
		pt_emit_i64(e, mains(&t));
		pt_emit_str(e, t.effect);
		pt_tx_close(&t);
	}
	return n < 0 ? n : 0;
}

static void put_effect(struct pt_emit *e, struct pt_arena *a, const char *effect)
{
	char *at = pt_arena_strdup(a, effect ? effect : ""), *word;

	pt_emit_table(e, "effect", effect_columns);
	while ((word = strsep(&at, " "))) {
		const char *name = strsep(&word, "="), *was = word ? strsep(&word, ">") : NULL;
		if (!was || !word)
			continue; // as an older one wrote it
		pt_emit_row(e);
		pt_emit_str(e, name);
		pt_emit_real(e, strtod(was, NULL));
		pt_emit_real(e, strtod(word, NULL));
	}
}

static int put_one(struct pt_ctx *ctx, struct tune_work *w, struct pt_emit *e, const char *id)
{
	struct pt_tx t;
	int rc = pt_tx_load(&w->state, &w->job.arena, id, &t, &ctx->err);

	if (rc < 0)
		return rc;
	pt_emit_table(e, "items", show_columns);
	for (unsigned i = 0; i < t.n; i++) {
		const struct pt_tx_item *it = &t.item[i];
		bool moved = it->want || (it->after && strcmp(it->after, it->before) != 0);
		if (!moved && !ctx->verbose)
			continue;
		pt_emit_row(e);
		pt_emit_str(e, it->key);
		pt_emit_str(e, it->device);
		pt_emit_str(e, it->before);
		pt_emit_str(e, it->want);
		pt_emit_str(e, it->after);
		pt_emit_str(e, it->rule);
		pt_emit_str(e, it->trouble);
	}
	put_effect(e, &w->job.arena, t.effect);
	pt_tx_close(&t);
	return 0;
}

int tune_history(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct pt_emit *e = NULL;
	struct tune_work w;
	int code = tune_work_open(ctx, opts, false, &w), rc = -EIO;

	if (!code)
		rc = pt_emit_new(ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e);
	if (rc == 0)
		rc = argc ? put_one(ctx, &w, e, argv[0]) : put_list(ctx, &w, e);
	if (e && pt_emit_end(e) < 0)
		rc = -EIO;
	tune_work_done(&w);
	return code ? code : rc == 0 ? PT_EXIT_OK : rc == -ENOENT ? PT_EXIT_NO : PT_EXIT_FAIL;
}

int tune_persist(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct tune_work w;
	struct pt_tx t;
	int code = tune_work_open(ctx, opts, true, &w);

	(void)argc;
	(void)argv;
	if (!code && pt_tx_find(&w.state, &w.job.arena, true, &t, &ctx->err) < 0) {
		(void)pt_err_set(&ctx->err, -ENOENT, "no transaction stands: nothing to keep");
		code = PT_EXIT_NO;
	} else if (!code) {
		int rc = pt_apply_persist(&t, &w.job.host, &ctx->err);
		code = rc == 0 ? PT_EXIT_OK : rc == -EEXIST ? PT_EXIT_NO : PT_EXIT_FAIL;
		pt_tx_close(&t);
	}
	tune_work_done(&w);
	return code;
}

// Drop-ins of units that stand, back to where the next start takes them away.
static int unpersist_units(struct tune_work *w, struct pt_err *err)
{
	char **list;
	int n = pt_tx_list(&w->state, &w->job.arena, &list, err), rc = n < 0 ? n : 0;

	for (int k = 0; rc == 0 && k < n; k++) {
		struct pt_tx t;
		if (pt_tx_load(&w->state, &w->job.arena, list[k], &t, NULL) < 0)
			continue;
		for (unsigned i = 0; rc == 0 && i < t.n; i++) {
			if (t.item[i].want && t.item[i].device && pt_unit_is(t.item[i].key))
				rc = pt_unit_unkeep(&w->job.host, t.item[i].device, err);
		}
		pt_tx_close(&t);
	}
	return rc < 0 ? rc : pt_unit_reload(&w->job.host, err);
}

int tune_unpersist(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct tune_work w;
	int code = tune_work_open(ctx, opts, true, &w);

	(void)argc;
	(void)argv;
	if (!code &&
		(pt_file_put(&w.job.host, PT_FILE_SYSCTL, NULL, &ctx->err) < 0 ||
			pt_file_put(&w.job.host, PT_FILE_MODULES, NULL, &ctx->err) < 0 ||
			unpersist_units(&w, &ctx->err) < 0))
		code = PT_EXIT_FAIL;
	tune_work_done(&w);
	return code;
}
