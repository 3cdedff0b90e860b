// SPDX-License-Identifier: MIT
#include "plane/way.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/ours.h"

#define NUMBERS (1u << PT_NET_MARK_BITS)

// What decides how packets leave, and the path.
struct leaving {
	uint32_t ifindex, flags, mtu;
	uint8_t via4[4];
	uint8_t via6[16];
	uint32_t path;
};

static struct leaving leaving_of(const struct pt_hop *hop, uint32_t path)
{
	struct leaving l = { .ifindex = hop->ifindex,
		.flags = hop->flags & (PT_HOP_L3 | PT_HOP_VIA4 | PT_HOP_VIA6),
		.mtu = hop->mtu,
		.path = path };

	memcpy(l.via4, hop->via4, sizeof(l.via4));
	memcpy(l.via6, hop->via6, sizeof(l.via6));
	return l;
}

static bool same_way(const struct leaving *a, const struct leaving *b)
{
	return !memcmp(a, b, offsetof(struct leaving, path));
}

static int by_way(const void *a, const void *b)
{
	const struct leaving *x = a, *y = b;
	int c = memcmp(x, y, offsetof(struct leaving, path));

	return c ? c : (x->path > y->path) - (x->path < y->path);
}

uint32_t pt_way_mask(const struct pt_config *cfg)
{
	return (NUMBERS - 1) << cfg->failover.mark_shift;
}

int pt_way_mark(struct pt_hop *hops, uint32_t n, const struct pt_config *cfg, struct pt_err *err)
{
	uint32_t used = 0, first = 0;
	pt_autofree struct leaving *all = calloc(n, sizeof(*all));

	if (!all)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 1; i < n; i++)
		if (hops[i].ifindex)
			all[used++] = leaving_of(&hops[i], i);
	if (used)
		qsort(all, used, sizeof(*all), by_way);
	for (uint32_t i = 0; i < used; i++) {
		if (!i || !same_way(&all[i], &all[i - 1]))
			first = all[i].path;
		hops[all[i].path].mark = first < NUMBERS ? first << cfg->failover.mark_shift : 0;
	}
	return 0;
}

uint32_t pt_way_of(const struct pt_plane *p, const struct pt_hop *hop)
{
	uint32_t mask = p->meta->mark_mask;

	return mask ? hop->mark / (mask & -mask) : 0;
}

uint32_t pt_way_table(uint32_t way)
{
	return PT_NET_TABLE + way;
}
