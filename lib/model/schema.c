// SPDX-License-Identifier: MIT
#include "model/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "model/value.h"

static void field_default(const struct pt_field *f, char *obj)
{
	void *slot = obj + f->offset;

	switch (f->kind) {
	case PT_KIND_BOOL:
		*(bool *)slot = f->def != 0;
		break;
	case PT_KIND_I64:
	case PT_KIND_MILLI:
	case PT_KIND_DSCP:
		*(int64_t *)slot = f->def;
		break;
	case PT_KIND_STR:
		*(const char **)slot = f->def_str;
		break;
	case PT_KIND_ENUM:
		*(int *)slot = (int)f->def;
		break;
	case PT_KIND_OBJECT:
		pt_schema_defaults(f->sub, slot);
		break;
	case PT_KIND_LIST:
		*(uint32_t *)(obj + f->count_offset) = 0;
		memset(slot, 0, sizeof(void *));
		break;
	default:
		memset(slot, 0, pt_value_size(f->kind, f->sub));
		break;
	}
}

void pt_schema_defaults(const struct pt_schema *s, void *obj)
{
	memset(obj, 0, s->size);
	for (size_t i = 0; i < s->n; i++)
		field_default(&s->fields[i], obj);
}

static bool str_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

// By what a record carries: the buckets, not the exact sum.
static bool hist_equal(const struct pt_hist *a, const struct pt_hist *b)
{
	return a == b || (a && b && memcmp(a->bucket, b->bucket, sizeof(a->bucket)) == 0);
}

static bool value_equal(
	enum pt_kind kind, const struct pt_schema *sub, const void *a, const void *b)
{
	const struct pt_prefix *pa = a, *pb = b;
	const struct pt_port_range *ra = a, *rb = b;

	switch (kind) {
	case PT_KIND_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case PT_KIND_I64:
	case PT_KIND_MILLI:
	case PT_KIND_DSCP:
		return *(const int64_t *)a == *(const int64_t *)b;
	case PT_KIND_STR:
		return str_equal(*(const char *const *)a, *(const char *const *)b);
	case PT_KIND_ENUM:
		return *(const int *)a == *(const int *)b;
	case PT_KIND_ADDR:
		return pt_addr_eq(a, b);
	case PT_KIND_PREFIX:
		return pa->len == pb->len && pt_addr_eq(&pa->addr, &pb->addr);
	case PT_KIND_PORTS:
		return ra->lo == rb->lo && ra->hi == rb->hi;
	case PT_KIND_OBJECT:
		return pt_schema_equal(sub, a, b);
	case PT_KIND_HIST:
		return hist_equal(*(struct pt_hist *const *)a, *(struct pt_hist *const *)b);
	case PT_KIND_LIST:
	case PT_KIND_COUNT:
		break;
	}
	return false;
}

static bool list_equal(const struct pt_field *f, const char *a, const char *b)
{
	uint32_t n = *(const uint32_t *)(a + f->count_offset);
	const char *items_a = *(const char *const *)(a + f->offset);
	const char *items_b = *(const char *const *)(b + f->offset);
	size_t size = pt_value_size(f->item, f->sub);

	if (n != *(const uint32_t *)(b + f->count_offset))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!value_equal(f->item, f->sub, items_a + i * size, items_b + i * size))
			return false;
	}
	return true;
}

bool pt_schema_equal(const struct pt_schema *s, const void *a, const void *b)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct pt_field *f = &s->fields[i];
		const char *fa = (const char *)a + f->offset, *fb = (const char *)b + f->offset;
		bool same = f->kind == PT_KIND_LIST ? list_equal(f, a, b)
						    : value_equal(f->kind, f->sub, fa, fb);
		if (!same)
			return false;
	}
	return true;
}

struct fnv {
	uint64_t h;
};

static int fnv_add(const char *bytes, size_t n, void *ctx)
{
	struct fnv *f = ctx;

	for (size_t i = 0; i < n; i++) {
		f->h ^= (unsigned char)bytes[i];
		f->h *= UINT64_C(0x100000001b3);
	}
	return 0;
}

void pt_schema_hash(const struct pt_schema *s, const void *obj, char out[17])
{
	pt_autojson json_t *j = pt_json_write(s, obj);
	struct fnv f = { UINT64_C(0xcbf29ce484222325) };

	if (!j || json_dump_callback(j, fnv_add, &f, PT_JSON_DUMP) < 0)
		abort(); // out of memory, as everywhere in the house
	(void)snprintf(out, 17, "%016" PRIx64, f.h);
}
