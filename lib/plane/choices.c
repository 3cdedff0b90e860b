// SPDX-License-Identifier: MIT
#include "plane/choices.h"

#include <errno.h>
#include <stdlib.h>

#include "plane/bank.h"
#include "plane/state.h"

int pt_choices_init(struct pt_choices *c, const struct pt_plane *p, const struct pt_names *names,
	struct pt_err *err)
{
	*c = (struct pt_choices){ .plane = p, .names = names };
	c->path = calloc((size_t)p->meta->site_cap * PT_MAX_POLICY, sizeof(*c->path));
	c->moved = calloc(p->meta->site_cap, sizeof(*c->moved));
	if (!c->path || !c->moved)
		return pt_err_set(err, -ENOMEM, "out of memory");
	(void)pt_choices_look(c);
	return 0;
}

void pt_choices_done(struct pt_choices *c)
{
	free(c->path);
	free(c->moved);
	*c = (struct pt_choices){};
}

#define SHARED 0x4000 // no path's index: the rest is a set of positions in the group

// Of a weighted group: those who take flows.
static uint16_t sharers(const struct pt_plane *p, const struct pt_group *g)
{
	uint16_t set = SHARED;

	for (uint32_t i = 0; i < g->count && i < PT_GROUP_PATHS; i++) {
		const struct pt_group alone = { .path = { g->path[i] }, .count = 1 };

		if (g->weight[i] && pt_choice_of(p, &alone).rank <= PT_CHOICE_DAMPED)
			set |= (uint16_t)(1u << i);
	}
	return set;
}

// The first path of the group that is in one set and not in the other; the present choice where
// there is none.
static uint32_t only_in(
	const struct pt_plane *p, const struct pt_group *g, uint32_t one, uint32_t other)
{
	uint32_t set = one & SHARED && other & SHARED ? one & ~other & (SHARED - 1) : 0;

	return set && __builtin_ctz(set) < PT_GROUP_PATHS ? g->path[__builtin_ctz(set)]
							  : pt_choice_of(p, g).path;
}

static bool look_at(struct pt_choices *c, uint32_t site, uint32_t policy, struct pt_moved *out)
{
	const struct pt_group *g = pt_group_active(c->plane, site, policy);
	uint16_t *was = &c->path[(size_t)policy * c->plane->meta->site_cap + site];
	uint16_t now = (uint16_t)(g->count ? pt_choice_of(c->plane, g).path : 0);

	if (now && g->flags & PT_GROUP_WEIGHTED)
		now = sharers(c->plane, g);
	if (now == *was)
		return false;
	if (!out->from && !out->to) {
		out->from = *was & SHARED ? only_in(c->plane, g, *was, now) : *was;
		out->to = now & SHARED ? only_in(c->plane, g, now, *was) : now;
	}
	*was = now;
	return true;
}

// Groups as they lie in memory, and only those that may have something in them: with thousands of
// sites this is what a look costs.
struct pt_moved pt_choices_look(struct pt_choices *c)
{
	struct pt_moved out = {};

	c->looks++;
	for (uint32_t policy = 0; policy < PT_MAX_POLICY; policy++) {
		if (!pt_names_id(c->names, PT_NAME_POLICY, policy))
			continue;
		for (uint32_t site = 0; site < c->plane->meta->site_cap; site++) {
			if (!look_at(c, site, policy, &out) || c->moved[site] == c->looks)
				continue;
			c->moved[site] = c->looks;
			out.sites++;
		}
	}
	return out;
}
