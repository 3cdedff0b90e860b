// SPDX-License-Identifier: MIT
#include "base/emit.h"

#include <errno.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "test.h"

static const struct pt_column columns[] = {
	{ .key = "path", .heading = "PATH" },
	{ .key = "rtt_us", .heading = "RTT", .right = true },
	{ .key = "up", .heading = "UP" },
	{ .key = "mos_milli", .heading = "MOS", .right = true },
	{ .key = "tags", .heading = "TAGS" },
	{ 0 },
};

static void fill(struct pt_emit *e)
{
	static const char *const tags[] = { "a", "b\"c" };

	pt_emit_table(e, "paths", columns);
	pt_emit_row(e);
	pt_emit_str(e, "wan-\xc3\xa9"); // two bytes, one character
	pt_emit_i64_as(e, 1234, "1.2 ms");
	pt_emit_bool(e, true);
	pt_emit_milli(e, 4321);
	pt_emit_strs(e, tags, 2);
	pt_emit_row(e);
	pt_emit_str(e, "x,\"y\"\n");
	pt_emit_i64(e, INT64_MIN);
	pt_emit_bool(e, false);
	pt_emit_milli(e, -5);
	pt_emit_strs(e, NULL, 0);
	pt_emit_row(e);
	pt_emit_str(e, NULL); // the rest is missing
}

static char *render(enum pt_emit_kind kind, void (*fn)(struct pt_emit *))
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct pt_emit *e = NULL;

	T_EQ(pt_emit_new(kind, f, &e), 0);
	fn(e);
	T_EQ(pt_emit_end(e), 0);
	fclose(f);
	return text;
}

static void table(void)
{
	pt_autofree char *text = render(PT_EMIT_TABLE, fill);

	T_STR(text,
		"PATH                     RTT  UP      MOS  TAGS\n"
		"wan-\xc3\xa9                 1.2 ms  yes   4.321  a,b\"c\n"
		"x,\"y\"?  -9223372036854775808  no   -0.005  -\n"
		"-                          -  -         -  -\n");
}

static void csv(void)
{
	pt_autofree char *text = render(PT_EMIT_CSV, fill);

	T_STR(text,
		"path,rtt_us,up,mos_milli,tags\r\n"
		"wan-\xc3\xa9,1234,true,4321,\"a,b\"\"c\"\r\n"
		"\"x,\"\"y\"\"\n\",-9223372036854775808,false,-5,\r\n"
		",,,,\r\n");
}

static void ndjson(void)
{
	pt_autofree char *text = render(PT_EMIT_NDJSON, fill);

	T_STR(text,
		"{\"path\":\"wan-\xc3\xa9\",\"rtt_us\":1234,\"up\":true,\"mos_milli\":4321,"
		"\"tags\":[\"a\",\"b\\\"c\"]}\n"
		"{\"path\":\"x,\\\"y\\\"\\n\",\"rtt_us\":-9223372036854775808,\"up\":false,"
		"\"mos_milli\":-5,\"tags\":[]}\n"
		"{\"path\":null,\"rtt_us\":null,\"up\":null,\"mos_milli\":null,\"tags\":null}\n");
}

static void fill_two(struct pt_emit *e)
{
	static const struct pt_column one[] = { { .key = "k", .heading = "K" }, { 0 } };

	fill(e);
	pt_emit_table(e, "empty", one);
	pt_emit_table(e, "last", one);
	pt_emit_row(e);
	pt_emit_str(e, "bad \xff utf\x1b[31m");
}

static void json_document(void)
{
	pt_autofree char *text = render(PT_EMIT_JSON, fill_two);
	pt_autojson json_t *j = json_loads(text, 0, NULL);

	T_NEED(j);
	T_EQ(json_array_size(json_object_get(j, "paths")), 3);
	T_OK(json_is_array(json_object_get(j, "empty")));
	T_EQ(json_array_size(json_object_get(j, "empty")), 0);
	const json_t *row = json_array_get(json_object_get(j, "paths"), 1);
	T_EQ(json_integer_value(json_object_get(row, "rtt_us")), INT64_MIN);
	row = json_array_get(json_object_get(j, "last"), 0);
	T_STR(json_string_value(json_object_get(row, "k")), "bad ? utf\x1b[31m");
}

// Byte for byte what jansson makes of the whole.
static void json_is_written_as_it_comes(void)
{
	pt_autofree char *text = render(PT_EMIT_JSON, fill_two);
	pt_autojson json_t *j = json_loads(text, 0, NULL);
	pt_autofree char *whole = json_dumps(j, JSON_INDENT(2));
	char *half = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&half, &len);
	struct pt_emit *e = NULL;

	T_EQ(strlen(text), strlen(whole) + 1);
	T_OK(strncmp(text, whole, strlen(whole)) == 0);
	T_EQ(pt_emit_new(PT_EMIT_JSON, f, &e), 0);
	fill(e);
	(void)fflush(f);
	T_HAS(half, "\"mos_milli\": -5,\n      \"tags\": []\n    }"); // no row is kept
	T_EQ(pt_emit_end(e), 0);
	fclose(f);
	free(half);
}

static void several_tables(void)
{
	pt_autofree char *text = render(PT_EMIT_TABLE, fill_two);

	T_HAS(text, "-  -\n\nK\n\nK\nbad \xff utf?[31m\n");
}

static void nothing(struct pt_emit *e)
{
	(void)e;
}

static void no_table_at_all(void)
{
	pt_autofree char *json = render(PT_EMIT_JSON, nothing),
			 *text = render(PT_EMIT_TABLE, nothing);

	T_STR(json, "{}\n");
	T_STR(text, "");
}

static void fill_reals(struct pt_emit *e)
{
	static const struct pt_column reals[] = { { "a", "A", true }, { "b", "B", true }, { 0 } };

	pt_emit_table(e, "t", reals);
	pt_emit_row(e);
	pt_emit_real(e, 4.123);
	pt_emit_real(e, 1.0 / 0.0);
}

static void reals_print_short(void)
{
	pt_autofree char *line = render(PT_EMIT_NDJSON, fill_reals),
			 *csv_text = render(PT_EMIT_CSV, fill_reals);

	T_STR(line, "{\"a\":4.123,\"b\":\"inf\"}\n");
	T_STR(csv_text, "a,b\r\n4.123,inf\r\n");
}

static void stream_errors_are_reported(void)
{
	static const enum pt_emit_kind kinds[] = { PT_EMIT_TABLE, PT_EMIT_JSON, PT_EMIT_NDJSON,
		PT_EMIT_CSV };

	for (size_t i = 0; i < PT_ARRAY_LEN(kinds); i++) {
		pt_autofile FILE *f = fopen("/dev/full", "w");
		struct pt_emit *e = NULL;
		T_NEED(f && pt_emit_new(kinds[i], f, &e) == 0);
		fill(e);
		T_EQ(pt_emit_end(e), -ENOSPC);
	}
}

T_MAIN({ "table: aligned by characters, no control bytes", table }, { "CSV", csv },
	{ "NDJSON", ndjson }, { "JSON document", json_document },
	{ "JSON is written as it comes", json_is_written_as_it_comes },
	{ "several tables", several_tables }, { "no table at all", no_table_at_all },
	{ "reals print short", reals_print_short },
	{ "stream errors are reported", stream_errors_are_reported })
