// SPDX-License-Identifier: MIT
#include "plane/dest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct wanted {
	struct pt_trie_item *items;
	uint32_t n;
};

static void add(struct wanted *w, const struct pt_prefix *prefix, uint32_t site, int64_t preference)
{
	w->items[w->n++] = pt_trie_item(prefix, site + 1, preference);
}

static void add_local(struct wanted *w, const struct pt_links *links)
{
	for (uint32_t i = 0; i < links->n_addr; i++) {
		const struct pt_link_addr *a = &links->addr[i];
		struct pt_prefix host = { .addr = a->local,
			.len = a->local.family == AF_INET ? 32 : 128 };

		add(w, &host, PT_SITE_LOCAL, INT64_MAX);
		if (a->connected.len)
			add(w, &a->connected, PT_SITE_LOCAL, INT64_MAX);
	}
}

static void add_site(
	struct wanted *w, const struct pt_setup *s, uint32_t at, const struct pt_dest_index *index)
{
	const struct pt_site *site = &s->net->sites[at];
	bool self = !strcmp(s->self->id, site->id);
	uint32_t alone = self || !index ? PT_SITE_LOCAL : index->site[at];

	for (uint32_t i = 0; i < site->n_prefixes; i++) {
		const struct pt_shared_set *set = index
			? pt_shared_of(index->shared, &site->prefixes[i])
			: NULL;

		add(w, &site->prefixes[i], set ? index->set[set - index->shared->set] : alone,
			self ? INT64_MAX : site->preference);
	}
}

void pt_dest_bar(uint32_t root[65536])
{
	static const struct {
		uint16_t first, last; // 16 bits of the address
	} never[] = { { 0, 0xff }, { 0x7f00, 0x7fff }, { 0xa9fe, 0xa9fe }, { 0xe000, 0xffff } };

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		for (uint32_t at = never[i].first; at <= never[i].last; at++)
			root[at] = 0;
}

int pt_dest_fill(const struct pt_setup *s, const struct pt_dest_index *index, struct pt_trie *trie,
	struct pt_dest *out, struct pt_err *err)
{
	const struct pt_network *net = s->net;
	uint32_t room = 2 * s->links->n_addr + 1, v4, v6;
	pt_autofree struct pt_trie_item *items = NULL;
	struct wanted w = {};

	for (uint32_t i = 0; i < net->n_sites; i++)
		room += net->sites[i].n_prefixes;
	items = calloc(room, sizeof(*items));
	if (!items)
		return pt_err_set(err, -ENOMEM, "out of memory");
	w.items = items;
	add_local(&w, s->links);
	for (uint32_t i = 0; i < net->n_sites; i++)
		add_site(&w, s, i, index);
	w.n = pt_trie_sort(items, w.n);
	v4 = pt_trie_count_v4(items, w.n);
	pt_trie_build_root(trie, items, v4, out ? out->v4 : NULL);
	v6 = pt_trie_build(trie, items + v4, w.n - v4);
	if (out) {
		pt_dest_bar(out->v4);
		out->v6 = v6;
	}
	return 0;
}

int pt_dest_find(const struct pt_plane *p, const struct pt_addr *addr, uint32_t *site)
{
	const struct pt_prefix host = { .addr = *addr };
	const struct pt_trie_item key = pt_trie_item(&host, 0, 0);
	const struct pt_dest *dest = &p->dest[!!(p->meta->bank & PT_BANK_CLASS)];
	uint32_t start = addr->family == AF_INET ? dest->v4[key.addr[0] >> 48] : dest->v6;
	uint32_t found = pt_trie_find(p->chunk, p->fork, start, key.addr);

	if (!found)
		return -ENOENT;
	*site = found - 1;
	return 0;
}
