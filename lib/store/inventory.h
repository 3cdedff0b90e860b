// SPDX-License-Identifier: MIT
// Sites, uplinks, paths and policies in the database. In and out they are JSON objects of the
// model's schemas, as in network.json. Writers run inside a transaction of the caller.
#pragma once
#include <jansson.h>

#include "base/err.h"
#include "model/network.h"

struct pt_sql;

enum pt_entity { PT_ENTITY_SITE, PT_ENTITY_UPLINK, PT_ENTITY_PATH, PT_ENTITY_POLICY, PT_ENTITIES };

const char *pt_entity_name(enum pt_entity e); // "site"
const char *pt_entity_list(enum pt_entity e); // "sites": its key in network.json
const struct pt_schema *pt_entity_schema(enum pt_entity e);
const char *pt_entity_table(enum pt_entity e);
extern const char *const pt_origin_names[];

// The whole network ordered by id, defaults filled in, and {"sites": {ID: ORIGIN}, ...}.
// The caller owns both; origins may be NULL.
int pt_inventory_read(struct pt_sql *db, json_t **network, json_t **origins, struct pt_err *err);

// Applies what no single row shows (pt_network_check) to what the database now holds.
int pt_inventory_check(const json_t *network, struct pt_err *err);

int pt_inventory_insert(struct pt_sql *db, enum pt_entity e, const json_t *obj,
	enum pt_origin origin, struct pt_err *err);
int pt_inventory_update(struct pt_sql *db, enum pt_entity e, const json_t *obj,
	enum pt_origin origin, struct pt_err *err);
int pt_inventory_delete(struct pt_sql *db, enum pt_entity e, const char *id, struct pt_err *err);
