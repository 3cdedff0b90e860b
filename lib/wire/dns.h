// SPDX-License-Identifier: MIT
// DNS messages (RFC 1035), as far as a probe needs them: one question, and what came back.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PT_DNS_PORT       53
#define PT_DNS_QUERY_MAX  (12 + 255 + 4)
#define PT_DNS_NAME_MAX   1025 // text of a name: each of its 255 bytes may be written as \DDD
#define PT_DNS_ANSWER_MAX 32   // answers that are kept: 512 bytes, which we take, hold no more
#define PT_DNS_TEXT_MAX   256  // bytes of an answer as text; what is longer is cut

enum pt_dns_type {
	PT_DNS_A = 1,
	PT_DNS_NS = 2,
	PT_DNS_CNAME = 5,
	PT_DNS_SOA = 6,
	PT_DNS_PTR = 12,
	PT_DNS_MX = 15,
	PT_DNS_TXT = 16,
	PT_DNS_AAAA = 28,
	PT_DNS_SRV = 33
};

struct pt_dns_answer {
	uint16_t type;
	char text[PT_DNS_TEXT_MAX]; // address, name, text; "" of other types
};

struct pt_dns_reply {
	uint16_t id;
	unsigned rcode;
	bool truncated, authoritative;
	unsigned n; // answers as the server counts them
	unsigned n_kept;
	struct pt_dns_answer answer[PT_DNS_ANSWER_MAX];
};

// "a", "AAAA", "TYPE65"; 0 or -EINVAL.
int pt_dns_type_parse(const char *s, uint16_t *out);
// "NOERROR", "nxdomain"; 0 or -EINVAL.
int pt_dns_rcode_parse(const char *s, unsigned *out);
const char *pt_dns_rcode_name(unsigned rcode); // "NOERROR", "RCODE12"

// Whether the answer says what somebody wrote: addresses are the same however they are written,
// names whatever their case and with or without a final dot; text is taken to the letter.
bool pt_dns_answer_is(const struct pt_dns_answer *a, const char *want);

// A recursive query for name (a final dot may be missing). Length written, -EINVAL: no name,
// -ENOSPC.
int pt_dns_query_write(uint16_t id, const char *name, uint16_t type, uint8_t *buf, size_t size);
// The reply to this query. -EBADMSG: not a sound DNS message; -ENOMSG: sound, but of another
// question or another id.
int pt_dns_reply_read(const uint8_t *query, size_t query_len, const uint8_t *buf, size_t len,
	struct pt_dns_reply *out);
