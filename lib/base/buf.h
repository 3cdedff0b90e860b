// SPDX-License-Identifier: MIT
// A growing text buffer. Zero-initialised is empty and valid; appends never truncate.
// Out of memory aborts: the house never runs on with half a record.
#pragma once
#include <stdarg.h>
#include <stddef.h>

struct pt_buf {
	char *data; // NUL-terminated once anything was appended
	size_t len, cap;
};

void pt_buf_add(struct pt_buf *b, const void *bytes, size_t n);
void pt_buf_puts(struct pt_buf *b, const char *s);
void pt_buf_putc(struct pt_buf *b, char c);
void pt_buf_printf(struct pt_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void pt_buf_vprintf(struct pt_buf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
void pt_buf_drop(struct pt_buf *b, size_t n); // forgets the first n bytes
void pt_buf_clear(struct pt_buf *b);          // keeps the memory
void pt_buf_done(struct pt_buf *b);
const char *pt_buf_str(const struct pt_buf *b); // "" when empty
#define pt_autobuf __attribute__((cleanup(pt_buf_done))) struct pt_buf
