// SPDX-License-Identifier: MIT
// Rows of SQL and objects of JSON, by the model's field tables. A field's column is its key path
// with '_' for '.', unless a rename says otherwise; enums, addresses and prefixes are their words,
// lists and histograms JSON text, nullable numbers NULL.
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

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

// Values of one row, in the map's order, before SQL sees them.
enum pt_cell_kind { PT_CELL_NULL, PT_CELL_I64, PT_CELL_REAL, PT_CELL_TEXT };

struct pt_cell {
	enum pt_cell_kind kind;
	bool owned; // text is freed with the row
	uint32_t len;
	union {
		int64_t i64;
		double real;
		const char *text; // len bytes, no NUL needed
	};
};

struct pt_row {
	struct pt_cell cell[PT_ROW_MAX_COLUMNS];
	int n;
};

void pt_row_done(struct pt_row *row);
#define pt_autorow __attribute__((cleanup(pt_row_done))) struct pt_row

// The column that holds the field of this key ("path", "rtt_us.min"); -1: none.
int pt_row_find(const struct pt_row_map *map, const char *path);
// Whether a number is within the field's bounds.
bool pt_row_fits_i64(const struct pt_field *f, int64_t n);
bool pt_row_fits_real(const struct pt_field *f, double n);

// Takes the object's fields. Strict about type and range of each known field: -EINVAL names it.
// Strings stay borrowed from obj; *row is the caller's to end with pt_row_done, also on error.
int pt_row_from_json(
	struct pt_row *row, const struct pt_row_map *map, const json_t *obj, struct pt_err *err);
// Borrowed from the statement's current row, columns from `first` on.
void pt_row_fetch(
	struct pt_row *row, const struct pt_stmt *s, int first, const struct pt_row_map *map);
// Parameters from `first` on; texts must live until the step ends.
void pt_row_bind(struct pt_stmt *s, int first, const struct pt_row *row);
// The object of the current row's columns from `first` on; the caller owns it.
json_t *pt_row_read(const struct pt_stmt *s, int first, const struct pt_row_map *map);
