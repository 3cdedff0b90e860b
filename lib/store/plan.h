// SPDX-License-Identifier: MIT
// The difference between what a file wants and what the database has, before anything is touched.
// A plan changes rows of origin `file` alone: what the API or a hand at the keyboard made and the
// file wants otherwise is a conflict, reported and left as it is.
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/inventory.h"

enum pt_change_kind {
	PT_CHANGE_ADD,
	PT_CHANGE_SET,
	PT_CHANGE_REMOVE,
	PT_CHANGE_KEEP,     // a file row that the file no longer names, kept without prune
	PT_CHANGE_CONFLICT, // not ours to change
	PT_CHANGE_KINDS
};

struct pt_change {
	enum pt_change_kind kind;
	enum pt_entity entity;
	const char *id;
	const char *origin;     // of the row that is there; "file" for a new one
	json_t *before, *after; // borrowed from the plan; NULL: there is none
};

struct pt_plan {
	struct pt_change *changes; // in an order fit for reading; references are checked at commit
	size_t n;
	size_t count[PT_CHANGE_KINDS];
	json_t *want, *have, *origins; // what the changes point into
};

// want and have are whole networks (pt_inventory_read), taken by reference. -ENOMEM.
int pt_plan_make(json_t *want, json_t *have, json_t *origins, bool prune, struct pt_plan *out,
	struct pt_err *err);
void pt_plan_done(struct pt_plan *p);
#define pt_autoplan __attribute__((cleanup(pt_plan_done))) struct pt_plan

// True when carrying it out would change the database.
bool pt_plan_changes(const struct pt_plan *p);
// "~ path mpls-b: mtu 1400 -> 1420"
void pt_change_describe(const struct pt_change *c, struct pt_buf *out);
json_t *pt_plan_json(const struct pt_plan *p);

// One change of kind ADD, SET or REMOVE with its audit row; what is there after it is `origin`'s.
int pt_change_apply(struct pt_sql *db, const struct pt_change *c, enum pt_origin origin,
	const char *username, struct pt_err *err);

// Carries it out with one audit row a change; inside a transaction of the caller.
int pt_plan_apply(
	struct pt_sql *db, const struct pt_plan *p, const char *username, struct pt_err *err);
