// SPDX-License-Identifier: MIT
// One object of the inventory made, changed or removed by hand or by the API: the row, its audit
// row and network.json, together or not at all.
#pragma once
#include "store/plan.h"
#include "store/publish.h"

// Sets one field of an object from "key=value" or "match.protocol=udp"; lists by commas, an empty
// value is the default. -EINVAL names what may stand there.
int pt_edit_set(enum pt_entity e, json_t *obj, const char *pair, struct pt_err *err);
// The object with every default filled in and every value in its one spelling.
int pt_edit_normalise(enum pt_entity e, json_t **obj, struct pt_err *err);

struct pt_edit {
	enum pt_entity entity;
	enum pt_change_kind kind; // ADD, SET or REMOVE
	const char *id;
	const char *const *pairs; // n of them; for ADD and SET
	unsigned n;
	enum pt_origin origin;
	const char *username;
	const char *publish; // network.json; NULL: leave it alone
	bool dry_run;        // everything but the commit
};

// *line says what changed, as plans do; empty: nothing. -EEXIST: there is one already, -ENOENT:
// there is none.
int pt_edit_run(
	struct pt_sql *db, const struct pt_edit *e, struct pt_buf *line, struct pt_err *err);
