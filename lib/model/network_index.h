// SPDX-License-Identifier: MIT
// Inside lib/model only: the tables of a network by id, and messages that say where a fault is
// written.
#pragma once
#include "model/network.h"

// Rows of one table, sorted by id. Every row begins with its id.
struct pt_index {
	const char *what; // "sites"
	const char *base;
	size_t size; // of a row
	uint32_t n;
	const void **rows;
};

struct pt_check {
	struct pt_network *n;
	struct pt_arena scratch;
	const struct pt_marks *marks; // may be NULL
	struct pt_err *err;
	struct pt_index sites, uplinks, paths, policies;
};

// A reference from a row to another table.
struct pt_reference {
	const struct pt_index *from;
	const void *row;
	const char *field;
	const void *slot; // of the field
	const struct pt_index *to;
	const char *one; // "site"
};

// Fails with -EINVAL; the message starts where the field is written, else where its row begins.
int pt_check_bad(struct pt_check *c, const void *field, const void *row, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

// Sorts the rows; more than max, or two with one id, fail.
int pt_index_make(struct pt_check *c, struct pt_index *x, uint32_t max);
const void *pt_index_find(const struct pt_index *x, const char *id);
uint32_t pt_index_position(const struct pt_index *x, const void *row); // in the file
const char *pt_index_id(const void *row);

// *out is the row referred to; an unknown id fails and names the near ones.
int pt_index_refer(
	struct pt_check *c, const struct pt_reference *r, const char *id, const void **out);

// Underlays and transit sites: references, and that nothing rides on itself. Uplinks, paths and
// their other references are known to be good.
int pt_check_rides(struct pt_check *c);
// BFD: one session for a device and a target. Uplinks and paths are known to be good.
int pt_check_bfd(struct pt_check *c);
// Targets of a path: each has what its kind needs, and no more.
int pt_check_targets(struct pt_check *c);
