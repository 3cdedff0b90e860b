// SPDX-License-Identifier: MIT
// Nodes into structs, by the rows of a schema.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/node.h"

#define MAX_FIELDS 64

struct reader {
	struct pt_arena *arena;
	struct pt_marks *marks;
	const char *file;
	struct pt_err *err;
};

static int fail(const struct reader *r, const struct pt_node *at, const struct pt_trail *t)
{
	pt_autobuf where = { 0 };

	pt_buf_printf(&where, "%s:%u:%u", r->file, at->line, at->column);
	return pt_trail_fail(t, where.data, r->err);
}

static int read_object(const struct reader *r, const struct pt_schema *s,
	const struct pt_node *node, const struct pt_trail *t, void *obj);

static bool is_null(const struct pt_node *n)
{
	return n->kind == PT_NODE_SCALAR && n->text.plain &&
		(!n->text.len || strcmp(n->text.s, "~") == 0 || strcmp(n->text.s, "null") == 0);
}

static const char *shape(const struct pt_node *n)
{
	if (is_null(n))
		return "nothing";
	return n->kind == PT_NODE_SCALAR ? "a single value"
		: n->kind == PT_NODE_MAP ? "a mapping"
					 : "a list";
}

static int expect(const struct reader *r, const struct pt_node *n, enum pt_node_kind kind,
	const struct pt_trail *t)
{
	static const char *const wants[] = {
		[PT_NODE_SCALAR] = "a single value",
		[PT_NODE_MAP] = "a mapping (key: value)",
		[PT_NODE_LIST] = "a list",
	};

	if (n->kind == kind && !is_null(n))
		return 0;
	(void)pt_err_set(r->err, -EINVAL, "needs %s, has %s", wants[kind], shape(n));
	return fail(r, n, t);
}

static int read_value(const struct reader *r, const struct pt_field *f, enum pt_kind kind,
	const struct pt_node *n, const struct pt_trail *t, void *slot)
{
	int rc;

	if (kind == PT_KIND_OBJECT) {
		rc = expect(r, n, PT_NODE_MAP, t);
		return rc < 0 ? rc : read_object(r, f->sub, n, t, slot);
	}
	rc = expect(r, n, PT_NODE_SCALAR, t);
	if (rc < 0)
		return rc;
	rc = pt_value_parse(f, kind, &n->text, r->arena, slot, r->err);
	if (rc < 0)
		return fail(r, n, t);
	pt_marks_put(r->marks, slot, n->line, n->column);
	return 0;
}

static int read_list(const struct reader *r, const struct pt_field *f, const struct pt_node *n,
	const struct pt_trail *t, char *obj)
{
	size_t size = pt_value_size(f->item, f->sub);
	struct pt_trail item = { .up = t };
	int rc = expect(r, n, PT_NODE_LIST, t);

	if (rc < 0)
		return rc;
	if (f->max && n->n > f->max) {
		(void)pt_err_set(r->err, -ERANGE, "%u items, at most %u are possible", n->n,
			(unsigned)f->max);
		return fail(r, n, t);
	}
	char *items = n->n ? pt_arena_alloc(r->arena, n->n * size) : NULL;
	for (const struct pt_node *c = n->first; c; c = c->next, item.index++) {
		rc = read_value(r, f, f->item, c, &item, items + item.index * size);
		if (rc < 0)
			return rc;
	}
	memcpy(obj + f->offset, &items, sizeof(items));
	*(uint32_t *)(obj + f->count_offset) = n->n;
	pt_marks_put(r->marks, obj + f->offset, n->line, n->column);
	return 0;
}

static int unknown_key(const struct reader *r, const struct pt_schema *s,
	const struct pt_node *node, const struct pt_trail *t)
{
	const char *words[MAX_FIELDS + 1] = { 0 };
	pt_autobuf b = { 0 };

	for (size_t i = 0; i < s->n; i++)
		words[i] = s->fields[i].key;
	pt_words_suggest(node->key->text.s, words, &b);
	(void)pt_err_set(r->err, -EINVAL, "unknown key%s", b.data);
	return fail(r, node->key, t);
}

static int read_field(const struct reader *r, const struct pt_field *f, const struct pt_node *n,
	const struct pt_trail *t, char *obj)
{
	if (f->kind == PT_KIND_LIST)
		return read_list(r, f, n, t, obj);
	if (is_null(n) && pt_value_optional(f))
		return 0;
	return read_value(r, f, f->kind, n, t, obj + f->offset);
}

static int check_required(const struct reader *r, const struct pt_schema *s,
	const struct pt_node *const *seen, const struct pt_node *node, const struct pt_trail *up)
{
	for (size_t i = 0; i < s->n; i++) {
		struct pt_trail t = { .up = up, .key = s->fields[i].key };
		if (seen[i] || !(s->fields[i].flags & PT_FIELD_REQUIRED))
			continue;
		(void)pt_err_set(r->err, -EINVAL, "is missing");
		return fail(r, node, &t);
	}
	return 0;
}

// obj holds its defaults already, or is zeroed memory of a list.
static int read_object(const struct reader *r, const struct pt_schema *s,
	const struct pt_node *node, const struct pt_trail *up, void *obj)
{
	const struct pt_node *seen[MAX_FIELDS] = { 0 };

	pt_schema_defaults(s, obj);
	pt_marks_put(r->marks, obj, node->line, node->column);
	for (const struct pt_node *n = node->first; n; n = n->next) {
		struct pt_trail t = { .up = up, .key = n->key->text.s };
		size_t i = 0;
		while (i < s->n && strcmp(s->fields[i].key, t.key) != 0)
			i++;
		if (i == s->n)
			return unknown_key(r, s, n, &t);
		if (seen[i]) {
			(void)pt_err_set(r->err, -EEXIST, "given twice, first in line %u",
				seen[i]->key->line);
			return fail(r, n->key, &t);
		}
		seen[i] = n;
		int rc = read_field(r, &s->fields[i], n, &t, obj);
		if (rc < 0)
			return rc;
	}
	return check_required(r, s, seen, node, up);
}

int pt_yaml_parse(const struct pt_yaml_text *in, const struct pt_schema *s, struct pt_arena *a,
	struct pt_marks **marks, void *obj, struct pt_err *err)
{
	static const struct pt_node nothing = { .kind = PT_NODE_MAP, .line = 1, .column = 1 };
	pt_autoarena scratch = { 0 };
	struct pt_marks *m = pt_marks_new(a, in->name);
	struct pt_node *root = NULL;
	struct pt_err own = { 0 };
	struct reader r = { .arena = a, .marks = m, .file = in->name, .err = err ? err : &own };

	int rc = pt_node_parse(in->name, in->text, in->len, &scratch, &root, r.err);
	if (rc < 0)
		return rc;
	const struct pt_node *top = root ? root : &nothing;
	rc = expect(&r, top, PT_NODE_MAP, NULL);
	if (rc < 0)
		return rc;
	rc = read_object(&r, s, top, NULL, obj);
	if (rc == 0 && marks)
		*marks = m;
	return rc;
}

int pt_file_read(const char *path, struct pt_buf *out, struct pt_err *err)
{
	char chunk[65536];
	ssize_t n;

	pt_autofd fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return pt_err_errno(err, -errno, "%s", path);
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pt_err_errno(err, -errno, "%s", path);
		pt_buf_add(out, chunk, (size_t)n);
		if (out->len > PT_YAML_MAX_BYTES)
			return pt_err_set(err, -EFBIG, "%s: larger than 16 MiB", path);
	}
	return 0;
}

int pt_yaml_load(const char *path, const struct pt_schema *s, struct pt_arena *a,
	struct pt_marks **marks, void *obj, struct pt_err *err)
{
	pt_autobuf text = { 0 };
	int rc = pt_file_read(path, &text, err);

	if (rc < 0)
		return rc;
	struct pt_yaml_text in = { path, pt_buf_str(&text), text.len };
	return pt_yaml_parse(&in, s, a, marks, obj, err);
}
