// SPDX-License-Identifier: MIT
// The maximum segment size that two hosts agree on, lowered to what a path carries. Without it, TCP
// between hosts on wider links sends segments that the path cannot take, and learns so late or
// never.
#pragma once
#include "bpf/parse.h"

#define PT_TCP_OPTIONS 40 // bytes at most
#define PT_TCP_STEPS   6  // options looked at
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

// The options of one segment; what is behind them is zero.
struct pt_options {
	__u8 byte[64];
	__u32 len; // at most PT_TCP_OPTIONS
};

// Where the MSS option begins; len where there is none among the first few (every stack in use puts
// it first). A function of its own, which the verifier checks once: it follows each way through the
// options, and with more of them, or inlined, takes a second for it.
__attribute__((noinline)) __u32 pt_find_mss(const struct pt_options *o)
{
	__u32 at = 0;

	if (!o)
		return 0;
	for (int i = 0; i < PT_TCP_STEPS && at + PT_OPT_MSS_LEN <= o->len; i++) {
		__u8 kind = o->byte[at & 63], size = o->byte[(at + 1) & 63];

		if (kind == PT_OPT_MSS && size == PT_OPT_MSS_LEN)
			return at;
		if (kind == PT_OPT_END || (kind != PT_OPT_NOP && size < 2))
			break;
		at += kind == PT_OPT_NOP ? 1 : size;
	}
	return o->len;
}

// Lowers the MSS of a SYN so that its segments fit mtu, checksum included (RFC 1624). The packet's
// pointers are taken anew.
static __always_inline void pt_clamp_mss(
	struct __sk_buff *skb, const __u32 l2_len, struct pt_packet *p, __u32 mtu)
{
	__u32 tcp_at = l2_len + p->l4_offset, header = p->l4_offset + sizeof(struct tcphdr);
	const struct tcphdr *tcp = p->net + p->l4_offset;
	struct pt_options options = {};
	__be16 old, new;
	__u32 len, at;

	if ((void *)(tcp + 1) > (void *)(long)skb->data_end)
		return;
	len = (__u32)tcp->doff * 4 - sizeof(*tcp);
	if (len < PT_OPT_MSS_LEN || len > PT_TCP_OPTIONS || mtu <= header)
		return;
	len = (__u32)pt_index(len - 1, 63) + 1; // verifiers before Linux 6.6 have lost "not 0"
	if (bpf_skb_load_bytes(skb, tcp_at + sizeof(*tcp), options.byte, len))
		return;
	options.len = len;
	at = pt_find_mss(&options);
	if (at + PT_OPT_MSS_LEN > len)
		return;
	old = bpf_htons((__u16)(options.byte[(at + 2) & 63] << 8 | options.byte[(at + 3) & 63]));
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
