// SPDX-License-Identifier: MIT
#include "plane/rx.h"

#include <bpf/bpf.h>
#include <stdlib.h>

#include "base/arena.h"

struct path_on {
	uint32_t ifindex, path;
};

struct wanted {
	uint32_t key, value;
};

static int by_ifindex(const void *a, const void *b)
{
	const struct path_on *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static int by_key(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

// The one site at the other end of a device; PT_MAX_SITE: there are several, or none is known.
static uint32_t site_beyond(const struct pt_plane *p, const struct path_on *on, uint32_t n)
{
	uint32_t site = PT_MAX_SITE;

	for (uint32_t i = 0; i < n; i++) {
		const struct pt_hop *hop = &p->hop[on[i].path];

		if (hop->flags & PT_HOP_INDIRECT)
			continue;
		if (site != PT_MAX_SITE && site != hop->site)
			return PT_MAX_SITE;
		site = hop->site;
	}
	return site;
}

static uint32_t list(const struct pt_plane *p, struct path_on *on, struct wanted *out)
{
	uint32_t n = 0, next, used = 0;

	for (uint32_t i = 1; i < p->meta->path_cap; i++)
		if (p->hop[i].ifindex)
			on[n++] = (struct path_on){ p->hop[i].ifindex, i };
	if (n)
		qsort(on, n, sizeof(*on), by_ifindex);
	for (uint32_t i = 0; i < n; i = next) {
		uint32_t site;

		for (next = i + 1; next < n && on[next].ifindex == on[i].ifindex;)
			next++;
		// With several paths a device cannot tell whose a packet is.
		if (next == i + 1)
			out[used++] = (struct wanted){ on[i].ifindex, on[i].path };
		site = site_beyond(p, &on[i], next - i);
		if (site != PT_MAX_SITE)
			out[used++] = (struct wanted){ on[i].ifindex | PT_RX_SITE, site };
	}
	if (used)
		qsort(out, used, sizeof(*out), by_key);
	return used;
}

static void sweep(int fd, uint32_t entries, const struct wanted *rows, uint32_t n)
{
	pt_autoarena arena = {};
	uint32_t *keys = pt_arena_alloc(&arena, entries * sizeof(*keys));
	uint32_t have = 0, key;

	for (const uint32_t *prev = NULL; have < entries; prev = &keys[have++]) {
		if (bpf_map_get_next_key(fd, prev, &key))
			break;
		keys[have] = key;
	}
	for (uint32_t i = 0; i < have; i++) {
		const struct wanted row = { .key = keys[i] };

		if (!n || !bsearch(&row, rows, n, sizeof(*rows), by_key))
			(void)bpf_map_delete_elem(fd, &keys[i]); // -ENOENT: as wished
	}
}

int pt_rx_put(struct pt_plane *p, struct pt_err *err)
{
	const int fd = p->fd[PT_MAP_RX];
	pt_autoarena arena = {};
	struct path_on *on = pt_arena_alloc(&arena, p->meta->path_cap * sizeof(*on));
	struct wanted *rows = pt_arena_alloc(&arena, 2 * p->meta->path_cap * sizeof(*rows));
	uint32_t n = list(p, on, rows);
	int ret = 0;

	sweep(fd, p->entries[PT_MAP_RX], rows, n); // first: there is room for what is wanted
	for (uint32_t i = 0; i < n && !ret; i++)
		ret = bpf_map_update_elem(fd, &rows[i].key, &rows[i].value, BPF_ANY);
	return ret ? pt_err_errno(err, ret, "pt_rx") : 0;
}
