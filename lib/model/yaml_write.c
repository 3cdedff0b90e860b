// SPDX-License-Identifier: MIT
// Structs to YAML through libyaml's emitter: block style, short lists on one line, what equals its
// default left out.
#include <errno.h>
#include <string.h>
#include <yaml.h>

#include "model/value.h"

static int sink(void *ctx, unsigned char *bytes, size_t n)
{
	pt_buf_add(ctx, bytes, n);
	return 1;
}

// The emitter takes ownership of the event, also when it fails.
static bool put(yaml_emitter_t *e, yaml_event_t *ev)
{
	return yaml_emitter_emit(e, ev);
}

static bool put_text(yaml_emitter_t *e, const char *s, bool quoted)
{
	yaml_event_t ev;
	yaml_scalar_style_t style = quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
					   : YAML_PLAIN_SCALAR_STYLE;

	return yaml_scalar_event_initialize(
		       &ev, NULL, NULL, (const yaml_char_t *)s, (int)strlen(s), 1, 1, style) &&
		put(e, &ev);
}

static bool put_map_start(yaml_emitter_t *e)
{
	yaml_event_t ev;

	return yaml_mapping_start_event_initialize(&ev, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) &&
		put(e, &ev);
}

static bool put_map_end(yaml_emitter_t *e)
{
	yaml_event_t ev;

	return yaml_mapping_end_event_initialize(&ev) && put(e, &ev);
}

// A word that some YAML reader could take for a number, a bool or null must be quoted.
static bool needs_quotes(enum pt_kind kind, const char *s)
{
	static const char *const other[] = { "true", "false", "null", "yes", "no", "on", "off", "y",
		"n", NULL };

	if (kind != PT_KIND_STR && kind != PT_KIND_ENUM)
		return false;
	bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '/';
	for (const char *const *w = other; *w; w++) {
		if (strcasecmp(s, *w) == 0)
			return true;
	}
	return !letter;
}

static bool write_object(yaml_emitter_t *e, const struct pt_schema *s, const void *obj);

static bool write_value(
	yaml_emitter_t *e, const struct pt_field *f, enum pt_kind kind, const void *slot)
{
	pt_autobuf text = { 0 };

	if (kind == PT_KIND_OBJECT)
		return write_object(e, f->sub, slot);
	if (!pt_value_format(f, kind, slot, &text))
		return put_text(e, "null", false);
	return put_text(e, pt_buf_str(&text), needs_quotes(kind, pt_buf_str(&text)));
}

static bool write_list(yaml_emitter_t *e, const struct pt_field *f, const char *obj)
{
	uint32_t n = *(const uint32_t *)(obj + f->count_offset);
	const char *items = *(const char *const *)(obj + f->offset);
	size_t size = pt_value_size(f->item, f->sub);
	yaml_sequence_style_t style = f->item == PT_KIND_OBJECT ? YAML_BLOCK_SEQUENCE_STYLE
								: YAML_FLOW_SEQUENCE_STYLE;
	yaml_event_t ev;

	if (!yaml_sequence_start_event_initialize(&ev, NULL, NULL, 1, style) || !put(e, &ev))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!write_value(e, f, f->item, items + i * size))
			return false;
	}
	return yaml_sequence_end_event_initialize(&ev) && put(e, &ev);
}

// Whether the field says anything that its absence would not.
static bool says_something(const struct pt_field *f, const char *obj, const char *defaults)
{
	struct pt_schema one = { .fields = f, .n = 1 };

	if (f->kind == PT_KIND_HIST)
		return false; // no file holds one
	return (f->flags & PT_FIELD_REQUIRED) || !pt_schema_equal(&one, obj, defaults);
}

static bool write_object(yaml_emitter_t *e, const struct pt_schema *s, const void *obj)
{
	pt_autoarena a = { 0 };
	char *defaults = pt_arena_alloc(&a, s->size);
	const char *base = obj;

	pt_schema_defaults(s, defaults);
	if (!put_map_start(e))
		return false;
	for (size_t i = 0; i < s->n; i++) {
		const struct pt_field *f = &s->fields[i];
		if (!says_something(f, base, defaults))
			continue;
		bool ok = put_text(e, f->key, false) &&
			(f->kind == PT_KIND_LIST ? write_list(e, f, base)
						 : write_value(e, f, f->kind, base + f->offset));
		if (!ok)
			return false;
	}
	return put_map_end(e);
}

static bool write_document(yaml_emitter_t *e, const struct pt_schema *s, const void *obj)
{
	yaml_event_t ev;

	return yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING) && put(e, &ev) &&
		yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, 1) && put(e, &ev) &&
		write_object(e, s, obj) && yaml_document_end_event_initialize(&ev, 1) &&
		put(e, &ev) && yaml_stream_end_event_initialize(&ev) && put(e, &ev);
}

int pt_yaml_write(const struct pt_schema *s, const void *obj, struct pt_buf *out)
{
	yaml_emitter_t e;
	size_t before = out->len;

	if (!yaml_emitter_initialize(&e))
		return -ENOMEM;
	yaml_emitter_set_output(&e, sink, out);
	yaml_emitter_set_unicode(&e, 1);
	yaml_emitter_set_indent(&e, 2);
	yaml_emitter_set_width(&e, 100);
	bool ok = write_document(&e, s, obj);
	yaml_emitter_delete(&e);
	if (ok)
		return 0;
	out->len = before; // a text that is not UTF-8
	if (out->data)
		out->data[before] = '\0';
	return -EILSEQ;
}
