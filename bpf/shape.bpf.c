// SPDX-License-Identifier: MIT
// The class of a packet at a shaped device, where skb->priority names none: what keeps links and
// measurements alive, what may wait, and the rest. Both families and both directions of a
// connection, later fragments by their DSCP alone.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/parse.h"
#include "bpf/shape.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// linux/icmp.h and icmpv6.h do not go with -target bpf.
#define ICMP_UNREACHABLE   3 // RFC 792
#define ICMP_TIME_EXCEEDED 11
#define ICMP_BAD_PARAMETER 12
#define ICMP6_ECHO         128 // RFC 4443; below: errors
#define ICMP6_LISTENERS    130 // RFC 2710; up to the end of neighbour discovery, RFC 4861
#define ICMP6_REDIRECT     137

#define PROTO_OSPF 89  // RFC 5340
#define PROTO_VRRP 112 // RFC 9568

// WireGuard: a type of 1 to 4 and three zero bytes; handshakes are the first three (its white
// paper, section 5.4), told from data by their lengths too.
static const struct {
	__u8 type;
	__u16 udp_len;
} handshakes[] = { { 1, 8 + 148 }, { 2, 8 + 92 }, { 3, 8 + 64 } };

static const struct {
	__u8 proto;
	__u16 port;
	__u32 class;
} ports[] = {
	{ IPPROTO_UDP, 862, PT_SHAPE_CONTROL },   // STAMP, RFC 8762
	{ IPPROTO_UDP, 61862, PT_SHAPE_CONTROL }, // pt-probe's own
	{ IPPROTO_UDP, 3784, PT_SHAPE_CONTROL },  // BFD, RFC 5881
	{ IPPROTO_UDP, 4784, PT_SHAPE_CONTROL },  // BFD, RFC 5883
	{ IPPROTO_TCP, 179, PT_SHAPE_CONTROL },   // BGP
	{ IPPROTO_TCP, 8080, PT_SHAPE_BULK },     // dashboard
	{ IPPROTO_TCP, 8081, PT_SHAPE_BULK },     // API
};

// RFC 4594, RFC 8622
static __always_inline __u32 of_dscp(__u8 dscp)
{
	switch (dscp) {
	case 40: // CS5, signalling
	case 44: // VOICE-ADMIT
	case 46: // EF
	case 48: // CS6
	case 56: // CS7
		return PT_SHAPE_CONTROL;
	case 1: // LE
	case 8: // CS1
		return PT_SHAPE_BULK;
	default:
		return PT_SHAPE_NONE;
	}
}

static __always_inline __u32 of_icmp(const struct __sk_buff *skb, const struct pt_packet *p)
{
	__u8 type;

	if (bpf_skb_load_bytes_relative(skb, p->l4_offset, &type, 1, BPF_HDR_START_NET) < 0)
		return PT_SHAPE_NONE;
	if (p->family == PT_AF_INET)
		return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED ||
				type == ICMP_BAD_PARAMETER
			? PT_SHAPE_CONTROL
			: PT_SHAPE_NONE;
	return type < ICMP6_ECHO || (type >= ICMP6_LISTENERS && type <= ICMP6_REDIRECT)
		? PT_SHAPE_CONTROL
		: PT_SHAPE_NONE;
}

static __always_inline __u32 of_wireguard(const struct __sk_buff *skb, const struct pt_packet *p)
{
	struct {
		struct udphdr udp;
		__u8 type, zero[3];
	} h;

	if (bpf_skb_load_bytes_relative(skb, p->l4_offset, &h, sizeof(h), BPF_HDR_START_NET) < 0 ||
		h.zero[0] | h.zero[1] | h.zero[2])
		return PT_SHAPE_NONE;
	for (unsigned i = 0; i < sizeof(handshakes) / sizeof(handshakes[0]); i++) {
		if (h.type == handshakes[i].type && h.udp.len == bpf_htons(handshakes[i].udp_len))
			return PT_SHAPE_CONTROL;
	}
	return PT_SHAPE_NONE;
}

static __always_inline __u32 of_ports(const struct pt_packet *p)
{
	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		if (p->l4_proto == ports[i].proto &&
			(p->sport == ports[i].port || p->dport == ports[i].port))
			return ports[i].class;
	}
	return PT_SHAPE_NONE;
}

static __always_inline __u32 classify(struct __sk_buff *skb)
{
	__u8 head[sizeof(struct ipv6hdr) + 8] = { 0 };
	struct pt_packet p = { .net = head };
	enum pt_parse how;
	__u32 class;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		// Addresses and options do not matter: the shortest packet has 28 bytes to load.
		if (bpf_skb_load_bytes_relative(skb, 0, head, 28, BPF_HDR_START_NET) < 0 &&
			bpf_skb_load_bytes_relative(skb, 0, head, 20, BPF_HDR_START_NET) < 0)
			return PT_SHAPE_NONE;
		how = pt_parse_v4(&p, head + sizeof(head));
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		if (bpf_skb_load_bytes_relative(skb, 0, head, 48, BPF_HDR_START_NET) < 0 &&
			bpf_skb_load_bytes_relative(skb, 0, head, 40, BPF_HDR_START_NET) < 0)
			return PT_SHAPE_NONE;
		how = pt_parse_v6(&p, head + sizeof(head));
	} else {
		return PT_SHAPE_CONTROL; // ARP, LLDP, LACP, PPPoE discovery
	}
	class = of_dscp(p.dscp);
	if (class || how != PT_PARSE_OK)
		return class;
	if (p.l4_proto == PROTO_OSPF || p.l4_proto == PROTO_VRRP || p.l4_proto == IPPROTO_IGMP)
		return PT_SHAPE_CONTROL;
	if (p.fragment)
		return PT_SHAPE_NONE;
	if (p.l4_proto == (p.family == PT_AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return of_icmp(skb, &p);
	class = of_ports(&p);
	return class || p.l4_proto != IPPROTO_UDP ? class : of_wireguard(skb, &p);
}

SEC("tc")
int pt_shape(struct __sk_buff *skb)
{
	return (int)classify(skb);
}
