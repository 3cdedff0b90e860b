// SPDX-License-Identifier: MIT
// Rows of SQL and objects of JSON, by the model's field tables. A field's column is its key path
// with '_' for '.', unless a rename says otherwise; enums, addresses and prefixes are their words,
// lists and histograms JSON text, nullable numbers NULL.
#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

#define PT_ROW_MAX_COLUMNS 64
#define PT_ROW_MAX_DEPTH   2
#define PT_ROW_NAME        64

struct pt_schema;
struct pt_field;
struct pt_stmt;

struct pt_rename {
	const char *path;   // "match.protocol"; NULL ends the list
	const char *column; // NULL: this field has no column here
};

struct pt_row_column {
	char name[PT_ROW_NAME];
	const char *keys[PT_ROW_MAX_DEPTH]; // the second is NULL at the top level
	const struct pt_field *field;
};

struct pt_row_map {
	struct pt_row_column columns[PT_ROW_MAX_COLUMNS];
	int n;
};

void pt_row_map_init(
	struct pt_row_map *map, const struct pt_schema *schema, const struct pt_rename *renames);

// "a, b, c" and "?1, ?2, ?3" from parameter `first`; "a=?1, b=?2".
void pt_row_names(const struct pt_row_map *map, struct pt_buf *out);
void pt_row_marks(const struct pt_row_map *map, int first, struct pt_buf *out);
void pt_row_sets(const struct pt_row_map *map, int first, struct pt_buf *out);

// Binds the object's fields from parameter `first` on. Strict about type and range of each known
// field: -EINVAL names it. Strings stay borrowed from obj.
int pt_row_bind(struct pt_stmt *s, int first, const struct pt_row_map *map, const json_t *obj,
	struct pt_err *err);
// The object of the current row's columns from `first` on; the caller owns it.
json_t *pt_row_read(const struct pt_stmt *s, int first, const struct pt_row_map *map);
