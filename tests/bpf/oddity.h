// SPDX-License-Identifier: MIT
// Random packets: each is a sound one with any number of oddities, made from (seed, index) alone so
// that one index can be replayed.
#pragma once
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 // Linux 6.2
#endif

#define ODD_ROOM 3400 // what BPF_PROG_TEST_RUN takes fits into a page

struct odd_packet {
	uint8_t pad[2]; // so that the network header is aligned
	uint8_t data[ODD_ROOM];
	uint32_t len;
	uint64_t state; // of the generator
	uint32_t made;  // set of oddities, 1 << their index
	bool v6;
	uint8_t proto;
	uint16_t l4; // offset in data
	uint16_t payload;
	bool bad_sum; // leave the IPv4 checksum as it is
	struct virtio_net_hdr gso;
};

static inline uint32_t odd_roll(struct odd_packet *p, uint32_t below)
{
	uint64_t z = p->state += 0x9e3779b97f4a7c15u; // splitmix64

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ z >> 31) >> 32) % below;
}

#define ODD_PICK(p, list) ((list)[odd_roll(p, sizeof(list) / sizeof((list)[0]))])

static inline struct iphdr *odd_v4(struct odd_packet *p)
{
	return (void *)(p->data + ETH_HLEN);
}

static inline struct ipv6hdr *odd_v6(struct odd_packet *p)
{
	return (void *)(p->data + ETH_HLEN);
}

static inline void odd_put16(void *at, uint32_t value)
{
	uint16_t word = htons((uint16_t)value);

	memcpy(at, &word, sizeof(word));
}

// ---- oddities ----

// Makes room behind the fixed header; for options and extension headers.
static void odd_insert(struct odd_packet *p, const uint8_t *bytes, uint32_t n)
{
	if (p->len + n > ODD_ROOM)
		return;
	memmove(p->data + p->l4 + n, p->data + p->l4, p->len - p->l4);
	memcpy(p->data + p->l4, bytes, n);
	p->l4 = (uint16_t)(p->l4 + n);
	p->len += n;
	if (p->v6)
		odd_put16(&odd_v6(p)->payload_len, p->len - ETH_HLEN - 40);
	else
		odd_put16(&odd_v4(p)->tot_len, p->len - ETH_HLEN);
}

static void odd_ttl(struct odd_packet *p)
{
	static const uint8_t values[] = { 0, 1, 2, 3, 128, 254, 255 };
	uint8_t ttl = ODD_PICK(p, values);

	if (p->v6)
		odd_v6(p)->hop_limit = ttl;
	else
		odd_v4(p)->ttl = ttl;
}

static void odd_sum(struct odd_packet *p)
{
	static const uint16_t values[] = { 0, 1, 0xffff, 0x0100, 0xfeff };

	if (p->v6)
		return;
	odd_v4(p)->check = ODD_PICK(p, values);
	p->bad_sum = true;
}

// Total or payload length apart from what is there.
static void odd_length(struct odd_packet *p)
{
	static const int values[] = { -2000, -40, -21, -20, -8, -1, 1, 2, 8, 100, 60000 };
	int off = ODD_PICK(p, values), real = (int)p->len - ETH_HLEN - (p->v6 ? 40 : 0);

	if (odd_roll(p, 8) == 0)
		off = -real; // none
	odd_put16(p->v6 ? (void *)&odd_v6(p)->payload_len : (void *)&odd_v4(p)->tot_len,
		(uint32_t)(real + off < 0 ? 0 : real + off));
}

// What Ethernet adds to short frames, and what switches leave behind.
static void odd_padding(struct odd_packet *p)
{
	uint32_t n = odd_roll(p, 2) ? 1 + odd_roll(p, 64) : p->len < 60 ? 60 - p->len : 4;

	for (uint32_t i = 0; i < n && p->len < ODD_ROOM; i++)
		p->data[p->len++] = (uint8_t)odd_roll(p, 256);
}

static void odd_truncate(struct odd_packet *p)
{
	p->len = ETH_HLEN + odd_roll(p, p->len - ETH_HLEN);
}

static void odd_version(struct odd_packet *p)
{
	p->data[ETH_HLEN] = (uint8_t)((p->data[ETH_HLEN] & 15) | odd_roll(p, 16) << 4);
}

static void odd_ihl(struct odd_packet *p)
{
	if (!p->v6)
		odd_v4(p)->ihl = odd_roll(p, 16) & 15;
}

static void odd_options(struct odd_packet *p)
{
	static const uint8_t nop[] = { 1, 1, 1, 1 }, alert[] = { 148, 4, 0, 0 },
			     record[] = { 7, 7, 4, 0, 0, 0, 0, 0 },
			     loose[] = { 131, 7, 4, 10, 2, 0, 9, 0 }, broken[] = { 7, 99, 1, 0 };
	static const struct {
		const uint8_t *bytes;
		uint32_t n;
	} list[] = { { nop, 4 }, { alert, 4 }, { record, 8 }, { loose, 8 }, { broken, 4 } };
	uint32_t i = odd_roll(p, 5);

	if (p->v6 || odd_v4(p)->ihl != 5)
		return;
	odd_insert(p, list[i].bytes, list[i].n);
	odd_v4(p)->ihl = (5 + list[i].n / 4) & 15;
}

// TCP options, sound and not, on a SYN; they may reach beyond the packet.
static void odd_syn(struct odd_packet *p)
{
	static const uint8_t options[][8] = { { 2, 4, 0x05, 0xb4 }, { 2, 4, 0x23, 0x00 },
		{ 2, 4, 0xff, 0xff }, { 2, 4, 0x02, 0x18 }, { 1 }, { 1, 1 }, { 4, 2 }, { 3, 3, 7 },
		{ 8, 6, 2, 4, 0xff, 0xff }, { 0 }, { 2, 2 }, { 2, 0 }, { 2, 5, 9, 9, 9 },
		{ 99, 255 }, { 253, 7, 2, 4, 0xff, 0xff, 0 } };
	static const uint8_t lengths[] = { 4, 4, 4, 4, 1, 2, 2, 3, 6, 1, 2, 2, 5, 2, 7 };
	uint32_t at = p->l4 + 20u, end = at + 4 * (1 + odd_roll(p, 10)), i;

	if (p->proto != IPPROTO_TCP)
		return;
	p->data[p->l4 + 12] = (uint8_t)((end - p->l4) / 4 << 4);
	p->data[p->l4 + 13] |= 2;
	for (; at < end && at < p->len; at += lengths[i]) {
		i = odd_roll(p, sizeof(lengths));
		for (uint32_t j = 0; j < lengths[i] && at + j < p->len; j++)
			p->data[at + j] = options[i][j];
	}
}

static void odd_fragment(struct odd_packet *p)
{
	static const uint16_t values[] = { 0x2000, 0x2001, 0x2010, 0x0010, 0x1fff, 0x3fff, 0x8000,
		0x4000, 0x6000, 0x0001 };
	uint16_t offset = ODD_PICK(p, values);
	uint8_t header[8] = { odd_v6(p)->nexthdr };

	if (!p->v6) {
		odd_put16(&odd_v4(p)->frag_off, offset);
		return;
	}
	odd_put16(header + 2, (uint32_t)(offset << 3 | !!(offset & 0x2000)));
	odd_insert(p, header, sizeof(header));
	odd_v6(p)->nexthdr = IPPROTO_FRAGMENT;
}

static void odd_extension(struct odd_packet *p)
{
	static const uint8_t kinds[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING,
		IPPROTO_NONE, IPPROTO_MH, IPPROTO_AH, 139, 140 };
	uint8_t kind = ODD_PICK(p, kinds), header[8] = { odd_v6(p)->nexthdr, 0, 1, 4 };

	if (!p->v6)
		return;
	if (kind == IPPROTO_ROUTING)
		header[2] = (uint8_t)odd_roll(p, 5), header[3] = (uint8_t)odd_roll(p, 2);
	if (kind == IPPROTO_HOPOPTS && odd_roll(p, 3) == 0)
		header[2] = (uint8_t)odd_roll(p, 256); // unknown options, some to be refused
	odd_insert(p, header, sizeof(header));
	odd_v6(p)->nexthdr = kind;
}

static void odd_address(struct odd_packet *p)
{
	static const char *const v4[] = { "224.0.0.5", "239.255.255.250", "255.255.255.255",
		"127.0.0.1", "127.255.0.1", "0.0.0.0", "0.1.2.3", "169.254.1.1", "240.0.0.1",
		"223.255.255.255", "10.1.0.1", "10.1.0.255", "10.1.0.0", "192.0.2.1", "192.0.2.255",
		"10.2.255.255", "10.2.0.0", "10.1.77.1" };
	static const char *const v6[] = { "ff02::1", "ff0e::5", "ff00::1", "ff01::1", "fe80::1",
		"febf::1", "fec0::1", "::1", "::", "::2", "::ffff:10.2.0.9", "64:ff9b::1",
		"fd01::1", "fd01::", "fd09::1", "fd09::", "fd09::ffff:ffff:ffff:ff80",
		"fd02::", "2002:a02:9::1", "100::1" };
	bool source = odd_roll(p, 2);
	struct in6_addr a6;
	struct in_addr a4;

	if (p->v6) {
		(void)inet_pton(AF_INET6, ODD_PICK(p, v6), &a6);
		memcpy(source ? &odd_v6(p)->saddr : &odd_v6(p)->daddr, &a6, sizeof(a6));
	} else {
		(void)inet_pton(AF_INET, ODD_PICK(p, v4), &a4);
		memcpy(source ? &odd_v4(p)->saddr : &odd_v4(p)->daddr, &a4, sizeof(a4));
	}
}

static void odd_mac(struct odd_packet *p)
{
	static const uint8_t macs[][6] = { { 2, 0, 0, 0, 0, 9 },
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, { 1, 0, 0x5e, 0, 0, 5 },
		{ 0x33, 0x33, 0, 0, 0, 1 }, { 0 } };

	memcpy(p->data, ODD_PICK(p, macs), 6);
}

static void odd_ethertype(struct odd_packet *p)
{
	static const uint16_t types[] = { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, ETH_P_MPLS_UC,
		ETH_P_LLDP, 0x0600, 0x05dc, 0x0026, 0, 0x88b5, ETH_P_PPP_SES };

	odd_put16(p->data + 12, ODD_PICK(p, types));
}

static void odd_vlan(struct odd_packet *p)
{
	static const uint16_t tags[] = { 0, 0xe000, 1, 100, 0x0fff };

	if (p->len + 4 > ODD_ROOM || p->gso.gso_type)
		return;
	memmove(p->data + 16, p->data + 12, p->len - 12);
	odd_put16(p->data + 12, odd_roll(p, 3) ? ETH_P_8021Q : ETH_P_8021AD);
	odd_put16(p->data + 14, ODD_PICK(p, tags));
	p->len += 4;
}

static void odd_oversize(struct odd_packet *p)
{
	static const uint16_t sizes[] = { 1279, 1280, 1281, 1499, 1500, 1501, 1514, 2000, 3000 };
	uint32_t want = ETH_HLEN + ODD_PICK(p, sizes);

	while (p->len < want)
		p->data[p->len++] = (uint8_t)odd_roll(p, 256);
	if (p->v6)
		odd_put16(&odd_v6(p)->payload_len, p->len - ETH_HLEN - 40);
	else
		odd_put16(&odd_v4(p)->tot_len, p->len - ETH_HLEN);
	if (!p->v6 && odd_roll(p, 2))
		odd_v4(p)->frag_off = htons(0x4000);
}

static void odd_garbage(struct odd_packet *p)
{
	for (uint32_t n = 1 + odd_roll(p, 4); n > 0; n--)
		p->data[12 + odd_roll(p, 60)] = (uint8_t)odd_roll(p, 256);
	p->bad_sum |= odd_roll(p, 2);
}

static void odd_gso(struct odd_packet *p)
{
	static const uint16_t sizes[] = { 200, 536, 1200, 1208, 1220, 1240, 1460, 1473 };
	uint32_t size = ODD_PICK(p, sizes), room = 2900;

	if (p->l4 != ETH_HLEN + (p->v6 ? 40 : 20) ||
		(p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP))
		return;
	while (p->len < room)
		p->data[p->len++] = (uint8_t)odd_roll(p, 256);
	if (p->v6)
		odd_put16(&odd_v6(p)->payload_len, p->len - ETH_HLEN - 40);
	else
		odd_put16(&odd_v4(p)->tot_len, p->len - ETH_HLEN);
	if (p->proto == IPPROTO_UDP)
		odd_put16(p->data + p->l4 + 4, p->len - p->l4);
	p->gso = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = p->proto == IPPROTO_UDP ? VIRTIO_NET_HDR_GSO_UDP_L4
			: p->v6                     ? VIRTIO_NET_HDR_GSO_TCPV6
						    : VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = (uint16_t)(p->l4 + (p->proto == IPPROTO_UDP ? 8 : 20)),
		.gso_size = (uint16_t)size,
		.csum_start = p->l4,
		.csum_offset = p->proto == IPPROTO_UDP ? 6 : 16,
	};
}

// In the order in which they are applied: what moves bytes about comes last.
static const struct odd_kind {
	const char *name;
	void (*make)(struct odd_packet *p);
	bool with_gso;
} odd_kinds[] = {
	{ "gso", odd_gso, true },
	{ "syn", odd_syn, false },
	{ "ttl", odd_ttl, true },
	{ "address", odd_address, true },
	{ "oversize", odd_oversize, false },
	{ "fragment", odd_fragment, false },
	{ "extension", odd_extension, false },
	{ "options", odd_options, false },
	{ "length", odd_length, false },
	{ "padding", odd_padding, false },
	{ "checksum", odd_sum, true },
	{ "version", odd_version, false },
	{ "ihl", odd_ihl, false },
	{ "mac", odd_mac, true },
	{ "ethertype", odd_ethertype, false },
	{ "garbage", odd_garbage, false },
	{ "vlan", odd_vlan, false },
	{ "truncate", odd_truncate, false },
};
#define ODD_KINDS (sizeof(odd_kinds) / sizeof(odd_kinds[0]))

// ---- sound packets ----

static void odd_base_v4(struct odd_packet *p)
{
	static const uint32_t nets[] = { 0x0a020000, 0x0a020700, 0x0a030000, 0x0a040000, 0x08080000,
		0x0a010000, 0x0a090000, 0xcb007100 };

	*odd_v4(p) = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tos = (uint8_t)odd_roll(p, 256),
		.id = (uint16_t)odd_roll(p, 65536),
		.frag_off = odd_roll(p, 2) ? htons(0x4000) : 0,
		.ttl = 64,
		.protocol = p->proto,
		.saddr = htonl(0x0a010002 + odd_roll(p, 16)),
		.daddr = htonl(ODD_PICK(p, nets) | odd_roll(p, 256)),
	};
	odd_put16(&odd_v4(p)->tot_len, p->len - ETH_HLEN);
}

static void odd_base_v6(struct odd_packet *p)
{
	static const char *const nets[] = { "fd02::", "fd02:0:0:7::", "fd03::", "fd04::",
		"2001:db8::", "fd01:0:0:5::", "fd09:9::", "fd0a::" };
	struct in6_addr src, dst;

	(void)inet_pton(AF_INET6, "fd01::2", &src);
	(void)inet_pton(AF_INET6, ODD_PICK(p, nets), &dst);
	src.s6_addr[15] = (uint8_t)(2 + odd_roll(p, 16));
	dst.s6_addr[15] = (uint8_t)(1 + odd_roll(p, 255));
	*odd_v6(p) = (struct ipv6hdr){
		.version = 6,
		.priority = odd_roll(p, 16) & 15,
		.flow_lbl = { (uint8_t)odd_roll(p, 256), (uint8_t)odd_roll(p, 256) },
		.nexthdr = p->proto,
		.hop_limit = 64,
		.saddr = src,
		.daddr = dst,
	};
	odd_put16(&odd_v6(p)->payload_len, p->len - ETH_HLEN - 40);
}

static void odd_transport(struct odd_packet *p)
{
	static const uint16_t ports[] = { 0, 53, 443, 862, 5060, 8000, 8100, 8101, 40000, 65535 };
	uint8_t *l4 = p->data + p->l4;

	for (uint32_t i = p->l4; i < p->len; i++)
		p->data[i] = (uint8_t)odd_roll(p, 256);
	odd_put16(l4, ODD_PICK(p, ports));
	odd_put16(l4 + 2, ODD_PICK(p, ports));
	if (p->proto == IPPROTO_UDP)
		odd_put16(l4 + 4, p->len - p->l4);
	if (p->proto == IPPROTO_TCP)
		l4[12] = 5 << 4;
}

static void odd_seal(struct odd_packet *p)
{
	const uint8_t *b = p->data + ETH_HLEN;
	uint32_t sum = 0, n = 4u * odd_v4(p)->ihl;

	if (p->v6 || p->bad_sum || p->data[12] != 8 || p->data[13] != 0)
		return;
	odd_v4(p)->check = 0;
	for (uint32_t i = 0; i < n; i += 2)
		sum += (uint32_t)(b[i] << 8 | b[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	odd_put16(&odd_v4(p)->check, ~sum);
}

// Seals between what changes headers and what hides them.
static void odd_make(struct odd_packet *p, uint64_t seed, uint64_t index, const uint8_t mac[6])
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDP,
		IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP, IPPROTO_GRE, IPPROTO_ESP,
		IPPROTO_UDPLITE, 0, 255 };
	static const uint8_t oddities[] = { 0, 0, 1, 1, 1, 2, 2, 3 };
	uint32_t odd, n;

	memset(p, 0, sizeof(*p));
	p->state = seed; // hashed before the index joins: streams of neighbours must not overlap
	(void)odd_roll(p, 2);
	p->state = (p->state ^ p->state >> 31) * 0xd6e8feb86659fd93u + index;
	p->state = (uint64_t)odd_roll(p, UINT32_MAX) << 32 | odd_roll(p, UINT32_MAX);
	p->v6 = odd_roll(p, 2);
	p->proto = ODD_PICK(p, protos);
	p->l4 = (uint16_t)(ETH_HLEN + (p->v6 ? 40 : 20));
	p->len = p->l4 + 20 + odd_roll(p, odd_roll(p, 8) ? 40 : 1400);
	memcpy(p->data, mac, 6);
	memcpy(p->data + 6, "\x02\x00\x00\x00\x00\x05", 6);
	odd_put16(p->data + 12, p->v6 ? ETH_P_IPV6 : ETH_P_IP);
	if (p->v6)
		odd_base_v6(p);
	else
		odd_base_v4(p);
	odd_transport(p);
	for (n = ODD_PICK(p, oddities); n > 0; n--)
		p->made |= 1u << odd_roll(p, ODD_KINDS);
	odd = p->made;
	for (uint32_t i = 0; i < ODD_KINDS; i++) {
		if (i == ODD_KINDS - 2)
			odd_seal(p);
		if (odd & 1u << i && (odd_kinds[i].with_gso || !p->gso.gso_type))
			odd_kinds[i].make(p);
	}
}
