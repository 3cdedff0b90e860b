// SPDX-License-Identifier: MIT
#include "plane/nat.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "net/conntrack.h"
#include "plane/dest.h"
#include "plane/state.h"

struct dead {
	const struct pt_plane *plane;
	const struct pt_links *links;
	uint32_t *path;
	uint32_t n;
};

int pt_nat_init(struct pt_nat *n, const struct pt_plane *p, struct pt_err *err)
{
	*n = (struct pt_nat){ .plane = p, .usable = calloc(p->meta->path_cap, 1) };
	return n->usable ? 0 : pt_err_set(err, -ENOMEM, "out of memory");
}

void pt_nat_done(struct pt_nat *n)
{
	free(n->usable);
	*n = (struct pt_nat){};
}

static bool is_address_of(const struct pt_links *links, uint32_t ifindex, const struct pt_addr *a)
{
	for (uint32_t i = 0; i < links->n_addr; i++)
		if (links->addr[i].ifindex == ifindex && pt_addr_eq(&links->addr[i].local, a))
			return true;
	return false;
}

// A device that has gone took its addresses, and the kernel forgot what was masqueraded by them.
static bool is_doomed(void *ctx, const struct pt_conntrack *c)
{
	const struct dead *d = ctx;
	uint32_t site;

	if (!c->snat || !c->dst.family || pt_dest_find(d->plane, &c->dst, &site))
		return false;
	for (uint32_t i = 0; i < d->n; i++) {
		const struct pt_hop *hop = &d->plane->hop[d->path[i]];

		if (hop->site != site)
			continue;
		if (hop->mark && (c->mark & d->plane->meta->mark_mask) == hop->mark)
			return true;
		if (is_address_of(d->links, hop->ifindex, &c->seen))
			return true;
	}
	return false;
}

int pt_nat_look(
	struct pt_nat *n, const struct pt_links *links, uint32_t *forgotten, struct pt_err *err)
{
	const struct pt_plane *p = n->plane;
	pt_autofree uint32_t *path = NULL;
	struct dead dead = { .plane = p, .links = links };

	*forgotten = 0;
	for (uint32_t i = 1; i < p->meta->path_cap; i++) {
		bool usable = p->hop[i].flags & PT_HOP_NAT &&
			pt_choice_rank_of(p, i) <= PT_CHOICE_DAMPED;

		if (n->usable[i] && !usable) {
			path = path ? path : calloc(p->meta->path_cap, sizeof(*path));
			if (!path)
				return pt_err_set(err, -ENOMEM, "out of memory");
			path[dead.n++] = i;
		}
		n->usable[i] = usable;
	}
	dead.path = path;
	return dead.n ? pt_conntrack_forget(is_doomed, &dead, forgotten, err) : 0;
}
