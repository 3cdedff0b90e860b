// SPDX-License-Identifier: MIT
// By hand: prefer paths, or take them out of use. What packets then use is printed.
#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "failover.h"
#include "net/link.h"
#include "plane/bank.h"
#include "plane/block.h"
#include "plane/keep.h"
#include "plane/names.h"
#include "plane/order.h"
#include "plane/state.h"

const struct argp_option switch_options[] = {
	{ .name = "policy",
		.key = 'p',
		.arg = "ID",
		.doc = "Order the paths for this policy only (default: for all)" },
	{ .name = "block", .key = 'b', .doc = "Take the paths out of use" },
	{ .name = "unblock", .key = 'u', .doc = "Allow the paths again" },
	{},
};

int switch_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct switch_opts *o = opts;

	switch (key) {
	case 'p':
		o->policy = arg;
		break;
	case 'b':
		o->block = true;
		break;
	case 'u':
		o->unblock = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (o->block + o->unblock + (o->policy != NULL) > 1)
		return pt_err_set(&ctx->err, -EINVAL,
			"switch: one of --policy, --block, --unblock at a time");
	return 0;
}

struct job {
	struct pt_ctx *ctx;
	struct pt_plane *plane;
	struct pt_names names;
	uint32_t path[PT_GROUP_PATHS];
	uint32_t n;
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

static int find_paths(struct job *j, int argc, char **argv)
{
	struct pt_err *err = &j->ctx->err;

	for (int i = 0; i < argc; i++) {
		uint32_t path = pt_names_index(&j->names, PT_NAME_PATH, argv[i]);

		if (path == PT_NAMES_NONE)
			return pt_err_set(err, -ENOENT, "path %s: unknown here", argv[i]);
		if (is_named(j, path))
			return pt_err_set(err, -EINVAL, "path %s: named twice", argv[i]);
		if (j->n == PT_GROUP_PATHS)
			return pt_err_set(err, -EINVAL, "more than %d paths", PT_GROUP_PATHS);
		j->path[j->n++] = path;
	}
	return 0;
}

// ---- block, unblock ----

static int block(struct job *j, bool on)
{
	for (uint32_t i = 0; i < j->n; i++) {
		bool changed = j->ctx->dry_run
			? !(j->plane->block->path[j->path[i]] & PT_BLOCK_MANUAL) == on
			: pt_block_path(j->plane, j->path[i], PT_BLOCK_MANUAL, on);

		if (!j->ctx->quiet)
			printf("%s: %s%s\n", path_id(j, j->path[i]), changed ? "" : "already ",
				on ? "blocked" : "free");
	}
	return 0;
}

// ---- order ----

static bool holds(const struct pt_group *g, uint32_t path)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (g->path[i] == path)
			return true;
	return false;
}

// Those named come first, in the order given; the others follow in the order they have.
static void reorder(const struct job *j, const struct pt_group *was, struct pt_group *out)
{
	*out = (struct pt_group){ .flags = was->flags | PT_GROUP_DECIDED };
	for (uint32_t i = 0; i < j->n; i++)
		if (holds(was, j->path[i]))
			out->path[out->count++] = (uint16_t)j->path[i];
	for (uint32_t i = 0; i < was->count; i++)
		if (!is_named(j, was->path[i]))
			out->path[out->count++] = was->path[i];
}

static void print_order(const struct job *j, const struct pt_order *o)
{
	struct pt_choice choice = pt_choice_of(j->plane, &o->group);
	pt_autobuf order = {};

	for (uint32_t i = 0; i < o->group.count; i++)
		pt_buf_printf(&order, "%s%s", i ? "," : "", path_id(j, o->group.path[i]));
	printf("%s %s: %s, uses %s (%s)\n", pt_names_id(&j->names, PT_NAME_SITE, o->site),
		pt_names_id(&j->names, PT_NAME_POLICY, o->policy), pt_buf_str(&order),
		choice.path ? path_id(j, choice.path) : "nothing", pt_choice_names[choice.rank]);
}

static int order(struct job *j, const char *policy_id)
{
	uint32_t site = j->plane->hop[j->path[0]].site, n = 0, changed, only = PT_NAMES_NONE;
	struct pt_order orders[PT_MAX_POLICY];

	for (uint32_t i = 1; i < j->n; i++)
		if (j->plane->hop[j->path[i]].site != site)
			return pt_err_set(&j->ctx->err, -EINVAL,
				"%s and %s lead to different sites", path_id(j, j->path[0]),
				path_id(j, j->path[i]));
	if (policy_id)
		only = pt_names_index(&j->names, PT_NAME_POLICY, policy_id);
	if (policy_id && only == PT_NAMES_NONE)
		return pt_err_set(&j->ctx->err, -ENOENT, "policy %s: unknown here", policy_id);
	for (uint32_t i = 0; i < PT_MAX_POLICY; i++) {
		const struct pt_group *was = pt_group_active(j->plane, site, i);

		if (!was || !was->count || (policy_id && i != only))
			continue;
		orders[n].site = site;
		orders[n].policy = i;
		reorder(j, was, &orders[n].group);
		pt_order_by_hand(&orders[n]);
		n++;
	}
	if (!j->ctx->dry_run && pt_order_apply(&j->names, orders, n, &changed, &j->ctx->err))
		return j->ctx->err.code;
	for (uint32_t i = 0; i < n && !j->ctx->quiet; i++)
		print_order(j, &orders[i]);
	return 0;
}

// The daemon hears of it; and a reboot does not undo it.
static int finish(struct job *j)
{
	const char *dir = pt_state_dir(j->ctx);
	int ret = pt_pin_touch(pt_pin_dir(j->ctx), &j->ctx->err);

	return ret || !dir ? ret : pt_keep_save(dir, j->plane, &j->names, &j->ctx->err);
}

int failover_switch(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct switch_opts *o = opts;
	struct job j = { .ctx = ctx };
	int ret = pt_plane_open(pt_pin_dir(ctx), PT_PLANE_WRITE, &j.plane, &ctx->err);

	if (!ret)
		ret = pt_names_read(j.plane, &j.names, &ctx->err);
	if (!ret)
		ret = find_paths(&j, argc, argv);
	if (!ret)
		ret = o->block || o->unblock ? block(&j, o->block) : order(&j, o->policy);
	if (!ret && !ctx->dry_run)
		ret = finish(&j);
	pt_names_done(&j.names);
	pt_plane_free(j.plane);
	return ret ? PT_EXIT_FAIL : PT_EXIT_OK;
}
