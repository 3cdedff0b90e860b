// SPDX-License-Identifier: MIT
// For lib/model, and for files whose keys are open (tune/profile.h): a YAML document as a tree of
// nodes that know where they came from.
#pragma once
#include "model/value.h"

#define PT_YAML_MAX_BYTES (16u << 20)
#define PT_YAML_MAX_DEPTH 16
#define PT_YAML_MAX_NODES (2u << 20) // some 200 MB; the largest fleet has a third of it

enum pt_node_kind { PT_NODE_SCALAR, PT_NODE_MAP, PT_NODE_LIST };

struct pt_node {
	enum pt_node_kind kind;
	uint32_t line, column;     // from 1; of a map: its first key
	struct pt_text text;       // SCALAR
	const struct pt_node *key; // in a map: the scalar before the colon
	struct pt_node *first, *last, *next;
	uint32_t n; // children
};

// The single document of the text; NULL in *out when it holds none. Nodes live in the arena.
// Anchors, aliases, tags, several documents, other encodings than UTF-8 and deep nesting fail with
// `name:line:column: why`.
int pt_node_parse(const char *name, const char *text, size_t len, struct pt_arena *a,
	struct pt_node **out, struct pt_err *err);

// Fields and objects remember the node they were read from.
void pt_marks_put(struct pt_marks *m, const void *at, uint32_t line, uint32_t column);
bool pt_marks_has(const struct pt_marks *m, const void *at);

// A whole file, 16 MiB at most.
int pt_file_read(const char *path, struct pt_buf *out, struct pt_err *err);
