// SPDX-License-Identifier: MIT
// The adapter to libyaml: events in, nodes out. No YAML_ constant leaves this file but the
// writer's.
#include "model/node.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

struct builder {
	yaml_parser_t parser;
	const char *name, *text;
	size_t len;
	struct pt_arena *arena;
	struct pt_node *stack[PT_YAML_MAX_DEPTH]; // open maps and lists
	unsigned depth, nodes;
	struct pt_node *key; // of the innermost map, waiting for its value
	struct pt_node *root;
	struct pt_err *err;
};

static int fail_at(struct builder *b, yaml_mark_t at, const char *why)
{
	return pt_err_set(
		b->err, -EINVAL, "%s:%zu:%zu: %s", b->name, at.line + 1, at.column + 1, why);
}

// The reader knows only the offset of a bad byte.
static int fail_reader(struct builder *b)
{
	yaml_mark_t at = { 0 };

	for (size_t i = 0; i < b->parser.problem_offset && i < b->len; i++) {
		if (b->text[i] == '\n') {
			at.line++;
			at.column = 0;
		} else if ((b->text[i] & 0xc0) != 0x80) {
			at.column++;
		}
	}
	const char *problem = b->parser.problem ? b->parser.problem : "";
	bool utf8 = !strstr(problem, "control");
	return fail_at(b, at, utf8 ? "not valid UTF-8" : "control character");
}

static int fail_parser(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "not YAML";

	switch (p->error) {
	case YAML_READER_ERROR:
		return fail_reader(b);
	case YAML_MEMORY_ERROR:
		return pt_err_set(b->err, -ENOMEM, "%s: out of memory", b->name);
	default:
		break;
	}
	if (p->context && p->context_mark.line != p->problem_mark.line)
		return pt_err_set(b->err, -EINVAL, "%s:%zu:%zu: %s %s that starts in line %zu",
			b->name, p->problem_mark.line + 1, p->problem_mark.column + 1, problem,
			p->context, p->context_mark.line + 1);
	return fail_at(b, p->problem_mark, problem);
}

// Puts a finished scalar, or a map or list just opened, where it belongs.
static int place(struct builder *b, struct pt_node *n, yaml_mark_t at)
{
	struct pt_node *top = b->depth ? b->stack[b->depth - 1] : NULL;

	if (!top) {
		b->root = n;
		return 0;
	}
	if (top->kind == PT_NODE_MAP && !b->key) {
		if (n->kind != PT_NODE_SCALAR || !n->text.len)
			return fail_at(b, at, "a key must be a word");
		b->key = n;
		return 0;
	}
	n->key = b->key;
	b->key = NULL;
	if (top->last)
		top->last->next = n;
	else
		top->first = n;
	top->last = n;
	top->n++;
	return 0;
}

static int open_node(struct builder *b, enum pt_node_kind kind, const yaml_event_t *e)
{
	if (++b->nodes > PT_YAML_MAX_NODES)
		return fail_at(b, e->start_mark, "too many values");
	struct pt_node *n = pt_arena_alloc(b->arena, sizeof(*n));

	n->kind = kind;
	n->line = (uint32_t)e->start_mark.line + 1;
	n->column = (uint32_t)e->start_mark.column + 1;
	if (kind == PT_NODE_SCALAR) {
		n->text.len = e->data.scalar.length;
		n->text.s = pt_arena_strndup(
			b->arena, (const char *)e->data.scalar.value, n->text.len);
		n->text.plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	}
	int rc = place(b, n, e->start_mark);
	if (rc < 0 || kind == PT_NODE_SCALAR)
		return rc;
	if (b->depth == PT_YAML_MAX_DEPTH)
		return fail_at(b, e->start_mark, "nested too deeply");
	b->stack[b->depth++] = n;
	return 0;
}

static int refuse_properties(struct builder *b, const yaml_event_t *e)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	}
	if (anchor)
		return fail_at(b, e->start_mark, "anchors (&name) are not supported");
	if (tag)
		return fail_at(b, e->start_mark, "tags (!name) are not supported");
	return 0;
}

static int take_event(struct builder *b, const yaml_event_t *e)
{
	int rc = refuse_properties(b, e);

	if (rc < 0)
		return rc;
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		return b->root ? fail_at(b, e->start_mark, "a second document starts here") : 0;
	case YAML_ALIAS_EVENT:
		return fail_at(b, e->start_mark, "aliases (*name) are not supported");
	case YAML_SCALAR_EVENT:
		return open_node(b, PT_NODE_SCALAR, e);
	case YAML_MAPPING_START_EVENT:
		return open_node(b, PT_NODE_MAP, e);
	case YAML_SEQUENCE_START_EVENT:
		return open_node(b, PT_NODE_LIST, e);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		b->depth--;
		return 0;
	default:
		return 0;
	}
}

static int build(struct builder *b)
{
	yaml_event_type_t type = YAML_NO_EVENT;

	while (type != YAML_STREAM_END_EVENT) {
		yaml_event_t e;
		if (!yaml_parser_parse(&b->parser, &e))
			return fail_parser(b);
		type = e.type;
		int rc = take_event(b, &e);
		yaml_event_delete(&e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int pt_node_parse(const char *name, const char *text, size_t len, struct pt_arena *a,
	struct pt_node **out, struct pt_err *err)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct builder b = { .name = name, .arena = a, .err = err };

	if (len > PT_YAML_MAX_BYTES)
		return pt_err_set(err, -EFBIG, "%s: larger than 16 MiB", name);
	if (len >= 3 && memcmp(text, bom, 3) == 0) {
		text += 3;
		len -= 3;
	}
	b.text = text;
	b.len = len;
	if (!yaml_parser_initialize(&b.parser))
		return pt_err_set(err, -ENOMEM, "%s: out of memory", name);
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, len);
	int rc = build(&b);
	yaml_parser_delete(&b.parser);
	if (rc == 0)
		*out = b.root;
	return rc;
}
