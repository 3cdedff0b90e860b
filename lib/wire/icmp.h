// SPDX-License-Identifier: MIT
// ICMP and ICMPv6 echo (RFC 792, RFC 4443 section 4).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PT_ICMP_HEADER_LEN 8

struct pt_icmp_echo {
	int family; // AF_INET, AF_INET6
	bool reply; // else a request
	uint16_t id, seq;
	const void *payload; // on reading: inside the buffer read
	size_t payload_len;
};

// Internet checksum (RFC 1071) over len bytes, as it stands in memory; `sum` carries the value of
// pt_icmp_pseudo6 or 0.
uint16_t pt_icmp_checksum(const void *buf, size_t len, uint32_t sum);
// Unfolded sum of the IPv6 pseudo-header for ICMPv6 (RFC 8200 section 8.1).
uint32_t pt_icmp_pseudo6(const uint8_t src[16], const uint8_t dst[16], uint32_t len);

// Length written or -ENOSPC. The ICMPv6 checksum stays 0: it needs both addresses, and the kernel
// fills it in on every kind of ICMPv6 socket.
int pt_icmp_echo_write(const struct pt_icmp_echo *e, void *buf, size_t size);
// -EBADMSG: too short, wrong checksum (ICMP only; the kernel has checked ICMPv6), -ENOMSG: sound
// but no echo.
int pt_icmp_echo_read(int family, const void *buf, size_t len, struct pt_icmp_echo *out);

// Sequence number of an echo of either kind, of which only the beginning may be there. -EBADMSG.
int pt_icmp_echo_seq(const void *buf, size_t len, uint16_t *out);

// Where the payload of the IPv4 packet starts, as raw sockets deliver it; -EBADMSG when header
// length and packet length do not agree.
int pt_ip4_header_len(const void *buf, size_t len);
