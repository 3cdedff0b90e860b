// SPDX-License-Identifier: MIT
// apply: the plane holds what the files say, whoever keeps it: nothing where it does already, the
// daemon where one runs, attach otherwise.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#include "base/clock.h"
#include "failover.h"
#include "plane/pin.h"

#define RELOAD_NS (10 * PT_NS_PER_S) // of a daemon, thousands of sites included
#define LOOK_NS   (10 * PT_NS_PER_MS)

static bool holds(const struct pt_ctx *ctx, const struct pt_inputs *in)
{
	uint64_t hash = pt_setup_hash(&in->net, &in->cfg);
	struct pt_plane *p = NULL;
	bool same = !pt_plane_open(pt_pin_dir(ctx), PT_PLANE_READ, &p, NULL) &&
		p->meta->config_hash == hash && !strcmp((const char *)p->meta->edge, in->self->id);

	pt_plane_free(p);
	return same;
}

// A file that it refuses changes nothing, and its log says why.
static int reload(
	const struct pt_ctx *ctx, const struct pt_inputs *in, pid_t watch, struct pt_err *err)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	struct pt_mono end = pt_mono_add(pt_mono_now(), RELOAD_NS);

	if (kill(watch, SIGHUP) < 0)
		return pt_err_errno(err, -errno, "pt-failover watch, process %d", (int)watch);
	while (!holds(ctx, in)) {
		if (pt_mono_diff(pt_mono_now(), end) > 0)
			return pt_err_set(err, -ETIMEDOUT,
				"pt-failover watch, process %d, did not take it: it reads other "
				"files or refused these; its log says why",
				(int)watch);
		(void)nanosleep(&pause, NULL); // cut short is as good
	}
	return 0;
}

int failover_apply(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct attach_opts as_it_is = {};
	pt_autoinputs in = {};
	pid_t watch = 0;

	(void)opts;
	if (pt_inputs_load(ctx, &in, &ctx->err))
		return PT_EXIT_FAIL;
	if (holds(ctx, &in)) {
		if (!ctx->quiet)
			printf("unchanged %s: %s\n", in.self->id, pt_pin_dir(ctx));
		return PT_EXIT_OK;
	}
	if (ctx->dry_run || pt_pin_lock_owner(pt_pin_dir(ctx), PT_PIN_LOCK_WATCH, &watch))
		return failover_attach(ctx, argc, argv, &as_it_is);
	if (reload(ctx, &in, watch, &ctx->err))
		return PT_EXIT_FAIL;
	if (!ctx->quiet)
		printf("updated %s: %s, by pt-failover watch\n", in.self->id, pt_pin_dir(ctx));
	return PT_EXIT_OK;
}
