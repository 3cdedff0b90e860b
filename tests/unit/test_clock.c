// SPDX-License-Identifier: MIT
#include "base/clock.h"

#include <errno.h>

#include "test.h"

static void formats(void)
{
	static const struct {
		int64_t us;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000000Z" },
		{ 1769860800123456, "2026-01-31T12:00:00.123456Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ 951782400000000, "2000-02-29T00:00:00.000000Z" },
		{ 4102444799999999, "2099-12-31T23:59:59.999999Z" },
	};
	char out[PT_RFC3339_LEN];
	int64_t us = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pt_rfc3339_format(rows[i].us, out);
		T_STR(out, rows[i].text);
		T_EQ(pt_rfc3339_parse(out, &us), 0);
		T_EQ(us, rows[i].us);
	}
	pt_rfc3339_format(INT64_MAX, out);
	T_EQ(strlen(out), PT_RFC3339_LEN - 1);
	pt_rfc3339_format(INT64_MIN, out);
	T_EQ(strlen(out), PT_RFC3339_LEN - 1);
}

static void parses(void)
{
	int64_t us = 0;

	T_EQ(pt_rfc3339_parse("2026-01-31T12:00:00Z", &us), 0);
	T_EQ(us, 1769860800000000);
	T_EQ(pt_rfc3339_parse("2026-01-31t14:00:00.5+02:00", &us), 0);
	T_EQ(us, 1769860800500000);
	T_EQ(pt_rfc3339_parse("2026-01-31 06:30:00-05:30", &us), 0);
	T_EQ(us, 1769860800000000);
	T_EQ(pt_rfc3339_parse("2026-01-31T12:00:00.1234567899Z", &us), 0);
	T_EQ(us, 1769860800123456);
	T_EQ(pt_rfc3339_parse("2016-12-31T23:59:60Z", &us), 0); // a leap second
	T_EQ(us, 1483228800000000);
}

static void refuses(void)
{
	static const char *const bad[] = { "", "2026", "2026-01-31", "2026-01-31T12:00:00",
		"2026-01-31T12:00:00Zx", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z", "2026-01-31T12:00:61Z",
		"2026-01-31T12:00:00.Z", "2026-01-31T12:00:00+0200", "2026-01-31T12:00:00+24:00",
		"26-01-31T12:00:00Z", "2026-1-31T12:00:00Z", "+026-01-31T12:00:00Z",
		"2026-01-31T-1:00:00Z", "2026-01-31T12:00:00+02:00Z" };
	int64_t us = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (pt_rfc3339_parse(bad[i], &us) != -EINVAL)
			T_FAIL("took \"%s\"", bad[i]);
	}
	T_EQ(pt_rfc3339_parse(NULL, &us), -EINVAL);
	T_EQ(us, 7);
}

static void durations(void)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = { { 0, "0 ns" }, { 999, "999 ns" }, { 1200, "1.2 us" }, { 35000, "35 us" },
		{ 1200000, "1.2 ms" }, { 4100000000, "4.1 s" }, { -1200000, "-1.2 ms" },
		{ 125000000000, "2 min 5 s" }, { 11520000000000, "3 h 12 min" },
		{ 183600000000000, "2 d 3 h" } };
	char out[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pt_duration_format(rows[i].ns, out, sizeof(out));
		T_STR(out, rows[i].text);
	}
	pt_duration_format(INT64_MIN, out, sizeof(out));
	T_STR(out, "-106751 d 23 h");
}

static void boot_and_now(void)
{
	char a[PT_BOOT_ID_LEN], b[PT_BOOT_ID_LEN];
	struct pt_mono t = pt_mono_now();

	T_NEED(pt_boot_id(a) == 0 && pt_boot_id(b) == 0);
	T_EQ(strlen(a), 36);
	T_STR(a, b);
	T_OK(pt_mono_diff(pt_mono_now(), t) >= 0);
	T_EQ(pt_mono_diff(pt_mono_add(t, 5), t), 5);
	T_OK(pt_wall_us() > 1700000000000000);
}

T_MAIN({ "RFC 3339 out and back", formats }, { "RFC 3339 variants", parses },
	{ "what is no time is refused", refuses }, { "durations for people", durations },
	{ "boot id and clocks", boot_and_now })
