// SPDX-License-Identifier: MIT
// What the scanner takes and what it leaves to the parser. That both make the same of what it takes
// is tests/fuzz/fuzz_scan.c's.
#include "store/scan.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "test.h"

#define START                                                                                 \
	"{\"type\":\"traffic\",\"v\":1,\"ts\":\"2026-11-23T10:00:07.250000Z\",\"mono_ns\":5," \
	"\"boot\":\"b\",\"src\":\"h/t\",\"seq\":6,"

static struct pt_scan *scan;
static struct pt_store_record record;

static bool takes(const char *line)
{
	if (!scan && pt_scan_new(&scan, NULL))
		T_FAIL("no scanner");
	return pt_scan_line(scan, line, strlen(line), &record);
}

static void golden_records_are_taken(void)
{
	static const struct {
		const char *type;
		bool taken;
	} rows[] = {
		{ "health", true },
		{ "health-unknown", true },
		{ "transition", true },
		{ "traffic", false }, // a number of 19 digits
		{ "decision", false },
		{ "switch", false },
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		char path[64], body[4096], line[8192];
		(void)snprintf(path, sizeof(path), "tests/golden/%s.json", rows[i].type);
		pt_autofile FILE *f = fopen(path, "re");
		T_NEED(f && fgets(body, sizeof(body), f));
		body[strcspn(body, "\n")] = '\0';
		(void)snprintf(line, sizeof(line),
			"{\"type\":\"%.*s\",\"v\":1,\"ts\":\"2026-11-23T10:00:07.250000Z\","
			"\"mono_ns\":5,\"boot\":\"b\",\"src\":\"h/t\",\"seq\":6,%s",
			(int)strcspn(rows[i].type, "-"), rows[i].type, body + 1);
		T_EQ(takes(line), rows[i].taken);
	}
}

static void fields_come_out(void)
{
	T_OK(takes(START "\"path\":\"p\",\"policy\":null,\"tx_packets\":7,\"rx_bytes\":0}"));
	T_EQ(record.type, PT_STORE_TRAFFIC);
	T_EQ(record.ts_us, 1795428007250000);
	T_EQ(record.mono_ns, 5);
	T_EQ(record.seq, 6);
	T_OK(record.src.len == 3 && memcmp(record.src.p, "h/t", 3) == 0);
	T_EQ(record.row.n, 6);
	T_OK(record.row.cell[0].kind == PT_CELL_TEXT && record.row.cell[0].len == 1);
	T_EQ(record.row.cell[1].kind, PT_CELL_NULL); // null
	T_EQ(record.row.cell[2].i64, 7);
	T_EQ(record.row.cell[3].kind, PT_CELL_NULL); // absent
	T_EQ(record.row.cell[5].i64, 0);
	// Another order is fine, and so is the next minute, the one before and the end of a leap
	// day.
	T_OK(takes("{\"type\":\"traffic\",\"path\":\"p\",\"seq\":1,\"src\":\"s\",\"boot\":\"b\","
		   "\"mono_ns\":0,\"ts\":\"2024-02-29T23:59:59.999999Z\",\"v\":1}"));
	T_EQ(record.ts_us, 1709251199999999);
}

static void what_is_odd_is_left(void)
{
	static const char *const odd[] = {
		"", "{}", "{\"type\":\"traffic\"}", START "}",
		START "\"path\":\"p\"",                                   // no end
		START "\"path\":\"p\"} ",                                 // something behind it
		START "\"path\":\"p\",}",                                 //
		START "\"path\":\"p\",\"tx_bytes\": 1}",                  // a space
		START "\"path\":\"p\\u0041\"}",                           // an escape
		START "\"path\":\"\xc3\xa4\"}",                           // not ASCII
		START "\"path\":\"p\x01\"}",                              // nor this
		START "\"path\":5}",                                      // another type
		START "\"path\":null}",                                   // a required field
		START "\"path\":\"p\",\"tx_bytes\":01}",                  //
		START "\"path\":\"p\",\"tx_bytes\":-1}",                  // out of range
		START "\"path\":\"p\",\"tx_bytes\":-0}",                  //
		START "\"path\":\"p\",\"tx_bytes\":1.0}",                 //
		START "\"path\":\"p\",\"tx_bytes\":1e1}",                 //
		START "\"path\":\"p\",\"tx_bytes\":1234567890123456789}", // might not fit
		START "\"path\":\"p\",\"tx_bytes\":nul}",                 //
		START "\"path\":\"p\",\"colour\":1}",                     // a field of others
		START "\"path\":\"p\",\"path\":\"q\"}",                   // twice
		START "\"path\":\"p\",\"seq\":6}",                        // twice, a common one
		START "\"path\":\"p\",\"type\":\"traffic\"}",             //
		"{\"type\":\"traffic\",\"v\":1,\"ts\":\"2026-11-23T10:00:07.250000Z\",\"mono_ns\":-"
		"5,"
		"\"boot\":\"b\",\"src\":\"h/t\",\"seq\":6,\"path\":\"p\"}", // before any boot
		"{\"type\":\"traffic\",\"v\":1,\"ts\":\"2026-11-23T10:00:07.250000Z\",\"mono_ns\":"
		"5,"
		"\"boot\":\"b\",\"src\":\"h/t\",\"seq\":-6,\"path\":\"p\"}", //
		"{\"type\":\"rumour\",\"v\":1}",                             // no table
		"{\"v\":1,\"type\":\"traffic\"}",                            // not in front
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(odd); i++) {
		if (takes(odd[i]))
			T_FAIL("taken: %s", odd[i]);
	}
	T_OK(takes(START "\"path\":\"p\"}"));
}

static void times_are_the_parser_s(void)
{
	static const struct {
		const char *ts;
		bool taken;
	} rows[] = {
		{ "2026-11-23T10:00:59.999999Z", true },
		{ "2026-11-23T10:00:60.000000Z", false }, // a leap second: the parser's
		{ "2026-11-23T10:00:07Z", false },
		{ "2026-11-23T10:00:07.2500001Z", false },
		{ "2026-11-31T10:00:07.250000Z", false },
		{ "2026-02-28T24:00:07.250000Z", false },
		{ "2026-11-23T10:00:0a.250000Z", false },
		{ "1969-12-31T23:59:59.000001Z", true },
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		char line[512];
		int64_t us;
		(void)snprintf(line, sizeof(line),
			"{\"type\":\"traffic\",\"v\":1,\"ts\":\"%s\",\"mono_ns\":5,\"boot\":\"b\","
			"\"src\":\"s\",\"seq\":6,\"path\":\"p\"}",
			rows[i].ts);
		T_EQ(takes(line), rows[i].taken);
		if (rows[i].taken && pt_rfc3339_parse(rows[i].ts, &us) == 0)
			T_EQ(record.ts_us, us);
	}
}

T_MAIN({ "golden records are taken, those with lists of texts left", golden_records_are_taken },
	{ "fields come out, in any order", fields_come_out },
	{ "what is odd is left to the parser", what_is_odd_is_left },
	{ "times are the parser's", times_are_the_parser_s })
