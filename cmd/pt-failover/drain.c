// SPDX-License-Identifier: MIT
// Paths out of use on purpose: drained until told otherwise, or for a drill of seconds. Neither is
// done where nothing usable would be left.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/parse.h"
#include "failover.h"
#include "plane/bank.h"
#include "plane/block.h"
#include "plane/keep.h"
#include "plane/names.h"
#include "plane/state.h"

#define MOST_PATHS    64
#define DRAIN_SECONDS 5
#define DRILL_SECONDS 10
#define QUIET_NS      (200 * PT_NS_PER_MS) // no packet for so long: the path is drained
#define LOOK_NS       (20 * PT_NS_PER_MS)
#define DRILL_LEASE   PT_NS_PER_S // a drill outlives its process by no more than this
#define DRILL_RENEW   (200 * PT_NS_PER_MS)

enum { KEY_SECONDS = 's', KEY_FORCE = 'f' };

const struct argp_option drain_options[] = {
	{ .name = "wait",
		.key = KEY_SECONDS,
		.arg = "SECONDS",
		.doc = "How long to wait for the last packet (default 5)" },
	{ .name = "force", .key = KEY_FORCE, .doc = "Even where nothing usable is left" },
	{},
};
const struct argp_option drill_options[] = {
	{ .name = "seconds",
		.key = KEY_SECONDS,
		.arg = "SECONDS",
		.doc = "How long the drill lasts (default 10)" },
	{},
};

int drain_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct drain_opts *o = opts;

	if (key == KEY_FORCE) {
		o->force = true;
		return 0;
	}
	if (key != KEY_SECONDS)
		return ARGP_ERR_UNKNOWN;
	if (pt_parse_u64(arg, 1, 3600, &o->seconds))
		return pt_err_set(&ctx->err, -EINVAL, "%s: 1 to 3600 seconds", arg);
	return 0;
}

struct job {
	struct pt_ctx *ctx;
	struct pt_plane *plane;
	struct pt_names names;
	uint32_t path[MOST_PATHS];
	uint32_t n;
	// Of a drill:
	struct pt_loop *loop;
	struct pt_timer *renew;
	int64_t end_ns;
};

static const char *path_id(const struct job *j, uint32_t path)
{
	return pt_names_id(&j->names, PT_NAME_PATH, path);
}

static bool is_named(const struct job *j, uint32_t path)
{
	for (uint32_t i = 0; i < j->n; i++)
		if (j->path[i] == path)
			return true;
	return false;
}

static int begin(struct job *j, int argc, char **argv)
{
	struct pt_err *err = &j->ctx->err;
	int ret = pt_plane_open(pt_pin_dir(j->ctx), PT_PLANE_WRITE, &j->plane, err);

	if (!ret)
		ret = pt_names_read(j->plane, &j->names, err);
	for (int i = 0; i < argc && !ret; i++) {
		uint32_t path = pt_names_index(&j->names, PT_NAME_PATH, argv[i]);

		if (path == PT_NAMES_NONE)
			ret = pt_err_set(err, -ENOENT, "path %s: unknown here", argv[i]);
		else if (j->n == MOST_PATHS)
			ret = pt_err_set(err, -E2BIG, "more than %d paths", MOST_PATHS);
		else
			j->path[j->n++] = path;
	}
	return ret;
}

static void end(struct job *j)
{
	pt_names_done(&j->names);
	pt_plane_free(j->plane);
}

static bool has_named(const struct job *j, const struct pt_group *g)
{
	for (uint32_t i = 0; i < g->count && i < PT_GROUP_PATHS; i++)
		if (is_named(j, g->path[i]))
			return true;
	return false;
}

// The first class that would be left without a usable path. PT_EXIT_NO with the reason, or OK.
static int refuse(const struct job *j)
{
	struct pt_plane then = *j->plane;
	pt_autofree struct pt_live *live = malloc(sizeof(*live));

	if (!live) {
		(void)pt_err_set(&j->ctx->err, -ENOMEM, "out of memory");
		return PT_EXIT_FAIL;
	}
	*live = *j->plane->live;
	for (uint32_t i = 1; i < then.meta->path_cap; i++)
		if (is_named(j, i) || pt_state_why(j->plane, i) & PT_BLOCK_DRAINED)
			live->down[i] = 1;
	then.live = live;
	for (uint32_t site = 1; site < then.meta->site_cap; site++) {
		for (uint32_t policy = 0; policy < PT_MAX_POLICY; policy++) {
			const struct pt_group *g = pt_group_active(&then, site, policy);

			if (!g || !has_named(j, g) ||
				pt_choice_of(&then, g).rank <= PT_CHOICE_DAMPED)
				continue;
			(void)pt_err_set(&j->ctx->err, -EBUSY,
				"refused: nothing else is usable to %s for %s",
				pt_names_id(&j->names, PT_NAME_SITE, site),
				pt_names_id(&j->names, PT_NAME_POLICY, policy));
			return PT_EXIT_NO;
		}
	}
	return PT_EXIT_OK;
}

static void set_all(struct job *j, enum pt_block_why why, bool on)
{
	for (uint32_t i = 0; i < j->n; i++)
		(void)pt_block_path(j->plane, j->path[i], why, on);
	(void)pt_pin_touch(j->plane->dir, NULL); // a daemon that does not hear looks by itself
}

static int keep(const struct job *j)
{
	const char *dir = pt_state_dir(j->ctx);

	return dir ? pt_keep_save(dir, j->plane, &j->names, &j->ctx->err) : 0;
}

static uint64_t sent(const struct job *j)
{
	struct pt_state s;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < j->n; i++)
		if (!pt_state_read(j->plane, j->path[i], &s, NULL))
			sum += s.traffic.tx_packets;
	return sum;
}

static void nap(int64_t ns)
{
	const struct timespec t = { .tv_sec = ns / PT_NS_PER_S, .tv_nsec = ns % PT_NS_PER_S };

	(void)nanosleep(&t, NULL); // cut short is as good
}

// Until no packet has left for a while. False: they go on leaving.
static bool wait_for_quiet(const struct job *j, int64_t limit_ns)
{
	int64_t end_ns = pt_mono_now().ns + limit_ns, since = pt_mono_now().ns, now;
	uint64_t was = sent(j);

	do {
		uint64_t n;

		nap(LOOK_NS);
		n = sent(j);
		now = pt_mono_now().ns;
		if (n != was)
			since = now;
		was = n;
		if (now - since >= QUIET_NS)
			return true;
	} while (now < end_ns);
	return false;
}

static void say(const struct job *j, const char *what)
{
	for (uint32_t i = 0; i < j->n && !j->ctx->quiet; i++)
		printf("%s: %s\n", path_id(j, j->path[i]), what);
}

int failover_drain(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct drain_opts *o = opts;
	int64_t wait_ns = (int64_t)(o->seconds ? o->seconds : DRAIN_SECONDS) * PT_NS_PER_S;
	struct job j = { .ctx = ctx };
	int code = begin(&j, argc, argv) ? PT_EXIT_FAIL : PT_EXIT_OK;

	if (!code && !o->force)
		code = refuse(&j);
	if (!code && ctx->dry_run) {
		say(&j, "would be drained");
	} else if (!code) {
		set_all(&j, PT_BLOCK_DRAINED, true);
		if (keep(&j))
			code = PT_EXIT_FAIL;
		else if (wait_for_quiet(&j, wait_ns))
			say(&j, "drained, no packet leaves by it");
		else
			code = PT_EXIT_NO;
		if (code == PT_EXIT_NO)
			(void)pt_err_set(&ctx->err, -EBUSY,
				"drained, but packets still leave: nothing better is usable");
	}
	end(&j);
	return code;
}

int failover_undrain(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct job j = { .ctx = ctx };
	int ret = begin(&j, argc, argv);

	(void)opts;
	if (!ret && !ctx->dry_run) {
		set_all(&j, PT_BLOCK_DRAINED, false);
		ret = keep(&j);
	}
	if (!ret)
		say(&j, ctx->dry_run ? "would be free" : "free");
	end(&j);
	return ret ? PT_EXIT_FAIL : PT_EXIT_OK;
}

// ---- drill ----

static void extend(struct job *j)
{
	__atomic_store_n(&j->plane->block->drill_until_ns,
		(uint64_t)(pt_mono_now().ns + DRILL_LEASE), __ATOMIC_RELEASE);
}

static bool is_drilled(const struct job *j)
{
	uint8_t why = 0;

	for (uint32_t i = 1; i < j->plane->meta->path_cap; i++)
		why |= j->plane->block->path[i];
	return why & PT_BLOCK_DRILL;
}

static bool is_leased(const struct job *j)
{
	return __atomic_load_n(&j->plane->block->drill_until_ns, __ATOMIC_ACQUIRE) >=
		(uint64_t)pt_mono_now().ns;
}

// Our lease would bring back what a killed drill has left. One that lives renews its own.
static void clear_left(struct job *j)
{
	int64_t end_ns = pt_mono_now().ns + DRILL_LEASE + DRILL_RENEW;

	if (!is_drilled(j))
		return;
	while (is_leased(j) && pt_mono_now().ns < end_ns)
		nap(LOOK_NS);
	for (uint32_t i = 1; i < j->plane->meta->path_cap && !is_leased(j); i++)
		(void)pt_block_path(j->plane, i, PT_BLOCK_DRILL, false);
}

static void on_renew(void *ctx, uint64_t expirations)
{
	struct job *j = ctx;

	(void)expirations;
	extend(j);
	if (pt_mono_now().ns >= j->end_ns)
		pt_loop_stop(j->loop, PT_EXIT_OK);
	else if (refuse(j)) // what carries the users now is in danger: enough
		pt_loop_stop(j->loop, PT_EXIT_NO);
}

static void on_signal(void *ctx, int signo)
{
	struct job *j = ctx;

	(void)signo;
	pt_loop_stop(j->loop, PT_EXIT_OK);
}

static int rehearse(struct job *j)
{
	static const int signals[] = { SIGINT, SIGTERM, 0 };
	struct pt_err *err = &j->ctx->err;
	int ret = pt_loop_new(&j->loop, err);

	if (!ret)
		ret = pt_loop_signals(j->loop, signals, on_signal, j);
	if (!ret)
		ret = pt_loop_timer_add(j->loop, pt_mono_add(pt_mono_now(), DRILL_RENEW),
			DRILL_RENEW, on_renew, j, &j->renew);
	if (!ret) {
		extend(j); // before the block: it would count for nothing
		set_all(j, PT_BLOCK_DRILL, true);
		say(j, "as if lost");
		(void)fflush(stdout);
		ret = pt_loop_run(j->loop);
		set_all(j, PT_BLOCK_DRILL, false);
		say(j, "free");
	}
	pt_loop_free(j->loop);
	return ret;
}

int failover_drill(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct drain_opts *o = opts;
	int64_t seconds = (int64_t)(o->seconds ? o->seconds : DRILL_SECONDS);
	struct job j = { .ctx = ctx };
	int code = begin(&j, argc, argv) ? PT_EXIT_FAIL : PT_EXIT_OK;

	if (!code)
		code = refuse(&j);
	if (!code && ctx->dry_run) {
		say(&j, "would be as if lost");
	} else if (!code) {
		clear_left(&j);
		j.end_ns = pt_mono_now().ns + seconds * PT_NS_PER_S;
		code = rehearse(&j);
	}
	end(&j);
	return code < 0 ? PT_EXIT_FAIL : code;
}
