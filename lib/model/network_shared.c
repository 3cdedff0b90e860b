// SPDX-License-Identifier: MIT
#include "model/network_shared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 2 // places of a site that comes later

struct owned {
	const struct pt_prefix *prefix;
	const struct pt_site *site;
};

static int by_prefix(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;
	int c = pt_prefix_cmp(x->prefix, y->prefix);

	if (c == 0)
		c = (x->site->preference < y->site->preference) -
			(x->site->preference > y->site->preference);
	return c ? c : (x->site > y->site) - (x->site < y->site);
}

// Only a preference lets two sites hold the same prefix.
static bool any_preference(const struct pt_network *net)
{
	for (uint32_t i = 0; i < net->n_sites; i++)
		if (net->sites[i].preference)
			return true;
	return false;
}

static struct owned *list(const struct pt_network *net, struct pt_arena *scratch, uint32_t *n)
{
	struct owned *all;
	uint32_t total = 0;

	for (uint32_t i = 0; i < net->n_sites; i++)
		total += net->sites[i].n_prefixes;
	all = pt_arena_alloc(scratch, (total + 1) * sizeof(*all));
	*n = 0;
	for (uint32_t i = 0; i < net->n_sites; i++)
		for (uint32_t k = 0; k < net->sites[i].n_prefixes; k++)
			all[(*n)++] = (struct owned){ &net->sites[i].prefixes[k], &net->sites[i] };
	if (*n)
		qsort(all, *n, sizeof(*all), by_prefix);
	return all;
}

static bool has(const struct owned *o, uint32_t n, const struct pt_site *site)
{
	for (uint32_t i = 0; i < n; i++)
		if (o[i].site == site)
			return true;
	return false;
}

// The set of the sites of o[0..n), preferred first; made where there is none yet.
static int set_of(const struct pt_network *net, const struct owned *o, uint32_t n,
	struct pt_shared *out, uint32_t *index, struct pt_err *err)
{
	struct pt_shared_set set = {};
	size_t len = 0;

	for (uint32_t i = 0; i < n && i < PT_SHARED_SITES; i++) {
		size_t more = strlen(o[i].site->id);

		if (len + more + 2 > sizeof(set.id))
			return pt_err_set(err, -ENAMETOOLONG,
				"sites %s and %s share a prefix: their ids are too long together",
				o[0].site->id, o[i].site->id);
		if (i)
			set.id[len++] = PT_SHARED_JOINT;
		memcpy(set.id + len, o[i].site->id, more);
		len += more;
		set.site[set.n++] = (uint32_t)(o[i].site - net->sites);
	}
	for (*index = 0; *index < out->n_sets; (*index)++)
		if (!strcmp(out->set[*index].id, set.id))
			return 0;
	out->set[out->n_sets++] = set;
	return 0;
}

int pt_shared_find(const struct pt_network *net, const struct pt_site *self, struct pt_shared *out,
	struct pt_err *err)
{
	struct pt_arena scratch = {};
	struct pt_shared got = {};
	const struct owned *all;
	uint32_t n, next;
	int ret = 0;

	*out = got;
	if (!any_preference(net))
		return 0;
	all = list(net, &scratch, &n);
	got.set = pt_arena_alloc(&got.arena, (n / 2 + 1) * sizeof(*got.set));
	got.prefix = pt_arena_alloc(&got.arena, (n / 2 + 1) * sizeof(*got.prefix));
	for (uint32_t i = 0; i < n && !ret; i = next) {
		struct pt_shared_prefix *p = &got.prefix[got.n_prefixes];

		for (next = i + 1; next < n; next++)
			if (pt_prefix_cmp(all[next].prefix, all[i].prefix) != 0)
				break;
		if (next == i + 1 || has(&all[i], next - i, self))
			continue;
		p->prefix = *all[i].prefix;
		ret = set_of(net, &all[i], next - i, &got, &p->set, err);
		got.n_prefixes++;
	}
	pt_arena_done(&scratch);
	if (ret)
		pt_shared_done(&got);
	*out = got;
	return ret;
}

void pt_shared_done(struct pt_shared *s)
{
	pt_arena_done(&s->arena);
	*s = (struct pt_shared){};
}

static int by_key(const void *key, const void *row)
{
	return pt_prefix_cmp(key, &((const struct pt_shared_prefix *)row)->prefix);
}

const struct pt_shared_set *pt_shared_of(const struct pt_shared *s, const struct pt_prefix *prefix)
{
	const struct pt_shared_prefix *p = s->n_prefixes
		? bsearch(prefix, s->prefix, s->n_prefixes, sizeof(*s->prefix), by_key)
		: NULL;

	return p ? &s->set[p->set] : NULL;
}

void pt_shared_places(const uint32_t *have, uint32_t n, uint32_t room, uint32_t *places)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t later = 0, left;

		for (uint32_t k = i + 1; k < n; k++)
			later += have[k] < LEAST ? have[k] : LEAST;
		left = room > later ? room - later : 0;
		places[i] = have[i] < left ? have[i] : left;
		room -= places[i];
	}
}
