// SPDX-License-Identifier: MIT
// What BFD asks of the paths of a network.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/network_index.h"

struct end {
	const struct pt_path *path;
	const char *device;
};

static const char *device_of(const struct pt_check *c, const struct pt_path *p)
{
	return p->device
		? p->device
		: ((const struct pt_uplink *)pt_index_find(&c->uplinks, p->uplink))->device;
}

static int by_end(const void *a, const void *b)
{
	const struct end *ea = a, *eb = b;
	int c = strcmp(ea->path->source, eb->path->source);

	if (c == 0)
		c = strcmp(ea->device, eb->device);
	if (c == 0)
		c = memcmp(&ea->path->target, &eb->path->target, sizeof(ea->path->target));
	return c ? c : (ea->path > eb->path) - (ea->path < eb->path);
}

// The first packet of a far end says nothing but where it comes from (RFC 5881 section 3).
int pt_check_bfd(struct pt_check *c)
{
	const struct pt_network *n = c->n;
	struct end *ends = pt_arena_alloc(&c->scratch, (n->n_paths + 1) * sizeof(*ends));
	uint32_t k = 0;

	for (uint32_t i = 0; i < n->n_paths; i++) {
		const struct pt_path *p = &n->paths[i];
		if (p->liveness == PT_LIVENESS_BFD)
			ends[k++] = (struct end){ p, device_of(c, p) };
		else if (p->quality != PT_QUALITY_STAMP)
			return pt_check_bad(c, &p->quality, p,
				"paths[%" PRIu32 "].quality: without liveness: bfd it is the "
				"probes that tell life, which are stamp",
				i);
	}
	if (k)
		qsort(ends, k, sizeof(*ends), by_end);
	for (uint32_t i = 1; i < k; i++) {
		const struct pt_path *p = ends[i].path, *before = ends[i - 1].path;
		if (strcmp(p->source, before->source) != 0 ||
			strcmp(ends[i].device, ends[i - 1].device) != 0 ||
			!pt_addr_eq(&p->target, &before->target))
			continue;
		return pt_check_bad(c, &p->target, p,
			"paths[%" PRIu32 "].target: path \"%s\" has a BFD session with it by %s",
			pt_index_position(&c->paths, p), before->id, ends[i].device);
	}
	return 0;
}
