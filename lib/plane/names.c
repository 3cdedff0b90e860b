// SPDX-License-Identifier: MIT
#include "plane/names.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static uint32_t cap_of(const struct pt_plane *p, enum pt_name_kind kind)
{
	switch (kind) {
	case PT_NAME_SITE:
		return p->meta->site_cap;
	case PT_NAME_POLICY:
		return PT_MAX_POLICY;
	case PT_NAME_PATH:
	case PT_NAME_PATH_DEVICE:
		return p->meta->path_cap;
	case PT_NAME_UPLINK:
		return PT_MAX_UPLINK;
	case PT_NAME_KIND_COUNT:
		break;
	}
	return 0;
}

static uint32_t hash_of(const char *id)
{
	uint32_t hash = 2166136261u; // FNV-1a

	for (; *id; id++)
		hash = (hash ^ (uint8_t)*id) * 16777619u;
	return hash;
}

static void put_slot(struct pt_names *n, enum pt_name_kind kind, uint32_t index)
{
	uint32_t mask = n->kind[kind].slots - 1;
	uint32_t at = hash_of(n->kind[kind].id[index]) & mask;

	while (n->kind[kind].slot[at])
		at = (at + 1) & mask;
	n->kind[kind].slot[at] = index + 1;
	n->kind[kind].used++;
}

// Ids that went leave their slots behind; this clears them away.
static void fill_slots(struct pt_names *n, enum pt_name_kind kind)
{
	memset(n->kind[kind].slot, 0, n->kind[kind].slots * sizeof(*n->kind[kind].slot));
	n->kind[kind].used = 0;
	for (uint32_t i = 0; i < n->kind[kind].cap; i++)
		if (n->kind[kind].id[i][0])
			put_slot(n, kind, i);
}

static int alloc_kind(struct pt_names *n, enum pt_name_kind kind, struct pt_err *err)
{
	uint32_t cap = cap_of(n->plane, kind), slots = 16;

	while (slots < 4 * cap)
		slots *= 2;
	n->kind[kind].cap = cap;
	n->kind[kind].id = calloc(cap, PT_NAME_LEN);
	if (kind != PT_NAME_PATH_DEVICE) {
		n->kind[kind].slots = slots;
		n->kind[kind].slot = calloc(slots, sizeof(*n->kind[kind].slot));
	}
	if (!n->kind[kind].id || (n->kind[kind].slots && !n->kind[kind].slot))
		return pt_err_set(err, -ENOMEM, "out of memory");
	return 0;
}

static void take_name(struct pt_names *n, const struct pt_name_key *key, const struct pt_name *name)
{
	if (key->kind >= PT_NAME_KIND_COUNT || key->index >= n->kind[key->kind].cap)
		return;
	memcpy(n->kind[key->kind].id[key->index], name->id, PT_NAME_LEN);
	n->kind[key->kind].id[key->index][PT_NAME_LEN - 1] = 0;
}

// One call for all: 10,000 names by two calls each would take longer than the rest of a reload.
static int read_names(struct pt_names *n, struct pt_err *err)
{
	uint32_t cap = n->plane->entries[PT_MAP_NAME], count = cap, next;
	pt_autofree struct pt_name_key *keys = calloc(cap, sizeof(*keys));
	pt_autofree struct pt_name *names = calloc(cap, sizeof(*names));
	int ret;

	if (!keys || !names)
		return pt_err_set(err, -ENOMEM, "out of memory");
	ret = bpf_map_lookup_batch(
		n->plane->fd[PT_MAP_NAME], NULL, &next, keys, names, &count, NULL);
	if (ret && ret != -ENOENT) // that is the end
		return pt_err_errno(err, ret, "pt_name");
	for (uint32_t i = 0; i < count; i++)
		take_name(n, &keys[i], &names[i]);
	return 0;
}

int pt_names_read(struct pt_plane *p, struct pt_names *out, struct pt_err *err)
{
	struct pt_names n = { .plane = p };
	int ret = 0;

	for (int k = 0; k < PT_NAME_KIND_COUNT && !ret; k++)
		ret = alloc_kind(&n, (enum pt_name_kind)k, err);
	if (!ret)
		ret = read_names(&n, err);
	if (ret) {
		pt_names_done(&n);
		return ret;
	}
	for (int k = 0; k < PT_NAME_KIND_COUNT; k++)
		if (n.kind[k].slot)
			fill_slots(&n, (enum pt_name_kind)k);
	*out = n;
	return 0;
}

void pt_names_done(struct pt_names *n)
{
	for (int k = 0; k < PT_NAME_KIND_COUNT; k++) {
		free(n->kind[k].id);
		free(n->kind[k].slot);
	}
	*n = (struct pt_names){};
}

const char *pt_names_id(const struct pt_names *n, enum pt_name_kind kind, uint32_t index)
{
	return index < n->kind[kind].cap && n->kind[kind].id[index][0] ? n->kind[kind].id[index]
								       : NULL;
}

uint32_t pt_names_index(const struct pt_names *n, enum pt_name_kind kind, const char *id)
{
	uint32_t mask = n->kind[kind].slots - 1, at;

	if (!id || !*id || !n->kind[kind].slot)
		return PT_NAMES_NONE;
	for (at = hash_of(id) & mask; n->kind[kind].slot[at]; at = (at + 1) & mask)
		if (!strcmp(n->kind[kind].id[n->kind[kind].slot[at] - 1], id))
			return n->kind[kind].slot[at] - 1;
	return PT_NAMES_NONE;
}

int pt_names_set(struct pt_names *n, enum pt_name_kind kind, uint32_t index, const char *id,
	struct pt_err *err)
{
	struct pt_name_key key = { .kind = kind, .index = index };
	struct pt_name name = {};
	int ret;

	if (index >= n->kind[kind].cap)
		return pt_err_set(
			err, -ENOSPC, "%s: no room; detach, then attach again", id ? id : "name");
	if (id)
		(void)snprintf(name.id, sizeof(name.id), "%s", id); // ids are shorter: schema
	if (!memcmp(name.id, n->kind[kind].id[index], PT_NAME_LEN))
		return 0;
	ret = id ? bpf_map_update_elem(n->plane->fd[PT_MAP_NAME], &key, &name, BPF_ANY)
		 : bpf_map_delete_elem(n->plane->fd[PT_MAP_NAME], &key);
	if (ret && (id || ret != -ENOENT))
		return pt_err_errno(err, ret, "pt_name");
	memcpy(n->kind[kind].id[index], name.id, PT_NAME_LEN);
	if (n->kind[kind].slot && 2 * n->kind[kind].used >= n->kind[kind].slots)
		fill_slots(n, kind);
	else if (n->kind[kind].slot && id)
		put_slot(n, kind, index);
	return 0;
}

uint32_t pt_names_free(const struct pt_names *n, enum pt_name_kind kind, uint32_t first)
{
	for (uint32_t i = first; i < n->kind[kind].cap; i++)
		if (!n->kind[kind].id[i][0] && (kind != PT_NAME_PATH || !n->plane->live->down[i]))
			return i;
	return PT_NAMES_NONE;
}
