// SPDX-License-Identifier: MIT
// Passive measurement: round trips and retransmissions of users' own TCP flows. A followed flow's
// packet that leaves is remembered, one at a time, until its time stamp comes back (RFC 7323; as
// Kathleen Nichols' pping does) or, on a SYN and in flows without time stamps, until its first byte
// is acknowledged. A packet of any other flow costs one hash and one comparison.
#pragma once
#include "bpf/maps.h"
#include "bpf/mss.h"
#include "bpf/passive_map.h"

PT_MAP(pt_passive, ARRAY, PT_PASSIVE_SLOTS, __u32, struct pt_passive_flow);
PT_MAP(pt_rtt, HASH, PT_PASSIVE_CLASSES, struct pt_rtt_key, struct pt_rtt,
	__uint(map_flags, BPF_F_NO_PREALLOC););

// Set before the program is loaded: where it is 0 the verifier drops all of this.
const volatile __u32 pt_passive_below; // of PT_PASSIVE_SHARE
const volatile __u32 pt_passive_seed;  // so that nobody outside can choose who is followed

static const struct pt_rtt pt_rtt_zero;

#define PT_PASSIVE_STALE_NS (8ll << 30) // an answer is not to be expected any more
#define PT_PASSIVE_IDLE     4           // 2^30 ns after which a flow leaves its slot to another
#define PT_PASSIVE_WINDOW   (1 << 30)   // bytes: what is further behind is another connection
#define PT_OPT_STAMP        8
#define PT_OPT_STAMP_LEN    10
#define PT_OPT_STAMP_ALONE  0x0101080a // how nearly every segment's options begin

static __always_inline __u32 pt_passive_mix(__u32 h, __u32 word)
{
	h = (h ^ word) * 0x9e3779b1u;
	return h ^ h >> 15;
}

static __always_inline __u32 pt_passive_fold(const struct in6_addr *a)
{
	__u32 h = pt_passive_mix(a->in6_u.u6_addr32[0], a->in6_u.u6_addr32[1]);

	return pt_passive_mix(pt_passive_mix(h, a->in6_u.u6_addr32[2]), a->in6_u.u6_addr32[3]);
}

// The same for both directions: `far` is the host beyond the path.
static __always_inline __u32 pt_passive_hash(__u32 far, __u16 far_port, __u16 near_port)
{
	__u32 h = pt_passive_mix(pt_passive_seed, far);

	return pt_passive_mix(h, (__u32)far_port << 16 | near_port);
}

static __always_inline int pt_passive_followed(__u32 hash)
{
	return (hash & (PT_PASSIVE_SHARE - 1)) < pt_passive_below;
}

static __always_inline struct pt_passive_flow *pt_passive_slot(__u32 hash)
{
	__u32 index = hash >> 20;

	_Static_assert(PT_PASSIVE_SLOTS == 1 << 12, "bits of the hash");
	return bpf_map_lookup_elem(&pt_passive, &index);
}

// ---- time stamps ----

// Where the option begins among the first few; len where there is none. A function of its own for
// the verifier's sake, as pt_find_mss.
__attribute__((noinline)) __u32 pt_find_stamp(const struct pt_options *o)
{
	__u32 at = 0;

	if (!o)
		return 0;
	for (int i = 0; i < PT_TCP_STEPS && at + PT_OPT_STAMP_LEN <= o->len; i++) {
		__u8 kind = o->byte[at & 63], size = o->byte[(at + 1) & 63];

		if (kind == PT_OPT_STAMP && size == PT_OPT_STAMP_LEN)
			return at;
		if (kind == PT_OPT_END || (kind != PT_OPT_NOP && size < 2))
			break;
		at += kind == PT_OPT_NOP ? 1 : size;
	}
	return o->len;
}

struct pt_stamps {
	__u32 val, ecr; // host order
	__u32 there;
};

static __always_inline __u32 pt_passive_word(const struct pt_options *o, __u32 at)
{
	return (__u32)o->byte[at & 63] << 24 | (__u32)o->byte[(at + 1) & 63] << 16 |
		(__u32)o->byte[(at + 2) & 63] << 8 | o->byte[(at + 3) & 63];
}

// SYNs, and what odd stacks send.
static __always_inline void pt_passive_search(
	const __be32 *word, __u32 len, void *end, struct pt_stamps *out)
{
	struct pt_options options = {};
	__u32 *to = (void *)options.byte, at;

#pragma unroll
	for (__u32 i = 0; i < PT_TCP_OPTIONS / 4; i++) {
		if (4 * i >= len || (void *)(word + i + 1) > end)
			break;
		to[i] = word[i];
		options.len = 4 * i + 4;
	}
	at = pt_find_stamp(&options);
	if (at + PT_OPT_STAMP_LEN > options.len)
		return;
	out->val = pt_passive_word(&options, at + 2);
	out->ecr = pt_passive_word(&options, at + 6);
	out->there = 1;
}

// Options outside of the linear part count as none.
static __always_inline void pt_passive_stamps(
	const struct tcphdr *tcp, void *end, struct pt_stamps *out)
{
	const __be32 *word = (const void *)(tcp + 1);
	__u32 len = (__u32)tcp->doff * 4 - sizeof(*tcp);

	if (len < PT_OPT_STAMP_LEN || len > PT_TCP_OPTIONS)
		return;
	if (len >= 12 && (void *)(word + 3) <= end && word[0] == bpf_htonl(PT_OPT_STAMP_ALONE)) {
		out->val = bpf_ntohl(word[1]);
		out->ecr = bpf_ntohl(word[2]);
		out->there = 1;
		return;
	}
	pt_passive_search(word, len, end, out);
}

// ---- counting ----

static __always_inline struct pt_rtt *pt_rtt_of(__u32 path, __u32 policy)
{
	struct pt_rtt_key key = { .path = path, .policy = policy };
	struct pt_rtt *rtt = bpf_map_lookup_elem(&pt_rtt, &key);

	if (rtt)
		return rtt;
	(void)bpf_map_update_elem(&pt_rtt, &key, &pt_rtt_zero, BPF_NOEXIST);
	rtt = bpf_map_lookup_elem(&pt_rtt, &key);
	if (!rtt)
		pt_tally(PT_STAT_PASSIVE_FULL);
	return rtt;
}

// pt_hist_index of lib/base/hist.c.
static __always_inline __u32 pt_rtt_bucket(__u64 us)
{
	__u32 v = us < 0xffffffff ? (__u32)us : 0xffffffff, top = 0, rest, index;

	if (v < 16)
		return v;
	rest = v;
	if (rest >> 16)
		top += 16, rest >>= 16;
	if (rest >> 8)
		top += 8, rest >>= 8;
	if (rest >> 4)
		top += 4, rest >>= 4;
	if (rest >> 2)
		top += 2, rest >>= 2;
	top += rest >> 1;
	index = 16 * (top - 4) + (v >> (top - 4));
	return index < PT_PASSIVE_BUCKETS ? index : PT_PASSIVE_BUCKETS - 1;
}

// ---- out ----

// One packet that leaves, in numbers alone: the function below is verified once.
struct pt_leaver {
	__u32 hash, key;
	__u32 path, policy;
	__u32 seq, end; // of its data, SYN and FIN counted
	__u32 stamp, stamped;
	__u32 syn;
	__u32 segments, size; // of a GSO packet; size 0: it is one segment
};

// Data between seq and `high` left before. It is counted where it did so first.
static __always_inline __u32 pt_passive_again(
	const struct pt_passive_flow *f, const struct pt_leaver *l)
{
	__u32 behind = f->high - l->seq, len = l->end - l->seq;

	if ((__s32)behind <= 0 || !len)
		return 0;
	if (!l->size)
		return 1;
	return ((behind < len ? behind : len) + l->size - 1) / l->size;
}

static __always_inline void pt_passive_begin(struct pt_passive_flow *f, const struct pt_leaver *l)
{
	f->want = 0;
	f->hash = l->hash;
	f->key = l->key;
	f->stamp = ~l->stamp;
	f->high = l->seq;
	f->moved = l->seq;
	f->path = l->path;
	f->before = 0;
	f->policy = l->policy;
}

// Whether the slot is, or becomes, the flow's.
static __always_inline int pt_passive_claim(
	struct pt_passive_flow *f, const struct pt_leaver *l, __u32 second)
{
	__s32 behind = (__s32)(f->high - l->seq);

	if (f->hash != l->hash || f->key != l->key) {
		if (f->key && second - f->seen < PT_PASSIVE_IDLE)
			return 0;
		pt_passive_begin(f, l);
	} else if (behind > PT_PASSIVE_WINDOW || behind < -PT_PASSIVE_WINDOW ||
		(l->syn && behind != 1)) {
		pt_passive_begin(f, l);
	} else if (f->path != l->path) {
		f->want = 0; // its answer would tell of the path before
		f->before = f->path;
		f->moved = f->high;
		f->path = l->path;
	}
	f->policy = l->policy;
	f->seen = second;
	return 1;
}

// Remembers this packet if nothing else is remembered and its answer can be told from others'. A
// time stamp serves the first packet that bears it, for echoes of the second look the same; and a
// byte that left twice does not serve (Karn).
static __always_inline void pt_passive_remember(
	struct pt_passive_flow *f, const struct pt_leaver *l, __u32 again, __u64 coarse)
{
	int stamped = l->stamped && !l->syn, fresh = l->stamp != f->stamp;
	__u64 want = *(volatile __u64 *)&f->want;

	f->stamp = l->stamp;
	if (again && want & PT_PASSIVE_ACK)
		want = f->want = 0;
	if (l->seq == l->end || (stamped ? !fresh : !!again))
		return;
	// The coarse clock lags: the difference may be less than nothing.
	if (want && (__s64)(coarse - f->sent_ns) < PT_PASSIVE_STALE_NS)
		return;
	*(volatile __u64 *)&f->want = 0;
	*(volatile __u64 *)&f->sent_ns = bpf_ktime_get_ns();
	*(volatile __u64 *)&f->want = stamped ? PT_PASSIVE_STAMP | l->stamp
					      : PT_PASSIVE_ACK | l->seq;
}

__attribute__((noinline)) int pt_passive_leaves(const struct pt_leaver *l)
{
	struct pt_passive_flow *f;
	__u64 coarse;
	struct pt_rtt *rtt;
	__u32 again;

	if (!l)
		return 0;
	f = pt_passive_slot(l->hash);
	coarse = bpf_ktime_get_coarse_ns();
	if (!f || !pt_passive_claim(f, l, (__u32)(coarse >> 30)))
		return 0;
	again = pt_passive_again(f, l);
	if (l->seq != l->end) {
		rtt = pt_rtt_of(l->path, l->policy);
		if (rtt)
			__sync_fetch_and_add(&rtt->segments, l->segments);
		if (again && f->before && (__s32)(f->moved - l->seq) > 0)
			rtt = pt_rtt_of(f->before, l->policy);
		if (again && rtt)
			__sync_fetch_and_add(&rtt->again, again);
	}
	pt_passive_remember(f, l, again, coarse);
	if ((__s32)(l->end - f->high) > 0)
		f->high = l->end;
	return 0;
}

static __always_inline void pt_passive_note(
	const struct pt_packet *p, const struct tcphdr *tcp, void *end, struct pt_leaver *l)
{
	__u32 header = p->l4_offset + tcp->doff * 4u;
	struct pt_stamps stamps = {};

	if (tcp->doff < 5 || header > p->len || tcp->rst)
		return;
	l->syn = tcp->syn;
	l->seq = bpf_ntohl(tcp->seq);
	l->end = l->seq + (p->len - header) + tcp->syn + tcp->fin;
	pt_passive_stamps(tcp, end, &stamps);
	l->stamp = stamps.val;
	l->stamped = stamps.there;
	(void)pt_passive_leaves(l);
}

// A user packet is about to leave by this path. `net` is its network header; segments and size are
// those of a GSO packet.
static __always_inline void pt_passive_out(const struct pt_packet *p, void *net, void *end,
	__u32 path, __u32 policy, __u32 segments, __u32 size)
{
	const struct tcphdr *tcp = net + p->l4_offset;
	struct pt_leaver l = {
		.path = path, .policy = policy, .segments = segments ? segments : 1, .size = size
	};

	if (!pt_passive_below || p->l4_proto != IPPROTO_TCP || !p->has_port ||
		(void *)(tcp + 1) > end)
		return;
	if (p->family == PT_AF_INET) {
		const struct iphdr *ip = net;

		if ((void *)(ip + 1) > end)
			return;
		l.hash = pt_passive_hash(ip->daddr, p->dport, p->sport);
		l.key = ip->saddr | 1;
	} else {
		const struct ipv6hdr *ip = net;

		if ((void *)(ip + 1) > end)
			return;
		l.hash = pt_passive_hash(pt_passive_fold(&ip->daddr), p->dport, p->sport);
		l.key = pt_passive_fold(&ip->saddr) | 1;
	}
	if (pt_passive_followed(l.hash))
		pt_passive_note(p, tcp, end, &l);
}

// ---- back ----

// The answer that the flow waits for, or one that shows that it will not come any more.
static __always_inline int pt_passive_answers(
	const struct pt_passive_flow *f, __u64 want, __u64 echo, __u64 ack, int *late)
{
	__s32 past;

	*late = 0;
	if (want & PT_PASSIVE_STAMP) {
		past = (__s32)((__u32)echo - (__u32)want);
		*late = echo & PT_PASSIVE_STAMP && past > 0;
		return echo & PT_PASSIVE_STAMP && !past;
	}
	return ack & PT_PASSIVE_ACK && (__s32)((__u32)ack - (__u32)want) > 0 &&
		(__s32)(f->high - (__u32)ack) >= 0;
}

// echo, ack: with PT_PASSIVE_STAMP, PT_PASSIVE_ACK where the packet has them.
__attribute__((noinline)) int pt_passive_returns(__u32 hash, __u32 ifindex, __u64 echo, __u64 ack)
{
	struct pt_passive_flow *f = pt_passive_slot(hash);
	const struct pt_hop *hop;
	__u32 path, policy, bucket;
	struct pt_rtt *rtt;
	__u64 want, ns;
	int late;

	if (!f || f->hash != hash)
		return 0;
	want = *(volatile __u64 *)&f->want;
	if (!want || (!pt_passive_answers(f, want, echo, ack, &late) && !late))
		return 0;
	path = f->path;
	policy = f->policy;
	ns = *(volatile __u64 *)&f->sent_ns;
	if (__sync_val_compare_and_swap(&f->want, want, 0) != want || late)
		return 0;
	ns = bpf_ktime_get_ns() - ns;
	hop = bpf_map_lookup_elem(&pt_hop, &path);
	if (!hop || !hop->ifindex) // gone
		return 0;
	rtt = pt_rtt_of(path, policy);
	if (!rtt)
		return 0;
	if (hop->ifindex != ifindex) {
		__sync_fetch_and_add(&rtt->crossed, 1);
		return 0;
	}
	bucket = pt_rtt_bucket(ns / 1000);
	if (bucket < PT_PASSIVE_BUCKETS)
		__sync_fetch_and_add(&rtt->bucket[bucket], 1);
	__sync_fetch_and_add(&rtt->sum_us, ns / 1000);
	__sync_fetch_and_add(&rtt->count, 1);
	return 0;
}

// A packet has come by a path's device.
static __always_inline void pt_passive_in(const struct __sk_buff *skb, const struct pt_packet *p)
{
	void *end = (void *)(long)skb->data_end;
	const struct tcphdr *tcp = p->net + p->l4_offset;
	struct pt_stamps stamps = {};
	__u32 hash;

	if (!pt_passive_below || p->l4_proto != IPPROTO_TCP || !p->has_port ||
		(void *)(tcp + 1) > end)
		return;
	if (p->family == PT_AF_INET) {
		const struct iphdr *ip = p->net;

		if ((void *)(ip + 1) > end)
			return;
		hash = pt_passive_hash(ip->saddr, p->sport, p->dport);
	} else {
		const struct ipv6hdr *ip = p->net;

		if ((void *)(ip + 1) > end)
			return;
		hash = pt_passive_hash(pt_passive_fold(&ip->saddr), p->sport, p->dport);
	}
	if (!pt_passive_followed(hash) || tcp->rst || tcp->doff < 5)
		return;
	pt_passive_stamps(tcp, end, &stamps);
	(void)pt_passive_returns(hash, skb->ifindex,
		stamps.there ? PT_PASSIVE_STAMP | stamps.ecr : 0,
		tcp->ack ? PT_PASSIVE_ACK | bpf_ntohl(tcp->ack_seq) : 0);
}
