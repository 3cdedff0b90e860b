// SPDX-License-Identifier: MIT
// The maximum segment size that two hosts agree on, lowered to what a path carries. Without it, TCP
// between hosts on wider links sends segments that the path cannot take, and learns so late or
// never.
#pragma once
#include "bpf/parse.h"

#define PT_TCP_OPTIONS 40 // bytes at most
#define PT_OPT_END     0
#define PT_OPT_NOP     1
#define PT_OPT_MSS     2
#define PT_OPT_MSS_LEN 4

static __always_inline int pt_is_syn(const struct __sk_buff *skb, const struct pt_packet *p)
{
	const struct tcphdr *tcp = p->net + p->l4_offset;

	return p->has_port && p->l4_proto == IPPROTO_TCP &&
		(void *)(tcp + 1) <= (void *)(long)skb->data_end && tcp->syn;
}

// Where the MSS option begins among the options, which have room for PT_TCP_OPTIONS bytes and more
// that are zero; len where there is none.
static __always_inline __u32 pt_find_mss(const __u8 *options, __u32 len)
{
	__u32 at = 0;

	for (int i = 0; i < PT_TCP_OPTIONS && at + PT_OPT_MSS_LEN <= len; i++) {
		__u8 kind = options[at & 63], size = options[(at + 1) & 63];

		if (kind == PT_OPT_MSS && size == PT_OPT_MSS_LEN)
			return at;
		if (kind == PT_OPT_END || (kind != PT_OPT_NOP && size < 2))
			break;
		at += kind == PT_OPT_NOP ? 1 : size;
	}
	return len;
}

// Lowers the MSS of a SYN so that its segments fit mtu, checksum included (RFC 1624). The packet's
// pointers are taken anew.
static __always_inline void pt_clamp_mss(
	struct __sk_buff *skb, const __u32 l2_len, struct pt_packet *p, __u32 mtu)
{
	__u32 tcp_at = l2_len + p->l4_offset, header = p->l4_offset + sizeof(struct tcphdr);
	const struct tcphdr *tcp = p->net + p->l4_offset;
	__u8 options[64] = {};
	__be16 old, new;
	__u32 len, at;

	if ((void *)(tcp + 1) > (void *)(long)skb->data_end)
		return;
	len = (__u32)tcp->doff * 4 - sizeof(*tcp);
	if (len < PT_OPT_MSS_LEN || len > PT_TCP_OPTIONS || mtu <= header)
		return;
	if (bpf_skb_load_bytes(skb, tcp_at + sizeof(*tcp), options, len))
		return;
	at = pt_find_mss(options, len);
	if (at + PT_OPT_MSS_LEN > len)
		return;
	old = bpf_htons((__u16)(options[(at + 2) & 63] << 8 | options[(at + 3) & 63]));
	new = bpf_htons((__u16)(mtu - header));
	if (bpf_ntohs(old) <= bpf_ntohs(new))
		return;
	(void)bpf_skb_store_bytes(skb, tcp_at + sizeof(*tcp) + at + 2, &new, sizeof(new), 0);
	// The sum goes by 16-bit words from the header's start; at an odd place bytes trade roles.
	if (at & 1) {
		old = __builtin_bswap16(old);
		new = __builtin_bswap16(new);
	}
	(void)bpf_l4_csum_replace(
		skb, tcp_at + __builtin_offsetof(struct tcphdr, check), old, new, sizeof(new));
	p->net = (void *)(long)skb->data + l2_len;
}
