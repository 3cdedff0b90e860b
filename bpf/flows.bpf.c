// SPDX-License-Identifier: (MIT OR GPL-2.0)
// For benchmarks: makes each run of BPF_PROG_TEST_RUN a packet of its own, then hands it on to the
// program to measure. Without it a repeated run would see the first one's TTL count down to a
// packet that is refused early, and measure that.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/flows.h"

volatile __u32 flow_mask; // flows used - 1, a power of two - 1
__u32 flow_next;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PT_FLOWS);
	__type(key, __u32);
	__type(value, struct pt_flow_row);
} flow_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} flow_target SEC(".maps");

// What of a TCP segment differs from one to the next: the flow's sequence rises with each round of
// all flows, its time stamp with every 1,024 packets, as if they came a microsecond apart.
static __always_inline void flow_segment(struct tcphdr *tcp, void *end, __u32 n)
{
	__be32 *option = (void *)(tcp + 1);

	if ((void *)(option + 3) > end)
		return;
	tcp->seq = bpf_htonl(n & ~flow_mask);
	tcp->ack_seq = tcp->seq;
	option[1] = bpf_htonl(n >> 10);
	option[2] = option[1];
}

SEC("tc")
int flows(struct __sk_buff *skb)
{
	void *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = (void *)(long)skb->data;
	struct ipv6hdr *v6 = (void *)(eth + 1);
	struct iphdr *v4 = (void *)(eth + 1);
	__u32 n = flow_next++, i = n & flow_mask;
	const struct pt_flow_row *row = bpf_map_lookup_elem(&flow_rows, &i);
	struct udphdr *udp;

	if (!row || (void *)(v6 + 1) + sizeof(*udp) > end)
		return PT_FLOWS_BAD;
	if (v4->version == 4) {
		v4->ttl = 64;
		v4->check = row->check;
		__builtin_memcpy(&v4->saddr, row->src, 4);
		__builtin_memcpy(&v4->daddr, row->dst, 4);
		udp = (void *)(v4 + 1);
	} else {
		v6->hop_limit = 64;
		__builtin_memcpy(&v6->saddr, row->src, 16);
		__builtin_memcpy(&v6->daddr, row->dst, 16);
		udp = (void *)(v6 + 1);
	}
	udp->source = row->sport;
	udp->dest = row->dport;
	if (v4->version == 4 && v4->protocol == IPPROTO_TCP)
		flow_segment((void *)udp, end, n);
	bpf_tail_call(skb, &flow_target, 0);
	return PT_FLOWS_BAD;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PT_TOUCH_LINES);
	__type(key, __u32);
	__type(value, struct pt_touch_line);
} touch_lines SEC(".maps");

// What memory alone costs an IPv4 flow: a line of the table after the other, each found by what
// stood in the one before. (Nothing stands there, which neither compiler nor processor knows.)
SEC("tc")
int flows_touch(struct __sk_buff *skb)
{
	const struct iphdr *ip = (void *)((struct ethhdr *)(long)skb->data + 1);
	const struct udphdr *udp = (void *)(ip + 1);
	__u32 h;

	if ((void *)(udp + 1) > (void *)(long)skb->data_end)
		return PT_FLOWS_BAD;
	h = (ip->daddr ^ ip->saddr ^ udp->source ^ (__u32)udp->dest << 16) * 0x9e3779b1u;
	for (__u32 i = 0; i < PT_TOUCHES; i++) {
		__u32 key = (h ^ h >> 15) & (PT_TOUCH_LINES - 1);
		const struct pt_touch_line *line = bpf_map_lookup_elem(&touch_lines, &key);

		if (!line)
			return PT_FLOWS_BAD;
		h = (h + line->word[0]) * 0x85ebca6bu;
	}
	return h == 1 ? PT_FLOWS_BAD : TC_ACT_UNSPEC;
}

SEC("tc")
int flows_end(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual MIT/GPL";
