// SPDX-License-Identifier: MIT
// A STAMP reflector at tc ingress or XDP: plain 44-byte requests to an address of this host are
// turned into their answers where they arrive and leave by the device that brought them. Everything
// else (TLVs, authentication, fragments, options, VLAN tags, other hosts' packets) passes on to the
// kernel and so to the reflector in user space, which has the same checks.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/reflect.h"
#include "lib/wire/stamp_layout.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define REPLY_TTL   255           // RFC 8762 section 4.3
#define NTP_1970    2208988800ull // seconds from 1900
#define NS_PER_S    1000000000ull
#define UDP_LEN     (sizeof(struct udphdr) + PT_STAMP_LEN)
#define V4_FRAGMENT 0x3fff // offset and more fragments
#define ECN         3
#define RETRIES     4

volatile struct pt_reflect_conf pt_reflect_conf;
__u64 pt_reflect_next_ns; // of the limit for all senders

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PT_REFLECT_ADDRESSES);
	__type(key, struct pt_reflect_addr);
	__type(value, __u32);
} reflect_local SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, PT_REFLECT_PREFIXES);
	__type(key, struct pt_reflect_prefix);
	__type(value, __u32);
} reflect_allow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PT_REFLECT_SOURCES);
	__type(key, struct pt_reflect_addr);
	__type(value, __u64);
} reflect_source SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PT_REFLECT_STATS);
	__type(key, __u32);
	__type(value, __u64);
} reflect_stat SEC(".maps");

// A request within the packet. Pointers are valid until the packet changes shape.
struct request {
	struct pt_stamp_request *stamp;
	struct udphdr *udp;
	struct pt_reflect_addr from, to;
	__u8 ttl;
};

static __always_inline void count(__u32 stat)
{
	__u64 *n = bpf_map_lookup_elem(&reflect_stat, &stat);

	if (n)
		*n += 1;
}

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

// ---- is it one ----

static __always_inline int is_request(void *l4, void *end, struct request *r)
{
	struct udphdr *udp = l4;

	if (l4 + UDP_LEN > end || udp->dest != bpf_htons(pt_reflect_conf.port))
		return 0;
	r->udp = udp;
	r->stamp = l4 + sizeof(*udp);
	// From a reflector's own port an answer could go round for ever.
	return udp->source && udp->source != udp->dest && udp->len == bpf_htons(UDP_LEN);
}

static __always_inline int read_v4(struct iphdr *ip, void *end, struct request *r)
{
	__u8 first;

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl != 5 ||
		ip->protocol != IPPROTO_UDP || ip->frag_off & bpf_htons(V4_FRAGMENT) ||
		ip->tot_len != bpf_htons(sizeof(*ip) + UDP_LEN) || !is_request(ip + 1, end, r))
		return 0;
	r->from = r->to = (struct pt_reflect_addr){ { [10] = 0xff, [11] = 0xff } };
	__builtin_memcpy(r->from.bytes + 12, &ip->saddr, 4);
	__builtin_memcpy(r->to.bytes + 12, &ip->daddr, 4);
	r->ttl = ip->ttl;
	first = r->from.bytes[12];
	return first && first != 127 && first < 224 &&
		fold((__u32)bpf_csum_diff(NULL, 0, (void *)ip, sizeof(*ip), 0)) == 0xffff;
}

static __always_inline int read_v6(struct ipv6hdr *ip, void *end, struct request *r)
{
	if ((void *)(ip + 1) > end || ip->version != 6 || ip->nexthdr != IPPROTO_UDP ||
		ip->payload_len != bpf_htons(UDP_LEN) || !is_request(ip + 1, end, r) ||
		!r->udp->check)
		return 0;
	__builtin_memcpy(r->from.bytes, &ip->saddr, 16);
	__builtin_memcpy(r->to.bytes, &ip->daddr, 16);
	r->ttl = ip->hop_limit;
	return r->from.bytes[0] && r->from.bytes[0] != 0xff; // no group, none of ::/8
}

// ---- is it to be answered ----

static __always_inline int in_time(__u64 *next, __u64 gap_ns, __u64 now)
{
	__u64 was, due;

#pragma unroll
	for (int i = 0; i < RETRIES; i++) {
		was = *(volatile __u64 *)next;
		due = was > now ? was : now;
		if (due - now > pt_reflect_conf.burst_ns)
			return 0;
		if (__sync_val_compare_and_swap(next, was, due + gap_ns) == was)
			return 1;
	}
	return 0; // others were faster, so there are many
}

static __always_inline int source_in_time(const struct pt_reflect_addr *from, __u64 now)
{
	__u64 gap_ns = pt_reflect_conf.source_gap_ns, first = now + gap_ns;
	__u64 *next = bpf_map_lookup_elem(&reflect_source, from);

	if (next)
		return in_time(next, gap_ns, now);
	return bpf_map_update_elem(&reflect_source, from, &first, BPF_ANY) == 0;
}

static __always_inline int is_allowed(const struct request *r)
{
	struct pt_reflect_prefix key = { .len = 128, .addr = r->from };

	return pt_reflect_conf.allow_all || bpf_map_lookup_elem(&reflect_allow, &key);
}

static __always_inline enum pt_reflect_stat judge(const struct request *r, __u64 now)
{
	if (!bpf_map_lookup_elem(&reflect_local, &r->to))
		return PT_REFLECT_PASSED;
	if (!is_allowed(r))
		return PT_REFLECT_REFUSED;
	if (pt_reflect_conf.source_gap_ns && !source_in_time(&r->from, now))
		return PT_REFLECT_LIMITED;
	if (pt_reflect_conf.gap_ns && !in_time(&pt_reflect_next_ns, pt_reflect_conf.gap_ns, now))
		return PT_REFLECT_LIMITED;
	return PT_REFLECT_ANSWERED;
}

// ---- the answer ----

static __always_inline struct pt_stamp_time wall_time(__u64 now)
{
	__u64 ns = now + pt_reflect_conf.wall_offset_ns;

	return (struct pt_stamp_time){
		.seconds = bpf_htonl((__u32)(ns / NS_PER_S + NTP_1970)),
		.fraction = bpf_htonl((__u32)(((ns % NS_PER_S) << 32) / NS_PER_S)),
	};
}

// Turns the request into its answer, but for the UDP checksum, by which amount that has to change.
static __always_inline __u32 turn_stamp(const struct request *r, __u64 now)
{
	struct pt_stamp_request was = *r->stamp;
	struct pt_stamp_time at = wall_time(now);
	struct pt_stamp_reply is = {
		.seq = was.seq,
		.sent = at,
		.error = pt_reflect_conf.error,
		.ssid = was.ssid,
		.received = at,
		.sender_seq = was.seq,
		.sender_sent = was.sent,
		.sender_error = was.error,
		.sender_ttl = r->ttl,
	};
	__be16 port = r->udp->source;

	r->udp->source = r->udp->dest;
	r->udp->dest = port;
	__builtin_memcpy(r->stamp, &is, sizeof(is));
	return (__u32)bpf_csum_diff((void *)&was, sizeof(was), (void *)&is, sizeof(is), 0);
}

static __always_inline void turn_v4(struct iphdr *ip)
{
	__be16 *word = (void *)ip;
	__u32 sum = (__u16)~ip->check + (__u16)~word[0] + (__u16)~word[4]; // RFC 1624
	__be32 from = ip->saddr;

	ip->saddr = ip->daddr;
	ip->daddr = from;
	ip->tos &= ~ECN;
	ip->ttl = REPLY_TTL;
	ip->check = ~fold(sum + word[0] + word[4]);
}

static __always_inline void turn_v6(struct ipv6hdr *ip)
{
	struct in6_addr from = ip->saddr;

	ip->saddr = ip->daddr;
	ip->daddr = from;
	ip->flow_lbl[0] &= ~(ECN << 4); // the traffic class ends in the upper half of this byte
	ip->hop_limit = REPLY_TTL;
}

static __always_inline void turn_eth(struct ethhdr *eth)
{
	__u8 from[ETH_ALEN];

	__builtin_memcpy(from, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, from, ETH_ALEN);
}

// ---- tc ----

// A checksum that is still to be filled in (CHECKSUM_PARTIAL) stays so: the helper knows.
static __always_inline int tc_send(struct __sk_buff *skb, __u32 check_offset, __u32 diff)
{
	if (bpf_l4_csum_replace(skb, check_offset, 0, diff, BPF_F_MARK_MANGLED_0))
		return TC_ACT_SHOT; // half turned round
	return (int)bpf_redirect(skb->ifindex, 0);
}

static __always_inline int tc_reflect(struct __sk_buff *skb, const __u32 l2_len)
{
	const int v4 = skb->protocol == bpf_htons(ETH_P_IP);
	const __u32 l4 = l2_len + (v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	struct request r = {};
	enum pt_reflect_stat outcome;
	void *data, *end, *net;
	__u64 now;
	__u32 diff;

	if ((!v4 && skb->protocol != bpf_htons(ETH_P_IPV6)) || skb->vlan_present || skb->pkt_type ||
		skb->gso_segs > 1 || skb->len < l4 + UDP_LEN ||
		bpf_skb_pull_data(skb, l4 + UDP_LEN)) // and our own copy, if it is shared
		return TC_ACT_UNSPEC;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	net = data + l2_len;
	if (net > end || !(v4 ? read_v4(net, end, &r) : read_v6(net, end, &r)))
		return TC_ACT_UNSPEC;
	now = bpf_ktime_get_ns();
	outcome = judge(&r, now);
	count(outcome);
	if (outcome == PT_REFLECT_PASSED)
		return TC_ACT_UNSPEC;
	if (outcome != PT_REFLECT_ANSWERED)
		return TC_ACT_SHOT;
	diff = turn_stamp(&r, now);
	if (l2_len)
		turn_eth(data);
	if (v4)
		turn_v4(net);
	else
		turn_v6(net);
	return tc_send(skb, l4 + __builtin_offsetof(struct udphdr, check), diff);
}

SEC("tc")
int reflect_tc(struct __sk_buff *skb)
{
	return tc_reflect(skb, ETH_HLEN);
}

SEC("tc")
int reflect_tc_l3(struct __sk_buff *skb)
{
	return tc_reflect(skb, 0);
}

// ---- XDP ----

// Nobody tells here whether the checksum is whole: what does not verify, the kernel may judge.
static __always_inline int xdp_verifies(const struct request *r, int v4)
{
	const __u32 ends = v4 ? 4 : 16; // bytes of an address that count
	__u64 sum = bpf_htons(IPPROTO_UDP) + bpf_htons(UDP_LEN);

	if (!r->udp->check)
		return 1; // IPv4 alone comes here so
	sum += (__u32)bpf_csum_diff(NULL, 0, (void *)&r->from.bytes[v4 ? 12 : 0], ends, 0);
	sum += (__u32)bpf_csum_diff(NULL, 0, (void *)&r->to.bytes[v4 ? 12 : 0], ends, 0);
	sum += (__u32)bpf_csum_diff(NULL, 0, (void *)r->udp, UDP_LEN, 0);
	return fold(sum) == 0xffff;
}

SEC("xdp")
int reflect_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct request r = {};
	enum pt_reflect_stat outcome;
	__u64 now;
	__u16 check;
	__u32 diff;
	int v4;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	v4 = eth->h_proto == bpf_htons(ETH_P_IP);
	if ((!v4 && eth->h_proto != bpf_htons(ETH_P_IPV6)) ||
		!(v4 ? read_v4((void *)(eth + 1), end, &r) : read_v6((void *)(eth + 1), end, &r)) ||
		!xdp_verifies(&r, v4))
		return XDP_PASS;
	now = bpf_ktime_get_ns();
	outcome = judge(&r, now);
	count(outcome);
	if (outcome == PT_REFLECT_PASSED)
		return XDP_PASS;
	if (outcome != PT_REFLECT_ANSWERED)
		return XDP_DROP;
	diff = turn_stamp(&r, now);
	if (r.udp->check) {
		check = ~fold((__u64)(__u16)~r.udp->check + diff);
		r.udp->check = check ? check : 0xffff;
	}
	turn_eth(eth);
	if (v4)
		turn_v4((void *)(eth + 1));
	else
		turn_v6((void *)(eth + 1));
	return XDP_TX;
}
