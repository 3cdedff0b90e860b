// SPDX-License-Identifier: MIT
#include "plane/names.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int pt_names_read(struct pt_plane *p, struct pt_names *out, struct pt_err *err)
{
	struct pt_names n = { .plane = p };
	struct pt_name_key key, *prev = NULL;
	struct pt_name name;

	for (int k = 0; k < PT_NAME_KIND_COUNT; k++) {
		n.kind[k].cap = cap_of(p, (enum pt_name_kind)k);
		n.kind[k].id = calloc(n.kind[k].cap, PT_NAME_LEN);
		if (!n.kind[k].id) {
			pt_names_done(&n);
			return pt_err_set(err, -ENOMEM, "out of memory");
		}
	}
	for (; !bpf_map_get_next_key(p->fd[PT_MAP_NAME], prev, &key); prev = &key) {
		if (key.kind >= PT_NAME_KIND_COUNT || key.index >= n.kind[key.kind].cap ||
			bpf_map_lookup_elem(p->fd[PT_MAP_NAME], &key, &name))
			continue;
		memcpy(n.kind[key.kind].id[key.index], name.id, PT_NAME_LEN);
		n.kind[key.kind].id[key.index][PT_NAME_LEN - 1] = 0;
	}
	*out = n;
	return 0;
}

void pt_names_done(struct pt_names *n)
{
	for (int k = 0; k < PT_NAME_KIND_COUNT; k++)
		free(n->kind[k].id);
	*n = (struct pt_names){};
}

const char *pt_names_id(const struct pt_names *n, enum pt_name_kind kind, uint32_t index)
{
	return index < n->kind[kind].cap && n->kind[kind].id[index][0] ? n->kind[kind].id[index]
								       : NULL;
}

uint32_t pt_names_index(const struct pt_names *n, enum pt_name_kind kind, const char *id)
{
	for (uint32_t i = 0; id && *id && i < n->kind[kind].cap; i++)
		if (!strcmp(n->kind[kind].id[i], id))
			return i;
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
	return 0;
}

uint32_t pt_names_free(const struct pt_names *n, enum pt_name_kind kind, uint32_t first)
{
	for (uint32_t i = first; i < n->kind[kind].cap; i++)
		if (!n->kind[kind].id[i][0] && (kind != PT_NAME_PATH || !n->plane->live->down[i]))
			return i;
	return PT_NAMES_NONE;
}
