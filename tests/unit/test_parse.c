// SPDX-License-Identifier: MIT
#include "base/parse.h"

#include <errno.h>

#include "test.h"

// No parser takes any of these, and none of them writes its result.
static const char *const never_a_number[] = { "", " ", " 1", "1 ", "+1", "--1", "-", "0x10", "1e3",
	"1.", ".5", "1,000", "ten", "01", "00", "-01", "1\n", "\t1", "1-", "-1-2", "1-2-3", "1--2",
	"\xff", "١" };

static void refuses_what_is_no_number(void)
{
	for (size_t i = 0; i < sizeof(never_a_number) / sizeof(never_a_number[0]); i++) {
		const char *s = never_a_number[i];
		uint64_t u = 77;
		int64_t n = 77, d = 77;
		uint32_t w = 77;
		uint16_t lo = 77, hi = 77;
		uint8_t dscp = 77;
		T_EQ(pt_parse_u64(s, 0, UINT64_MAX, &u), -EINVAL);
		T_EQ(pt_parse_i64(s, INT64_MIN, INT64_MAX, &n), -EINVAL);
		T_EQ(pt_parse_u32(s, 0, UINT32_MAX, &w), -EINVAL);
		T_EQ(pt_parse_duration_ns(s, 1, &d), -EINVAL);
		T_EQ(pt_parse_ports(s, &lo, &hi), -EINVAL);
		T_EQ(pt_parse_dscp(s, &dscp), -EINVAL);
		T_OK(u == 77 && n == 77 && d == 77 && w == 77 && lo == 77 && hi == 77 &&
			dscp == 77);
	}
	uint64_t u;
	T_EQ(pt_parse_u64(NULL, 0, 1, &u), -EINVAL);
	T_EQ(pt_parse_u64("-1", 0, UINT64_MAX, &u), -EINVAL);
	T_EQ(pt_parse_u64("-0", 0, UINT64_MAX, &u), -EINVAL);
}

static void bounds(void)
{
	uint64_t u = 0;
	int64_t n = 0;
	uint32_t w = 0;

	T_EQ(pt_parse_u64("18446744073709551615", 0, UINT64_MAX, &u), 0);
	T_OK(u == UINT64_MAX);
	T_EQ(pt_parse_u64("18446744073709551616", 0, UINT64_MAX, &u), -ERANGE);
	T_EQ(pt_parse_u64("99999999999999999999999999999999", 0, UINT64_MAX, &u), -ERANGE);
	T_EQ(pt_parse_u64("99999999999999999999999999999999x", 0, UINT64_MAX, &u), -EINVAL);
	T_OK(u == UINT64_MAX);
	T_EQ(pt_parse_u64("4", 5, 10, &u), -ERANGE);
	T_EQ(pt_parse_u64("11", 5, 10, &u), -ERANGE);
	T_EQ(pt_parse_u64("5", 5, 10, &u), 0);
	T_EQ(u, 5);
	T_EQ(pt_parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &n), 0);
	T_OK(n == INT64_MIN);
	T_EQ(pt_parse_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &n), -ERANGE);
	T_EQ(pt_parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &n), 0);
	T_OK(n == INT64_MAX);
	T_EQ(pt_parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &n), -ERANGE);
	T_EQ(pt_parse_i64("-3", -2, 2, &n), -ERANGE);
	T_EQ(pt_parse_u32("4294967295", 0, UINT32_MAX, &w), 0);
	T_EQ(w, UINT32_MAX);
	T_EQ(pt_parse_u32("4294967296", 0, UINT32_MAX, &w), -ERANGE);
}

static void durations(void)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = { { "10ms", 10000000 }, { "2s", 2000000000 }, { "500us", 500000 },
		{ "1m", 60000000000 }, { "3h", 10800000000000 }, { "1d", 86400000000000 },
		{ "7", 7000000 }, { "0", 0 }, { "0.3ms", 300000 }, { "1.5s", 1500000000 },
		{ "9223372036854775807ns", INT64_MAX } };
	int64_t ns = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		T_EQ(pt_parse_duration_ns(good[i].text, 1000000, &ns), 0);
		T_EQ(ns, good[i].ns);
	}
	T_EQ(pt_parse_duration_ns("9223372036854775808ns", 1, &ns), -ERANGE);
	T_EQ(pt_parse_duration_ns("9223372036854775807s", 1, &ns), -ERANGE);
	T_EQ(pt_parse_duration_ns("99999999999999999999999", 1, &ns), -ERANGE);
	T_EQ(pt_parse_duration_ns("10 ms", 1, &ns), -EINVAL);
	T_EQ(pt_parse_duration_ns("10MS", 1, &ns), -EINVAL);
	T_EQ(pt_parse_duration_ns("ms", 1, &ns), -EINVAL);
	T_EQ(pt_parse_duration_ns("-1ms", 1, &ns), -EINVAL);
	T_EQ(pt_parse_duration_ns("1ms2", 1, &ns), -EINVAL);
}

static void ports(void)
{
	uint16_t lo = 0, hi = 0;

	T_EQ(pt_parse_ports("22", &lo, &hi), 0);
	T_OK(lo == 22 && hi == 22);
	T_EQ(pt_parse_ports("1-65535", &lo, &hi), 0);
	T_OK(lo == 1 && hi == 65535);
	T_EQ(pt_parse_ports("0", &lo, &hi), -ERANGE);
	T_EQ(pt_parse_ports("65536", &lo, &hi), -ERANGE);
	T_EQ(pt_parse_ports("1-65536", &lo, &hi), -ERANGE);
	T_EQ(pt_parse_ports("2000-1000", &lo, &hi), -ERANGE);
	T_EQ(pt_parse_ports("1-99999999999999999999999", &lo, &hi), -ERANGE);
	T_OK(lo == 1 && hi == 65535);
}

static void code_points(void)
{
	uint8_t v = 0;

	T_EQ(pt_parse_dscp("ef", &v), 0);
	T_EQ(v, 46);
	T_EQ(pt_parse_dscp("AF41", &v), 0);
	T_EQ(v, 34);
	T_EQ(pt_parse_dscp("63", &v), 0);
	T_EQ(v, 63);
	T_EQ(pt_parse_dscp("64", &v), -ERANGE);
	T_EQ(pt_parse_dscp("cs8", &v), -EINVAL);
	T_EQ(pt_parse_dscp("efx", &v), -EINVAL);
	T_STR(pt_dscp_name(0), "be");
	T_STR(pt_dscp_name(46), "ef");
	T_OK(pt_dscp_name(63) == NULL);
	for (unsigned i = 0; i < 64; i++) {
		const char *name = pt_dscp_name((uint8_t)i);
		if (!name)
			continue;
		T_EQ(pt_parse_dscp(name, &v), 0);
		T_EQ(v, i);
	}
}

T_MAIN({ "what is no number is refused and writes nothing", refuses_what_is_no_number },
	{ "bounds and overflow", bounds }, { "durations", durations }, { "port ranges", ports },
	{ "DSCP names and numbers", code_points })
