// SPDX-License-Identifier: MIT
// By hand: prefer paths, or take them out of use. What packets then use is printed.
#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "hand.h"
#include "net/link.h"
#include "plane/bank.h"
#include "plane/block.h"
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

static int check_paths(const struct hand *h)
{
	if (h->n > PT_GROUP_PATHS)
		return pt_err_set(&h->ctx->err, -EINVAL, "more than %d paths", PT_GROUP_PATHS);
	for (uint32_t i = 1; i < h->n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (h->path[k] == h->path[i])
				return pt_err_set(&h->ctx->err, -EINVAL, "path %s: named twice",
					hand_id(h, h->path[i]));
	return 0;
}

// ---- block, unblock ----

static int block(struct hand *h, bool on)
{
	for (uint32_t i = 0; i < h->n; i++) {
		bool changed = h->ctx->dry_run
			? !(h->plane->block->path[h->path[i]] & PT_BLOCK_MANUAL) == on
			: pt_block_path(h->plane, h->path[i], PT_BLOCK_MANUAL, on);

		if (!h->ctx->quiet)
			printf("%s: %s%s\n", hand_id(h, h->path[i]), changed ? "" : "already ",
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
static void reorder(const struct hand *h, const struct pt_group *was, struct pt_group *out)
{
	*out = (struct pt_group){ .flags = was->flags | PT_GROUP_DECIDED };
	for (uint32_t i = 0; i < h->n; i++)
		if (holds(was, h->path[i]))
			out->path[out->count++] = (uint16_t)h->path[i];
	for (uint32_t i = 0; i < was->count; i++)
		if (!hand_has(h, was->path[i]))
			out->path[out->count++] = was->path[i];
}

static void print_order(const struct hand *h, const struct pt_order *o)
{
	struct pt_choice choice = pt_choice_of(h->plane, &o->group);
	pt_autobuf order = {};

	for (uint32_t i = 0; i < o->group.count; i++)
		pt_buf_printf(&order, "%s%s", i ? "," : "", hand_id(h, o->group.path[i]));
	printf("%s %s: %s, uses %s (%s)\n", pt_names_id(&h->names, PT_NAME_SITE, o->site),
		pt_names_id(&h->names, PT_NAME_POLICY, o->policy), pt_buf_str(&order),
		choice.path ? hand_id(h, choice.path) : "nothing", pt_choice_names[choice.rank]);
}

static int order(struct hand *h, const char *policy_id)
{
	uint32_t site = h->plane->hop[h->path[0]].site, n = 0, changed, only = PT_NAMES_NONE;
	struct pt_order orders[PT_MAX_POLICY];

	for (uint32_t i = 1; i < h->n; i++)
		if (h->plane->hop[h->path[i]].site != site)
			return pt_err_set(&h->ctx->err, -EINVAL,
				"%s and %s lead to different sites", hand_id(h, h->path[0]),
				hand_id(h, h->path[i]));
	if (policy_id)
		only = pt_names_index(&h->names, PT_NAME_POLICY, policy_id);
	if (policy_id && only == PT_NAMES_NONE)
		return pt_err_set(&h->ctx->err, -ENOENT, "policy %s: unknown here", policy_id);
	for (uint32_t i = 0; i < PT_MAX_POLICY; i++) {
		const struct pt_group *was = pt_group_active(h->plane, site, i);

		if (!was || !was->count || (policy_id && i != only))
			continue;
		orders[n].site = site;
		orders[n].policy = i;
		reorder(h, was, &orders[n].group);
		pt_order_by_hand(&orders[n]);
		n++;
	}
	if (!h->ctx->dry_run && pt_order_apply(&h->names, orders, n, &changed, &h->ctx->err))
		return h->ctx->err.code;
	for (uint32_t i = 0; i < n && !h->ctx->quiet; i++)
		print_order(h, &orders[i]);
	return 0;
}

// The daemon hears of it; and a reboot does not undo it.
static int finish(const struct hand *h)
{
	int ret = pt_pin_touch(pt_pin_dir(h->ctx), &h->ctx->err);

	return ret ? ret : hand_keep(h);
}

int failover_switch(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct switch_opts *o = opts;
	struct hand h;
	int ret = hand_begin(&h, ctx, argc, argv);

	if (!ret)
		ret = check_paths(&h);
	if (!ret)
		ret = o->block || o->unblock ? block(&h, o->block) : order(&h, o->policy);
	if (!ret && !ctx->dry_run)
		ret = finish(&h);
	hand_end(&h);
	return ret ? PT_EXIT_FAIL : PT_EXIT_OK;
}
