// SPDX-License-Identifier: MIT
// Traffic clocks the probes. When a path has sent no probe for an interval and a half, its clock
// strikes (pt_live.want); the next user packet that takes the path, or avoids it because it is
// down, is cloned to its device by the steering program, and the clone becomes a STAMP request
// there. The far end's kernel answers it. No process is needed on either side.
//
// What the clone was leaves no trace: it is cut to a probe's length and every byte of it is written
// anew. Only its unfinished checksum, if it had one, cannot be taken back: whoever finishes it
// writes to where TCP or UDP have theirs. So the packet is made such that it would write what
// stands there.
#pragma once
#include <linux/pkt_cls.h>

#include "bpf/parse.h"
#include "bpf/watchdog.h"

#define PT_PROBE_BYTES              (sizeof(struct udphdr) + PT_STAMP_LEN)
#define PT_PROBE_TTL                255
#define PT_PROBE_PRIORITY           7 // TC_PRIO_CONTROL
#define PT_ERROR_UNKNOWN            0x3fff // of a clock that nobody has: the largest that the field can hold
#define PT_SENT_WORD                4 // of 16 bits, from the payload's start: the fraction of the time
#define PT_CLOCK_PATIENCE(interval) ((interval) + (interval) / 2) // pt-probe is never that late

// It strikes again and again until a probe leaves. A dead path waits for a packet of any site:
// those of its own may not come near it, since the order of their groups has changed. Of several
// that wait one is remembered, and the others strike again.
static int pt_strike(void *map, __u32 *key, struct pt_clock *value)
{
	__u32 path = *key & (PT_MAX_PATH - 1), at = path;
	struct pt_clock *clock = bpf_map_lookup_elem(&pt_clock, &at);
	const struct pt_hop *hop = bpf_map_lookup_elem(&pt_hop, &at);

	if (!clock || !hop || !(hop->flags & PT_HOP_CLOCKED))
		return 0;
	pt_live.want[path] = 1;
	if (pt_live.down[path])
		pt_live.waiting = path;
	if (bpf_timer_start(&clock->timer, PT_CLOCK_PATIENCE(hop->interval_ns), 0))
		pt_tally(PT_STAT_TIMER_FAILED);
	return 0;
}

// A probe has left: the clock runs from now on.
static __always_inline void pt_clock_wind(const struct pt_slot *s, __u64 delay_ns)
{
	__u32 key = s->path;
	struct pt_clock *clock = bpf_map_lookup_elem(&pt_clock, &key);

	if (!clock || !(s->hop->flags & PT_HOP_CLOCKED) || s->hop->bfd_port)
		return;
	pt_live.want[s->path & (PT_MAX_PATH - 1)] = 0;
	if (clock->program != pt_generation) {
		(void)bpf_timer_init(&clock->timer, &pt_clock, PT_CLOCK_MONOTONIC); // -EBUSY: is
		if (!bpf_timer_set_callback(&clock->timer, pt_strike))
			clock->program = pt_generation;
	}
	if (bpf_timer_start(&clock->timer, delay_ns, 0))
		pt_tally(PT_STAT_TIMER_FAILED);
}

// What pt-probe sends from is what traffic's probes are sent from when it is no more.
static __always_inline void pt_clock_learn(const struct pt_slot *s, const struct pt_packet *p)
{
	__u32 key = s->path;
	struct pt_clock *clock = bpf_map_lookup_elem(&pt_clock, &key);
	const struct iphdr *v4 = p->net;
	const struct ipv6hdr *v6 = p->net;

	if (!clock)
		return;
	clock->claimed = 0; // our programs are at both ends of the way
	clock->dscp = p->dscp;
	if (p->family == PT_AF_INET)
		__builtin_memcpy(clock->source, &v4->saddr, sizeof(v4->saddr));
	else
		__builtin_memcpy(clock->source, &v6->saddr, sizeof(v6->saddr));
	clock->family = p->family;
}

// ---- checksums: sums of 16-bit words as they lie in memory, which the order of bytes leaves true
// ----

static __always_inline __u16 pt_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

static __always_inline __u64 pt_add_words(const void *from, const __u32 bytes)
{
	const __u16 *word = from;
	__u64 sum = 0;

#pragma unroll
	for (__u32 i = 0; i < bytes / 2; i++)
		sum += word[i];
	return sum;
}

// Of the pseudo header; never 0, which would mean that there is no checksum.
static __always_inline __u16 pt_pseudo(const void *addresses, const __u32 bytes)
{
	__u16 sum = pt_fold(pt_add_words(addresses, bytes) + bpf_htons(PT_PROBE_BYTES) +
		bpf_htons(IPPROTO_UDP));

	return sum ? sum : 0xffff;
}

struct pt_stamped {
	struct udphdr udp;
	union {
		struct pt_stamp_request request;
		struct pt_stamp_reply reply;
		__u16 word[PT_STAMP_LEN / 2];
	};
};

// Places the pseudo header's sum where UDP and TCP have their checksums: what finishes a checksum
// in either place then finds the sum of all to be its complement, and writes the same again. A
// third word makes it so. Returns the sum of all but that word.
static __always_inline __u64 pt_place(struct pt_stamped *p, __u16 pseudo)
{
	p->udp.check = pseudo;
	p->word[PT_SENT_WORD] = pseudo;
	p->word[PT_SENT_WORD + 1] = 0;
	return pt_add_words(p, sizeof(*p)) + pseudo;
}

static __always_inline __u16 pt_complement(__u64 sum)
{
	return (__u16)~pt_fold(sum);
}

static __always_inline void pt_head_v4(struct iphdr *ip, __be32 source, __be32 target, __u8 dscp)
{
	*ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tos = (__u8)(dscp << 2),
		.tot_len = bpf_htons(sizeof(*ip) + PT_PROBE_BYTES),
		.ttl = PT_PROBE_TTL,
		.protocol = IPPROTO_UDP,
		.saddr = source,
		.daddr = target,
	};
	ip->check = pt_complement(pt_add_words(ip, sizeof(*ip)));
}

static __always_inline void pt_head_v6(
	struct ipv6hdr *ip, const void *source, const void *target, __u8 dscp)
{
	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 6;
	ip->priority = dscp >> 2;
	ip->flow_lbl[0] = (__u8)(dscp << 6);
	ip->payload_len = bpf_htons(PT_PROBE_BYTES);
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = PT_PROBE_TTL;
	__builtin_memcpy(&ip->saddr, source, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, target, sizeof(ip->daddr));
}

// ---- the clone becomes a request ----

static __always_inline __u64 pt_request(
	struct pt_stamped *p, const struct pt_hop *hop, __u16 pseudo)
{
	__builtin_memset(p, 0, sizeof(*p));
	p->udp.source = bpf_htons(PT_CLOCK_PORT);
	p->udp.dest = bpf_htons(hop->port);
	p->udp.len = bpf_htons(PT_PROBE_BYTES);
	p->request.sent.seconds = bpf_get_prandom_u32(); // nobody reads time from it
	p->request.error = bpf_htons(PT_ERROR_UNKNOWN);
	p->request.ssid = bpf_htons(hop->ssid);
	return pt_place(p, pseudo);
}

// Writes the headers and all but sequence number and check word. Returns the sum, 0: no room.
static __always_inline __u64 pt_rewrite(struct __sk_buff *skb, const __u32 l2_len,
	const struct pt_hop *hop, const struct pt_clock *clock)
{
	void *net = (void *)(long)skb->data + l2_len, *end = (void *)(long)skb->data_end;

	if (hop->family == PT_AF_INET) {
		struct iphdr *ip = net;
		__be32 source, target;

		if (net + sizeof(*ip) + PT_PROBE_BYTES > end)
			return 0;
		__builtin_memcpy(&source, clock->source, sizeof(source));
		__builtin_memcpy(&target, hop->target, sizeof(target));
		pt_head_v4(ip, source, target, clock->dscp);
		return pt_request((void *)(ip + 1), hop, pt_pseudo(&ip->saddr, 8));
	} else {
		struct ipv6hdr *ip = net;

		if (net + sizeof(*ip) + PT_PROBE_BYTES > end)
			return 0;
		pt_head_v6(ip, clock->source, hop->target, clock->dscp);
		return pt_request((void *)(ip + 1), hop, pt_pseudo(&ip->saddr, 32));
	}
}

static __always_inline __u32 pt_probe_offset(const struct pt_hop *hop, const __u32 l2_len)
{
	return l2_len + (hop->family == PT_AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
}

// Numbers the request and remembers it, at once: no other probe gets the number.
static __always_inline int pt_number(
	struct __sk_buff *skb, const struct pt_slot *s, __u32 offset, __u64 sum)
{
	struct pt_leaving leaving = { .own = 1, .now = bpf_ktime_get_ns() };
	struct pt_stamp_time sent;
	__u16 *fraction = (void *)&sent.fraction;
	__u64 delay;
	__be32 seq;

	offset += sizeof(struct udphdr);
	if (bpf_skb_load_bytes(skb, offset + 4, &sent, sizeof(sent)))
		return -1;
	bpf_spin_lock(&s->watch->lock);
	delay = pt_record(s, &leaving);
	seq = bpf_htonl(leaving.seq);
	fraction[1] = pt_complement(sum + (seq & 0xffff) + (seq >> 16));
	pt_expect(s->watch, pt_stamp_raw(sent));
	bpf_spin_unlock(&s->watch->lock);
	pt_left(s, &leaving, delay);
	return bpf_skb_store_bytes(skb, offset, &seq, sizeof(seq), 0) ||
			bpf_skb_store_bytes(skb, offset + 4, &sent, sizeof(sent), 0)
		? -1
		: 0;
}

static __always_inline int pt_probe_away(const struct pt_hop *hop)
{
	struct bpf_redir_neigh next = {};

	if (hop->family == PT_AF_INET && hop->flags & PT_HOP_VIA4) {
		next.nh_family = PT_AF_INET;
		__builtin_memcpy(&next.ipv4_nh, hop->via4, sizeof(hop->via4));
	} else if (hop->family == PT_AF_INET6 && hop->flags & PT_HOP_VIA6) {
		next.nh_family = PT_AF_INET6;
		__builtin_memcpy(next.ipv6_nh, hop->via6, sizeof(hop->via6));
	} else {
		return (int)bpf_redirect_neigh(hop->ifindex, 0, 0, 0); // as the kernel's routes say
	}
	return (int)bpf_redirect_neigh(hop->ifindex, &next, sizeof(next), 0);
}

// At egress: a clone that the steering program has claimed. What fails here is dropped, for it is
// no user's packet.
static __always_inline int pt_clone_out(struct __sk_buff *skb, const __u32 l2_len)
{
	__u32 key = skb->mark & (PT_MAX_PATH - 1), offset;
	struct pt_clock *clock = bpf_map_lookup_elem(&pt_clock, &key);
	struct pt_slot s;
	__u64 sum;

	if (!clock || pt_slot_of(key, &s) ||
		__sync_val_compare_and_swap(&clock->claimed, 1, 0) != 1)
		return TC_ACT_UNSPEC;          // somebody else's mark
	pt_clock_wind(&s, s.hop->interval_ns); // first: what fails here is tried again
	skb->mark = 0;
	skb->priority = PT_PROBE_PRIORITY;
	offset = pt_probe_offset(s.hop, l2_len);
	if (s.hop->family != clock->family || s.hop->ifindex != skb->ifindex ||
		bpf_skb_change_tail(skb, offset + PT_PROBE_BYTES, 0) ||
		bpf_skb_pull_data(skb, offset + PT_PROBE_BYTES))
		return TC_ACT_SHOT;
	sum = pt_rewrite(skb, l2_len, s.hop, clock);
	if (!sum || pt_number(skb, &s, offset, sum))
		return TC_ACT_SHOT;
	pt_tally(PT_STAT_PROBE_SENT);
	pt_tally(PT_STAT_PROBE_CLOCKED);
	return l2_len ? pt_probe_away(s.hop) : TC_ACT_UNSPEC;
}

// ---- the far end answers ----

static __always_inline void pt_respond(struct pt_stamped *p, __u8 ttl, __u16 pseudo)
{
	const struct pt_stamp_request asked = p->request;
	__be16 port = p->udp.source;

	p->udp.source = p->udp.dest;
	p->udp.dest = port;
	__builtin_memset(&p->reply, 0, sizeof(p->reply));
	p->reply.seq = asked.seq; // stateless: RFC 8762 section 4.3
	p->reply.error = bpf_htons(PT_ERROR_UNKNOWN);
	p->reply.ssid = asked.ssid;
	p->reply.sender_seq = asked.seq;
	p->reply.sender_sent = asked.sent;
	p->reply.sender_error = asked.error;
	p->reply.sender_ttl = ttl;
	p->word[PT_SENT_WORD + 1] = pt_complement(pt_place(p, pseudo));
}

static __always_inline int pt_turn_v4(void *net, void *end)
{
	struct iphdr *ip = net;
	__be32 source;
	__u8 ttl;

	if (net + sizeof(*ip) + PT_PROBE_BYTES > end)
		return -1;
	source = ip->saddr;
	ttl = ip->ttl;
	pt_head_v4(ip, ip->daddr, source, ip->tos >> 2);
	pt_respond((void *)(ip + 1), ttl, pt_pseudo(&ip->saddr, 8));
	return 0;
}

static __always_inline int pt_turn_v6(void *net, void *end, __u8 dscp)
{
	struct ipv6hdr *ip = net;
	struct in6_addr source, target;
	__u8 ttl;

	if (net + sizeof(*ip) + PT_PROBE_BYTES > end)
		return -1;
	source = ip->saddr;
	target = ip->daddr;
	ttl = ip->hop_limit;
	pt_head_v6(ip, &target, &source, dscp);
	pt_respond((void *)(ip + 1), ttl, pt_pseudo(&ip->saddr, 32));
	return 0;
}

static __always_inline void pt_turn_ethernet(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_dest, sizeof(mac));
	__builtin_memcpy(eth->h_dest, eth->h_source, sizeof(mac));
	__builtin_memcpy(eth->h_source, mac, sizeof(mac));
}

// A known peer's path, whose requests the kernel answers; 0: none of ours.
static __always_inline __u32 pt_peer_of(const struct __sk_buff *skb, const struct pt_packet *p)
{
	struct pt_peer_key key = { .ifindex = skb->ifindex, .family = p->family };
	const struct iphdr *v4 = p->net;
	const struct ipv6hdr *v6 = p->net;
	const __u32 *path;

	if (p->family == PT_AF_INET)
		__builtin_memcpy(key.addr, &v4->saddr, sizeof(v4->saddr));
	else
		__builtin_memcpy(key.addr, &v6->saddr, sizeof(v6->saddr));
	path = bpf_map_lookup_elem(&pt_peer, &key);
	return path ? *path : 0;
}

// For this host, as the kernel's routes have it. A peer's request to somebody behind us is that
// one's to answer: from us it would say that the way there is alive.
static __always_inline int pt_is_ours(struct __sk_buff *skb, const struct pt_packet *p)
{
	struct bpf_fib_lookup fib = { .family = (__u8)p->family, .ifindex = skb->ifindex };
	long ret;

	if (p->family == PT_AF_INET) {
		const struct iphdr *ip = p->net;

		fib.ipv4_src = ip->saddr;
		fib.ipv4_dst = ip->daddr;
	} else {
		const struct ipv6hdr *ip = p->net;

		__builtin_memcpy(fib.ipv6_src, &ip->saddr, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, &ip->daddr, sizeof(fib.ipv6_dst));
	}
	ret = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	// A host that forwards nothing has nobody behind it.
	return ret == BPF_FIB_LKUP_RET_NOT_FWDED || ret == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

// At ingress: a request that traffic has clocked, from a peer. Anything but the plainest is for the
// reflector.
static __always_inline int pt_reflect(
	struct __sk_buff *skb, const __u32 l2_len, const struct pt_packet *p)
{
	const __u32 length = l2_len + p->l4_offset + PT_PROBE_BYTES;
	__u32 key = pt_peer_of(skb, p);
	const struct pt_hop *hop = bpf_map_lookup_elem(&pt_hop, &key);
	__u8 dscp = p->dscp;
	void *data, *end;
	int bad;

	if (!key || !hop || !(hop->flags & PT_HOP_CLOCKED) || skb->pkt_type || skb->len != length ||
		!pt_is_ours(skb, p) || bpf_skb_pull_data(skb, length))
		return TC_ACT_UNSPEC;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (data + l2_len > end)
		return TC_ACT_UNSPEC;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		bad = pt_turn_v4(data + l2_len, end);
	else
		bad = pt_turn_v6(data + l2_len, end, dscp);
	if (bad)
		return TC_ACT_UNSPEC;
	if (l2_len)
		pt_turn_ethernet(data);
	pt_tally(PT_STAT_PROBE_ANSWERED);
	return (int)bpf_redirect(skb->ifindex, 0);
}
