// SPDX-License-Identifier: MIT
// Any text as a number, duration, port range, code point, address and prefix: refused, or within
// its bounds and the same after it was written and read again.
#include "fuzz.h"

#include <errno.h>
#include <netinet/in.h>

#include "base/addr.h"

#define FAIL(...) ((void)snprintf(why, n, __VA_ARGS__), false)

static bool try_numbers(const char *s, char *why, size_t n)
{
	uint64_t u = 0;
	int64_t i = 0;
	int ret = pt_parse_u64(s, 10, 1000, &u);

	if (ret ? u || (ret != -EINVAL && ret != -ERANGE) : u < 10 || u > 1000)
		return FAIL("unsigned: %d, %llu", ret, (unsigned long long)u);
	ret = pt_parse_i64(s, -1000, 10, &i);
	if (ret ? i || (ret != -EINVAL && ret != -ERANGE) : i < -1000 || i > 10)
		return FAIL("signed: %d, %lld", ret, (long long)i);
	return true;
}

static bool try_words(const char *s, char *why, size_t n)
{
	int64_t ns = -1;
	uint16_t lo = 1, hi = 0;
	uint8_t dscp = 255;

	if (!pt_parse_duration_ns(s, 1000000, &ns) && ns < 0)
		return FAIL("duration: %lld", (long long)ns);
	if (!pt_parse_ports(s, &lo, &hi) && lo > hi)
		return FAIL("ports: %u to %u", lo, hi);
	if (!pt_parse_dscp(s, &dscp) && dscp > 63)
		return FAIL("DSCP: %u", dscp);
	return true;
}

static bool try_addresses(const char *s, char *why, size_t n)
{
	struct pt_addr a = { 0 }, again = { 0 };
	struct pt_prefix p = { 0 }, again_p = { 0 };
	char text[PT_PREFIX_LEN];

	if (!pt_addr_parse(s, &a)) {
		pt_addr_format(&a, text);
		if (pt_addr_parse(text, &again) || !pt_addr_eq(&a, &again))
			return FAIL("address: written as %s", text);
	}
	if (!pt_prefix_parse(s, &p)) {
		pt_prefix_format(&p, text);
		if (pt_prefix_parse(text, &again_p) || pt_prefix_cmp(&p, &again_p) != 0)
			return FAIL("prefix: written as %s", text);
		if (!pt_prefix_contains(&p, &p.addr))
			return FAIL("prefix: %s does not hold its own address", text);
	}
	return true;
}

static bool try_all(const char *bytes, size_t len, char *why, size_t n)
{
	pt_autofree char *s = strndup(bytes, len);

	return s && try_numbers(s, why, n) && try_words(s, why, n) && try_addresses(s, why, n);
}

FUZZ_TARGET(try_all, "text")
