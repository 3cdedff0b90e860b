// SPDX-License-Identifier: MIT
#include "plane/ways_object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/ours.h"
#include "plane/bank.h"
#include "plane/way.h"
#include "plane/ways_want.h"

#define SHARED (PT_NET_NEXTHOP + PT_NET_NEXTHOP_COUNT / 2) // ids from here on are shared

// A site and family that has a way.
struct member {
	uint64_t ways; // all it may leave by, as one number
	uint32_t slot;
	struct pt_nexthop to; // id 0 until it is known through which object
};

static bool same_place(const struct pt_nexthop *a, const struct pt_nexthop *b)
{
	return a->family == b->family && a->ifindex == b->ifindex && pt_addr_eq(&a->via, &b->via);
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

// In whatever order: a decision about the order moves sites, and does not part them. 0: not shared,
// because a path has no way of its own.
static uint64_t ways_of(const struct pt_plane *p, const struct pt_group *g, uint8_t family)
{
	uint64_t hash = (0xcbf29ce484222325u ^ family) * 0x100000001b3u; // FNV-1a
	uint32_t way[PT_GROUP_PATHS] = {}, n = 0;

	while (n < g->count && n < PT_GROUP_PATHS) {
		way[n] = pt_way_of(p, &p->hop[g->path[n]]);
		n++;
	}
	qsort(way, n, sizeof(*way), by_number);
	for (uint32_t i = 0; i < n; i++) {
		if (!way[i])
			return 0;
		hash = (hash ^ way[i]) * 0x100000001b3u;
	}
	return hash ? hash : 1;
}

static int by_ways(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->ways != y->ways)
		return x->ways < y->ways ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

// A vote in one pass: if most go one way, it is that.
struct vote {
	struct pt_nexthop to;
	uint32_t lead;
};

static void count_vote(struct vote *v, const struct pt_nexthop *to)
{
	if (!v->lead)
		v->to = *to;
	v->lead += same_place(&v->to, to) ? 1u : -1u;
}

static bool is_taken(const struct pt_ways_objects *o, uint32_t id)
{
	for (uint32_t i = 0; i < o->n; i++)
		if (o->object[i].id == id)
			return true;
	return false;
}

static uint32_t add_object(struct pt_ways_objects *o, struct pt_nexthop to, uint32_t id)
{
	to.id = id;
	o->object[o->n] = to;
	return o->n++;
}

// n members that may leave by the same ways.
static void share(struct pt_ways_objects *o, const struct member *m, uint32_t n)
{
	uint32_t id = SHARED + (uint32_t)(m->ways % (PT_NET_NEXTHOP_COUNT / 2));
	uint32_t shared = PT_WAYS_NONE;
	struct vote v = {};

	for (uint32_t i = 0; i < n; i++)
		count_vote(&v, &m[i].to);
	if (n > 1 && m->ways && !is_taken(o, id))
		shared = add_object(o, v.to, id);
	for (uint32_t i = 0; i < n; i++)
		o->of[m[i].slot] = shared != PT_WAYS_NONE && same_place(&v.to, &m[i].to)
			? shared
			: add_object(o, m[i].to, PT_NET_NEXTHOP + m[i].slot);
}

static uint32_t list_members(const struct pt_plane *p, const uint8_t *usable, uint32_t policy,
	uint32_t slots, struct member *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < slots; i++) {
		uint8_t family = i % 2 ? AF_INET6 : AF_INET;
		const struct pt_group *g = pt_group_active(p, i / 2, policy);
		struct pt_nexthop to;

		if (!g || !g->count || !pt_ways_nexthop(p, usable, g, family, &to))
			continue;
		out[n++] = (struct member){ .ways = ways_of(p, g, family), .slot = i, .to = to };
	}
	return n;
}

int pt_ways_objects_make(const struct pt_plane *p, const uint8_t *usable, uint32_t policy,
	struct pt_ways_objects *out, struct pt_err *err)
{
	struct pt_ways_objects o = { .slots = 2 * p->meta->site_cap };
	pt_autofree struct member *members = calloc(o.slots, sizeof(*members));
	uint32_t n, next;

	o.object = calloc(2 * (size_t)o.slots, sizeof(*o.object));
	o.of = malloc(o.slots * sizeof(*o.of));
	if (!members || !o.object || !o.of) {
		pt_ways_objects_done(&o);
		return pt_err_set(err, -ENOMEM, "out of memory");
	}
	memset(o.of, 0xff, o.slots * sizeof(*o.of)); // PT_WAYS_NONE
	n = list_members(p, usable, policy, o.slots, members);
	if (n)
		qsort(members, n, sizeof(*members), by_ways);
	for (uint32_t i = 0; i < n; i = next) {
		for (next = i + 1; next < n && members[next].ways == members[i].ways;)
			next++;
		share(&o, &members[i], next - i);
	}
	*out = o;
	return 0;
}

void pt_ways_objects_done(struct pt_ways_objects *o)
{
	free(o->object);
	free(o->of);
	*o = (struct pt_ways_objects){};
}

bool pt_ways_objects_move(const struct pt_ways_objects *o, const struct pt_plane *p,
	const uint8_t *usable, uint32_t policy, struct pt_nexthop *out)
{
	pt_autofree struct vote *votes = calloc(o->n + 1, sizeof(*votes));
	bool parted = !votes;

	for (uint32_t i = 0; i < o->slots && votes; i++) {
		const struct pt_group *g = pt_group_active(p, i / 2, policy);
		uint8_t family = i % 2 ? AF_INET6 : AF_INET;
		struct pt_nexthop to;
		bool has = g && g->count && pt_ways_nexthop(p, usable, g, family, &to);

		parted |= has != (o->of[i] != PT_WAYS_NONE);
		if (!has || o->of[i] == PT_WAYS_NONE)
			continue;
		if (votes[o->of[i]].lead && !same_place(&votes[o->of[i]].to, &to))
			parted = true;
		count_vote(&votes[o->of[i]], &to);
	}
	for (uint32_t i = 0; i < o->n; i++) {
		out[i] = o->object[i];
		if (!votes || !votes[i].to.family)
			continue;
		out[i] = votes[i].to;
		out[i].id = o->object[i].id;
	}
	return parted;
}
