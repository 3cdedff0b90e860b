// SPDX-License-Identifier: MIT
#include "base/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/cleanup.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

// Reads the digits at *s and moves *s behind them. A leading zero is refused: what one tool reads
// as octal must not be decimal here.
static int take_u64(const char **s, uint64_t *out)
{
	const char *p = *s;
	uint64_t v = 0;
	bool over = false;

	if (!is_digit(*p) || (*p == '0' && is_digit(p[1])))
		return -EINVAL;
	for (; is_digit(*p); p++)
		over |= __builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*p - '0'), &v);
	*s = p;
	if (over)
		return -ERANGE;
	*out = v;
	return 0;
}

// As take_u64, to the end of the string: trailing text outranks an overflow.
static int whole_u64(const char *s, uint64_t *out)
{
	uint64_t v = 0;
	int err = take_u64(&s, &v);

	if (err == -EINVAL || *s)
		return -EINVAL;
	if (err == 0)
		*out = v;
	return err;
}

int pt_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;
	int err = s ? whole_u64(s, &v) : -EINVAL;

	if (err)
		return err;
	if (v < min || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

int pt_parse_i64(const char *s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = s && *s == '-';
	uint64_t magnitude;
	int err = s ? whole_u64(s + negative, &magnitude) : -EINVAL;

	if (err)
		return err;
	if (magnitude > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	int64_t v = (int64_t)(negative ? 0 - magnitude : magnitude);
	if (v < min || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

int pt_parse_u32(const char *s, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t v;
	int err = pt_parse_u64(s, min, max, &v);

	if (err)
		return err;
	*out = (uint32_t)v;
	return 0;
}

static const struct {
	const char *name;
	int64_t ns;
} units[] = {
	{ .name = "ns", .ns = 1 },
	{ .name = "us", .ns = PT_NS_PER_US },
	{ .name = "ms", .ns = PT_NS_PER_MS },
	{ .name = "s", .ns = PT_NS_PER_S },
	{ .name = "m", .ns = 60 * PT_NS_PER_S },
	{ .name = "h", .ns = 3600 * PT_NS_PER_S },
	{ .name = "d", .ns = 86400 * PT_NS_PER_S },
};

static int unit_ns(const char *s, int64_t bare_ns, int64_t *out)
{
	if (!*s) {
		*out = bare_ns;
		return 0;
	}
	for (size_t i = 0; i < PT_ARRAY_LEN(units); i++) {
		if (strcmp(s, units[i].name) == 0) {
			*out = units[i].ns;
			return 0;
		}
	}
	return -EINVAL;
}

int pt_parse_duration_ns(const char *s, int64_t ns_per_unit, int64_t *out)
{
	uint64_t whole = 0;
	int64_t unit, v;
	double fraction = 0, weight = 1;

	if (!s)
		return -EINVAL;
	int err = take_u64(&s, &whole);
	if (err == -EINVAL)
		return err;
	if (*s == '.') { // "0.3ms"
		if (!is_digit(*++s))
			return -EINVAL;
		for (; is_digit(*s); s++) {
			weight /= 10;
			fraction += weight * (*s - '0');
		}
	}
	if (unit_ns(s, ns_per_unit, &unit))
		return -EINVAL;
	if (err)
		return err;
	if (whole > INT64_MAX || __builtin_mul_overflow((int64_t)whole, unit, &v) ||
		__builtin_add_overflow(v, (int64_t)(fraction * (double)unit + 0.5), &v))
		return -ERANGE;
	*out = v;
	return 0;
}

int pt_parse_ports(const char *s, uint16_t *lo, uint16_t *hi)
{
	uint64_t first = 0, last = 0;
	int err, err2 = 0;

	if (!s)
		return -EINVAL;
	err = take_u64(&s, &first);
	if (err == -EINVAL)
		return err;
	last = first;
	if (*s == '-') {
		s++;
		err2 = take_u64(&s, &last);
	}
	if (err2 == -EINVAL || *s)
		return -EINVAL;
	if (err || err2 || first < 1 || last > UINT16_MAX || first > last)
		return -ERANGE;
	*lo = (uint16_t)first;
	*hi = (uint16_t)last;
	return 0;
}

// The first name of a code point is the one we print.
static const struct {
	const char *name;
	uint8_t dscp;
} dscps[] = {
	{ .name = "be", .dscp = 0 },
	{ .name = "cs0", .dscp = 0 },
	{ .name = "df", .dscp = 0 },
	{ .name = "le", .dscp = 1 },
	{ .name = "cs1", .dscp = 8 },
	{ .name = "af11", .dscp = 10 },
	{ .name = "af12", .dscp = 12 },
	{ .name = "af13", .dscp = 14 },
	{ .name = "cs2", .dscp = 16 },
	{ .name = "af21", .dscp = 18 },
	{ .name = "af22", .dscp = 20 },
	{ .name = "af23", .dscp = 22 },
	{ .name = "cs3", .dscp = 24 },
	{ .name = "af31", .dscp = 26 },
	{ .name = "af32", .dscp = 28 },
	{ .name = "af33", .dscp = 30 },
	{ .name = "cs4", .dscp = 32 },
	{ .name = "af41", .dscp = 34 },
	{ .name = "af42", .dscp = 36 },
	{ .name = "af43", .dscp = 38 },
	{ .name = "cs5", .dscp = 40 },
	{ .name = "va", .dscp = 44 },
	{ .name = "ef", .dscp = 46 },
	{ .name = "cs6", .dscp = 48 },
	{ .name = "cs7", .dscp = 56 },
};

int pt_parse_dscp(const char *s, uint8_t *out)
{
	uint64_t v;

	if (!s)
		return -EINVAL;
	for (size_t i = 0; i < PT_ARRAY_LEN(dscps); i++) {
		if (strcasecmp(s, dscps[i].name) == 0) {
			*out = dscps[i].dscp;
			return 0;
		}
	}
	int err = pt_parse_u64(s, 0, 63, &v);
	if (err)
		return err;
	*out = (uint8_t)v;
	return 0;
}

const char *pt_dscp_name(uint8_t dscp)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(dscps); i++) {
		if (dscps[i].dscp == dscp)
			return dscps[i].name;
	}
	return NULL;
}
