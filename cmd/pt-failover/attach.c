// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "failover.h"
#include "plane/keep.h"

const struct argp_option attach_options[] = {
	{ .name = "hook",
		.key = 'k',
		.arg = "KIND",
		.doc = "auto, tcx (Linux 6.6), clsact or xdp; failover.hook without it" },
	{},
};

int attach_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct attach_opts *o = opts;

	if (key != 'k')
		return ARGP_ERR_UNKNOWN;
	for (unsigned i = 0; pt_hook_names[i]; i++) {
		if (strcmp(arg, pt_hook_names[i]) != 0)
			continue;
		o->hook = (enum pt_hook_kind)i;
		o->hook_given = true;
		return 0;
	}
	return pt_err_set(&ctx->err, -EINVAL, "--hook %s: one of auto tcx clsact xdp", arg);
}

static void tell(
	const struct pt_ctx *ctx, const struct pt_inputs *in, const struct pt_setup_result *done)
{
	if (ctx->quiet)
		return;
	printf("%s %s: %u paths on %u devices, %s\n", done->fresh ? "attached" : "updated",
		in->self->id, done->paths, done->devices, pt_pin_dir(ctx));
}

static void tell_plan(const struct pt_ctx *ctx, const struct pt_inputs *in)
{
	printf("would attach %s in %s\n", in->self->id, pt_pin_dir(ctx));
	for (uint32_t i = 0; i < in->self->n_lan; i++)
		printf("steer %s\n", in->self->lan[i]);
	for (uint32_t i = 0; i < in->net.n_paths; i++)
		if (!strcmp(in->net.paths[i].source, in->self->id))
			printf("watch %s: path %s to %s\n", in->net.paths[i].device,
				in->net.paths[i].id, in->net.paths[i].dest);
}

// What was before a reboot, or before detach. A file that is wrong must not keep the edge from
// working.
static void restore(const struct pt_ctx *ctx)
{
	const char *dir = pt_state_dir(ctx);
	struct pt_plane *p = NULL;
	pt_autonames names = {};
	struct pt_err err = {};
	int ret;

	if (!dir)
		return;
	ret = pt_plane_open(pt_pin_dir(ctx), PT_PLANE_WRITE, &p, &err);
	if (!ret)
		ret = pt_names_read(p, &names, &err);
	if (!ret)
		ret = pt_keep_load(dir, p, &names, &err);
	if (ret)
		pt_log(PT_LOG_WARN, "not restored: %s", err.msg);
	pt_plane_free(p);
}

int failover_attach(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct attach_opts *o = opts;
	pt_autoinputs in = {};
	pt_autodevices devices = {};
	struct pt_setup_result done;
	struct pt_setup setup;

	(void)argc; // none are taken
	(void)argv;
	if (pt_inputs_load(ctx, &in, &ctx->err) ||
		pt_devices_read(&in, &devices, &setup, &ctx->err))
		return PT_EXIT_FAIL;
	setup.hook = o->hook_given ? o->hook : (enum pt_hook_kind)in.cfg.failover.hook;
	setup.strict = true;
	if (ctx->dry_run) {
		if (pt_setup_check(&setup, &ctx->err))
			return PT_EXIT_FAIL;
		tell_plan(ctx, &in);
		return PT_EXIT_OK;
	}
	if (pt_setup_attach(pt_pin_dir(ctx), &setup, &done, &ctx->err))
		return PT_EXIT_FAIL;
	if (done.routes.code)
		pt_log(PT_LOG_WARN, "the kernel's routes: %s", done.routes.msg);
	if (done.fresh)
		restore(ctx);
	tell(ctx, &in, &done);
	return PT_EXIT_OK;
}

int failover_detach(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	(void)argc; // none are taken
	(void)argv;
	(void)opts;
	return pt_setup_detach(pt_pin_dir(ctx), &ctx->err) ? PT_EXIT_FAIL : PT_EXIT_OK;
}
