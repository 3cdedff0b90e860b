// SPDX-License-Identifier: MIT
// TCP segments, sound and not, between a near host and a far one.
#pragma once
#include "tests/bpf/rig.h"

#define NEAR 5000
#define FAR  6000
#define FIN  0x01
#define SYN  0x02
#define RST  0x04
#define ACK  0x10
#define ECE  0x40
#define CWR  0x80

static struct rig_packet pkt;

struct segment {
	uint32_t seq, ack;
	uint8_t flags; // ACK without any
	uint32_t payload;
	const uint8_t *options;
	uint32_t n_options; // bytes, whatever the header says
	uint32_t val, ecr;  // without `options`: a time stamp as every stack sends it; 0 none
	uint16_t near;      // port; 0: NEAR
	uint8_t dscp, doff; // doff: what the header says, right or not
	bool v6;
};

static inline uint32_t put_options(uint8_t *at, const struct segment *s)
{
	const uint32_t words[3] = { htonl(0x0101080a), htonl(s->val), htonl(s->ecr) };

	if (s->options) {
		memcpy(at, s->options, s->n_options);
		return s->n_options;
	}
	if (!s->val && !s->ecr)
		return 0;
	memcpy(at, words, sizeof(words));
	return sizeof(words);
}

// Outbound from NEAR to FAR, or an answer to that.
static inline void make(const struct segment *s, bool out)
{
	uint16_t near = s->near ? s->near : NEAR;
	struct tcphdr *tcp;
	uint32_t options;

	if (s->v6)
		rig_ipv6(&pkt, "fd02::7", IPPROTO_TCP, out ? near : FAR, out ? FAR : near, 12);
	else
		rig_ipv4(&pkt, "10.2.0.7", IPPROTO_TCP, out ? near : FAR, out ? FAR : near, 12);
	tcp = (void *)(pkt.data + ETH_HLEN + (s->v6 ? 40 : 20));
	tcp->seq = htonl(s->seq);
	tcp->ack_seq = htonl(s->ack);
	((uint8_t *)tcp)[13] = s->flags ? s->flags : ACK;
	options = put_options((uint8_t *)(tcp + 1), s);
	tcp->doff = (s->doff ? s->doff : 5 + options / 4) & 15;
	pkt.len += options + s->payload;
	if (s->v6) {
		struct in6_addr near_addr = pkt.v6.saddr;

		pkt.v6.payload_len = htons((uint16_t)(pkt.len - ETH_HLEN - 40));
		pkt.data[ETH_HLEN] = (uint8_t)(0x60 | s->dscp >> 2);
		pkt.data[ETH_HLEN + 1] = (uint8_t)(s->dscp << 6);
		if (!out) {
			pkt.v6.saddr = pkt.v6.daddr;
			pkt.v6.daddr = near_addr;
		}
		return;
	}
	pkt.v4.tot_len = htons((uint16_t)(pkt.len - ETH_HLEN));
	pkt.v4.tos = (uint8_t)(s->dscp << 2);
	if (!out) {
		pkt.v4.daddr = pkt.v4.saddr;
		pkt.v4.saddr = inet_addr("10.2.0.7");
	}
	rig_seal(&pkt);
}
