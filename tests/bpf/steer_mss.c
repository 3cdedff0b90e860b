// SPDX-License-Identifier: MIT
// The maximum segment size in SYNs: lowered to what every candidate carries, nothing else touched,
// checksums right.
#include "tests/bpf/rig.h"

#define SITE 1

static struct rig_packet pkt, was;

static void reset(uint32_t mtu1, uint32_t mtu2)
{
	rig_match_all(&rig.plane->rule[0]);
	rig_dest("10.0.0.0/8", SITE);
	rig_dest("fd00::/8", SITE);
	rig_hop(1);
	rig_hop(2);
	rig.plane->hop[1].mtu = mtu1;
	rig.plane->hop[2].mtu = mtu2;
	rig.plane->group[PT_GROUP_KEY(rig.plane->meta->site_cap, 0, SITE, 0)] =
		(struct pt_group){ .path = { 1, 2 }, .count = 2 };
}

static uint8_t *tcp_of(struct rig_packet *p)
{
	return p->data + ETH_HLEN + (p->eth.h_proto == htons(ETH_P_IP) ? 20 : 40);
}

// One's complement sum of the segment and its pseudo header: 0xffff when the checksum is right.
static uint16_t tcp_sum(struct rig_packet *p)
{
	const uint8_t *tcp = tcp_of(p), *end = p->data + p->len;
	bool v4 = p->eth.h_proto == htons(ETH_P_IP);
	const uint8_t *addr = v4 ? p->data + ETH_HLEN + 12 : p->data + ETH_HLEN + 8;
	uint32_t sum = IPPROTO_TCP + (uint32_t)(end - tcp);

	for (; addr < tcp; addr += 2)
		sum += (uint32_t)(addr[0] << 8 | addr[1]);
	for (; tcp < end; tcp += 2)
		sum += (uint32_t)(tcp[0] << 8 | (tcp + 1 < end ? tcp[1] : 0));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

// A segment with these options (a multiple of 4 bytes) and flags.
static void segment(int family, uint8_t flags, const uint8_t *options, uint32_t len)
{
	uint8_t *tcp;
	uint16_t sum;

	if (family == AF_INET)
		rig_ipv4(&pkt, "10.2.0.7", IPPROTO_TCP, 5000, 443, 12 + len);
	else
		rig_ipv6(&pkt, "fd02::7", IPPROTO_TCP, 5000, 443, 12 + len);
	tcp = tcp_of(&pkt);
	memset(tcp + 4, 0, 16);
	tcp[12] = (uint8_t)((20 + len) / 4 << 4);
	tcp[13] = flags;
	if (len)
		memcpy(tcp + 20, options, len);
	sum = (uint16_t)~tcp_sum(&pkt);
	tcp[16] = (uint8_t)(sum >> 8);
	tcp[17] = (uint8_t)sum;
	was = pkt;
}

#define SYN    0x02
#define SYNACK 0x12
#define ACK    0x10
#define SEGMENT(family, flags, ...)                              \
	segment(family, flags, (const uint8_t[]){ __VA_ARGS__ }, \
		sizeof((const uint8_t[]){ __VA_ARGS__ }))

// Steers it; returns the two bytes at this place among the options. Apart from these, the checksum
// and the packet's age, all is as before.
static int mss_after(uint32_t at)
{
	uint8_t *tcp = tcp_of(&pkt);
	int mss;

	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_REDIRECT);
	T_EQ(pkt.len, was.len);
	T_EQ(tcp_sum(&pkt), 0xffff);
	mss = tcp[20 + at] << 8 | tcp[21 + at];
	memcpy(tcp_of(&was) + 16, tcp + 16, 2);
	memcpy(tcp_of(&was) + 20 + at, tcp + 20 + at, 2);
	T_OK(memcmp(tcp, tcp_of(&was), pkt.len - (uint32_t)(tcp - pkt.data)) == 0);
	return mss;
}

static void expect_untouched(void)
{
	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_REDIRECT);
	T_OK(memcmp(tcp_of(&pkt), tcp_of(&was), pkt.len - (uint32_t)(tcp_of(&pkt) - pkt.data)) ==
		0);
}

static void test_lowered(void)
{
	reset(1400, 1500);
	SEGMENT(AF_INET, SYN, 2, 4, 1460 >> 8, 1460 & 0xff, 4, 2, 1, 1);
	T_EQ(mss_after(2), 1360);
	SEGMENT(AF_INET, SYNACK, 2, 4, 1460 >> 8, 1460 & 0xff);
	T_EQ(mss_after(2), 1360);
	SEGMENT(AF_INET6, SYN, 2, 4, 1440 >> 8, 1440 & 0xff, 4, 2, 1, 1);
	T_EQ(mss_after(2), 1340);
}

static void test_least_of_all_candidates(void)
{
	reset(1500, 1380);
	SEGMENT(AF_INET, SYN, 2, 4, 1460 >> 8, 1460 & 0xff);
	T_EQ(mss_after(2), 1340); // it leaves by path 1, but may have to move to path 2
	rig.plane->hop[2].flags &= ~(__u32)PT_HOP_VIA4; // not for IPv4
	SEGMENT(AF_INET, SYN, 2, 4, 1460 >> 8, 1460 & 0xff);
	expect_untouched();
}

static void test_any_place(void)
{
	reset(1400, 1400);
	SEGMENT(AF_INET, SYN, 1, 1, 1, 1, 2, 4, 1460 >> 8, 1460 & 0xff);
	T_EQ(mss_after(6), 1360);
	SEGMENT(AF_INET, SYN, 1, 2, 4, 1460 >> 8, 1460 & 0xff, 1, 1, 0); // at an odd place
	T_EQ(mss_after(3), 1360);
	SEGMENT(AF_INET, SYN, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 4, 2, 2, 4, 1460 >> 8, 1460 & 0xff);
	T_EQ(mss_after(14), 1360);
	SEGMENT(AF_INET, SYN, 1, 1, 1, 1, 3, 3, 7, 2, 4, 1460 >> 8, 1460 & 0xff, 0); // the sixth
	T_EQ(mss_after(9), 1360);
	SEGMENT(AF_INET, SYN, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1460 >> 8, 1460 & 0xff); // too far
	expect_untouched();
}

static void test_left_alone(void)
{
	reset(1400, 1400);
	SEGMENT(AF_INET, SYN, 2, 4, 1360 >> 8, 1360 & 0xff); // just fits
	expect_untouched();
	SEGMENT(AF_INET, SYN, 2, 4, 536 >> 8, 536 & 0xff);
	expect_untouched();
	SEGMENT(AF_INET, ACK, 2, 4, 1460 >> 8, 1460 & 0xff); // no SYN, no meaning
	expect_untouched();
	segment(AF_INET, SYN, NULL, 0);
	expect_untouched();
	SEGMENT(AF_INET, SYN, 4, 2, 1, 1); // no MSS
	expect_untouched();
	SEGMENT(AF_INET, SYN, 0, 0, 0, 0, 2, 4, 1460 >> 8, 1460 & 0xff); // behind the end
	expect_untouched();
}

static void test_nonsense(void)
{
	reset(1400, 1400);
	SEGMENT(AF_INET, SYN, 8, 0, 2, 4, 1460 >> 8, 1460 & 0xff, 0, 0); // an option of no length
	expect_untouched();
	SEGMENT(AF_INET, SYN, 8, 1, 2, 4, 1460 >> 8, 1460 & 0xff, 0, 0);
	expect_untouched();
	SEGMENT(AF_INET, SYN, 8, 255, 2, 4, 1460 >> 8, 1460 & 0xff, 0, 0); // beyond the end
	expect_untouched();
	SEGMENT(AF_INET, SYN, 2, 3, 1460 >> 8, 1460 & 0xff); // an MSS of another length
	expect_untouched();
	SEGMENT(AF_INET, SYN, 1, 1, 2, 4); // cut off
	expect_untouched();
	SEGMENT(AF_INET, SYN, 2, 4, 1460 >> 8, 1460 & 0xff);
	tcp_of(&pkt)[12] = 15 << 4; // more header than packet
	was = pkt;
	expect_untouched();
	tcp_of(&pkt)[12] = 4 << 4; // less than there is at least
	was = pkt;
	expect_untouched();
}

RIG_MAIN({ "a SYN's MSS is lowered to the path, both families", test_lowered },
	{ "to what every candidate of the family carries", test_least_of_all_candidates },
	{ "wherever the option stands", test_any_place },
	{ "what fits, or is no SYN, stays as it is", test_left_alone },
	{ "nonsensical options stay as they are", test_nonsense })
