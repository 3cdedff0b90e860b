// SPDX-License-Identifier: MIT
// One way to print rows, several shapes: a human table (aligned, units in the headings), JSON lines
// or one JSON document. A verb emits each field once, whatever the shape.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum pt_emit_kind { PT_EMIT_TABLE, PT_EMIT_JSON, PT_EMIT_NDJSON, PT_EMIT_CSV };

struct pt_emit;

// A column: `key` is the JSON name and carries its unit, `heading` is for people. Ends with key
// NULL.
struct pt_column {
	const char *key;
	const char *heading;
	bool right; // numbers align right
};

// JSON: {"<name>": [ {...}, ... ]} for one table, all tables of a run in one object, each under a
// name of its own. Rows are written as they come, but for PT_EMIT_TABLE, which keeps them all.
int pt_emit_new(enum pt_emit_kind kind, FILE *out, struct pt_emit **res);
void pt_emit_table(struct pt_emit *e, const char *name, const struct pt_column *columns);
void pt_emit_row(struct pt_emit *e);
// One value for the next column of the row; text shape may differ from the JSON value.
void pt_emit_str(struct pt_emit *e, const char *value); // NULL: null, "-" in a table
void pt_emit_i64(struct pt_emit *e, int64_t value);
void pt_emit_null(struct pt_emit *e);
void pt_emit_bool(struct pt_emit *e, bool value);
// A number for machines with its own words for people ("1.2 ms").
void pt_emit_i64_as(struct pt_emit *e, int64_t value, const char *text);
// A number with thousandths: 1234 prints as 1.234 in a table, as the raw integer elsewhere.
void pt_emit_milli(struct pt_emit *e, int64_t value);
// A number with a fraction; 15 digits.
void pt_emit_real(struct pt_emit *e, double value);
// A list of strings: array in JSON, joined by commas in a table.
void pt_emit_strs(struct pt_emit *e, const char *const *values, unsigned n);
// [[index, count], ...] in JSON, how many values there are in a table.
struct pt_hist;
void pt_emit_hist(struct pt_emit *e, const struct pt_hist *h);
// -errno of the stream so far, or 0: whoever has rows without an end need not go on.
int pt_emit_fault(const struct pt_emit *e);
int pt_emit_end(struct pt_emit *e); // prints what is left, frees e; -errno of the stream
