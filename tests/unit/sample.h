// SPDX-License-Identifier: MIT
// A schema with a field of every kind, for the tests of what reads and writes schemas.
#pragma once
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "model/schema.h"

struct inner {
	int64_t count;
	bool on;
};

struct item {
	const char *id;
	int64_t weight;
};

struct sample {
	const char *id;
	const char *text;
	bool flag;
	int64_t number, maybe, milli, dscp;
	int colour;
	struct pt_addr addr;
	struct pt_prefix prefix;
	struct pt_port_range ports;
	struct inner inner;
	struct item *items;
	const char *const *words;
	struct pt_prefix *prefixes;
	int64_t *numbers;
	uint32_t n_items, n_words, n_prefixes, n_numbers;
	struct pt_hist *hist;
};

static const char *const colour_names[] = { "red", "green", "blue", NULL };

static const struct pt_field inner_fields[] = {
	{ .key = "count",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct inner, count),
		.min = 1,
		.max = 10,
		.def = 5,
		.unit = "s" },
	{ .key = "on", .kind = PT_KIND_BOOL, PT_FIELD_AT(struct inner, on), .def = true },
};
static const struct pt_schema inner_schema = { "inner", sizeof(struct inner), inner_fields,
	PT_ARRAY_LEN(inner_fields) };

static const struct pt_field item_fields[] = {
	{ .key = "id",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct item, id),
		.flags = PT_FIELD_REQUIRED | PT_FIELD_ID },
	{ .key = "weight",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct item, weight),
		.min = 0,
		.max = 100,
		.def = 1 },
};
static const struct pt_schema item_schema = { "item", sizeof(struct item), item_fields,
	PT_ARRAY_LEN(item_fields) };

static const struct pt_field sample_fields[] = {
	{ .key = "id", .kind = PT_KIND_STR, PT_FIELD_AT(struct sample, id), .flags = PT_FIELD_ID },
	{ .key = "text",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct sample, text),
		.def_str = "as is" },
	{ .key = "flag", .kind = PT_KIND_BOOL, PT_FIELD_AT(struct sample, flag) },
	{ .key = "number",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct sample, number),
		.min = -5,
		.max = 3600,
		.def = 7,
		.unit = "s" },
	{ .key = "maybe",
		.kind = PT_KIND_I64,
		PT_FIELD_AT(struct sample, maybe),
		.flags = PT_FIELD_NULLABLE,
		.min = 0,
		.max = INT64_MAX,
		.def = PT_NULL },
	{ .key = "milli",
		.kind = PT_KIND_MILLI,
		PT_FIELD_AT(struct sample, milli),
		.flags = PT_FIELD_NULLABLE,
		.min = -1000,
		.max = 5000,
		.def = PT_NULL },
	{ .key = "dscp", .kind = PT_KIND_DSCP, PT_FIELD_AT(struct sample, dscp), .def = 0 },
	{ .key = "colour",
		.kind = PT_KIND_ENUM,
		PT_FIELD_AT(struct sample, colour),
		.names = colour_names,
		.def = 1 },
	{ .key = "addr", .kind = PT_KIND_ADDR, PT_FIELD_AT(struct sample, addr) },
	{ .key = "prefix", .kind = PT_KIND_PREFIX, PT_FIELD_AT(struct sample, prefix) },
	{ .key = "ports", .kind = PT_KIND_PORTS, PT_FIELD_AT(struct sample, ports) },
	{ .key = "inner",
		.kind = PT_KIND_OBJECT,
		PT_FIELD_AT(struct sample, inner),
		.sub = &inner_schema },
	{ .key = "items",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_OBJECT,
		.sub = &item_schema,
		PT_FIELD_LIST_AT(struct sample, items, n_items),
		.max = 3 },
	{ .key = "words",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_STR,
		PT_FIELD_LIST_AT(struct sample, words, n_words) },
	{ .key = "prefixes",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_PREFIX,
		PT_FIELD_LIST_AT(struct sample, prefixes, n_prefixes) },
	{ .key = "numbers",
		.kind = PT_KIND_LIST,
		.item = PT_KIND_I64,
		PT_FIELD_LIST_AT(struct sample, numbers, n_numbers),
		.min = 0,
		.max = 9 },
	{ .key = "hist", .kind = PT_KIND_HIST, PT_FIELD_AT(struct sample, hist) },
};
static const struct pt_schema sample_schema = { "sample", sizeof(struct sample), sample_fields,
	PT_ARRAY_LEN(sample_fields) };

// One that sets every field to something that is not its default.
static const char full_yaml[] = "id: a.b-c_1\n"
				"text: \"two: words # no comment\"\n"
				"flag: true\n"
				"number: -5\n"
				"maybe: 0\n"
				"milli: -0.25\n"
				"dscp: ef\n"
				"colour: blue\n"
				"addr: 2001:db8::1\n"
				"prefix: 10.0.0.0/8\n"
				"ports: 1000-2000\n"
				"inner: {count: 9, on: false}\n"
				"items:\n"
				"  - id: one\n"
				"    weight: 50\n"
				"  - id: two\n"
				"words: [lan0, \"no\", \"\\u00e9t\\u00e9\", \"5060\"]\n"
				"prefixes:\n"
				"  - 0.0.0.0/0\n"
				"  - ::/0\n"
				"numbers: [1, 2, 3]\n";

static inline int sample_parse(
	const char *text, struct pt_arena *a, struct sample *s, struct pt_err *err)
{
	return pt_yaml_parse(&(struct pt_yaml_text){ "f.yaml", text, strlen(text) }, &sample_schema,
		a, NULL, s, err);
}
