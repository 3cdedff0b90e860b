// SPDX-License-Identifier: MIT
// pt-tune verify, drift, reapply: what was confirmed, whether it is in force, and making it so
// again.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "state.h"
#include "tune/files.h"
#include "tune/joined.h"
#include "tune/unit.h"

struct standing {
	struct pt_item item[PT_TX_MAX];
	bool kept[PT_TX_MAX];    // in a file, over a restart
	bool lasting[PT_TX_MAX]; // not for the time up to the next restart alone
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
			s->lasting[s->n] = !t.runtime_only;
			s->kept[s->n] = !t.runtime_only &&
				(pt_knob_is_sysctl(knob) || pt_unit_is(knob->key));
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

	if (pt_joined_of(it->knob->key) == &pt_joined_marking)
		return "the ruleset was flushed or loaded anew, or somebody changed the table";
	if (pt_unit_is(it->knob->key))
		return "somebody edited the unit's drop-in";
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
	bool unit = pt_unit_is(it->knob->key);
	int rc = unit ? pt_unit_origin(&w->job.host, it->device, it->knob->key, a, &o)
		      : pt_sysctl_origin(&w->job.host, it->knob->key, a, &o);
	if (rc < 0) {
		it->action = PT_TUNE_SHADOWED;
		it->why = "in no file: gone after a restart";
	} else if (pt_knob_canonical(it->knob, o.value, value, NULL) < 0 ||
		strcmp(value, it->want) != 0) {
		it->action = PT_TUNE_SHADOWED;
		it->why = pt_arena_printf(
			a, "%s:%u has the last word (%s)", o.file, o.line, o.value);
	}
}

// A unit has its settings from its next start on.
static void judge_live(struct tune_work *w, struct pt_item *it)
{
	unsigned pid = 0;

	if (it->action != PT_TUNE_SAME || !pt_unit_is(it->knob->key) ||
		pt_unit_live(&w->job.host, it->device, it->knob->key, it->want, &pid) != 0)
		return;
	it->action = PT_TUNE_WARN;
	it->why = pt_arena_printf(&w->job.arena,
		"process %u was started without it: systemctl restart %s", pid, it->device);
}

// For node_exporter's textfile collector.
static int put_textfile(
	struct tune_work *w, const struct standing *s, const char *path, struct pt_err *err)
{
	pt_autobuf b = { 0 };

	pt_buf_puts(&b,
		"# HELP patronus_tune_in_force 1: the setting has the value that was "
		"confirmed.\n# TYPE patronus_tune_in_force gauge\n");
	for (unsigned i = 0; i < s->n; i++) {
		const struct pt_item *it = &s->item[i];
		pt_buf_printf(&b, "patronus_tune_in_force{key=\"%s\",device=\"%s\"} %d\n",
			it->knob->key, it->device ? it->device : "", it->action == PT_TUNE_SAME);
	}
	pt_buf_printf(&b,
		"# HELP patronus_tune_drifted Settings that are not in force.\n"
		"# TYPE patronus_tune_drifted gauge\npatronus_tune_drifted %u\n"
		"# HELP patronus_tune_checked_timestamp_seconds When this was found.\n"
		"# TYPE patronus_tune_checked_timestamp_seconds gauge\n"
		"patronus_tune_checked_timestamp_seconds %" PRId64 "\n",
		s->bad, pt_wall_ns() / (int64_t)PT_NS_PER_S);
	if (*path != '/')
		return pt_err_set(err, -EINVAL, "--textfile %s: needs a whole path", path);
	return pt_file_put(&w->job.host, path + 1, pt_buf_str(&b), err);
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
		if (files)
			judge_live(&w, &s->item[i]);
		s->bad += s->item[i].action != PT_TUNE_SAME;
	}
	if (!code && o->textfile && put_textfile(&w, s, o->textfile, &ctx->err) < 0)
		code = PT_EXIT_FAIL;
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

const struct argp_option tune_drift_options[] = {
	TUNE_STATE_OPTIONS,
	{ "textfile", TUNE_OPT_TEXTFILE, "FILE", 0, "Write it for Prometheus, too", 0 },
	{ 0 },
};

// ---- again ----

const struct argp_option tune_reapply_options[] = {
	TUNE_STATE_OPTIONS,
	{ "if", TUNE_OPT_IF, "DEVICE", 0, "This device alone", 0 },
	{ 0 },
};

// What no file keeps: settings of devices, and marking. Those of devices that are not there wait
// for them.
static bool is_again(const struct tune_work *w, const struct pt_item *it, const char *device)
{
	if (!it->device)
		return !pt_knob_is_sysctl(it->knob);
	if (pt_unit_is(it->knob->key)) // a file has it
		return false;
	char name[IFNAMSIZ]; // of a peer's device, too
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(it->device, "/"), it->device);
	return (!device || strcmp(device, name) == 0) && pt_nics_find(&w->job.nics, name);
}

// What somebody else put in its place could not be put back.
static bool is_others(const struct pt_item *it)
{
	return it->action == PT_TUNE_SET && pt_joined_of(it->knob->key) &&
		strncmp(it->before, "other ", 6) == 0;
}

static bool is_of(const struct pt_tx *t, const struct pt_item *it)
{
	for (unsigned i = 0; t && i < t->n; i++) {
		const struct pt_tx_item *own = &t->item[i];
		if (own->want && strcmp(own->key, it->knob->key) == 0 &&
			(it->device ? own->device && strcmp(own->device, it->device) == 0
				    : !own->device))
			return true;
	}
	return false;
}

// What waits for its confirmation is set again under its own journal, which has the value before
// it: confirmed or undone, it is as if the device had never gone.
static int set_waiting(struct tune_work *w, struct pt_tx *t, const char *device, struct pt_err *err)
{
	int rc = 0;

	for (unsigned i = 0; t->applied && rc == 0 && i < t->n; i++) {
		const struct pt_tx_item *own = &t->item[i];
		struct pt_item it = { .knob = pt_knob_find(own->key),
			.device = own->device,
			.want = own->after ? own->after : own->want };
		char now[PT_KNOB_VALUE];
		if (!own->want || !own->intent || !it.knob || !is_again(w, &it, device))
			continue;
		judge_runtime(w, &it);
		if (it.action != PT_TUNE_SET || is_others(&it))
			continue;
		rc = pt_tx_intent(t, i, err);
		if (rc == 0)
			rc = pt_access_write(&w->access, own->key, own->device, it.want, err);
		if (rc == 0)
			rc = pt_access_read(&w->access, own->key, own->device, now, err);
		if (rc == 0)
			rc = pt_tx_done(t, i, now, err);
	}
	return rc;
}

// open: a transaction of this boot that is not closed; NULL: none. Its settings are its own.
static void plan_again(
	struct tune_work *w, struct standing *s, const struct pt_tx *open, const char *device)
{
	struct pt_tuning *plan = &w->job.plan;

	plan->item = s->item;
	for (unsigned i = 0; i < s->n; i++) {
		struct pt_item *it = &s->item[i];
		if (!s->lasting[i] || is_of(open, it) || !is_again(w, it, device))
			continue;
		judge_runtime(w, it);
		if (is_others(it)) {
			it->action = PT_TUNE_REFUSE;
			it->why = "somebody else's, or changed by hand: left alone";
			s->bad++;
		}
		plan->item[plan->n++] = *it;
	}
}

static int apply_again(struct pt_ctx *ctx, struct tune_work *w)
{
	static const struct pt_profile none = { .name = "reapply" };
	const struct pt_apply ap = { .host = &w->job.host,
		.nics = &w->job.nics,
		.profile = &none,
		.plan = &w->job.plan,
		.state = &w->state };
	struct pt_tx t;
	int rc = pt_apply_run(&ap, &w->job.arena, &t, &ctx->err);

	if (rc == PT_APPLY_NOTHING)
		return PT_EXIT_OK;
	if (rc != PT_APPLY_DONE)
		return rc < 0                     ? PT_EXIT_FAIL
			: rc == PT_APPLY_RESTORED ? TUNE_RESTORED
						  : TUNE_INCOMPLETE;
	rc = pt_apply_confirm(&t, &w->access, &ctx->err);
	pt_tx_close(&t);
	return rc < 0 ? PT_EXIT_FAIL : PT_EXIT_OK;
}

static int again(
	struct pt_ctx *ctx, const struct tune_opts *o, struct tune_work *w, struct standing *s)
{
	struct pt_tx t;
	int rc = pt_tx_find(&w->state, &w->job.arena, false, &t, &ctx->err);
	bool open = rc == 0 && pt_tx_same_boot(&t); // before a restart: gone with it

	if (rc < 0 && rc != -ENOENT)
		return PT_EXIT_FAIL;
	int code = open && set_waiting(w, &t, o->device, &ctx->err) < 0 ? PT_EXIT_FAIL : 0;
	if (!code) {
		plan_again(w, s, open ? &t : NULL, o->device);
		code = apply_again(ctx, w);
	}
	if (rc == 0)
		pt_tx_close(&t);
	return code;
}

int tune_reapply(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct tune_opts *o = opts;
	struct tune_work w;
	int code = tune_work_open(ctx, o, false, &w);
	struct standing *s = code ? NULL : pt_arena_alloc(&w.job.arena, sizeof(*s));

	(void)argc;
	(void)argv;
	// Devices come in crowds at a start: each waits for its turn.
	if (!code && (pt_tx_lock(&w.state, true, &ctx->err) < 0 || collect(ctx, &w, s) < 0))
		code = PT_EXIT_FAIL;
	if (!code)
		code = again(ctx, o, &w, s);
	if (!code && tune_put_items(ctx, w.job.plan.item, w.job.plan.n, ctx->verbose > 0) < 0)
		code = PT_EXIT_FAIL;
	if (!code && s->bad)
		code = TUNE_FOREIGN;
	tune_work_done(&w);
	return code;
}
