// SPDX-License-Identifier: MIT
#include "base/addr.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "test.h"

static void addresses(void)
{
	static const char *const same[] = { "0.0.0.0", "255.255.255.255", "10.1.2.3", "::", "::1",
		"2001:db8::1", "fe80::1:2", "::ffff:1.2.3.4",
		"1111:2222:3333:4444:5555:6666:7777:8888" };
	static const char *const bad[] = { "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4",
		"1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "0x1.2.3.4", ":::", "1::2::3", "g::1",
		"fe80::1%eth0", "12345::", "1.2.3.4/32", "::1/128", "localhost" };
	struct pt_addr a = { 0 }, b;
	char out[PT_ADDR_LEN];

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		T_EQ(pt_addr_parse(same[i], &a), 0);
		pt_addr_format(&a, out);
		T_STR(out, same[i]);
		b = a;
		T_OK(pt_addr_eq(&a, &b));
		b.bytes[0] ^= 1;
		T_OK(!pt_addr_eq(&a, &b));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (pt_addr_parse(bad[i], &b) != -EINVAL)
			T_FAIL("took \"%s\"", bad[i]);
	}
	T_EQ(pt_addr_parse(NULL, &b), -EINVAL);
	pt_addr_format(&(struct pt_addr){ 0 }, out);
	T_STR(out, "");
	// 0.0.0.0 and :: share their bytes, not their family.
	T_OK(pt_addr_parse("0.0.0.0", &a) == 0 && pt_addr_parse("::", &b) == 0);
	T_OK(!pt_addr_eq(&a, &b));
}

static void sockaddrs(void)
{
	static const char *const text[] = { "192.0.2.7", "2001:db8::7" };
	struct sockaddr_storage ss;
	struct pt_addr a, b;
	uint16_t port = 0;

	for (size_t i = 0; i < 2; i++) {
		T_NEED(pt_addr_parse(text[i], &a) == 0);
		socklen_t len = pt_addr_sockaddr(&a, 862, &ss);
		T_EQ(len, i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
		T_EQ(pt_addr_from_sockaddr((struct sockaddr *)&ss, &b, &port), 0);
		T_OK(pt_addr_eq(&a, &b));
		T_EQ(port, 862);
		T_EQ(pt_addr_from_sockaddr((struct sockaddr *)&ss, &b, NULL), 0);
	}
	T_EQ(pt_addr_sockaddr(&(struct pt_addr){ 0 }, 1, &ss), 0);
	ss.ss_family = AF_UNIX;
	T_EQ(pt_addr_from_sockaddr((struct sockaddr *)&ss, &b, NULL), -EAFNOSUPPORT);
}

static void prefixes(void)
{
	static const char *const same[] = { "0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/32",
		"10.128.0.0/9", "::/0", "2001:db8::/32", "2001:db8:8000::/33", "::1/128" };
	static const struct {
		const char *text;
		int err;
	} bad[] = { { "", -EINVAL }, { "/", -EINVAL }, { "/8", -EINVAL }, { "10.0.0.0", -EINVAL },
		{ "10.0.0.0/", -EINVAL }, { "10.0.0.0/ 8", -EINVAL }, { "10.0.0.0/08", -EINVAL },
		{ "10.0.0.0/-1", -EINVAL }, { "10.0.0.0/8/8", -EINVAL }, { "10.0.0/8", -EINVAL },
		{ "10.0.0.0/33", -ERANGE }, { "::/129", -ERANGE },
		{ "::/99999999999999999999999", -ERANGE }, { "10.0.0.1/8", -EDOM },
		{ "10.128.0.0/8", -EDOM }, { "0.0.0.1/0", -EDOM }, { "2001:db8::1/64", -EDOM },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/1", -EINVAL } };
	struct pt_prefix p = { 0 };
	char out[PT_PREFIX_LEN];

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		T_EQ(pt_prefix_parse(same[i], &p), 0);
		pt_prefix_format(&p, out);
		T_STR(out, same[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int err = pt_prefix_parse(bad[i].text, &p);
		if (err != bad[i].err)
			T_FAIL("\"%s\" gave %d, want %d", bad[i].text, err, bad[i].err);
	}
	T_EQ(pt_prefix_parse(NULL, &p), -EINVAL);
	pt_prefix_format(&p, out);
	T_STR(out, same[7]); // a refusal wrote nothing
}

static bool inside(const char *prefix, const char *addr)
{
	struct pt_prefix p;
	struct pt_addr a;

	if (pt_prefix_parse(prefix, &p) || pt_addr_parse(addr, &a))
		T_FAIL("%s, %s: not parsed", prefix, addr);
	return pt_prefix_contains(&p, &a);
}

static void contains(void)
{
	T_OK(inside("0.0.0.0/0", "255.1.2.3"));
	T_OK(!inside("0.0.0.0/0", "::1"));
	T_OK(!inside("::/0", "1.2.3.4"));
	T_OK(inside("10.128.0.0/9", "10.255.0.1"));
	T_OK(!inside("10.128.0.0/9", "10.127.255.255"));
	T_OK(inside("10.1.2.3/32", "10.1.2.3"));
	T_OK(!inside("10.1.2.3/32", "10.1.2.2"));
	T_OK(inside("2001:db8:8000::/33", "2001:db8:ffff::1"));
	T_OK(!inside("2001:db8:8000::/33", "2001:db8:7fff::1"));
}

static void order(void)
{
	static const char *const rising[] = { "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9",
		"10.1.0.0/16", "192.0.2.0/24", "::/0", "2001:db8::/32" };
	size_t n = sizeof(rising) / sizeof(rising[0]);

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			struct pt_prefix a, b;
			T_NEED(pt_prefix_parse(rising[i], &a) == 0 &&
				pt_prefix_parse(rising[k], &b) == 0);
			T_EQ(pt_prefix_cmp(&a, &b), (i > k) - (i < k));
		}
	}
}

T_MAIN({ "addresses out and back, hostile text refused", addresses },
	{ "socket addresses", sockaddrs }, { "prefixes and their three refusals", prefixes },
	{ "containment at the bit", contains }, { "order by family, address, length", order })
