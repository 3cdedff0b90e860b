// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include "test.h"

static void empty(void)
{
	pt_autobuf b = { 0 };

	T_STR(pt_buf_str(&b), "");
	pt_buf_clear(&b);
	pt_buf_drop(&b, 5);
	T_EQ(b.len, 0);
	pt_buf_add(&b, NULL, 0);
	T_STR(pt_buf_str(&b), "");
}

static void grows(void)
{
	pt_autobuf b = { 0 };

	for (int i = 0; i < 100000; i++)
		pt_buf_putc(&b, (char)('a' + i % 26));
	T_EQ(b.len, 100000);
	T_EQ(strlen(b.data), 100000);
	T_OK(b.data[99999] == 'a' + 99999 % 26);
	pt_buf_clear(&b);
	T_OK(b.cap > 100000);
	pt_buf_printf(&b, "%0*d|%s", 5000, 1, "end");
	T_EQ(b.len, 5004);
	T_STR(b.data + 5000, "|end");
}

static void binary(void)
{
	pt_autobuf b = { 0 };

	pt_buf_add(&b, "a\0b", 3);
	pt_buf_puts(&b, "c");
	T_EQ(b.len, 4);
	T_OK(memcmp(b.data, "a\0bc", 5) == 0);
}

static void drops(void)
{
	pt_autobuf b = { 0 };

	pt_buf_puts(&b, "hello world");
	pt_buf_drop(&b, 6);
	T_STR(b.data, "world");
	pt_buf_drop(&b, 0);
	T_STR(b.data, "world");
	pt_buf_drop(&b, 99);
	T_STR(b.data, "");
	T_EQ(b.len, 0);
}

T_MAIN({ "empty", empty }, { "grows", grows }, { "holds NUL bytes", binary },
	{ "drops from the front", drops })
