// SPDX-License-Identifier: MIT
#include "wire/icmp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <string.h>

// RFC 792 and RFC 4443 echo share this shape.
struct echo_header {
	uint8_t type, code;
	uint16_t checksum, id, seq;
};
_Static_assert(sizeof(struct echo_header) == PT_ICMP_HEADER_LEN, "RFC 792");

static uint32_t sum16(const void *buf, size_t len, uint32_t sum)
{
	const uint8_t *p = buf;
	for (; len >= 2; p += 2, len -= 2) {
		uint16_t word;
		memcpy(&word, p, sizeof(word));
		sum += word;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (len) {
		uint8_t last[2] = { *p, 0 };
		uint16_t word;
		memcpy(&word, last, sizeof(word));
		sum += word;
	}
	return (sum & 0xffff) + (sum >> 16);
}

uint16_t pt_icmp_checksum(const void *buf, size_t len, uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = sum16(buf, len, sum);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

uint32_t pt_icmp_pseudo6(const uint8_t src[16], const uint8_t dst[16], uint32_t len)
{
	uint32_t tail[2] = { htonl(len), htonl(IPPROTO_ICMPV6) };
	return sum16(tail, sizeof(tail), sum16(dst, 16, sum16(src, 16, 0)));
}

int pt_icmp_echo_write(const struct pt_icmp_echo *e, void *buf, size_t size)
{
	if (e->payload_len > 0xffff || size < PT_ICMP_HEADER_LEN + e->payload_len)
		return -ENOSPC;
	bool v6 = e->family == AF_INET6;
	struct echo_header h = {
		.type = e->reply ? (v6 ? ICMPV6_ECHO_REPLY : ICMP_ECHOREPLY)
				 : (v6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO),
		.id = htons(e->id),
		.seq = htons(e->seq),
	};
	uint8_t *p = buf;
	size_t len = PT_ICMP_HEADER_LEN + e->payload_len;
	memcpy(p, &h, sizeof(h));
	if (e->payload_len && e->payload != p + PT_ICMP_HEADER_LEN) // may be in place already
		memcpy(p + PT_ICMP_HEADER_LEN, e->payload, e->payload_len);
	if (!v6) {
		h.checksum = pt_icmp_checksum(p, len, 0);
		memcpy(p, &h, sizeof(h));
	}
	return (int)len;
}

int pt_icmp_echo_read(int family, const void *buf, size_t len, struct pt_icmp_echo *out)
{
	struct echo_header h;
	if (len < sizeof(h))
		return -EBADMSG;
	if (family == AF_INET && pt_icmp_checksum(buf, len, 0) != 0)
		return -EBADMSG;
	memcpy(&h, buf, sizeof(h));
	bool v6 = family == AF_INET6;
	bool request = h.type == (v6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO);
	bool reply = h.type == (v6 ? ICMPV6_ECHO_REPLY : ICMP_ECHOREPLY);
	if ((!request && !reply) || h.code != 0)
		return -ENOMSG;
	*out = (struct pt_icmp_echo){
		.family = family,
		.reply = reply,
		.id = ntohs(h.id),
		.seq = ntohs(h.seq),
		.payload = (const uint8_t *)buf + sizeof(h),
		.payload_len = len - sizeof(h),
	};
	return 0;
}

int pt_icmp_echo_seq(const void *buf, size_t len, uint16_t *out)
{
	struct echo_header h;
	if (len < sizeof(h))
		return -EBADMSG;
	memcpy(&h, buf, sizeof(h));
	*out = ntohs(h.seq);
	return 0;
}

int pt_ip4_header_len(const void *buf, size_t len)
{
	const uint8_t *p = buf;
	if (len < 20 || p[0] >> 4 != 4)
		return -EBADMSG;
	size_t header = (p[0] & 0xfU) * 4;
	size_t total = (size_t)p[2] << 8 | p[3];
	if (header < 20 || header > len || total < header || total > len)
		return -EBADMSG;
	return (int)header;
}
