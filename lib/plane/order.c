// SPDX-License-Identifier: MIT
#include "plane/order.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/network.h"
#include "plane/bank.h"
#include "plane/shared.h"

#define LOCK_WAIT_MS 2000
#define NS_PER_CS    (10 * PT_NS_PER_MS)

static int find(const struct pt_names *n, enum pt_name_kind kind, const char *what, const char *id,
	uint32_t *out, struct pt_err *err)
{
	*out = pt_names_index(n, kind, id);
	if (*out == PT_NAMES_NONE)
		return pt_err_set(err, -ENOENT, "%s %s: unknown here", what, id);
	return 0;
}

static int add_path(const struct pt_names *n, struct pt_order *o, const char *id, int64_t weight,
	struct pt_err *err)
{
	uint32_t path;
	int ret = find(n, PT_NAME_PATH, "path", id, &path, err);

	if (ret)
		return ret;
	if (n->plane->hop[path].site != o->site)
		return pt_err_set(err, -EINVAL, "path %s: does not lead to that site", id);
	for (uint32_t i = 0; i < o->group.count; i++)
		if (o->group.path[i] == path)
			return pt_err_set(err, -EINVAL, "path %s: named twice", id);
	if (o->group.count == PT_GROUP_PATHS)
		return 0; // the best of them serve; attach leaves out the others likewise
	if (weight < 0 || weight > PT_MAX_WEIGHT)
		return pt_err_set(err, -EINVAL, "path %s: no such weight", id);
	o->group.weight[o->group.count] = (uint8_t)weight;
	o->group.path[o->group.count++] = (uint16_t)path;
	return 0;
}

int pt_order_resolve(const struct pt_names *n, const struct pt_decision *d, struct pt_order *out,
	struct pt_err *err)
{
	struct pt_order o = {};
	const struct pt_group *now;
	int ret = find(n, PT_NAME_SITE, "site", d->site, &o.site, err);

	if (!ret)
		ret = find(n, PT_NAME_POLICY, "policy", d->policy, &o.policy, err);
	if (d->n_weights && d->n_weights != d->n_paths)
		ret = pt_err_set(err, -EINVAL, "site %s, policy %s: %u weights for %u paths",
			d->site, d->policy, d->n_weights, d->n_paths);
	for (uint32_t i = 0; i < d->n_paths && !ret && !d->drop; i++)
		ret = add_path(n, &o, d->paths[i], d->n_weights ? d->weights[i] : 0, err);
	if (d->n_weights)
		o.group.flags = PT_GROUP_WEIGHTED;
	if (!ret && !o.group.count && !d->drop)
		ret = pt_err_set(
			err, -EINVAL, "site %s, policy %s: no paths given", d->site, d->policy);
	if (ret)
		return ret;
	now = pt_group_active(n->plane, o.site, o.policy);
	if (now)
		o.group.flags |= now->flags & PT_GROUP_POLICY;
	if (d->drop || o.group.flags & PT_GROUP_POLICY_DROP)
		o.group.flags |= PT_GROUP_DROP;
	o.group.flags |= PT_GROUP_DECIDED;
	*out = o;
	return 0;
}

static bool in_place(const struct pt_plane *p, const struct pt_order *o)
{
	const struct pt_group *now = pt_group_active(p, o->site, o->policy);

	return now && !memcmp(now, &o->group, sizeof(*now));
}

int pt_order_apply(const struct pt_names *names, const struct pt_order *orders, uint32_t n,
	uint32_t *changed, struct pt_err *err)
{
	struct pt_plane *p = names->plane;
	pt_autofd lock = -1;
	struct pt_bank bank;
	uint32_t news = 0;
	int ret;

	for (uint32_t i = 0; i < n; i++)
		news += !in_place(p, &orders[i]);
	*changed = news;
	if (!news)
		return 0;
	ret = pt_pin_lock_wait(p->dir, PT_PIN_LOCK_WRITE, LOCK_WAIT_MS, &lock, err);
	if (!ret)
		ret = pt_bank_begin(p, PT_BANK_GROUP, &bank, err);
	if (ret)
		return ret;
	pt_bank_copy_groups(&bank);
	for (uint32_t i = 0; i < n; i++)
		(void)pt_bank_put_group( // what is out of range is nobody's
			&bank, orders[i].site, orders[i].policy, &orders[i].group);
	pt_shared_put_all(&bank, names);
	pt_bank_commit(&bank);
	return 0;
}

void pt_order_by_hand(struct pt_order *o)
{
	o->group.by_hand_cs = (uint32_t)(pt_mono_now().ns / NS_PER_CS) + 1; // never 0
}

bool pt_order_is_newer_by_hand(
	const struct pt_plane *p, uint32_t site, uint32_t policy, int64_t then_ns)
{
	const struct pt_group *now = pt_group_active(p, site, policy);

	return now && now->by_hand_cs && then_ns / NS_PER_CS < now->by_hand_cs;
}
