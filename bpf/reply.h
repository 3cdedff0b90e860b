// SPDX-License-Identifier: MIT
// Accepted replies end here. Each is counted in its path's histogram, and pt-probe's own are kept
// in a ring until it comes to read them: no socket, no wake-up, no copy of a packet. The stack
// still sees what is not plain, what finds the ring full, and all there is when nobody reads it.
//
// UDP's checksum is not looked at, as it is not for the verdict: what has changed on its way does
// not echo the number and the 64 bits of the time stamp that went out.
#pragma once
#include "bpf/parse.h"
#include "bpf/passive.h"
#include "bpf/reply_map.h"
#include "bpf/watchdog.h"

_Static_assert(PT_TRIP_BUCKETS == PT_PASSIVE_BUCKETS, "pt_rtt_bucket serves both");
_Static_assert(PT_HEARD_PLAIN == PT_STAMP_LEN, "the base packet");

PT_ONE(pt_reader);
PT_MAP(pt_trip, ARRAY, 2, __u32, struct pt_trip);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} pt_heard SEC(".maps");

// A packet that may be a reply, and what was found of it.
struct pt_got {
	struct pt_stamped stamped; // UDP's header and STAMP's base packet
	__u32 offset;              // of UDP's header
	__u32 path;
	__u64 now;
};

// The caller holds the path's lock.
static __always_inline void pt_time(struct pt_trip *trip, __u64 rtt_ns)
{
	__u64 us = rtt_ns / 1000;
	__u32 bucket = pt_rtt_bucket(us);

	if (bucket >= PT_TRIP_BUCKETS || trip->bucket[bucket] == (__u32)-1)
		return;
	trip->bucket[bucket]++;
	trip->sum_us += us;
}

// The reader has stopped or stands still. Whether its socket is still there tells which.
static __always_inline int pt_is_nobodys(struct __sk_buff *skb, const struct pt_packet *p)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;

	if (p->family == PT_AF_INET) {
		const struct iphdr *ip = p->net;

		tuple.ipv4.saddr = ip->saddr;
		tuple.ipv4.daddr = ip->daddr;
		tuple.ipv4.sport = bpf_htons(p->sport);
		tuple.ipv4.dport = bpf_htons(p->dport);
		sk = bpf_sk_lookup_udp(
			skb, &tuple, sizeof(tuple.ipv4), (__u64)BPF_F_CURRENT_NETNS, 0);
	} else {
		const struct ipv6hdr *ip = p->net;

		__builtin_memcpy(tuple.ipv6.saddr, &ip->saddr, sizeof(tuple.ipv6.saddr));
		__builtin_memcpy(tuple.ipv6.daddr, &ip->daddr, sizeof(tuple.ipv6.daddr));
		tuple.ipv6.sport = bpf_htons(p->sport);
		tuple.ipv6.dport = bpf_htons(p->dport);
		sk = bpf_sk_lookup_udp(
			skb, &tuple, sizeof(tuple.ipv6), (__u64)BPF_F_CURRENT_NETNS, 0);
	}
	if (!sk)
		return 1;
	bpf_sk_release(sk);
	return 0;
}

static __always_inline int pt_put(struct __sk_buff *skb, const struct pt_packet *p,
	const struct pt_got *got, const void *more, __u8 len)
{
	struct pt_heard *heard = bpf_ringbuf_reserve(&pt_heard, sizeof(*heard), 0);

	if (!heard) {
		pt_tally(PT_STAT_REPLY_FULL);
		return 0;
	}
	heard->arrived_ns = skb->tstamp;
	heard->heard_ns = got->now;
	heard->path = got->path;
	heard->ttl = p->ttl;
	heard->len = len;
	heard->pad = 0;
	__builtin_memcpy(heard->bytes, &got->stamped.reply, PT_HEARD_PLAIN);
	__builtin_memcpy(heard->bytes + PT_HEARD_PLAIN, more, PT_HEARD_MOST - PT_HEARD_PLAIN);
	heard->pad2 = 0;
	bpf_ringbuf_submit(heard, BPF_RB_NO_WAKEUP);
	return 1;
}

// Whether an accepted reply ends here.
static __always_inline int pt_consume(
	struct __sk_buff *skb, const struct pt_packet *p, const struct pt_got *got)
{
	const __u32 base = sizeof(struct udphdr) + PT_HEARD_PLAIN;
	const __u32 len = bpf_ntohs(got->stamped.udp.len);
	__u8 more[PT_HEARD_MOST - PT_HEARD_PLAIN] = {};

	if (pt_reader.port[got->path & (PT_MAX_PATH - 1)] != p->dport || skb->pkt_type)
		return 0;
	if (got->now >= pt_reader.until_ns)
		return pt_is_nobodys(skb, p);
	if (len == base)
		return pt_put(skb, p, got, more, PT_HEARD_PLAIN);
	if (len != base + sizeof(more) ||
		bpf_skb_load_bytes(skb, got->offset + base, more, sizeof(more)))
		return 0;
	return pt_put(skb, p, got, more, PT_HEARD_MOST);
}
