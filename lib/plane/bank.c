// SPDX-License-Identifier: MIT
#include "plane/bank.h"

#include <string.h>

#include "plane/settle.h"

static size_t groups(const struct pt_plane *p)
{
	return (size_t)p->meta->site_cap * PT_MAX_POLICY;
}

static uint32_t active(const struct pt_plane *p, uint32_t which)
{
	return !!(__atomic_load_n(&p->meta->bank, __ATOMIC_ACQUIRE) & which);
}

int pt_bank_begin(struct pt_plane *p, uint32_t flip, struct pt_bank *out, struct pt_err *err)
{
	int ret = pt_settle_spare(p, err);

	if (!ret)
		*out = (struct pt_bank){ .plane = p, .flip = flip };
	return ret;
}

static struct pt_group *spare_groups(const struct pt_bank *b)
{
	return b->plane->group + !active(b->plane, PT_BANK_GROUP) * groups(b->plane);
}

// A policy's groups begin with a quarter of their own: PT_MAX_POLICY is a multiple of PT_FIRSTS.
static struct pt_first *spare_first(const struct pt_bank *b)
{
	return b->plane->first + !active(b->plane, PT_BANK_GROUP) * groups(b->plane) / PT_FIRSTS;
}

void pt_bank_copy_groups(const struct pt_bank *b)
{
	const struct pt_plane *p = b->plane;

	memcpy(spare_groups(b), p->group + active(p, PT_BANK_GROUP) * groups(p),
		groups(p) * sizeof(*p->group));
	memcpy(spare_first(b), p->first + active(p, PT_BANK_GROUP) * groups(p) / PT_FIRSTS,
		groups(p) / PT_FIRSTS * sizeof(*p->first));
}

void pt_bank_clear_groups(const struct pt_bank *b)
{
	memset(spare_groups(b), 0, groups(b->plane) * sizeof(struct pt_group));
	memset(spare_first(b), 0, groups(b->plane) / PT_FIRSTS * sizeof(struct pt_first));
}

static struct pt_group *group_at(
	const struct pt_plane *p, uint32_t bank, uint32_t site, uint32_t policy)
{
	if (site >= p->meta->site_cap || policy >= PT_MAX_POLICY)
		return NULL;
	return &p->group[PT_GROUP_KEY((size_t)p->meta->site_cap, bank, site, policy)];
}

const struct pt_group *pt_bank_group(const struct pt_bank *b, uint32_t site, uint32_t policy)
{
	return group_at(b->plane, !active(b->plane, PT_BANK_GROUP), site, policy);
}

bool pt_bank_put_group(
	const struct pt_bank *b, uint32_t site, uint32_t policy, const struct pt_group *group)
{
	struct pt_group *to = group_at(b->plane, !active(b->plane, PT_BANK_GROUP), site, policy);
	size_t key;

	if (!to)
		return false;
	*to = *group;
	key = (size_t)(to - b->plane->group);
	b->plane->first[key / PT_FIRSTS].path[key % PT_FIRSTS] = group->flags & PT_GROUP_WHOLE
		? 0
		: group->path[0];
	return true;
}

struct pt_rule *pt_bank_rule(const struct pt_bank *b)
{
	return &b->plane->rule[!active(b->plane, PT_BANK_CLASS)];
}

struct pt_dest *pt_bank_dest(const struct pt_bank *b)
{
	return &b->plane->dest[!active(b->plane, PT_BANK_CLASS)];
}

struct pt_trie pt_bank_trie(const struct pt_bank *b)
{
	struct pt_plane *p = b->plane;
	uint32_t chunks = p->entries[PT_MAP_CHUNK] / 2, forks = p->entries[PT_MAP_FORK] / 2;
	uint32_t spare = !active(p, PT_BANK_CLASS);

	return (struct pt_trie){ .chunk = p->chunk + spare * chunks,
		.fork = p->fork + spare * forks,
		.first_chunk = spare * chunks,
		.first_fork = spare * forks,
		.max_chunks = chunks,
		.max_forks = forks };
}

void pt_bank_commit(struct pt_bank *b)
{
	pt_plane_changing(b->plane);
	pt_settle_flip(b->plane, b->flip);
	pt_plane_changed(b->plane);
}

const struct pt_group *pt_group_active(const struct pt_plane *p, uint32_t site, uint32_t policy)
{
	return group_at(p, active(p, PT_BANK_GROUP), site, policy);
}
