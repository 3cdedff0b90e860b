// SPDX-License-Identifier: (MIT OR GPL-2.0)
// For benchmarks: small packets as fast as one CPU makes them, the least that can be done to send
// one on, and their count at the far end.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/flows.h"

#define PT_BLAST_OUT 0 // in blast_port: where packets begin
#define PT_BLAST_WAN 1 // where the bare redirect sends them

volatile __u32 flow_mask;   // flows used - 1, a power of two - 1
volatile __u32 lan_mac[3];  // of the router and of the host before it
volatile __u32 wan_mac[3];  // of the host behind the router and of the router
volatile __u32 wan_ifindex; // of the router
volatile __u32 wan_via;     // the next hop there
__u32 flow_next;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PT_FLOWS);
	__type(key, __u32);
	__type(value, struct pt_flow_row);
} blast_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} blast_port SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} blast_sunk SEC(".maps");

static __always_inline void set_macs(struct ethhdr *eth, const volatile __u32 *macs)
{
	__u32 *to = (void *)eth;

	to[0] = macs[0];
	to[1] = macs[1];
	to[2] = macs[2];
}

// Frames are recycled as the last pass left them: every field is written again.
SEC("xdp")
int blast(struct xdp_md *xdp)
{
	struct ethhdr *eth = (void *)(long)xdp->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u32 i = flow_next++ & flow_mask;
	const struct pt_flow_row *row = bpf_map_lookup_elem(&blast_rows, &i);

	if (!row || (void *)(udp + 1) > (void *)(long)xdp->data_end)
		return XDP_ABORTED;
	set_macs(eth, lan_mac);
	eth->h_proto = bpf_htons(ETH_P_IP);
	ip->ttl = 64;
	ip->check = row->check;
	__builtin_memcpy(&ip->saddr, row->src, 4);
	__builtin_memcpy(&ip->daddr, row->dst, 4);
	udp->source = row->sport;
	udp->dest = row->dport;
	return (int)bpf_redirect_map(&blast_port, PT_BLAST_OUT, XDP_ABORTED);
}

SEC("xdp")
int sink(struct xdp_md *xdp)
{
	struct ethhdr *eth = (void *)(long)xdp->data;
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&blast_sunk, &zero);

	// Devices say things of their own, over IPv6.
	if (n && (void *)(eth + 1) <= (void *)(long)xdp->data_end &&
		eth->h_proto == bpf_htons(ETH_P_IP))
		(*n)++;
	return XDP_DROP;
}

SEC("xdp")
int bare_xdp(struct xdp_md *xdp)
{
	struct ethhdr *eth = (void *)(long)xdp->data;

	if ((void *)(eth + 1) > (void *)(long)xdp->data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	set_macs(eth, wan_mac);
	return (int)bpf_redirect_map(&blast_port, PT_BLAST_WAN, XDP_PASS);
}

SEC("tc")
int bare_tc(struct __sk_buff *skb)
{
	struct ethhdr *eth = (void *)(long)skb->data;

	if ((void *)(eth + 1) > (void *)(long)skb->data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return TC_ACT_UNSPEC;
	set_macs(eth, wan_mac);
	return (int)bpf_redirect(wan_ifindex, 0);
}

// The kernel finds the MACs of a next hop, as it does for what is steered.
SEC("tc")
int bare_neigh(struct __sk_buff *skb)
{
	struct bpf_redir_neigh next = { .nh_family = 2 /* AF_INET */, .ipv4_nh = wan_via };

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_UNSPEC;
	return (int)bpf_redirect_neigh(wan_ifindex, &next, sizeof(next), 0);
}

char _license[] SEC("license") = "Dual MIT/GPL";
