// SPDX-License-Identifier: MIT
#include "plane/dest.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

// One key shape for both tries: the kernel's begin alike.
struct key {
	uint32_t prefix_len;
	uint8_t addr[16];
};
_Static_assert(sizeof(struct key) == sizeof(struct pt_dest6), "one layout");

static int by_prefix(const void *a, const void *b)
{
	const struct pt_dest *x = a, *y = b;
	int order = pt_prefix_cmp(&x->prefix, &y->prefix);

	if (order)
		return order;
	return (y->preference > x->preference) - (y->preference < x->preference);
}

static int map_of(const struct pt_plane *p, uint8_t family)
{
	return p->fd[family == AF_INET ? PT_MAP_DEST4 : PT_MAP_DEST6];
}

static int insert(struct pt_plane *p, const struct pt_dest *d, struct pt_err *err)
{
	struct key key = { .prefix_len = d->prefix.len };
	char text[PT_PREFIX_LEN];
	int ret;

	memcpy(key.addr, d->prefix.addr.bytes, sizeof(key.addr));
	ret = bpf_map_update_elem(map_of(p, d->prefix.addr.family), &key, &d->site, BPF_ANY);
	if (!ret)
		return 0;
	pt_prefix_format(&d->prefix, text);
	if (ret == -ENOSPC)
		return pt_err_set(
			err, ret, "%s: no room for more prefixes; detach, then attach", text);
	return pt_err_errno(err, ret, "%s", text);
}

static bool wanted(const struct pt_dest *want, uint32_t n, uint8_t family, const struct key *key)
{
	struct pt_prefix prefix = { .addr.family = family, .len = (uint8_t)key->prefix_len };
	uint32_t lo = 0, hi = n;

	memcpy(prefix.addr.bytes, key->addr, family == AF_INET ? 4 : 16);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int order = pt_prefix_cmp(&want[mid].prefix, &prefix);

		if (!order)
			return true;
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static void sweep(struct pt_plane *p, const struct pt_dest *want, uint32_t n, uint8_t family)
{
	enum pt_map map = family == AF_INET ? PT_MAP_DEST4 : PT_MAP_DEST6;
	uint32_t cap = p->entries[map], stale = 0;
	pt_autoarena arena = {};
	struct key *gone = pt_arena_alloc(&arena, cap * sizeof(*gone));
	struct key key = {}, *prev = NULL;

	for (; stale < cap && !bpf_map_get_next_key(p->fd[map], prev, &key); prev = &key)
		if (!wanted(want, n, family, &key))
			gone[stale++] = key;
	for (uint32_t i = 0; i < stale; i++)
		(void)bpf_map_delete_elem(p->fd[map], &gone[i]); // -ENOENT: as wished
}

int pt_dest_sync(struct pt_plane *p, struct pt_dest *want, uint32_t n, struct pt_err *err)
{
	int ret = 0;

	qsort(want, n, sizeof(*want), by_prefix);
	for (uint32_t i = 0; i < n && !ret; i++)
		if (i == 0 || pt_prefix_cmp(&want[i].prefix, &want[i - 1].prefix))
			ret = insert(p, &want[i], err);
	if (ret)
		return ret;
	sweep(p, want, n, AF_INET);
	sweep(p, want, n, AF_INET6);
	return 0;
}
