// SPDX-License-Identifier: MIT
#include "plane/onward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool ends_on_link(const struct pt_setup *s, const struct pt_path *path)
{
	const struct pt_link *link = pt_links_named(s->links, path->device);

	for (uint32_t i = 0; link && i < s->links->n_addr; i++) {
		const struct pt_link_addr *a = &s->links->addr[i];

		if (a->ifindex == link->ifindex && pt_prefix_contains(&a->connected, &path->target))
			return true;
	}
	return false;
}

int pt_onward_init(struct pt_onward *o, const struct pt_setup *s, struct pt_err *err)
{
	*o = (struct pt_onward){};
	if (!s->self->transit)
		return 0;
	o->path = calloc(s->net->n_paths + 1, sizeof(*o->path));
	if (!o->path)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < s->net->n_paths; i++) {
		const struct pt_path *path = &s->net->paths[i];

		if (!strcmp(path->source, s->self->id) && ends_on_link(s, path))
			o->path[o->n++] = path;
	}
	return 0;
}

void pt_onward_done(struct pt_onward *o)
{
	free(o->path);
	*o = (struct pt_onward){};
}

static bool leaves_to(
	const struct pt_path *path, const struct pt_link *link, const struct pt_path *other)
{
	return pt_link_is_l3(link) || pt_addr_eq(&other->target, &path->next_hop) ||
		pt_addr_eq(&other->target, &path->next_hop6);
}

const char *pt_onward_via(
	const struct pt_onward *o, const struct pt_setup *s, const struct pt_path *path)
{
	const struct pt_link *link = pt_links_named(s->links, path->device);

	if (path->via)
		return path->via;
	for (uint32_t i = 0; link && i < o->n; i++)
		if (o->path[i] == path) // it ends on the link itself
			return NULL;
	for (uint32_t i = 0; link && i < o->n; i++)
		if (!strcmp(o->path[i]->device, path->device) &&
			strcmp(o->path[i]->dest, path->dest) != 0 &&
			leaves_to(path, link, o->path[i]))
			return o->path[i]->dest;
	return NULL;
}
