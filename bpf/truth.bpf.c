// SPDX-License-Identifier: (MIT OR GPL-2.0)
// tc egress and ingress of a device: when did echo request n leave by it, and when did its answer
// come? A clock beside pt-probe's, of the very same packets. For benchmarks and tests.
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SEQS       65536
#define ECHO       8 // RFC 792; linux/icmp.h needs headers of 32 bits
#define ECHO_REPLY 0

struct echo {
	__u8 type, code;
	__be16 check, id, seq;
};

const volatile bool by_host; // its low 16 bits, instead of the sequence number

volatile __u64 left_ns[SEQS];
volatile __u64 came_ns[SEQS]; // the first answer

// Which one it is, or -1: no echo of this type.
static __always_inline int number(struct __sk_buff *skb, __u8 type)
{
	struct iphdr ip;
	struct echo icmp;

	if (skb->protocol != bpf_htons(ETH_P_IP) ||
		bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) || ip.ihl != 5 ||
		ip.protocol != IPPROTO_ICMP ||
		bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(ip), &icmp, sizeof(icmp)) ||
		icmp.type != type)
		return -1;
	if (by_host)
		return bpf_ntohl(type == ECHO ? ip.daddr : ip.saddr) & (SEQS - 1);
	return bpf_ntohs(icmp.seq);
}

SEC("tc")
int truth_out(struct __sk_buff *skb)
{
	int seq = number(skb, ECHO);

	if (seq >= 0)
		left_ns[seq & (SEQS - 1)] = bpf_ktime_get_ns();
	return TC_ACT_UNSPEC;
}

SEC("tc")
int truth_in(struct __sk_buff *skb)
{
	__u64 now = bpf_ktime_get_ns();
	int seq = number(skb, ECHO_REPLY);

	if (seq >= 0 && !came_ns[seq & (SEQS - 1)])
		came_ns[seq & (SEQS - 1)] = now;
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual MIT/GPL";
