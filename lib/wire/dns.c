// SPDX-License-Identifier: MIT
#include "wire/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"

#define HEADER_LEN 12u
#define NAME_LEN   255u // on the wire, RFC 1035 section 2.3.4
#define LABEL_LEN  63u
#define HOPS       64u // of compression pointers; each has to lead back, too
#define FLAG_REPLY 0x8000u
#define FLAG_AA    0x0400u
#define FLAG_TC    0x0200u
#define FLAG_RD    0x0100u
#define CLASS_IN   1u

static const struct {
	const char *name;
	uint16_t type;
} types[] = {
	{ "A", PT_DNS_A },
	{ "NS", PT_DNS_NS },
	{ "CNAME", PT_DNS_CNAME },
	{ "SOA", PT_DNS_SOA },
	{ "PTR", PT_DNS_PTR },
	{ "MX", PT_DNS_MX },
	{ "TXT", PT_DNS_TXT },
	{ "AAAA", PT_DNS_AAAA },
	{ "SRV", PT_DNS_SRV },
};

static const char *const rcodes[16] = {
	[0] = "NOERROR",
	[1] = "FORMERR",
	[2] = "SERVFAIL",
	[3] = "NXDOMAIN",
	[4] = "NOTIMP",
	[5] = "REFUSED",
	[6] = "YXDOMAIN",
	[7] = "YXRRSET",
	[8] = "NXRRSET",
	[9] = "NOTAUTH",
	[10] = "NOTZONE",
	[11] = "RCODE11",
	[12] = "RCODE12",
	[13] = "RCODE13",
	[14] = "RCODE14",
	[15] = "RCODE15",
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

int pt_dns_type_parse(const char *s, uint16_t *out)
{
	uint32_t number;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcasecmp(types[i].name, s) == 0) {
			*out = types[i].type;
			return 0;
		}
	if (strncasecmp(s, "TYPE", 4) != 0 || pt_parse_u32(s + 4, 1, UINT16_MAX, &number))
		return -EINVAL;
	*out = (uint16_t)number;
	return 0;
}

int pt_dns_rcode_parse(const char *s, unsigned *out)
{
	for (unsigned i = 0; i < sizeof(rcodes) / sizeof(rcodes[0]); i++)
		if (strcasecmp(rcodes[i], s) == 0) {
			*out = i;
			return 0;
		}
	return -EINVAL;
}

const char *pt_dns_rcode_name(unsigned rcode)
{
	return rcodes[rcode & 15];
}

static size_t name_len(const char *s)
{
	size_t n = strlen(s);

	return n > 1 && s[n - 1] == '.' ? n - 1 : n;
}

bool pt_dns_answer_is(const struct pt_dns_answer *a, const char *want)
{
	const int family = a->type == PT_DNS_A ? AF_INET : AF_INET6;
	uint8_t got[16] = { 0 }, asked[16] = { 0 };

	switch (a->type) {
	case PT_DNS_A:
	case PT_DNS_AAAA:
		return inet_pton(family, a->text, got) == 1 &&
			inet_pton(family, want, asked) == 1 && memcmp(got, asked, 16) == 0;
	case PT_DNS_NS:
	case PT_DNS_CNAME:
	case PT_DNS_PTR:
	case PT_DNS_MX:
	case PT_DNS_SRV:
		return name_len(a->text) == name_len(want) &&
			strncasecmp(a->text, want, name_len(want)) == 0;
	default:
		return strcmp(a->text, want) == 0;
	}
}

// ---- the query ----

// One label up to a dot or the end; advances *s past the dot. The bytes written, or -EINVAL.
static int put_label(const char **s, uint8_t *buf, size_t size)
{
	size_t len = strcspn(*s, ".");

	if (!len || len > LABEL_LEN || len + 2 > size) // room for the final zero, too
		return -EINVAL;
	buf[0] = (uint8_t)len;
	memcpy(buf + 1, *s, len);
	*s += len + ((*s)[len] == '.');
	return (int)len + 1;
}

static int put_name(const char *name, uint8_t *buf)
{
	size_t at = 0;

	if (!*name)
		return -EINVAL;
	if (strcmp(name, ".") == 0)
		name++;
	while (*name) {
		int n = put_label(&name, buf + at, NAME_LEN - at);
		if (n < 0)
			return n;
		at += (size_t)n;
	}
	buf[at] = 0;
	return (int)at + 1;
}

int pt_dns_query_write(uint16_t id, const char *name, uint16_t type, uint8_t *buf, size_t size)
{
	if (size < PT_DNS_QUERY_MAX)
		return -ENOSPC;
	memset(buf, 0, HEADER_LEN);
	put16(buf, id);
	put16(buf + 2, FLAG_RD);
	put16(buf + 4, 1);
	int len = put_name(name, buf + HEADER_LEN);
	if (len < 0)
		return len;
	uint8_t *end = buf + HEADER_LEN + len;
	put16(end, type);
	put16(end + 2, CLASS_IN);
	return (int)(end + 4 - buf);
}

// ---- the reply ----

struct text {
	char *s;
	size_t at, size;
};

// What does not fit is cut; the last byte is kept for the NUL.
static void text_put(struct text *t, const char *piece)
{
	size_t n = strlen(piece);

	if (!t->size || t->at + n >= t->size)
		return;
	memcpy(t->s + t->at, piece, n + 1);
	t->at += n;
}

static void text_bytes(struct text *t, const uint8_t *bytes, size_t n, bool name)
{
	for (size_t i = 0; i < n; i++) {
		char piece[5] = { (char)bytes[i] };
		bool plain = bytes[i] > (name ? ' ' : ' ' - 1) && bytes[i] < 0x7f &&
			bytes[i] != '\\' && !(name && bytes[i] == '.');
		if (!plain)
			(void)snprintf(piece, sizeof(piece), "\\%03u", bytes[i]);
		text_put(t, piece);
	}
}

// A name that may be compressed (RFC 1035 section 4.1.4). Every pointer has to lead further back,
// so it ends. *at moves behind it.
static int get_name(const uint8_t *buf, size_t len, size_t *at, struct text *t)
{
	size_t pos = *at, total = 0, least = *at;
	bool jumped = false;

	for (unsigned hops = 0; hops < HOPS;) {
		if (pos >= len)
			return -EBADMSG;
		size_t n = buf[pos];
		if (n >= 0xc0) {
			if (pos + 1 >= len)
				return -EBADMSG;
			size_t to = (n & 0x3f) << 8 | buf[pos + 1];
			if (!jumped)
				*at = pos + 2;
			if (to >= least)
				return -EBADMSG;
			jumped = true;
			least = pos = to;
			hops++;
			continue;
		}
		total += n + 1;
		if (n > LABEL_LEN || total > NAME_LEN || pos + 1 + n > len)
			return -EBADMSG;
		if (!n) {
			if (!jumped)
				*at = pos + 1;
			if (total == 1)
				text_put(t, ".");
			return 0;
		}
		if (total > n + 1)
			text_put(t, ".");
		text_bytes(t, buf + pos + 1, n, true);
		pos += 1 + n;
	}
	return -EBADMSG;
}

static int get_address(int family, const uint8_t *data, size_t n, struct text *t)
{
	char piece[INET6_ADDRSTRLEN];

	if (n != (family == AF_INET ? 4 : 16) || !inet_ntop(family, data, piece, sizeof(piece)))
		return -EBADMSG;
	text_put(t, piece);
	return 0;
}

static int get_strings(const uint8_t *data, size_t n, struct text *t)
{
	for (size_t at = 0; at < n; at += 1u + data[at]) {
		if (at + 1 + data[at] > n)
			return -EBADMSG;
		text_bytes(t, data + at + 1, data[at], false);
	}
	return 0;
}

// The data of one record, which ends at `end`, as text.
static int get_data(const uint8_t *buf, size_t at, size_t end, struct pt_dns_answer *a)
{
	struct text t = { a->text, 0, sizeof(a->text) };
	size_t skip = a->type == PT_DNS_MX ? 2 : a->type == PT_DNS_SRV ? 6 : 0;
	int code;

	switch (a->type) {
	case PT_DNS_A:
		return get_address(AF_INET, buf + at, end - at, &t);
	case PT_DNS_AAAA:
		return get_address(AF_INET6, buf + at, end - at, &t);
	case PT_DNS_TXT:
		return get_strings(buf + at, end - at, &t);
	case PT_DNS_NS:
	case PT_DNS_CNAME:
	case PT_DNS_PTR:
	case PT_DNS_MX:
	case PT_DNS_SRV:
		at += skip;
		code = get_name(buf, end, &at, &t);
		return code ? code : at == end ? 0 : -EBADMSG;
	default:
		return 0;
	}
}

static int get_answer(const uint8_t *buf, size_t len, size_t *at, struct pt_dns_answer *a)
{
	struct text nowhere = { 0 };
	int code = get_name(buf, len, at, &nowhere);

	if (code)
		return code;
	if (*at + 10 > len)
		return -EBADMSG;
	size_t data = *at + 10, end = data + get16(buf + *at + 8);
	a->type = get16(buf + *at);
	if (end > len)
		return -EBADMSG;
	*at = end;
	return get_data(buf, data, end, a);
}

// Names are the same whatever their case (RFC 4343); length bytes are below 'A'.
static bool same_question(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t x = a[i], y = b[i];
		x = (uint8_t)(x >= 'A' && x <= 'Z' ? x + 32 : x);
		y = (uint8_t)(y >= 'A' && y <= 'Z' ? y + 32 : y);
		if (x != y)
			return false;
	}
	return true;
}

int pt_dns_reply_read(const uint8_t *query, size_t query_len, const uint8_t *buf, size_t len,
	struct pt_dns_reply *out)
{
	if (len < HEADER_LEN || query_len < HEADER_LEN)
		return -EBADMSG;
	unsigned flags = get16(buf + 2), questions = get16(buf + 4);
	if (get16(buf) != get16(query) || !(flags & FLAG_REPLY) || (flags & 0x7800))
		return -ENOMSG;
	struct pt_dns_reply r = { .id = get16(buf),
		.rcode = flags & 15,
		.truncated = flags & FLAG_TC,
		.authoritative = flags & FLAG_AA,
		.n = get16(buf + 6) };
	// A server that could not read the question need not repeat it.
	if (!questions && r.rcode && !r.n) {
		*out = r;
		return 0;
	}
	if (questions != 1 || len < query_len ||
		!same_question(query + HEADER_LEN, buf + HEADER_LEN, query_len - HEADER_LEN))
		return -ENOMSG;
	size_t at = query_len;
	for (unsigned i = 0; i < r.n; i++) {
		struct pt_dns_answer spare = { 0 };
		bool keep = r.n_kept < PT_DNS_ANSWER_MAX;
		int code = get_answer(buf, len, &at, keep ? &r.answer[r.n_kept] : &spare);
		if (code && r.truncated) // whatever did not fit is missing
			break;
		if (code)
			return code;
		r.n_kept += keep;
	}
	*out = r;
	return 0;
}
