// SPDX-License-Identifier: MIT
#include "plane/choices.h"

#include <errno.h>
#include <stdlib.h>

#include "plane/bank.h"
#include "plane/state.h"

int pt_choices_init(struct pt_choices *c, const struct pt_plane *p, struct pt_err *err)
{
	*c = (struct pt_choices){ .plane = p };
	c->path = calloc((size_t)p->meta->site_cap * PT_MAX_POLICY, sizeof(*c->path));
	if (!c->path)
		return pt_err_set(err, -ENOMEM, "out of memory");
	(void)pt_choices_look(c);
	return 0;
}

void pt_choices_done(struct pt_choices *c)
{
	free(c->path);
	*c = (struct pt_choices){};
}

static bool look_at(struct pt_choices *c, uint32_t site, uint32_t policy, struct pt_moved *out)
{
	const struct pt_group *g = pt_group_active(c->plane, site, policy);
	uint16_t *was = &c->path[site * PT_MAX_POLICY + policy];
	uint16_t now = (uint16_t)(g->count ? pt_choice_of(c->plane, g).path : 0);

	if (now == *was)
		return false;
	if (!out->from && !out->to) {
		out->from = *was;
		out->to = now;
	}
	*was = now;
	return true;
}

struct pt_moved pt_choices_look(struct pt_choices *c)
{
	struct pt_moved out = {};

	for (uint32_t site = 0; site < c->plane->meta->site_cap; site++) {
		bool moved = false;

		for (uint32_t policy = 0; policy < PT_MAX_POLICY; policy++)
			moved |= look_at(c, site, policy, &out);
		out.sites += moved;
	}
	return out;
}
