// SPDX-License-Identifier: MIT
// Bytes of RFC 1035 in and out; what lies is refused.
#include "test.h"

#include <errno.h>

#include "wire/dns.h"

#define EXAMPLE  "\7example\3com\0"
#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1

static uint8_t query[PT_DNS_QUERY_MAX];

static size_t ask(const char *name, uint16_t type)
{
	int n = pt_dns_query_write(0x1234, name, type, query, sizeof(query));
	return n < 0 ? 0 : (size_t)n;
}

static int answer(const uint8_t *bytes, size_t len, struct pt_dns_reply *out)
{
	return pt_dns_reply_read(query, ask("example.com", PT_DNS_A), bytes, len, out);
}

static void queries(void)
{
	static const char want[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0" EXAMPLE "\0\1\0\1";
	char name[300];

	T_EQ(ask("example.com", PT_DNS_A), sizeof(want) - 1);
	T_OK(memcmp(query, want, sizeof(want) - 1) == 0);
	T_EQ(ask("example.com.", PT_DNS_A), sizeof(want) - 1);
	T_EQ(ask(".", PT_DNS_NS), 12 + 1 + 4);
	T_EQ(pt_dns_query_write(1, "", PT_DNS_A, query, sizeof(query)), -EINVAL);
	T_EQ(pt_dns_query_write(1, "a..b", PT_DNS_A, query, sizeof(query)), -EINVAL);
	T_EQ(pt_dns_query_write(1, ".a", PT_DNS_A, query, sizeof(query)), -EINVAL);
	T_EQ(pt_dns_query_write(1, "a", PT_DNS_A, query, sizeof(query) - 1), -ENOSPC);
	memset(name, 'x', sizeof(name));
	name[64] = '\0';
	T_EQ(pt_dns_query_write(1, name, PT_DNS_A, query, sizeof(query)), -EINVAL);
	name[63] = '\0';
	T_EQ(ask(name, PT_DNS_A), 12 + 65 + 4);
	memset(name, 'x', sizeof(name));
	for (size_t i = 63; i < 254; i += 64)
		name[i] = '.';
	name[253] = '\0'; // 253 characters are 255 bytes
	T_EQ(ask(name, PT_DNS_A), PT_DNS_QUERY_MAX);
	name[253] = 'x';
	name[254] = '\0';
	T_EQ(pt_dns_query_write(1, name, PT_DNS_A, query, sizeof(query)), -EINVAL);
}

static void replies(void)
{
	static const char two[] = "\x12\x34\x85\x80\0\1\0\2\0\0\0\0"
				  "\7EXAMPLE\3com\0\0\1\0\1"
				  "\xc0\x0c\0\5\0\1\0\0\0\1\0\6\3www\xc0\x14"
				  "\xc0\x29\0\1\0\1\0\0\0\1\0\4\xc0\0\2\1";
	struct pt_dns_reply r;

	T_EQ(answer(BYTES(two), &r), 0);
	T_EQ(r.rcode, 0);
	T_OK(r.authoritative && !r.truncated);
	T_EQ(r.n, 2);
	T_EQ(r.n_kept, 2);
	T_STR(r.answer[0].text, "www.com");
	T_EQ(r.answer[1].type, PT_DNS_A);
	T_STR(r.answer[1].text, "192.0.2.1");
	for (size_t len = 0; len < sizeof(two) - 1; len++)
		if (answer((const uint8_t *)two, len, &r) == 0)
			T_FAIL("cut to %zu bytes it is taken", len);
}

static void kinds(void)
{
	static const char all[] =
		"\x12\x34\x81\x80\0\1\0\5\0\0\0\0" EXAMPLE "\0\1\0\1"
		"\xc0\x0c\0\x1c\0\1\0\0\0\1\0\x10\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
		"\xc0\x0c\0\x0f\0\1\0\0\0\1\0\7\0\x0a\2mx\xc0\x0c"
		"\xc0\x0c\0\x10\0\1\0\0\0\1\0\6\2a \2\"\7"
		"\xc0\x0c\0\x21\0\1\0\0\0\1\0\x0a\0\0\0\0\0\x35\1s\xc0\x0c"
		"\xc0\x0c\0\x41\0\1\0\0\0\1\0\1\7";
	struct pt_dns_reply r;

	T_EQ(answer(BYTES(all), &r), 0);
	T_EQ(r.n_kept, 5);
	T_STR(r.answer[0].text, "2001:db8::1");
	T_STR(r.answer[1].text, "mx.example.com");
	T_STR(r.answer[2].text, "a \"\\007");
	T_STR(r.answer[3].text, "s.example.com");
	T_STR(r.answer[4].text, "");
	T_EQ(r.answer[4].type, 65);
}

// As many addresses as a message of 512 bytes holds.
static void many(void)
{
	static const char head[] = "\x12\x34\x81\x80\0\1\0\x1e\0\0\0\0" EXAMPLE "\0\1\0\1";
	uint8_t bytes[512];
	size_t len = sizeof(head) - 1;
	struct pt_dns_reply r;

	memcpy(bytes, head, len);
	for (uint8_t i = 1; i <= 30; i++, len += 16) {
		memcpy(bytes + len, "\xc0\x0c\0\1\0\1\0\0\0\1\0\4\xc0\0\2", 15);
		bytes[len + 15] = i;
	}
	T_OK(len <= sizeof(bytes));
	T_EQ(answer(bytes, len, &r), 0);
	T_EQ(r.n, 30);
	T_EQ(r.n_kept, 30);
	T_STR(r.answer[29].text, "192.0.2.30");
}

static void lies(void)
{
	static const struct {
		const char *what;
		int code;
		const char *bytes;
		size_t len;
	} bad[] = {
#define ROW(what_, code_, bytes_) { what_, code_, bytes_, sizeof(bytes_) - 1 }
		ROW("another id", -ENOMSG, "\x12\x35\x81\x80\0\1\0\0\0\0\0\0" EXAMPLE "\0\1\0\1"),
		ROW("a query", -ENOMSG, "\x12\x34\1\0\0\1\0\0\0\0\0\0" EXAMPLE "\0\1\0\1"),
		ROW("another name", -ENOMSG,
			"\x12\x34\x81\x80\0\1\0\0\0\0\0\0\7exbmple\3com\0\0\1\0\1"),
		ROW("another type", -ENOMSG,
			"\x12\x34\x81\x80\0\1\0\0\0\0\0\0" EXAMPLE "\0\x1c\0\1"),
		ROW("no question", -ENOMSG, "\x12\x34\x81\x80\0\0\0\0\0\0\0\0"),
		ROW("fewer answers than told", -EBADMSG,
			"\x12\x34\x81\x80\0\1\0\1\0\0\0\0" EXAMPLE "\0\1\0\1"),
		ROW("a name that points at itself", -EBADMSG,
			"\x12\x34\x81\x80\0\1\0\1\0\0\0\0" EXAMPLE
			"\0\1\0\1\xc0\x1d\0\1\0\1\0\0\0\1\0\4\xc0\0\2\1"),
		ROW("a name that points ahead", -EBADMSG,
			"\x12\x34\x81\x80\0\1\0\1\0\0\0\0" EXAMPLE
			"\0\1\0\1\xc0\x1f\0\1\0\1\0\0\0\1\0\4\xc0\0\2\1"),
		ROW("an address of five bytes", -EBADMSG,
			"\x12\x34\x81\x80\0\1\0\1\0\0\0\0" EXAMPLE
			"\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\1\0\5\xc0\0\2\1\1"),
		ROW("a label of an unknown kind", -EBADMSG,
			"\x12\x34\x81\x80\0\1\0\1\0\0\0\0" EXAMPLE
			"\0\1\0\1\x40\x0c\0\1\0\1\0\0\0\1\0\4\xc0\0\2\1"),
		ROW("text that is longer than its record", -EBADMSG,
			"\x12\x34\x81\x80\0\1\0\1\0\0\0\0" EXAMPLE
			"\0\1\0\1\xc0\x0c\0\x10\0\1\0\0\0\1\0\2\5a"),
#undef ROW
	};
	struct pt_dns_reply r = { .n = 99 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int code = answer((const uint8_t *)bad[i].bytes, bad[i].len, &r);
		if (code != bad[i].code)
			T_FAIL("%s: %d", bad[i].what, code);
	}
	T_EQ(r.n, 99);
	static const char cut[] = "\x12\x34\x83\x80\0\1\0\2\0\0\0\0" EXAMPLE
				  "\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\1\0\4\xc0\0\2\1\xc0";
	T_EQ(answer(BYTES(cut), &r), 0);
	T_OK(r.truncated);
	T_EQ(r.n_kept, 1);
	static const char refused[] = "\x12\x34\x81\x81\0\0\0\0\0\0\0\0";
	T_EQ(answer(BYTES(refused), &r), 0);
	T_STR(pt_dns_rcode_name(r.rcode), "FORMERR");
}

static void words(void)
{
	uint16_t type = 0;
	unsigned rcode = 0;

	T_EQ(pt_dns_type_parse("aaaa", &type), 0);
	T_EQ(type, 28);
	T_EQ(pt_dns_type_parse("TYPE65", &type), 0);
	T_EQ(type, 65);
	T_EQ(pt_dns_type_parse("TYPE0", &type), -EINVAL);
	T_EQ(pt_dns_type_parse("TYPE65536", &type), -EINVAL);
	T_EQ(pt_dns_type_parse("TYPE-1", &type), -EINVAL);
	T_EQ(pt_dns_type_parse("TYPE", &type), -EINVAL);
	T_EQ(pt_dns_type_parse("AAA", &type), -EINVAL);
	T_EQ(pt_dns_rcode_parse("nxdomain", &rcode), 0);
	T_EQ(rcode, 3);
	T_EQ(pt_dns_rcode_parse("ok", &rcode), -EINVAL);
}

static void values(void)
{
	static const struct {
		uint16_t type;
		const char *got, *want;
		bool same;
	} rows[] = {
		{ PT_DNS_A, "192.0.2.7", "192.0.2.7", true },
		{ PT_DNS_A, "192.0.2.7", "192.0.2.70", false },
		{ PT_DNS_AAAA, "2001:db8::7", "2001:0DB8:0:0::7", true },
		{ PT_DNS_AAAA, "2001:db8::7", "2001:db8::8", false },
		{ PT_DNS_AAAA, "2001:db8::7", "192.0.2.7", false },
		{ PT_DNS_CNAME, "www.Example.test", "WWW.example.TEST.", true },
		{ PT_DNS_MX, "mail.test", "mail.test.x", false },
		{ PT_DNS_NS, ".", ".", true },
		{ PT_DNS_TXT, "Some Words", "some words", false },
		{ PT_DNS_TXT, "some words", "some words", true },
		{ PT_DNS_TXT, "words.", "words", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pt_dns_answer a = { .type = rows[i].type };
		(void)snprintf(a.text, sizeof(a.text), "%s", rows[i].got);
		if (pt_dns_answer_is(&a, rows[i].want) != rows[i].same)
			T_FAIL("%s and %s, type %u", rows[i].got, rows[i].want, rows[i].type);
	}
}

T_MAIN({ "answers by their value", values }, { "queries are RFC 1035's", queries },
	{ "answers, compressed names", replies }, { "each type as text", kinds },
	{ "thirty answers", many }, { "what lies is refused", lies },
	{ "types and codes by their names", words })
