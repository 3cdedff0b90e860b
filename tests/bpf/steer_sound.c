// SPDX-License-Identifier: MIT
// Packets whose headers do not say the truth: what kernel forwarding refuses, steering must not
// send on. Each was found by steer_differential.
#include "tests/bpf/rig.h"

#define SITE 1

static struct rig_packet pkt;

static void reset(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		rig_match_all(&rig.plane->rule[i]);
		rig.plane->group[PT_GROUP_KEY(rig.plane->meta->site_cap, i, SITE, 0)] =
			(struct pt_group){ .path = { 1 }, .count = 1 };
	}
	rig_hop(1);
	rig_dest("10.2.0.0/16", SITE);
	rig_dest("fd02::/16", SITE);
}

static void udp4(void)
{
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_UDP, 5000, 6000, 100);
}

static void udp6(void)
{
	rig_ipv6(&pkt, "fd02::7", IPPROTO_UDP, 5000, 6000, 100);
}

static void expect_passed(enum pt_stat why)
{
	struct rig_packet was = pkt;
	uint64_t before = rig_stat(why);

	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_UNSPEC);
	T_EQ(rig_stat(why) - before, 1);
	T_OK(memcmp(was.data, pkt.data, was.len) == 0);
}

// Sent, and so long from the network header on.
static void expect_sent(uint32_t len)
{
	struct rig_packet was = pkt;

	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_REDIRECT);
	T_EQ(pkt.out_len, ETH_HLEN + len);
	T_OK(memcmp(was.data + ETH_HLEN + 20, pkt.data + ETH_HLEN + 20, len - 20) == 0);
}

static void test_checksum(void)
{
	reset();
	for (uint32_t bit = 0; bit < 16; bit++) {
		udp4();
		pkt.v4.check ^= htons((uint16_t)(1u << bit));
		expect_passed(PT_STAT_PASS_SHORT);
	}
	udp4(); // a sum of zero is 0xffff's twin on the way in
	pkt.v4.id = (uint16_t)(pkt.v4.id + pkt.v4.check);
	rig_seal(&pkt);
	expect_sent(128);
}

static void test_too_long_for_the_frame(void)
{
	reset();
	udp4();
	pkt.v4.tot_len = htons(129);
	rig_seal(&pkt);
	expect_passed(PT_STAT_PASS_SHORT);
	udp6();
	pkt.v6.payload_len = htons(109);
	expect_passed(PT_STAT_PASS_SHORT);
}

static void test_too_short_for_its_headers(void)
{
	static const uint16_t lengths[] = { 0, 19, 20, 23 };

	reset();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		udp4();
		pkt.v4.tot_len = htons(lengths[i]);
		rig_seal(&pkt);
		expect_passed(PT_STAT_PASS_SHORT);
	}
	udp6();
	pkt.v6.payload_len = 0;
	expect_passed(PT_STAT_PASS_SHORT);
	udp6();
	pkt.v6.payload_len = htons(3);
	expect_passed(PT_STAT_PASS_SHORT);
	rig_ipv6(&pkt, "fd02::7", 44, 0, 0, 100);
	pkt.v6.payload_len = htons(7); // cuts the fragment header
	expect_passed(PT_STAT_PASS_SHORT);
}

// An acknowledgement of 40 bytes in an Ethernet frame of 60.
static void test_padding_is_cut(void)
{
	uint64_t packets;

	reset();
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_TCP, 5000, 6000, 12);
	pkt.len = 60;
	packets = rig_tx(1);
	expect_sent(40);
	T_EQ(pkt.v4.ttl, 63);
	T_EQ(rig_sum(&pkt.v4), 0xffff);
	T_EQ(rig_tx(1) - packets, 1);
	rig_ipv6(&pkt, "fd02::7", IPPROTO_UDP, 5000, 6000, 0);
	pkt.len += 9;
	expect_sent(48);
	T_EQ(pkt.v6.hop_limit, 63);
	// The path has to carry the packet, not its padding.
	udp4();
	rig.plane->hop[1].mtu = 128;
	pkt.len += 4;
	expect_sent(128);
}

// A SYN whose data offset points past its end, with an MSS option in the padding behind it.
static void test_no_option_in_padding(void)
{
	static const uint8_t mss[] = { 2, 4, 0xff, 0xff };
	uint8_t *tcp = pkt.data + ETH_HLEN + 20;

	reset();
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_TCP, 5000, 6000, 12);
	tcp[12] = 6 << 4;
	tcp[13] = 2;
	memcpy(tcp + 20, mss, sizeof(mss));
	pkt.len = 60;
	expect_sent(40);
}

static void test_multicast_source(void)
{
	reset();
	udp6();
	pkt.v6.saddr.s6_addr[0] = 0xff;
	expect_passed(PT_STAT_PASS_SCOPE);
}

RIG_MAIN({ "a wrong IPv4 header checksum is the kernel's", test_checksum },
	{ "a length beyond the frame is the kernel's", test_too_long_for_the_frame },
	{ "a length that cuts the headers is the kernel's", test_too_short_for_its_headers },
	{ "what stands behind the packet is cut off", test_padding_is_cut },
	{ "no option is read from padding", test_no_option_in_padding },
	{ "an IPv6 multicast source is the kernel's", test_multicast_source })
