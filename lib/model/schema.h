// SPDX-License-Identifier: MIT
// One table per type: the same rows read YAML and JSON, write both, name SQL columns and REST keys,
// and document themselves. A row says where a field lives, what it may hold and what it means.
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

// "Not known" for nullable integers: JSON null, SQL NULL, an absent YAML key.
#define PT_NULL INT64_MIN

enum pt_kind {
	PT_KIND_BOOL,   // bool
	PT_KIND_I64,    // int64_t, bounded by min and max
	PT_KIND_MILLI,  // int64_t in thousandths; a decimal number outside
	PT_KIND_STR,    // const char *, in the arena; NULL when absent
	PT_KIND_ENUM,   // int, index into names
	PT_KIND_ADDR,   // struct pt_addr
	PT_KIND_PREFIX, // struct pt_prefix
	PT_KIND_DSCP,   // int64_t, "ef" or 46 outside
	PT_KIND_PORTS,  // struct pt_port_range, "5060" or "1000-2000" outside
	PT_KIND_OBJECT, // embedded struct described by sub
	PT_KIND_LIST,   // pointer to n items in the arena, described by item or sub; uint32_t at
			// count_offset
	PT_KIND_HIST,   // struct pt_hist *, in the arena; sparse list outside
	PT_KIND_COUNT
};

enum pt_field_flag {
	PT_FIELD_REQUIRED = 1 << 0,
	PT_FIELD_NULLABLE = 1 << 1, // I64 and MILLI: PT_NULL allowed
	PT_FIELD_ID = 1 << 2,       // STR: [A-Za-z0-9._-]{1,63}
	PT_FIELD_AUTO = 1 << 3,     // ADDR: the word auto allowed, family PT_ADDR_AUTO
};

struct pt_port_range {
	uint16_t lo, hi;
};

struct pt_schema;

struct pt_field {
	const char *key;
	enum pt_kind kind;
	uint32_t offset;
	uint32_t count_offset; // LIST
	unsigned flags;
	int64_t min, max, def;       // I64, MILLI, DSCP; def also of BOOL and ENUM
	const char *def_str;         // STR
	const char *const *names;    // ENUM: words, NULL-terminated
	enum pt_kind item;           // LIST of scalars (STR, PREFIX, ADDR, PORTS, I64, ENUM)
	const struct pt_schema *sub; // OBJECT, LIST of objects (item == PT_KIND_OBJECT)
	const char *unit;            // "ms", "ppm"; NULL: none
	const char *doc;             // one line, for man pages and `check -v`
};

struct pt_schema {
	const char *name;
	size_t size;
	const struct pt_field *fields;
	size_t n;
};

#define PT_FIELD_AT(type, member) .offset = offsetof(type, member)
#define PT_FIELD_LIST_AT(type, member, count) \
	.offset = offsetof(type, member), .count_offset = offsetof(type, count)

// How our JSON is dumped: thousandths print short (4.123) instead of with 17 digits.
#define PT_JSON_DUMP (JSON_COMPACT | JSON_REAL_PRECISION(15))

// Where in a file each object and field came from, for messages of later checks.
struct pt_marks;
struct pt_marks *pt_marks_new(struct pt_arena *a, const char *file);
// "file:line:column" of the object or field at this address; the file alone where unknown.
const char *pt_marks_where(const struct pt_marks *m, const void *at);

// Sets every field to its default.
void pt_schema_defaults(const struct pt_schema *s, void *obj);

// Reads a YAML file into obj (defaults first). Unknown, duplicate, mistyped and out-of-range keys,
// anchors, tags, several documents and files over 16 MiB fail with `file:line:col: key: why`.
int pt_yaml_load(const char *path, const struct pt_schema *s, struct pt_arena *a,
	struct pt_marks **marks, void *obj, struct pt_err *err);
// The same from memory; marks may be NULL. On failure obj is undefined.
struct pt_yaml_text {
	const char *name; // stands for the file in messages
	const char *text;
	size_t len;
};
int pt_yaml_parse(const struct pt_yaml_text *in, const struct pt_schema *s, struct pt_arena *a,
	struct pt_marks **marks, void *obj, struct pt_err *err);
// Writes obj as YAML; fields equal to their default are left out.
int pt_yaml_write(const struct pt_schema *s, const void *obj, struct pt_buf *out);

// Records and network.json. from_json passes unknown keys over (a newer writer), and is strict
// about types and ranges of the known ones: "sites[3].prefixes[0]: why".
json_t *pt_json_write(const struct pt_schema *s, const void *obj);
int pt_json_read(const json_t *j, const struct pt_schema *s, struct pt_arena *a, void *obj,
	struct pt_err *err);

// True when both are equal field by field (what diff and apply need).
bool pt_schema_equal(const struct pt_schema *s, const void *a, const void *b);
// FNV-1a over the JSON of obj, as 16 hex digits: the config hash of records and pins.
void pt_schema_hash(const struct pt_schema *s, const void *obj, char out[17]);
