// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "test.h"
#include "wire/icmp.h"

static void checksum_of_rfc_1071(void)
{
	// RFC 1071 section 3: the sum of these is ddf2
	static const uint8_t data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	uint16_t sum = pt_icmp_checksum(data, sizeof(data), 0);
	uint8_t wire[2];
	memcpy(wire, &sum, 2);
	T_EQ(wire[0], 0x22);
	T_EQ(wire[1], 0x0d);
	// odd length counts a zero byte behind
	static const uint8_t odd[] = { 0x12, 0x34, 0x56 }, even[] = { 0x12, 0x34, 0x56, 0x00 };
	T_EQ(pt_icmp_checksum(odd, 3, 0), pt_icmp_checksum(even, 4, 0));
	T_EQ(pt_icmp_checksum("", 0, 0), 0xffff);
}

static void echo_v4_bytes(void)
{
	// checksum checked apart, below
	static const uint8_t want[] = { 8, 0, 0, 0, 0x12, 0x34, 0, 1, 'a', 'b', 'c', 'd' };
	struct pt_icmp_echo e = {
		.family = AF_INET, .id = 0x1234, .seq = 1, .payload = "abcd", .payload_len = 4
	};
	uint8_t buf[32];
	T_EQ(pt_icmp_echo_write(&e, buf, sizeof(buf)), 12);
	T_OK(memcmp(buf, want, 2) == 0 && memcmp(buf + 4, want + 4, 8) == 0);
	// 0800 + 1234 + 0001 + 6162 + 6364 = defb, complement 2104
	T_EQ(buf[2], 0x21);
	T_EQ(buf[3], 0x04);

	struct pt_icmp_echo back;
	T_EQ(pt_icmp_echo_read(AF_INET, buf, 12, &back), 0);
	T_OK(!back.reply);
	T_EQ(back.id, 0x1234);
	T_EQ(back.seq, 1);
	T_EQ(back.payload_len, 4);
	T_OK(memcmp(back.payload, "abcd", 4) == 0);

	buf[9] ^= 1;
	T_EQ(pt_icmp_echo_read(AF_INET, buf, 12, &back), -EBADMSG);
}

static void echo_v6_bytes(void)
{
	struct pt_icmp_echo e = { .family = AF_INET6, .id = 0xbeef, .seq = 0xffff };
	uint8_t buf[8];
	static const uint8_t want[] = { 128, 0, 0, 0, 0xbe, 0xef, 0xff, 0xff };
	T_EQ(pt_icmp_echo_write(&e, buf, sizeof(buf)), 8);
	T_OK(memcmp(buf, want, 8) == 0);
	e.reply = true;
	T_EQ(pt_icmp_echo_write(&e, buf, sizeof(buf)), 8);
	T_EQ(buf[0], 129);
	struct pt_icmp_echo back;
	T_EQ(pt_icmp_echo_read(AF_INET6, buf, 8, &back), 0);
	T_OK(back.reply);
	T_EQ(back.payload_len, 0);

	// neighbour solicitation is no echo; an echo of code 1 neither
	buf[0] = 135;
	T_EQ(pt_icmp_echo_read(AF_INET6, buf, 8, &back), -ENOMSG);
	buf[0] = 129;
	buf[1] = 1;
	T_EQ(pt_icmp_echo_read(AF_INET6, buf, 8, &back), -ENOMSG);
}

static void pseudo6(void)
{
	// echo request fe80::1 -> fe80::2, id 1, seq 1, no payload: worked out by hand:
	// fe80+1 + fe80+2 + 8 + 3a = 1fd45 -> fd46; + 8000 + 1 + 1 = 17d48 -> 7d49; ~ = 82b6
	uint8_t src[16] = { 0xfe, 0x80, [15] = 1 }, dst[16] = { 0xfe, 0x80, [15] = 2 };
	static const uint8_t msg[] = { 128, 0, 0, 0, 0, 1, 0, 1 };
	uint16_t sum = pt_icmp_checksum(msg, sizeof(msg), pt_icmp_pseudo6(src, dst, sizeof(msg)));
	uint8_t wire[2];
	memcpy(wire, &sum, 2);
	T_EQ(wire[0], 0x82);
	T_EQ(wire[1], 0xb6);
}

static void hostile_lengths(void)
{
	uint8_t buf[16] = { 8 };
	struct pt_icmp_echo e = { .family = AF_INET, .payload = "xy", .payload_len = 2 }, out;
	for (size_t len = 0; len < PT_ICMP_HEADER_LEN; len++) {
		T_EQ(pt_icmp_echo_read(AF_INET, buf, len, &out), -EBADMSG);
		T_EQ(pt_icmp_echo_read(AF_INET6, buf, len, &out), -EBADMSG);
	}
	for (size_t size = 0; size < PT_ICMP_HEADER_LEN + 2; size++)
		T_EQ(pt_icmp_echo_write(&e, buf, size), -ENOSPC);
	e.payload_len = 65536;
	T_EQ(pt_icmp_echo_write(&e, buf, SIZE_MAX), -ENOSPC);
}

static void ip4_headers(void)
{
	uint8_t p[64] = { 0x45, 0, 0, 28 };
	T_EQ(pt_ip4_header_len(p, 28), 20);
	T_EQ(pt_ip4_header_len(p, 60), 20);       // link padding behind
	T_EQ(pt_ip4_header_len(p, 27), -EBADMSG); // cut
	T_EQ(pt_ip4_header_len(p, 19), -EBADMSG);
	T_EQ(pt_ip4_header_len(p, 0), -EBADMSG);
	p[0] = 0x44; // header of 16
	T_EQ(pt_ip4_header_len(p, 28), -EBADMSG);
	p[0] = 0x4f; // header of 60, total length 28
	T_EQ(pt_ip4_header_len(p, 64), -EBADMSG);
	p[3] = 64;
	T_EQ(pt_ip4_header_len(p, 64), 60);
	p[0] = 0x65;
	T_EQ(pt_ip4_header_len(p, 64), -EBADMSG);
}

T_MAIN({ "checksum of RFC 1071", checksum_of_rfc_1071 }, { "IPv4 echo bytes", echo_v4_bytes },
	{ "IPv6 echo bytes", echo_v6_bytes }, { "IPv6 pseudo-header", pseudo6 },
	{ "hostile lengths", hostile_lengths }, { "IPv4 header lengths", ip4_headers })
