// SPDX-License-Identifier: MIT
#include "plane/underlay.h"

#include <string.h>

#include "plane/block.h"

// Reasons of an uplink's own that reach what rides on it.
#define OWN (PT_BLOCK_HARD & ~PT_BLOCK_UNDERLAY)

static bool is_out(const struct pt_underlay *u, const char *underlay)
{
	const struct pt_uplink *up = underlay ? pt_network_uplink(u->net, underlay) : NULL;

	for (uint32_t n = 0; up && n < u->net->n_uplinks; n++) {
		uint32_t index = pt_names_index(u->names, PT_NAME_UPLINK, up->id);

		if (index < PT_MAX_UPLINK && u->plane->block->uplink[index] & OWN)
			return true;
		up = up->underlay ? pt_network_uplink(u->net, up->underlay) : NULL;
	}
	return false;
}

static void free_users(const struct pt_underlay *u, uint32_t uplink)
{
	for (uint32_t i = 1; u->before_free && i < u->plane->meta->path_cap; i++)
		if (u->plane->hop[i].flags & PT_HOP_USED && u->plane->hop[i].uplink == uplink)
			u->before_free(u->ctx, i);
}

static bool follow_uplink(const struct pt_underlay *u, const struct pt_uplink *up)
{
	uint32_t index = pt_names_index(u->names, PT_NAME_UPLINK, up->id);
	bool out = is_out(u, up->underlay);

	if (index >= PT_MAX_UPLINK)
		return false;
	if (!out && u->plane->block->uplink[index] & PT_BLOCK_UNDERLAY)
		free_users(u, index);
	return pt_block_uplink(u->plane, index, PT_BLOCK_UNDERLAY, out);
}

static bool follow_path(const struct pt_underlay *u, const struct pt_path *path)
{
	uint32_t index = pt_names_index(u->names, PT_NAME_PATH, path->id);
	bool out = is_out(u, path->underlay);

	if (index >= u->plane->meta->path_cap)
		return false;
	if (!out && u->plane->block->path[index] & PT_BLOCK_UNDERLAY && u->before_free)
		u->before_free(u->ctx, index);
	return pt_block_path(u->plane, index, PT_BLOCK_UNDERLAY, out);
}

bool pt_underlay_follow(const struct pt_underlay *u)
{
	bool changed = false;

	for (uint32_t i = 0; i < u->net->n_uplinks; i++)
		if (!strcmp(u->net->uplinks[i].site, u->self->id))
			changed |= follow_uplink(u, &u->net->uplinks[i]);
	for (uint32_t i = 0; i < u->net->n_paths; i++)
		if (!strcmp(u->net->paths[i].source, u->self->id))
			changed |= follow_path(u, &u->net->paths[i]);
	return changed;
}
