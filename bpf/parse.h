// SPDX-License-Identifier: MIT
// One packet cursor for all tc programs: where the headers lie and what classification needs.
// Ethertypes and transport protocols are kept in fields that cannot be mistaken for each other.
#pragma once
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PT_AF_INET  2
#define PT_AF_INET6 10

#define PT_IPV4_OFFSET  0x1fff
#define PT_IPV4_MORE    0x2000
#define PT_NEXTHDR_FRAG 44
#define PT_PROTO_WITH_PORT(p)                                                                      \
	((p) == IPPROTO_TCP || (p) == IPPROTO_UDP || (p) == IPPROTO_SCTP || (p) == IPPROTO_DCCP || \
		(p) == IPPROTO_UDPLITE)

enum pt_parse {
	PT_PARSE_OK,
	PT_PARSE_SHORT,  // header not within the packet, or nonsense
	PT_PARSE_NOT_IP, // ARP and all else
	PT_PARSE_OPTION, // IPv4 options, IPv6 extension headers other than fragment: no ports
};

struct pt_packet {
	void *net;       // network header; valid until the packet changes shape
	__u16 family;    // PT_AF_INET or PT_AF_INET6
	__u16 l4_offset; // from the network header
	__u32 len;       // of headers and payload as pt_sound found it; the frame may be longer
	__u8 l4_proto;
	__u8 dscp;
	__u8 ttl; // or hop limit
	__u8 fragment;
	__u8 has_port;
	__u8 handed;        // enum pt_stat: why the kernel must answer or forward it; 0 it need not
	__u16 sport, dport; // host order
};

struct pt_frag_header {
	__u8 next;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

static __always_inline enum pt_parse pt_parse_ports(struct pt_packet *p, void *end)
{
	__be16 *port = p->net + p->l4_offset;

	if (p->fragment || !PT_PROTO_WITH_PORT(p->l4_proto))
		return PT_PARSE_OK;
	if ((void *)(port + 2) > end)
		return PT_PARSE_SHORT;
	p->sport = bpf_ntohs(port[0]);
	p->dport = bpf_ntohs(port[1]);
	p->has_port = 1;
	return PT_PARSE_OK;
}

static __always_inline enum pt_parse pt_parse_v4(struct pt_packet *p, void *end)
{
	struct iphdr *ip = p->net;

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return PT_PARSE_SHORT;
	p->family = PT_AF_INET;
	p->l4_offset = (__u16)(ip->ihl * 4u);
	p->l4_proto = ip->protocol;
	p->dscp = ip->tos >> 2;
	p->ttl = ip->ttl;
	if (ip->ihl != 5)
		return PT_PARSE_OPTION;
	p->fragment = !!(ip->frag_off & bpf_htons(PT_IPV4_OFFSET | PT_IPV4_MORE));
	return pt_parse_ports(p, end);
}

static __always_inline enum pt_parse pt_parse_v6(struct pt_packet *p, void *end)
{
	struct ipv6hdr *ip = p->net;
	struct pt_frag_header *frag = (void *)(ip + 1);

	if ((void *)(ip + 1) > end || ip->version != 6)
		return PT_PARSE_SHORT;
	p->family = PT_AF_INET6;
	p->l4_offset = sizeof(*ip);
	p->l4_proto = ip->nexthdr;
	p->dscp = (__u8)(ip->priority << 2 | ip->flow_lbl[0] >> 6);
	p->ttl = ip->hop_limit;
	switch (ip->nexthdr) {
	case PT_NEXTHDR_FRAG:
		if ((void *)(frag + 1) > end)
			return PT_PARSE_SHORT;
		p->l4_proto = frag->next;
		p->fragment = 1;
		return PT_PARSE_OK;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
		return PT_PARSE_OPTION;
	default:
		return pt_parse_ports(p, end);
	}
}

// A number that indexes a table. Verifiers before Linux 6.6 lose the bounds of what was
// byte-swapped or lay on the stack for a while, and the compiler would drop a mask that it knows to
// change nothing.
#define pt_index(value, mask)                                        \
	({                                                           \
		__u64 index_ = (value);                              \
		asm volatile("%0 &= %1" : "+r"(index_) : "i"(mask)); \
		index_;                                              \
	})

// Reads a packet whose network header is l2_len behind skb->data (14, or 0 on layer-3 devices).
static __always_inline enum pt_parse pt_parse(
	struct __sk_buff *skb, const __u32 l2_len, struct pt_packet *p)
{
	void *end = (void *)(long)skb->data_end;

	p->net = (void *)(long)skb->data + l2_len;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return pt_parse_v4(p, end);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return pt_parse_v6(p, end);
	return PT_PARSE_NOT_IP;
}

// Pulls the headers into the linear part where a driver left them outside, and reads again.
static __always_inline enum pt_parse pt_parse_pull(
	struct __sk_buff *skb, const __u32 l2_len, struct pt_packet *p)
{
	const __u32 most = l2_len + sizeof(struct ipv6hdr) + sizeof(struct tcphdr);
	enum pt_parse got = pt_parse(skb, l2_len, p);

	if (got != PT_PARSE_SHORT)
		return got;
	if (bpf_skb_pull_data(skb, skb->len < most ? skb->len : most))
		return PT_PARSE_SHORT;
	return pt_parse(skb, l2_len, p);
}

static __always_inline int pt_sum_v4(const struct iphdr *ip)
{
	const __u32 *word = (const void *)ip;
	__u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];

	sum = (__u32)sum + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

// What the kernel's own input demands of a header that has been read, in `frame` bytes: a right
// checksum, all of the packet there. Sets p->len; what the frame holds beyond that is padding.
static __always_inline int pt_sound_in(void *end, __u32 frame, __u32 gso_size, struct pt_packet *p)
{
	__u32 need = p->l4_offset, len;

	if (p->family == PT_AF_INET) {
		struct iphdr *ip = p->net;

		if ((void *)(ip + 1) > end || !pt_sum_v4(ip))
			return 0;
		len = bpf_ntohs(ip->tot_len);
	} else {
		struct ipv6hdr *ip = p->net;

		if ((void *)(ip + 1) > end)
			return 0;
		len = bpf_ntohs(ip->payload_len);
		if (len)
			len += sizeof(*ip);
		else if (!gso_size)
			len = sizeof(*ip);
		if (p->fragment)
			need += sizeof(struct pt_frag_header);
	}
	if (!len && gso_size) // more than 64 KiB in one piece
		len = frame;
	if (p->has_port)
		need += 2 * sizeof(__be16);
	p->len = len;
	return need <= len && len <= frame;
}

static __always_inline int pt_sound(
	const struct __sk_buff *skb, const __u32 l2_len, struct pt_packet *p)
{
	return pt_sound_in((void *)(long)skb->data_end, skb->len - l2_len, skb->gso_size, p);
}
