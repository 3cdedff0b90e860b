// SPDX-License-Identifier: MIT
// What the indexes of a plane are called (map pt_name), read as a whole: by id and by index.
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "plane/plane.h"

#define PT_NAMES_NONE UINT32_MAX

struct pt_names {
	struct pt_plane *plane; // borrowed
	struct {
		char (*id)[PT_NAME_LEN]; // "" where the index is free
		uint32_t cap;
		uint32_t *slot; // by hash of the id: index + 1, 0 empty; NULL: ids are not unique
		uint32_t slots, used;
	} kind[PT_NAME_KIND_COUNT];
};

int pt_names_read(struct pt_plane *p, struct pt_names *out, struct pt_err *err);
void pt_names_done(struct pt_names *n);
#define pt_autonames __attribute__((cleanup(pt_names_done))) struct pt_names

// NULL: nothing has this index. Valid until the names change.
const char *pt_names_id(const struct pt_names *n, enum pt_name_kind kind, uint32_t index);
uint32_t pt_names_index(const struct pt_names *n, enum pt_name_kind kind, const char *id);
// Writes it through to the plane. id NULL frees the index.
int pt_names_set(struct pt_names *n, enum pt_name_kind kind, uint32_t index, const char *id,
	struct pt_err *err);
// The lowest free index from `first` on, or PT_NAMES_NONE. A path index that the kernel still holds
// down is not free: only the kernel may clear that byte.
uint32_t pt_names_free(const struct pt_names *n, enum pt_name_kind kind, uint32_t first);
