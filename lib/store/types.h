// SPDX-License-Identifier: MIT
// Which records have a table, and how their fields become its columns.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "store/row.h"

enum pt_store_type {
	PT_STORE_HEALTH,
	PT_STORE_TRANSITION,
	PT_STORE_DECISION,
	PT_STORE_SWITCH,
	PT_STORE_TRAFFIC,
	PT_STORE_STATS,
	PT_STORE_TUNE,
	PT_STORE_BENCH,
	PT_STORE_TYPES
};

struct pt_store_table {
	const char *type, *table;
	const struct pt_schema *schema; // NULL: the common columns and the record alone
	const struct pt_rename *renames;
	bool keep_record; // the whole text, in column `record`
};
extern const struct pt_store_table pt_store_tables[PT_STORE_TYPES];

int pt_store_find_type(const char *type, size_t len); // -1: none
void pt_store_map(enum pt_store_type t, struct pt_row_map *map);

// Part of a longer text.
struct pt_text {
	const char *p;
	size_t len;
};

// A record taken apart.
struct pt_store_record {
	enum pt_store_type type;
	struct pt_text src, boot;
	int64_t seq, mono_ns, ts_us;
	const char *line; // its whole text, for types that keep it
	struct pt_row row;
};

// From the tree that the JSON parser made; type and line are the caller's to set. -EINVAL names
// what does not fit. End the row with pt_row_done, also on error.
int pt_store_record_read(struct pt_store_record *r, const struct pt_row_map *map,
	const json_t *record, struct pt_err *err);
