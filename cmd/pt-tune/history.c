// SPDX-License-Identifier: MIT
// pt-tune history, verify, drift, persist, unpersist: what was done, and what became of it.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "state.h"
#include "tune/files.h"

static const struct pt_column list_columns[] = {
	{ .key = "id", .heading = "TRANSACTION" },
	{ .key = "profile", .heading = "PROFILE" },
	{ .key = "result", .heading = "RESULT" },
	{ .key = "settings", .heading = "SETTINGS", .right = true },
	{ .key = "effect", .heading = "WHAT MOVED WHILE IT WAS MEASURED" },
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

// ---- what stands ----

struct standing {
	struct pt_item item[PT_TX_MAX];
	bool kept[PT_TX_MAX]; // over a restart
	unsigned n, bad;
};

static bool has(const struct standing *s, const struct pt_tx_item *it)
{
	for (unsigned i = 0; i < s->n; i++) {
		const char *d = s->item[i].device;
		if (strcmp(s->item[i].knob->key, it->key) == 0 &&
			(d ? it->device && strcmp(d, it->device) == 0 : !it->device))
			return true;
	}
	return false;
}

// The newest value of each key that a standing transaction wrote.
static int collect(struct pt_ctx *ctx, struct tune_work *w, struct standing *s)
{
	char **list;
	int n = pt_tx_list(&w->state, &w->job.arena, &list, &ctx->err);

	for (int k = n - 1; k >= 0; k--) {
		struct pt_tx t;
		if (pt_tx_load(&w->state, &w->job.arena, list[k], &t, NULL) < 0)
			continue;
		for (unsigned i = 0; t.result == PT_TX_CONFIRMED && i < t.n && s->n < PT_TX_MAX;
			i++) {
			const struct pt_knob *knob = pt_knob_find(t.item[i].key);
			if (!t.item[i].want || !knob || has(s, &t.item[i]))
				continue;
			s->kept[s->n] = !t.runtime_only && pt_knob_is_sysctl(knob);
			s->item[s->n++] = (struct pt_item){ .knob = knob,
				.device = t.item[i].device,
				.guide = t.item[i].guide,
				.want = t.item[i].after ? t.item[i].after : t.item[i].want,
				.rule = t.item[i].rule };
		}
		pt_tx_close(&t);
	}
	return n < 0 ? n : 0;
}

static const char *who(struct tune_work *w, const struct pt_item *it)
{
	struct pt_sysctl_origin o;
	struct pt_arena *a = &w->job.arena;

	if (it->device)
		return "the link was reset, or another tool owns the device";
	if (pt_sysctl_origin(&w->job.host, it->knob->key, a, &o) == 0 &&
		strcmp(o.file, PT_FILE_SYSCTL) != 0)
		return pt_arena_printf(a, "%s:%u says %s", o.file, o.line, o.value);
	if (it->knob->module)
		return pt_arena_printf(a, "kernel module %s was loaded anew, or somebody wrote it",
			it->knob->module);
	return "somebody wrote it";
}

static void judge_runtime(struct tune_work *w, struct pt_item *it)
{
	char now[PT_KNOB_VALUE];

	if (pt_access_read(&w->access, it->knob->key, it->device, now, NULL) < 0) {
		it->action = PT_TUNE_UNKNOWN;
		it->why = "cannot be read";
		return;
	}
	it->before = pt_arena_strdup(&w->job.arena, now);
	it->action = strcmp(now, it->want) == 0 ? PT_TUNE_SAME : PT_TUNE_SET;
	if (it->action != PT_TUNE_SAME)
		it->why = who(w, it);
}

// In force, and nobody has the last word over our file.
static void judge_kept(struct tune_work *w, struct pt_item *it)
{
	struct pt_arena *a = &w->job.arena;
	struct pt_sysctl_origin o;
	char value[PT_KNOB_VALUE];

	if (it->action != PT_TUNE_SAME)
		return;
	if (pt_sysctl_origin(&w->job.host, it->knob->key, a, &o) < 0) {
		it->action = PT_TUNE_SHADOWED;
		it->why = "in no file: gone after a restart";
	} else if (pt_knob_canonical(it->knob, o.value, value, NULL) < 0 ||
		strcmp(value, it->want) != 0) {
		it->action = PT_TUNE_SHADOWED;
		it->why = pt_arena_printf(
			a, "%s:%u has the last word (%s)", o.file, o.line, o.value);
	}
}

static int show_standing(struct pt_ctx *ctx, const struct tune_opts *o, bool files)
{
	struct tune_work w;
	int code = tune_work_open(ctx, o, false, &w);
	struct standing *s = code ? NULL : pt_arena_alloc(&w.job.arena, sizeof(*s));

	if (!code && collect(ctx, &w, s) < 0)
		code = PT_EXIT_FAIL;
	for (unsigned i = 0; !code && i < s->n; i++) {
		judge_runtime(&w, &s->item[i]);
		if (files && s->kept[i])
			judge_kept(&w, &s->item[i]);
		s->bad += s->item[i].action != PT_TUNE_SAME;
	}
	if (!code && tune_put_items(ctx, s->item, s->n, ctx->verbose > 0) < 0)
		code = PT_EXIT_FAIL;
	if (!code && s->bad)
		code = PT_EXIT_NO;
	tune_work_done(&w);
	return code;
}

int tune_verify(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	(void)argc;
	(void)argv;
	return show_standing(ctx, opts, true);
}

int tune_drift(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	(void)argc;
	(void)argv;
	return show_standing(ctx, opts, false);
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

int tune_unpersist(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct tune_work w;
	int code = tune_work_open(ctx, opts, true, &w);

	(void)argc;
	(void)argv;
	if (!code &&
		(pt_file_put(&w.job.host, PT_FILE_SYSCTL, NULL, &ctx->err) < 0 ||
			pt_file_put(&w.job.host, PT_FILE_MODULES, NULL, &ctx->err) < 0))
		code = PT_EXIT_FAIL;
	tune_work_done(&w);
	return code;
}
