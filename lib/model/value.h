// SPDX-License-Identifier: MIT
// Inside lib/model only: one value of a schema field, from and to text, whatever carries it.
#pragma once
#include "model/schema.h"

// Where a value stands in its document: "sites[3].prefixes[0]". Links live on the reader's stack.
struct pt_trail {
	const struct pt_trail *up;
	const char *key; // NULL: a list item
	uint32_t index;
};

// A scalar as written. plain: without quotes, so it may be a number, a bool or null.
struct pt_text {
	const char *s; // NUL-terminated
	size_t len;
	bool plain;
};

// Puts "where: trail: " in front of the message; returns its code. where may be NULL.
int pt_trail_fail(const struct pt_trail *t, const char *where, struct pt_err *err);

// Bytes of one value of this kind (sub: of OBJECT).
size_t pt_value_size(enum pt_kind kind, const struct pt_schema *sub);

// Reads a scalar kind into slot. The message says what is wrong, not where.
int pt_value_parse(const struct pt_field *f, enum pt_kind kind, const struct pt_text *t,
	struct pt_arena *a, void *slot, struct pt_err *err);
// As pt_value_parse, for an integer that came as such (I64, DSCP, PORTS; MILLI: in thousandths).
int pt_value_integer(
	const struct pt_field *f, enum pt_kind kind, int64_t v, void *slot, struct pt_err *err);
// Writes a scalar kind as text; false and nothing written: the value is absent.
bool pt_value_format(
	const struct pt_field *f, enum pt_kind kind, const void *slot, struct pt_buf *out);
// Null may stand here: the value is nullable, or something that can be unset.
bool pt_value_optional(const struct pt_field *f);

// "; did you mean X?" where a word is near, "; valid here: ..." otherwise. words: NULL-terminated.
void pt_words_suggest(const char *given, const char *const *words, struct pt_buf *out);
// Up to 40 bytes of s in quotes, what does not print as '?'.
void pt_text_quote(const char *s, size_t len, struct pt_buf *out);
