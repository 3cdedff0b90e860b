// SPDX-License-Identifier: MIT
#include "model/network_index.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "model/node.h"

int pt_check_bad(struct pt_check *c, const void *field, const void *row, const char *fmt, ...)
{
	pt_autobuf msg = { 0 };
	va_list ap;

	va_start(ap, fmt);
	pt_buf_vprintf(&msg, fmt, ap);
	va_end(ap);
	if (!c->marks)
		return pt_err_set(c->err, -EINVAL, "%s", msg.data);
	const void *at = pt_marks_has(c->marks, field) ? field : row;
	return pt_err_set(c->err, -EINVAL, "%s: %s", pt_marks_where(c->marks, at), msg.data);
}

const char *pt_index_id(const void *row)
{
	return *(const char *const *)row;
}

uint32_t pt_index_position(const struct pt_index *x, const void *row)
{
	return (uint32_t)((size_t)((const char *)row - x->base) / x->size);
}

static int by_id(const void *a, const void *b)
{
	const void *ra = *(const void *const *)a, *rb = *(const void *const *)b;
	int c = strcmp(pt_index_id(ra), pt_index_id(rb));

	return c ? c : (ra > rb) - (ra < rb);
}

int pt_index_make(struct pt_check *c, struct pt_index *x, uint32_t max)
{
	if (x->n > max)
		return pt_check_bad(c, NULL, NULL,
			"%s: %" PRIu32 " given, at most %" PRIu32 " are possible", x->what, x->n,
			max);
	x->rows = pt_arena_alloc(&c->scratch, (x->n + 1) * sizeof(*x->rows));
	for (uint32_t i = 0; i < x->n; i++)
		x->rows[i] = x->base + i * x->size;
	if (x->n)
		qsort(x->rows, x->n, sizeof(*x->rows), by_id);
	for (uint32_t i = 1; i < x->n; i++) {
		const void *row = x->rows[i];
		if (strcmp(pt_index_id(x->rows[i - 1]), pt_index_id(row)) == 0)
			return pt_check_bad(c, row, row,
				"%s[%" PRIu32 "].id: \"%s\" is taken by %s[%" PRIu32 "]", x->what,
				pt_index_position(x, row), pt_index_id(row), x->what,
				pt_index_position(x, x->rows[i - 1]));
	}
	return 0;
}

static int key_cmp(const void *key, const void *slot)
{
	return strcmp(key, pt_index_id(*(const void *const *)slot));
}

const void *pt_index_find(const struct pt_index *x, const char *id)
{
	const void **slot = x->n ? bsearch(id, x->rows, x->n, sizeof(*x->rows), key_cmp) : NULL;

	return slot ? *slot : NULL;
}

// Near words help; a list of thousands does not.
static void suggest(
	struct pt_check *c, const struct pt_index *x, const char *id, struct pt_buf *out)
{
	const char **words = pt_arena_alloc(&c->scratch, (x->n + 1) * sizeof(*words));

	for (uint32_t i = 0; i < x->n; i++)
		words[i] = pt_index_id(x->rows[i]);
	pt_words_suggest(id, words, out);
}

int pt_index_refer(
	struct pt_check *c, const struct pt_reference *r, const char *id, const void **out)
{
	pt_autobuf hint = { 0 };

	*out = pt_index_find(r->to, id);
	if (*out)
		return 0;
	suggest(c, r->to, id, &hint);
	return pt_check_bad(c, r->slot, r->row, "%s[%" PRIu32 "].%s: there is no %s \"%s\"%s",
		r->from->what, pt_index_position(r->from, r->row), r->field, r->one, id,
		pt_buf_str(&hint));
}
