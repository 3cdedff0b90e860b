// SPDX-License-Identifier: MIT
#include "bench/flows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/mman.h>

void pt_flows_frame(int family, uint8_t frame[PT_FLOWS_FRAME6])
{
	struct iphdr v4 = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP };
	struct ipv6hdr v6 = { .version = 6, .nexthdr = IPPROTO_UDP, .hop_limit = 64 };
	uint16_t proto = htons(family == AF_INET ? ETH_P_IP : ETH_P_IPV6), udp;
	size_t net;

	memset(frame, 0, PT_FLOWS_FRAME6);
	memcpy(frame + 12, &proto, 2);
	v4.tot_len = htons(PT_FLOWS_FRAME - ETH_HLEN);
	v6.payload_len = htons(PT_FLOWS_FRAME6 - ETH_HLEN - sizeof(v6));
	if (family == AF_INET)
		memcpy(frame + ETH_HLEN, &v4, net = sizeof(v4));
	else
		memcpy(frame + ETH_HLEN, &v6, net = sizeof(v6));
	udp = htons((
		uint16_t)((family == AF_INET ? PT_FLOWS_FRAME : PT_FLOWS_FRAME6) - ETH_HLEN - net));
	memcpy(frame + ETH_HLEN + net + 4, &udp, 2);
}

void pt_flows_frame_tcp(uint8_t frame[PT_FLOWS_FRAME_TCP])
{
	const struct iphdr v4 = { .version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = IPPROTO_TCP,
		.tot_len = htons(PT_FLOWS_FRAME_TCP - ETH_HLEN) };
	const struct tcphdr tcp = { .doff = 8, .ack = 1, .window = htons(512) };
	const uint32_t options = htonl(0x0101080a); // the stamps are the program's
	const uint16_t proto = htons(ETH_P_IP);
	uint8_t *at = frame + ETH_HLEN;

	memset(frame, 0, PT_FLOWS_FRAME_TCP);
	memcpy(frame + 12, &proto, sizeof(proto));
	memcpy(at, &v4, sizeof(v4));
	memcpy(at + sizeof(v4), &tcp, sizeof(tcp));
	memcpy(at + sizeof(v4) + sizeof(tcp), &options, sizeof(options));
}

static uint16_t sum_of(const struct iphdr *ip)
{
	const uint16_t *word = (const void *)ip;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*ip) / sizeof(*word); i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static uint32_t below(uint64_t *random, uint32_t bound)
{
	*random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*random >> 33) % bound;
}

static void turn(struct pt_flow_row *row)
{
	struct pt_flow_row was = *row;

	memcpy(row->src, was.dst, sizeof(row->src));
	memcpy(row->dst, was.src, sizeof(row->dst));
	row->sport = was.dport;
	row->dport = was.sport;
}

static int fill(const struct pt_fleet *f, int family, int map_fd, struct iphdr *ip, bool back,
	struct pt_err *err)
{
	size_t bytes = PT_FLOWS * sizeof(struct pt_flow_row);
	struct pt_flow_row *rows = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	uint64_t random = 1;

	if (rows == MAP_FAILED)
		return pt_err_errno(err, -errno, "flows");
	for (uint32_t i = 0; i < PT_FLOWS; i++) {
		struct pt_flow_row row = { .sport = (uint16_t)below(&random, 65536),
			.dport = (uint16_t)below(&random, 65536) };

		pt_fleet_addr(f, 0, family, below(&random, UINT16_MAX), row.src);
		pt_fleet_addr(f, 1 + below(&random, f->net.n_sites - 1), family,
			below(&random, UINT16_MAX), row.dst);
		memcpy(&ip->saddr, row.src, 4);
		memcpy(&ip->daddr, row.dst, 4);
		row.check = sum_of(ip);
		if (back)
			turn(&row);
		rows[i] = row;
	}
	(void)munmap(rows, bytes);
	return 0;
}

int pt_flows_fill(const struct pt_fleet *f, int family, int map_fd, struct pt_err *err)
{
	struct iphdr udp;
	uint8_t frame[PT_FLOWS_FRAME6];

	pt_flows_frame(AF_INET, frame);
	memcpy(&udp, frame + ETH_HLEN, sizeof(udp));
	return fill(f, family, map_fd, &udp, false, err);
}

int pt_flows_fill_way(const struct pt_fleet *f, int map_fd, bool back, struct pt_err *err)
{
	struct iphdr tcp;
	uint8_t frame[PT_FLOWS_FRAME_TCP];

	pt_flows_frame_tcp(frame);
	memcpy(&tcp, frame + ETH_HLEN, sizeof(tcp));
	return fill(f, AF_INET, map_fd, &tcp, back, err);
}
