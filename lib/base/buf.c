// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Room for n more bytes and the NUL.
static void reserve(struct pt_buf *b, size_t n)
{
	if (n >= SIZE_MAX / 2 - b->len)
		abort();
	size_t need = b->len + n + 1, cap = b->cap ? b->cap : 64;
	if (need <= b->cap)
		return;
	while (cap < need)
		cap *= 2;
	char *data = realloc(b->data, cap);
	if (!data)
		abort();
	b->data = data;
	b->cap = cap;
}

void pt_buf_add(struct pt_buf *b, const void *bytes, size_t n)
{
	reserve(b, n);
	if (n)
		memcpy(b->data + b->len, bytes, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void pt_buf_puts(struct pt_buf *b, const char *s)
{
	pt_buf_add(b, s, strlen(s));
}

void pt_buf_putc(struct pt_buf *b, char c)
{
	pt_buf_add(b, &c, 1);
}

void pt_buf_vprintf(struct pt_buf *b, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		abort();
	reserve(b, (size_t)n);
	(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void pt_buf_printf(struct pt_buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pt_buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void pt_buf_drop(struct pt_buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len + 1);
}

void pt_buf_clear(struct pt_buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

void pt_buf_done(struct pt_buf *b)
{
	free(b->data);
	*b = (struct pt_buf){ 0 };
}

const char *pt_buf_str(const struct pt_buf *b)
{
	return b->data ? b->data : "";
}
