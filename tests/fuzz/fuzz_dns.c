// SPDX-License-Identifier: MIT
// Any bytes as the reply to a DNS query: refused, or read to something bounded, the same each time.
#include "fuzz.h"

#include <errno.h>

#include "wire/dns.h"

static bool fail(char *why, size_t n, const char *what)
{
	(void)snprintf(why, n, "%s", what);
	return false;
}

static bool sound(const struct pt_dns_reply *r, char *why, size_t n)
{
	if (r->n_kept > PT_DNS_ANSWER_MAX || r->n_kept > r->n || r->rcode > 15)
		return fail(why, n, "counts do not agree");
	for (unsigned i = 0; i < r->n_kept; i++) {
		const struct pt_dns_answer *a = &r->answer[i];
		size_t len = strnlen(a->text, sizeof(a->text));
		if (len == sizeof(a->text))
			return fail(why, n, "text without an end");
		for (size_t k = 0; k < len; k++)
			if (a->text[k] < ' ' || a->text[k] > '~')
				return fail(why, n, "text that does not print");
	}
	return true;
}

// The input's own first bytes serve as the query, so that mutations get past the comparison.
static bool try_reply(const char *bytes, size_t len, char *why, size_t n)
{
	static const char *const names[] = { "www.example.com", "a", "." };
	const uint8_t *in = (const uint8_t *)bytes;
	uint8_t query[PT_DNS_QUERY_MAX];
	struct pt_dns_reply one, two;

	for (size_t i = 0; i < PT_ARRAY_LEN(names); i++) {
		uint16_t id = len >= 2 ? (uint16_t)(in[0] << 8 | in[1]) : 0;
		int q = pt_dns_query_write(id, names[i], PT_DNS_A, query, sizeof(query));
		if (q < 0)
			return fail(why, n, "no query");
		memset(&one, 0x55, sizeof(one));
		int code = pt_dns_reply_read(query, (size_t)q, in, len, &one);
		if (code != 0 && code != -EBADMSG && code != -ENOMSG)
			return fail(why, n, "another error");
		if (code)
			continue;
		(void)pt_dns_reply_read(query, (size_t)q, in, len, &two);
		if (one.n_kept != two.n_kept || one.rcode != two.rcode)
			return fail(why, n, "read twice, two results");
		if (!sound(&one, why, n))
			return false;
	}
	return true;
}

static bool try_name(const char *bytes, size_t len, char *why, size_t n)
{
	pt_autofree char *name = strndup(bytes, len);
	uint8_t query[PT_DNS_QUERY_MAX];
	int q = name ? pt_dns_query_write(1, name, PT_DNS_A, query, sizeof(query)) : -EINVAL;

	if (q > (int)sizeof(query))
		return fail(why, n, "query past its end");
	return true;
}

static bool try_all(const char *bytes, size_t len, char *why, size_t n)
{
	return try_reply(bytes, len, why, n) && try_name(bytes, len, why, n);
}

FUZZ_TARGET(try_all, "dns")
