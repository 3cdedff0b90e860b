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
#include "hand.h"
#include "plane/bank.h"
#include "plane/block.h"
#include "plane/state.h"

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

static bool has_named(const struct hand *h, const struct pt_group *g)
{
	for (uint32_t i = 0; i < g->count && i < PT_GROUP_PATHS; i++)
		if (hand_has(h, g->path[i]))
			return true;
	return false;
}

// The first class that would be left without a usable path. PT_EXIT_NO with the reason, or OK.
static int refuse(const struct hand *h)
{
	struct pt_plane then = *h->plane;
	pt_autofree struct pt_live *live = malloc(sizeof(*live));

	if (!live) {
		(void)pt_err_set(&h->ctx->err, -ENOMEM, "out of memory");
		return PT_EXIT_FAIL;
	}
	*live = *h->plane->live;
	for (uint32_t i = 1; i < then.meta->path_cap; i++)
		if (hand_has(h, i) || pt_state_why(h->plane, i) & PT_BLOCK_DRAINED)
			live->down[i] = 1;
	then.live = live;
	for (uint32_t site = 1; site < then.meta->site_cap; site++) {
		for (uint32_t policy = 0; policy < PT_MAX_POLICY; policy++) {
			const struct pt_group *g = pt_group_active(&then, site, policy);

			if (!g || !has_named(h, g) ||
				pt_choice_of(&then, g).rank <= PT_CHOICE_DAMPED)
				continue;
			(void)pt_err_set(&h->ctx->err, -EBUSY,
				"refused: nothing else is usable to %s for %s",
				pt_names_id(&h->names, PT_NAME_SITE, site),
				pt_names_id(&h->names, PT_NAME_POLICY, policy));
			return PT_EXIT_NO;
		}
	}
	return PT_EXIT_OK;
}

static void set_all(struct hand *h, enum pt_block_why why, bool on)
{
	for (uint32_t i = 0; i < h->n; i++)
		(void)pt_block_path(h->plane, h->path[i], why, on);
	(void)pt_pin_touch(h->plane->dir, NULL); // a daemon that does not hear looks by itself
}

static uint64_t sent(const struct hand *h)
{
	struct pt_state s;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < h->n; i++)
		if (!pt_state_read(h->plane, h->path[i], &s, NULL))
			sum += s.traffic.tx_packets;
	return sum;
}

static void nap(int64_t ns)
{
	const struct timespec t = { .tv_sec = ns / PT_NS_PER_S, .tv_nsec = ns % PT_NS_PER_S };

	(void)nanosleep(&t, NULL); // cut short is as good
}

// Until no packet has left for a while. False: they go on leaving.
static bool wait_for_quiet(const struct hand *h, int64_t limit_ns)
{
	int64_t end_ns = pt_mono_now().ns + limit_ns, since = pt_mono_now().ns, now;
	uint64_t was = sent(h);

	do {
		uint64_t n;

		nap(LOOK_NS);
		n = sent(h);
		now = pt_mono_now().ns;
		if (n != was)
			since = now;
		was = n;
		if (now - since >= QUIET_NS)
			return true;
	} while (now < end_ns);
	return false;
}

static void say(const struct hand *h, const char *what)
{
	for (uint32_t i = 0; i < h->n && !h->ctx->quiet; i++)
		printf("%s: %s\n", hand_id(h, h->path[i]), what);
}

int failover_drain(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct drain_opts *o = opts;
	int64_t wait_ns = (int64_t)(o->seconds ? o->seconds : DRAIN_SECONDS) * PT_NS_PER_S;
	struct hand h;
	int code = hand_begin(&h, ctx, argc, argv) ? PT_EXIT_FAIL : PT_EXIT_OK;

	if (!code && !o->force)
		code = refuse(&h);
	if (!code && ctx->dry_run) {
		say(&h, "would be drained");
	} else if (!code) {
		set_all(&h, PT_BLOCK_DRAINED, true);
		if (hand_keep(&h))
			code = PT_EXIT_FAIL;
		else if (wait_for_quiet(&h, wait_ns))
			say(&h, "drained, no packet leaves by it");
		else
			code = PT_EXIT_NO;
		if (code == PT_EXIT_NO)
			(void)pt_err_set(&ctx->err, -EBUSY,
				"drained, but packets still leave: nothing better is usable");
	}
	hand_end(&h);
	return code;
}

int failover_undrain(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct hand h;
	int ret = hand_begin(&h, ctx, argc, argv);

	(void)opts;
	if (!ret && !ctx->dry_run) {
		set_all(&h, PT_BLOCK_DRAINED, false);
		ret = hand_keep(&h);
	}
	if (!ret)
		say(&h, ctx->dry_run ? "would be free" : "free");
	hand_end(&h);
	return ret ? PT_EXIT_FAIL : PT_EXIT_OK;
}

// ---- drill ----

static void extend(struct hand *h)
{
	__atomic_store_n(&h->plane->block->drill_until_ns,
		(uint64_t)(pt_mono_now().ns + DRILL_LEASE), __ATOMIC_RELEASE);
}

static bool is_drilled(const struct hand *h)
{
	uint8_t why = 0;

	for (uint32_t i = 1; i < h->plane->meta->path_cap; i++)
		why |= h->plane->block->path[i];
	return why & PT_BLOCK_DRILL;
}

static bool is_leased(const struct hand *h)
{
	return __atomic_load_n(&h->plane->block->drill_until_ns, __ATOMIC_ACQUIRE) >=
		(uint64_t)pt_mono_now().ns;
}

// Our lease would bring back what a killed drill has left. One that lives renews its own.
static void clear_left(struct hand *h)
{
	int64_t end_ns = pt_mono_now().ns + DRILL_LEASE + DRILL_RENEW;

	if (!is_drilled(h))
		return;
	while (is_leased(h) && pt_mono_now().ns < end_ns)
		nap(LOOK_NS);
	for (uint32_t i = 1; i < h->plane->meta->path_cap && !is_leased(h); i++)
		(void)pt_block_path(h->plane, i, PT_BLOCK_DRILL, false);
}

struct drill {
	struct hand hand;
	struct pt_loop *loop;
	struct pt_timer *renew;
	int64_t end_ns;
};

static void on_renew(void *ctx, uint64_t expirations)
{
	struct drill *d = ctx;

	(void)expirations;
	extend(&d->hand);
	if (pt_mono_now().ns >= d->end_ns)
		pt_loop_stop(d->loop, PT_EXIT_OK);
	else if (refuse(&d->hand)) // what carries the users now is in danger: enough
		pt_loop_stop(d->loop, PT_EXIT_NO);
}

static void on_signal(void *ctx, int signo)
{
	struct drill *d = ctx;

	(void)signo;
	pt_loop_stop(d->loop, PT_EXIT_OK);
}

static int rehearse(struct drill *d)
{
	static const int signals[] = { SIGINT, SIGTERM, 0 };
	struct pt_err *err = &d->hand.ctx->err;
	int ret = pt_loop_new(&d->loop, err);

	if (!ret)
		ret = pt_loop_signals(d->loop, signals, on_signal, d);
	if (!ret)
		ret = pt_loop_timer_add(d->loop, pt_mono_add(pt_mono_now(), DRILL_RENEW),
			DRILL_RENEW, on_renew, d, &d->renew);
	if (!ret) {
		extend(&d->hand); // before the block: it would count for nothing
		set_all(&d->hand, PT_BLOCK_DRILL, true);
		say(&d->hand, "as if lost");
		(void)fflush(stdout);
		ret = pt_loop_run(d->loop);
		set_all(&d->hand, PT_BLOCK_DRILL, false);
		say(&d->hand, "free");
	}
	pt_loop_free(d->loop);
	return ret;
}

int failover_drill(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct drain_opts *o = opts;
	int64_t seconds = (int64_t)(o->seconds ? o->seconds : DRILL_SECONDS);
	struct drill d = {};
	int code = hand_begin(&d.hand, ctx, argc, argv) ? PT_EXIT_FAIL : PT_EXIT_OK;

	if (!code)
		code = refuse(&d.hand);
	if (!code && ctx->dry_run) {
		say(&d.hand, "would be as if lost");
	} else if (!code) {
		clear_left(&d.hand);
		d.end_ns = pt_mono_now().ns + seconds * PT_NS_PER_S;
		code = rehearse(&d);
	}
	hand_end(&d.hand);
	return code < 0 ? PT_EXIT_FAIL : code;
}
