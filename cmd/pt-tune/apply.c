// SPDX-License-Identifier: MIT
// pt-tune apply, confirm, rollback.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "state.h"
#include "tune/joined.h"
#include "tune/marking.h"
#include "tune/unit.h"
#include "tune/wg.h"

#define DEFAULT_TIMEOUT (120 * PT_NS_PER_S)
#define DEFAULT_SETTLE  PT_NS_PER_S

const struct argp_option tune_apply_options[] = {
	TUNE_PLAN_OPTIONS,
	{ "state", TUNE_OPT_STATE, "DIR", 0, "Journals (default /var/lib/patronus/tune)", 0 },
	{ "confirm-timeout", TUNE_OPT_TIMEOUT, "TIME", 0,
		"Undone unless confirmed in so long (120s)", 0 },
	{ "no-confirm", TUNE_OPT_NO_CONFIRM, NULL, 0, "Confirmed as soon as all is well", 0 },
	{ "runtime-only", TUNE_OPT_RUNTIME_ONLY, NULL, 0, "Not kept over a restart", 0 },
	{ "probe", TUNE_OPT_PROBE, "SPEC", 0,
		"Undone unless this answers: tcp:ADDRESS:PORT or exec:PROGRAM; repeatable", 0 },
	{ "settle", TUNE_OPT_SETTLE, "TIME", 0,
		"Measure counters for so long, before and after (1s)", 0 },
	{ 0 },
};
const struct argp_option tune_confirm_options[] = {
	TUNE_STATE_OPTIONS,
	{ "extend", TUNE_OPT_EXTEND, "TIME", 0, "Confirm nothing, give so much more time", 0 },
	{ 0 },
};
const struct argp_option tune_rollback_options[] = {
	TUNE_STATE_OPTIONS,
	{ "force", TUNE_OPT_FORCE, NULL, 0, "Also where somebody else has changed it since", 0 },
	{ 0 },
};
const struct argp_option tune_state_options[] = {
	TUNE_STATE_OPTIONS,
	{ 0 },
};

int tune_work_open(struct pt_ctx *ctx, const struct tune_opts *o, bool lock, struct tune_work *w)
{
	*w = (struct tune_work){ .state = PT_TX_STATE_NONE };
	if (tune_job_host(ctx, o, &w->job) < 0)
		return PT_EXIT_FAIL;
	if (!o->root && geteuid() != 0) {
		(void)pt_err_set(&ctx->err, -EPERM, "%s: must be run as root", ctx->verb);
		return TUNE_MISSING;
	}
	if (pt_tx_state_open(&w->job.host, o->state, &w->state, &ctx->err) < 0)
		return PT_EXIT_FAIL;
	if (lock && pt_tx_lock(&w->state, false, &ctx->err) < 0)
		return ctx->err.code == -EBUSY ? TUNE_PENDING : PT_EXIT_FAIL;
	if (!w->job.nics.host && pt_nics_read(&w->job.host, &w->job.nics, &ctx->err) < 0)
		return PT_EXIT_FAIL;
	w->access = (struct pt_access){ &w->job.host, &w->job.nics };
	return 0;
}

void tune_work_done(struct tune_work *w)
{
	pt_tx_state_close(&w->state);
	tune_job_done(&w->job);
}

int tune_result_exit(enum pt_tx_result r)
{
	return r == PT_TX_INCOMPLETE ? TUNE_INCOMPLETE
		: r == PT_TX_FOREIGN ? TUNE_FOREIGN
				     : PT_EXIT_OK;
}

// The command that puts a setting back by hand.
static void print_cure(const struct pt_tx_item *it)
{
	const char *key = it->key, *device = it->device ? it->device : "";
	const char *peer = strchr(device, '/');

	if (strcmp(key, "qos") == 0 && strncmp(it->before, "default ", 8) == 0)
		fprintf(stderr, "\ttc qdisc del dev %s root\n", device);
	else if (strcmp(key, "marking") == 0 && strcmp(it->before, "none") == 0)
		fprintf(stderr, "\tnft delete table inet " PT_MARKING_TABLE "\n");
	else if (pt_unit_is(key))
		fprintf(stderr, "\tsystemctl edit %s: %s = %s\n", device, key, it->before);
	else if (pt_wg_per_peer(key) && peer)
		fprintf(stderr, "\twg set %.*s peer %s persistent-keepalive %s\n",
			(int)(peer - device), device, peer + 1, it->before);
	else if (strcmp(key, "wireguard.mtu") == 0)
		fprintf(stderr, "\tip link set dev %s mtu %s\n", device, it->before);
	else if (*device)
		fprintf(stderr, "\tethtool, %s: %s = %s\n", device, key, it->before);
	else if (pt_joined_of(key))
		fprintf(stderr, "\t%s: %s\n", key, it->before);
	else
		fprintf(stderr, "\tsysctl -w '%s=%s'\n", key, it->before);
}

void tune_tell_left(const struct pt_tx *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		const struct pt_tx_item *it = &t->item[i];
		if (!it->trouble)
			continue;
		if (it->gone) {
			pt_log(PT_LOG_WARN, "%s %s: %s; nothing to put back", it->device, it->key,
				it->trouble);
			continue;
		}
		pt_log(PT_LOG_WARN, "%s%s%s: %s; to put it back:", it->device ? it->device : "",
			it->device ? " " : "", it->key, it->trouble);
		print_cure(it);
	}
}

static int undo(struct pt_ctx *ctx, struct tune_work *w, struct pt_tx *t, bool force)
{
	enum pt_tx_result result;

	if (pt_tx_undo(t, &w->access, force, &result, &ctx->err) < 0)
		return TUNE_INCOMPLETE;
	tune_tell_left(t);
	if (result == PT_TX_INCOMPLETE || result == PT_TX_FOREIGN)
		(void)pt_err_set(&ctx->err, -EIO, "%s: not everything was put back", t->id);
	return tune_result_exit(result);
}

// What an earlier one left: a dead one is put back, a live one is in the way.
static int clear_earlier(struct pt_ctx *ctx, struct tune_work *w)
{
	struct pt_tx t;
	int rc = pt_tx_find(&w->state, &w->job.arena, false, &t, &ctx->err);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return PT_EXIT_FAIL;
	bool late = t.deadline_ms && t.deadline_ms <= pt_tx_boottime_ms();
	bool dead = !pt_tx_same_boot(&t) || (!pt_tx_watched(&t) && (!t.applied || late));
	if (!dead) {
		(void)pt_err_set(&ctx->err, -EBUSY,
			"transaction %s is not confirmed: pt-tune confirm, or pt-tune rollback",
			t.id);
		rc = TUNE_PENDING;
	} else {
		pt_log(PT_LOG_WARN, "transaction %s was broken off: put back", t.id);
		rc = undo(ctx, w, &t, false);
	}
	pt_tx_close(&t);
	return rc;
}

static int check_plan(struct pt_ctx *ctx, const struct tune_opts *o, struct tune_job *j)
{
	if (!j->host.init_netns && !o->netns_only) {
		(void)pt_err_set(&ctx->err, -EPERM,
			"not in the first network namespace: --scope netns changes this one alone");
		return TUNE_REFUSED;
	}
	if (pt_tuning_make(&j->ask, &j->arena, &j->plan, &ctx->err) < 0)
		return PT_EXIT_FAIL;
	if (!j->plan.count[PT_TUNE_REFUSE])
		return 0;
	(void)tune_put_items(ctx, j->plan.item, j->plan.n, false); // the refusal is what counts
	(void)pt_err_set(&ctx->err, -EPERM,
		"%u refused by a rule, nothing was changed; --allow RULE=REASON, --skip KEY",
		j->plan.count[PT_TUNE_REFUSE]);
	return TUNE_REFUSED;
}

// The plan's items with what was read back.
static const char *read_back(
	struct pt_arena *a, const struct pt_tx_item *done, const struct pt_item *it)
{
	const struct pt_joined *joined = pt_joined_of(done->key);
	char word[PT_KNOB_VALUE];

	if (strcmp(done->key, it->knob->key) == 0)
		return done->after;
	if (!done->after || !joined || pt_joined_get(joined, done->after, it->knob->key, word) < 0)
		return NULL;
	return pt_arena_strdup(a, word);
}

static void fill_after(struct pt_tuning *p, const struct pt_tx *t)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct pt_item *it = &p->item[i];
		for (unsigned k = 0; k < t->n; k++) {
			const struct pt_tx_item *done = &t->item[k];
			bool device = it->device
				? done->device && strcmp(it->device, done->device) == 0
				: !done->device;
			const char *after = done->want && device ? read_back(t->a, done, it) : NULL;
			it->after = after ? after : it->after;
		}
	}
}

static int missing(int code)
{
	return code == -EPERM || code == -EACCES || code == -ENOPKG || code == -EOPNOTSUPP ||
		code == -EROFS;
}

static int finish(
	struct pt_ctx *ctx, const struct tune_opts *o, struct tune_work *w, struct pt_tx *t)
{
	enum pt_tx_result result;

	fill_after(&w->job.plan, t);
	if (tune_put_items(ctx, w->job.plan.item, w->job.plan.n, ctx->verbose > 0) < 0)
		return PT_EXIT_FAIL;
	if (!o->no_confirm) {
		if (!ctx->quiet)
			fprintf(stderr,
				"pt-tune: %s: undone in %" PRId64 " s unless `pt-tune confirm'\n",
				t->id, t->timeout_ms / 1000);
		return PT_EXIT_OK;
	}
	if (pt_apply_confirm(t, &w->access, &ctx->err) == 0)
		return PT_EXIT_OK;
	if (pt_tx_undo(t, &w->access, false, &result, NULL) < 0)
		return TUNE_INCOMPLETE;
	return result == PT_TX_RESTORED ? TUNE_RESTORED : tune_result_exit(result);
}

static int apply(struct pt_ctx *ctx, const struct tune_opts *o, struct tune_work *w)
{
	struct pt_tx t = { .dir_fd = -1, .journal_fd = -1 };
	struct pt_apply ap = { .host = &w->job.host,
		.nics = &w->job.nics,
		.profile = &w->job.profile,
		.plan = &w->job.plan,
		.state = &w->state,
		.probes = o->probe,
		.n_probes = o->n_probe,
		.settle_ms = (o->settle_given ? o->settle_ns : DEFAULT_SETTLE) / PT_NS_PER_MS,
		.timeout_ms = (o->timeout_ns ? o->timeout_ns : DEFAULT_TIMEOUT) / PT_NS_PER_MS,
		.runtime_only = o->runtime_only };
	int rc = pt_apply_run(&ap, &w->job.arena, &t, &ctx->err);

	if (rc < 0)
		return PT_EXIT_FAIL;
	if (rc == PT_APPLY_DONE) {
		rc = finish(ctx, o, w, &t);
		pt_tx_close(&t);
		return rc;
	}
	tune_tell_left(&t);
	if (rc == PT_APPLY_NOTHING)
		return tune_put_items(ctx, w->job.plan.item, w->job.plan.n, ctx->verbose > 0) < 0
			? PT_EXIT_FAIL
			: PT_EXIT_OK;
	if (rc == PT_APPLY_RESTORED)
		return missing(ctx->err.code) ? TUNE_MISSING : TUNE_RESTORED;
	return rc == PT_APPLY_FOREIGN ? TUNE_FOREIGN : TUNE_INCOMPLETE;
}

int tune_apply(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct tune_opts *o = opts;
	struct tune_work w;

	(void)argc;
	(void)argv;
	if (ctx->dry_run)
		return tune_plan(ctx, argc, argv, opts);
	int code = tune_work_open(ctx, o, true, &w);
	if (!code)
		code = clear_earlier(ctx, &w);
	pt_nics_done(&w.job.nics); // read anew, after what was put back
	if (!code && tune_job_profile(ctx, o, NULL, &w.job) < 0)
		code = PT_EXIT_FAIL;
	if (!code)
		code = check_plan(ctx, o, &w.job);
	if (!code)
		code = apply(ctx, o, &w);
	tune_work_done(&w);
	return code;
}

static int confirm(
	struct pt_ctx *ctx, const struct tune_opts *o, struct tune_work *w, struct pt_tx *t)
{
	if (getuid() != 0 && getuid() != t->uid) {
		(void)pt_err_set(&ctx->err, -EPERM, "%s belongs to somebody else", t->id);
		return TUNE_MISSING;
	}
	if (!t->applied || !pt_tx_same_boot(t)) {
		(void)pt_err_set(&ctx->err, -EINVAL, "%s was broken off: pt-tune rollback", t->id);
		return PT_EXIT_FAIL;
	}
	if (o->extend_ns) {
		if (!pt_tx_watched(t)) {
			(void)pt_err_set(&ctx->err, -ESRCH,
				"%s: its watchdog is gone, nobody would undo it: pt-tune confirm, "
				"or "
				"pt-tune rollback",
				t->id);
			return PT_EXIT_FAIL;
		}
		if (pt_tx_applied(t, pt_tx_boottime_ms() + o->extend_ns / PT_NS_PER_MS, NULL,
			    &ctx->err) < 0)
			return PT_EXIT_FAIL;
		return PT_EXIT_OK;
	}
	int rc = pt_apply_confirm(t, &w->access, &ctx->err);
	return rc == 0          ? PT_EXIT_OK
		: rc == -ESTALE ? TUNE_FOREIGN
		: rc == -EEXIST ? PT_EXIT_NO
				: PT_EXIT_FAIL;
}

int tune_confirm(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct tune_work w;
	struct pt_tx t;

	(void)argc;
	(void)argv;
	int code = tune_work_open(ctx, opts, true, &w);
	if (!code && pt_tx_find(&w.state, &w.job.arena, false, &t, &ctx->err) < 0) {
		(void)pt_err_set(&ctx->err, -ENOENT, "nothing waits for a confirmation");
		code = PT_EXIT_NO;
	} else if (!code) {
		code = confirm(ctx, opts, &w, &t);
		pt_tx_close(&t);
	}
	tune_work_done(&w);
	return code;
}

// By its id, else the newest that is open, else the newest that stands.
static int find_any(struct pt_ctx *ctx, struct tune_work *w, const char *id, struct pt_tx *t)
{
	if (id && strcmp(id, "last") != 0)
		return pt_tx_load(&w->state, &w->job.arena, id, t, &ctx->err);
	int rc = pt_tx_find(&w->state, &w->job.arena, false, t, &ctx->err);
	if (rc == -ENOENT)
		rc = pt_tx_find(&w->state, &w->job.arena, true, t, &ctx->err);
	return rc == -ENOENT ? pt_err_set(&ctx->err, rc, "there is nothing to put back") : rc;
}

int tune_rollback(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct tune_opts *o = opts;
	struct tune_work w;
	struct pt_tx t;
	int code = tune_work_open(ctx, o, true, &w);

	if (!code && find_any(ctx, &w, argc ? argv[0] : NULL, &t) < 0) {
		code = ctx->err.code == -ENOENT ? PT_EXIT_NO : PT_EXIT_FAIL;
	} else if (!code) {
		code = undo(ctx, &w, &t, o->force);
		pt_tx_close(&t);
	}
	tune_work_done(&w);
	return code;
}
