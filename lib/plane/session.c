// SPDX-License-Identifier: MIT
#include "plane/session.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/arena.h"

static struct pt_session_key session_of(const struct pt_hop *hop)
{
	return (struct pt_session_key){ hop->ifindex, hop->family, hop->ssid };
}

static struct pt_peer_key peer_of(const struct pt_hop *hop)
{
	struct pt_peer_key key = { .ifindex = hop->ifindex, .family = hop->family };

	memcpy(key.addr, hop->target, sizeof(key.addr));
	return key;
}

static struct pt_peer_key bfd_peer_of(const struct pt_hop *hop)
{
	struct pt_peer_key key = peer_of(hop);

	key.family |= PT_PEER_BFD;
	return key;
}

static const struct pt_hop *hop_of(const struct pt_plane *p, uint32_t path)
{
	return &p->hop[path < p->meta->path_cap ? path : 0];
}

static void watch_port(struct pt_plane *p, uint16_t port)
{
	p->port->bits[port >> 3] |= (__u8)(1u << (port & 7));
}

// One call for each map: one for each path would be the longest part of a reload.
int pt_session_put(struct pt_table *t, struct pt_err *err)
{
	const uint32_t most = t->setup->net->n_paths + 1;
	struct pt_plane *p = t->plane;
	pt_autoarena arena = {};
	struct pt_session_key *sessions = pt_arena_alloc(&arena, most * sizeof(*sessions));
	struct pt_peer_key *peers = pt_arena_alloc(&arena, most * sizeof(*peers));
	struct pt_peer_key *bfd = pt_arena_alloc(&arena, most * sizeof(*bfd));
	uint32_t *paths = pt_arena_alloc(&arena, most * sizeof(*paths));
	uint32_t *bfd_paths = pt_arena_alloc(&arena, most * sizeof(*bfd_paths));
	uint32_t n = 0, n_bfd = 0, count;
	int ret;

	for (uint32_t i = 0; i < t->setup->net->n_paths; i++) {
		const struct pt_hop *hop = &p->hop[t->path[i]];

		if (!t->path[i] || !hop->family)
			continue;
		watch_port(p, hop->port);
		if (hop->bfd_port)
			watch_port(p, hop->bfd_port);
		if (!hop->ifindex)
			continue;
		if (hop->bfd_port) {
			bfd[n_bfd] = bfd_peer_of(hop);
			bfd_paths[n_bfd++] = t->path[i];
		}
		sessions[n] = session_of(hop);
		peers[n] = peer_of(hop);
		paths[n++] = t->path[i];
	}
	if (!n)
		return 0;
	count = n;
	ret = bpf_map_update_batch(p->fd[PT_MAP_SESSION], sessions, paths, &count, NULL);
	if (ret)
		return pt_err_errno(err, ret, "pt_session");
	count = n;
	ret = bpf_map_update_batch(p->fd[PT_MAP_PEER], peers, paths, &count, NULL);
	count = n_bfd;
	if (!ret && n_bfd)
		ret = bpf_map_update_batch(p->fd[PT_MAP_PEER], bfd, bfd_paths, &count, NULL);
	return ret ? pt_err_errno(err, ret, "pt_peer") : 0;
}

// What follows is the same for both maps but for the key.
struct kind {
	enum pt_map map;
	const char *name;
	size_t key_size;
	bool (*stale)(const struct pt_plane *p, const void *key, uint32_t path);
};

static bool session_is_stale(const struct pt_plane *p, const void *key, uint32_t path)
{
	const struct pt_session_key want = session_of(hop_of(p, path));

	return memcmp(key, &want, sizeof(want)) != 0;
}

static bool peer_is_stale(const struct pt_plane *p, const void *key, uint32_t path)
{
	const struct pt_hop *hop = hop_of(p, path);
	const struct pt_peer_key want = peer_of(hop), bfd = bfd_peer_of(hop);

	return memcmp(key, &want, sizeof(want)) != 0 &&
		(!hop->bfd_port || memcmp(key, &bfd, sizeof(bfd)) != 0);
}

static int retire(struct pt_plane *p, const struct kind *k, struct pt_err *err)
{
	uint32_t n = p->entries[k->map];
	pt_autoarena arena = {};
	char *keys = pt_arena_alloc(&arena, n * k->key_size);
	uint32_t *paths = pt_arena_alloc(&arena, n * sizeof(*paths));
	char next[sizeof(struct pt_peer_key)];
	int ret = bpf_map_lookup_batch(p->fd[k->map], NULL, next, keys, paths, &n, NULL);

	if (ret && ret != -ENOENT) // that is the end
		return pt_err_errno(err, ret, "%s", k->name);
	for (uint32_t i = 0; i < n; i++)
		if (k->stale(p, keys + i * k->key_size, paths[i]))
			(void)bpf_map_delete_elem(
				p->fd[k->map], keys + i * k->key_size); // -ENOENT: as wished
	return 0;
}

int pt_session_retire(struct pt_plane *p, struct pt_err *err)
{
	static const struct kind kinds[] = {
		{ PT_MAP_SESSION, "pt_session", sizeof(struct pt_session_key), session_is_stale },
		{ PT_MAP_PEER, "pt_peer", sizeof(struct pt_peer_key), peer_is_stale },
	};
	int ret = retire(p, &kinds[0], err);

	return ret ? ret : retire(p, &kinds[1], err);
}
