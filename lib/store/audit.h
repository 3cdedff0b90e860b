// SPDX-License-Identifier: MIT
// audit_logs: one row for each change of the inventory, who made it and what it was before.
#pragma once
#include <jansson.h>

#include "base/err.h"

struct pt_sql;

#define PT_AUDIT_USER_LEN 64

struct pt_audit {
	const char *username;
	const char *event_type;              // "path.update"
	const char *object_type, *object_id; // NULL: not about one object
	const char *origin;                  // "file", "api", "cli"
	const json_t *before, *after;        // NULL: there was, or is, none
};

// Inside the transaction of the change itself: neither is ever there without the other.
int pt_audit_write(struct pt_sql *db, const struct pt_audit *a, struct pt_err *err);

// The person at the keyboard: behind sudo the one who called it, else the name of the uid.
void pt_audit_user(char out[PT_AUDIT_USER_LEN]);
