// SPDX-License-Identifier: MIT
// Which path a packet takes: destination, policy, the first usable candidate. What every steering
// program shares, whatever it is attached to; nothing here knows an skb.
#pragma once
#include "bpf/gate.h"
#include "bpf/maps.h"
#include "bpf/parse.h"
#include "bpf/share.h"

// A step's answer: go on, or what the packet is to be counted as, and not be steered.
#define PT_STEER_ON PT_STAT_STEERED

// How good a candidate is, best first.
enum pt_rank {
	PT_RANK_USABLE,
	PT_RANK_DAMPED,  // alive, held back until it has proved itself
	PT_RANK_DOWN,    // the watchdog says so, which a dead prober can cause, too
	PT_RANK_BLOCKED, // no carrier, maintenance, or by hand
	PT_RANK_NONE,    // no device, or no next hop for this family
};

struct pt_choice {
	__u32 path;
	__u32 rank;
	__u32 avoided; // first dead candidate that stood before it; 0 none
	__u32 group;   // its index
	__u32 policy;
	__u32 flags; // PT_GROUP_*; none of PT_GROUP_WHOLE where they were not needed
	const struct pt_hop *hop;
	const struct pt_treat *treat; // of the packet's policy
};

// What a packet belongs to, and the banks it goes by.
struct pt_cell {
	__u32 bank, class; // of groups, of what classifies
	__u32 site;
	__u32 policy;
	const struct pt_treat *treat; // of the policy
};

// An address in host order; IPv4 in the highest 32 bits.
struct pt_key {
	__u64 hi, lo;
};

// Multicast, broadcast, link-local, loopback and unset addresses are never forwarded.
static __always_inline int pt_scope_v4(const struct iphdr *ip)
{
	__u32 d = bpf_ntohl(ip->daddr), s = bpf_ntohl(ip->saddr);

	return d >> 28 >= 0xe || d >> 24 == 127 || d >> 24 == 0 || d >> 16 == 0xa9fe ||
		s >> 28 >= 0xe || s >> 24 == 127 || s >> 24 == 0 || s >> 16 == 0xa9fe;
}

static __always_inline int pt_scope_v6(const struct ipv6hdr *ip)
{
	const __be32 *d = ip->daddr.in6_u.u6_addr32, *s = ip->saddr.in6_u.u6_addr32;
	const __be32 ten = bpf_htonl(0xffc00000), link = bpf_htonl(0xfe800000);
	const __be32 top = bpf_htonl(0xff000000);

	return !(~d[0] & top) || !(~s[0] & top) || (d[0] & ten) == link || (s[0] & ten) == link ||
		!(d[0] | d[1] | d[2] | (d[3] & bpf_htonl(~1u))) ||
		!(s[0] | s[1] | s[2] | (s[3] & bpf_htonl(~1u)));
}

// The value of the longest prefix that covers the address, as lib/plane/trie.c built it. A function
// of its own, with numbers alone to and fro, is verified once and not for every way to get here.
__noinline __u32 pt_find(__u32 node, __u64 hi, __u64 lo)
{
	for (int i = 0; i < PT_NODE_STEPS && node & PT_NODE_TABLE; i++) {
		__u32 index = node & PT_NODE_INDEX;

		if (node & PT_NODE_CHUNK) {
			const struct pt_chunk *chunk = bpf_map_lookup_elem(&pt_chunk, &index);
			__u32 byte = node >> PT_NODE_BYTE;
			__u64 word = byte & 8 ? lo : hi;

			if (!chunk)
				return 0;
			node = chunk->node[word >> (56 - 8 * (byte & 7)) & 0xff];
		} else {
			const struct pt_fork *fork = bpf_map_lookup_elem(&pt_fork, &index);

			if (!fork)
				return 0;
			node = (hi ^ fork->addr[0]) & fork->mask[0] ||
					(lo ^ fork->addr[1]) & fork->mask[1]
				? fork->outside
				: fork->inside;
		}
	}
	return node & PT_NODE_TABLE ? 0 : node;
}

// Read once: both banks belong together.
static __always_inline void pt_banks(struct pt_cell *at)
{
	__u32 bank = *(const volatile __u32 *)&pt_meta.bank;

	at->bank = !!(bank & PT_BANK_GROUP);
	at->class = !!(bank & PT_BANK_CLASS);
}

static __always_inline struct pt_key pt_key_v4(__be32 addr)
{
	return (struct pt_key){ .hi = (__u64)bpf_ntohl(addr) << 32 };
}

static __always_inline struct pt_key pt_key_v6(const struct in6_addr *addr)
{
	const __be32 *a = addr->in6_u.u6_addr32;

	return (struct pt_key){
		.hi = (__u64)bpf_ntohl(a[0]) << 32 | bpf_ntohl(a[1]),
		.lo = (__u64)bpf_ntohl(a[2]) << 32 | bpf_ntohl(a[3]),
	};
}

static __always_inline enum pt_stat pt_site_of(const struct pt_packet *p, struct pt_cell *at)
{
	const struct pt_dest *dest = bpf_map_lookup_elem(&pt_dest, &at->class);
	struct pt_key key;
	__u32 found;

	if (!dest)
		return PT_STAT_PASS_NO_DEST;
	if (p->family == PT_AF_INET) {
		key = pt_key_v4(((const struct iphdr *)p->net)->daddr);
		found = dest->v4[key.hi >> 48];
	} else {
		key = pt_key_v6(&((const struct ipv6hdr *)p->net)->daddr);
		found = dest->v6;
	}
	if (found & PT_NODE_TABLE)
		found = pt_find(found, key.hi, key.lo);
	if (!found)
		return PT_STAT_PASS_NO_DEST;
	at->site = found - 1;
	return at->site == PT_SITE_LOCAL ? PT_STAT_PASS_LOCAL : PT_STEER_ON;
}

static const __u8 pt_bit[64] = { 0, 1, 2, 53, 3, 7, 54, 27, 4, 38, 41, 8, 34, 55, 48, 28, 62, 5, 39,
	46, 44, 42, 22, 9, 24, 35, 59, 56, 49, 18, 29, 11, 63, 52, 6, 26, 37, 40, 33, 47, 61, 45,
	43, 21, 23, 58, 17, 10, 51, 25, 36, 32, 60, 20, 57, 16, 50, 31, 19, 15, 30, 14, 13, 12 };

// The position of the lowest bit of a non-zero word: BPF has no instruction for it. By a de Bruijn
// sequence, for what comes from a table is a number that the verifier knows nothing of: with
// branches it followed all that comes after for each of 64 policies.
static __always_inline __u32 pt_lowest_bit(__u64 word)
{
	return pt_bit[((word & -word) * 0x022fdd63cc95386dULL) >> 58];
}

static __always_inline __u64 pt_by_source(const struct pt_packet *p, const struct pt_rule *rule)
{
	struct pt_key key;
	__u32 found;

	if (p->family == PT_AF_INET) {
		key = pt_key_v4(((const struct iphdr *)p->net)->saddr);
		found = rule->source4;
	} else {
		key = pt_key_v6(&((const struct ipv6hdr *)p->net)->saddr);
		found = rule->source6;
	}
	if (found & PT_NODE_TABLE)
		found = pt_find(found, key.hi, key.lo);
	return found < PT_SOURCES ? rule->source[found] : 0;
}

static __always_inline __u64 pt_by_port(const __u64 *word, const __u8 *page, __u16 port)
{
	// Verifiers before Linux 6.6 know nothing of what two variables OR to.
	return word[pt_index((__u32)page[pt_index(port >> 8, 0xff)] << 8 | (port & 0xff), 0xffff)];
}

static __always_inline __u64 pt_by_device(__u32 ifindex, const struct pt_rule *rule)
{
	__u32 slot = PT_RULE_SLOT(ifindex, rule->device_factor) & (PT_RULE_DEVICES - 1);
	const struct pt_rule_device *device = &rule->device[slot];

	return device->ifindex == ifindex ? device->policies : rule->other_device;
}

static __always_inline enum pt_stat pt_policy_of(
	__u32 ifindex, const struct pt_packet *p, struct pt_cell *at)
{
	const struct pt_rule *rule = bpf_map_lookup_elem(&pt_rule, &at->class);
	__u64 left;

	if (!rule)
		return PT_STAT_PASS_NO_RULE;
	left = rule->proto[pt_index(p->l4_proto, 0xff)] & rule->dscp[pt_index(p->dscp, 63)];
	left &= p->has_port ? pt_by_port(rule->sport, rule->sport_page, p->sport) &
			pt_by_port(rule->dport, rule->dport_page, p->dport)
			    : rule->no_port;
	left &= pt_by_device(ifindex, rule) & pt_by_source(p, rule);
	if (!left)
		return PT_STAT_PASS_NO_RULE;
	at->policy = pt_lowest_bit(left);
	at->treat = &rule->treat[pt_index(at->policy, PT_MAX_POLICY - 1)];
	return PT_STEER_ON;
}

// A WAN that speaks only the other family would swallow the packet.
static __always_inline int pt_carries(const struct pt_hop *hop, __u16 family)
{
	__u32 via = family == PT_AF_INET ? PT_HOP_VIA4 : PT_HOP_VIA6;

	return hop->ifindex && hop->flags & (via | PT_HOP_L3);
}

// These two are functions of their own, checked once, and give values of which the verifier knows
// nothing: inlined, it followed each way through the candidates into all that comes after, which
// took it half a second.

#define PT_RANK_IS_DOWN 0x100 // the watchdog says so, whatever else blocks the path

// Without the reasons that nobody is left to take back.
static __always_inline __u8 pt_in_force(__u8 why)
{
	__u64 now = bpf_ktime_get_ns();

	if (pt_block.lease_ns && now > pt_block.lease_ns)
		why &= (__u8)~PT_BLOCK_LEASED;
	if (now > pt_block.drill_until_ns)
		why &= (__u8)~PT_BLOCK_DRILL;
	return why;
}

// How good a candidate is for packets of this family: enum pt_rank, and PT_RANK_IS_DOWN.
__attribute__((noinline)) __u32 pt_rank(__u32 path, __u32 family)
{
	const __u32 i = path & (PT_MAX_PATH - 1); // not the key: the look-up might change that
	__u32 key = i, down;
	const struct pt_hop *hop = bpf_map_lookup_elem(&pt_hop, &key);
	__u8 why;

	if (!hop)
		return PT_RANK_NONE;
	down = pt_live.down[i] ? PT_RANK_IS_DOWN : 0;
	if (!pt_carries(hop, (__u16)family))
		return PT_RANK_NONE | down;
	why = pt_block.path[i] | pt_block.uplink[hop->uplink & (PT_MAX_UPLINK - 1)];
	if (why & (PT_BLOCK_LEASED | PT_BLOCK_DRILL))
		why = pt_in_force(why);
	if (why & PT_BLOCK_HARD)
		return PT_RANK_BLOCKED | down;
	if (down)
		return PT_RANK_DOWN | down;
	return why ? PT_RANK_DAMPED : PT_RANK_USABLE;
}

// The first of the best candidates, packed: path, rank << 16, first dead one before it << 32.
__attribute__((noinline)) __u64 pt_choose(const struct pt_group *group, __u32 family)
{
	__u64 best = 0, least = PT_RANK_NONE, avoided = 0;

	if (!group)
		return least << 16;
	for (int i = 0; i < PT_GROUP_PATHS; i++) {
		__u32 path = group->path[i], rank;

		if (i >= group->count || !path)
			break;
		rank = pt_rank(path, family);
		if ((rank & 0xff) < least) {
			best = path;
			least = rank & 0xff;
		}
		if (!least)
			break;
		if (!avoided && rank & PT_RANK_IS_DOWN)
			avoided = path;
	}
	return avoided << 32 | least << 16 | best;
}

// Functions of their own for the verifier's sake, too.
__attribute__((noinline)) __u32 pt_cost(__u32 flow, __u32 salt)
{
	return pt_share_cost(flow, salt);
}

__attribute__((noinline)) __u32 pt_number(
	const struct pt_share_end *src, const struct pt_share_end *dst)
{
	return src && dst ? pt_share_flow(src, dst) : 0;
}

// A cost and the weight that it is for, as one number: there is little room on the stack.
#define PT_BID(cost, weight) ((__u64)(cost) << 32 | (weight))

static __always_inline int pt_bid_cheaper(__u64 a, __u64 b)
{
	return !(__u32)b || pt_share_cheaper(a >> 32, (__u32)a, b >> 32, (__u32)b);
}

// The same for a weighted group: among the best, the cheapest for this flow. A dead path counts as
// avoided by its own flows alone.
__attribute__((noinline)) __u64 pt_share(const struct pt_group *group, __u32 family, __u32 flow)
{
	__u64 best = PT_RANK_NONE << 16, wish = 0, bid = 0, wish_bid = 0;

	if (!group)
		return best;
	for (int i = 0; i < PT_GROUP_PATHS; i++) {
		__u32 path = group->path[i], rank;
		const struct pt_hop *hop = bpf_map_lookup_elem(&pt_hop, &path);
		__u64 own;

		if (i >= group->count || !hop)
			break;
		own = PT_BID(pt_cost(flow, hop->salt), group->weight[i]);
		rank = pt_rank(group->path[i], family);
		if ((__u32)own && pt_bid_cheaper(own, wish_bid)) {
			wish = rank & PT_RANK_IS_DOWN ? group->path[i] : 0;
			wish_bid = own;
		}
		rank &= 0xff;
		if (rank < best >> 16 ||
			(rank == best >> 16 && rank != PT_RANK_NONE && (__u32)own &&
				pt_bid_cheaper(own, bid))) {
			best = rank << 16 | group->path[i];
			bid = own;
		}
	}
	return (wish != (best & 0xffff) ? wish : 0) << 32 | best;
}

// Both directions of a flow are one; so are, by hosts alone, whole packets and fragments.
static __always_inline __u32 pt_flow_of(const struct pt_packet *p, const struct pt_treat *treat)
{
	struct pt_share_end src = {}, dst = {};

	if (p->family == PT_AF_INET) {
		const struct iphdr *ip = p->net;

		src.addr[0] = bpf_ntohl(ip->saddr);
		dst.addr[0] = bpf_ntohl(ip->daddr);
	} else {
		const struct ipv6hdr *ip = p->net;

		for (int i = 0; i < 4; i++) {
			src.addr[i] = bpf_ntohl(ip->saddr.in6_u.u6_addr32[i]);
			dst.addr[i] = bpf_ntohl(ip->daddr.in6_u.u6_addr32[i]);
		}
	}
	if (p->has_port && treat && treat->flags & PT_TREAT_PORTS) {
		src.port = p->sport;
		dst.port = p->dport;
	}
	return pt_number(&src, &dst);
}

// The common case in as few loads as there can be: the first candidate is usable, and nothing else
// of its group matters.
static __always_inline int pt_take_first(struct pt_choice *choice, __u16 family)
{
	__u32 quarter = choice->group / PT_FIRSTS;
	const struct pt_first *first = bpf_map_lookup_elem(&pt_first, &quarter);
	const struct pt_hop *hop;
	__u32 path, key;

	if (!first)
		return 0;
	path = (__u32)pt_index(
		first->path[pt_index(choice->group, PT_FIRSTS - 1)], PT_MAX_PATH - 1);
	key = path; // the look-up might change it
	hop = bpf_map_lookup_elem(&pt_hop, &key);
	if (!path || !hop || !pt_carries(hop, family) ||
		pt_live.down[path] | pt_block.path[path] |
			pt_block.uplink[hop->uplink & (PT_MAX_UPLINK - 1)])
		return 0;
	choice->path = path;
	choice->hop = hop;
	return 1;
}

static __always_inline enum pt_stat pt_take_of(
	const struct pt_group *group, const struct pt_packet *p, struct pt_choice *choice)
{
	__u64 packed = group->flags & PT_GROUP_WEIGHTED
		? pt_share(group, p->family, pt_flow_of(p, choice->treat))
		: pt_choose(group, p->family);

	choice->path = packed & 0xffff;
	choice->rank = packed >> 16 & 0xffff;
	choice->avoided = packed >> 32 & 0xffff;
	choice->flags = group->flags;
	if (choice->rank > PT_RANK_DAMPED && group->flags & PT_GROUP_DROP)
		return PT_STAT_DROPPED;
	if (!choice->path)
		return PT_STAT_PASS_NO_HOP;
	choice->hop = bpf_map_lookup_elem(&pt_hop, &choice->path);
	if (!choice->hop || !pt_carries(choice->hop, p->family)) // gone since it was chosen
		return PT_STAT_PASS_NO_HOP;
	return PT_STEER_ON;
}

static __always_inline enum pt_stat pt_take_best(
	const struct pt_packet *p, struct pt_choice *choice)
{
	const struct pt_group *group = bpf_map_lookup_elem(&pt_group, &choice->group);

	if (!group || (!group->count && !(group->flags & PT_GROUP_DROP)))
		return PT_STAT_PASS_NO_GROUP;
	return pt_take_of(group, p, choice);
}

// *choice begins as zero.
static __always_inline enum pt_stat pt_path_of(
	const struct pt_cell *at, const struct pt_packet *p, struct pt_choice *choice)
{
	if (at->site >= pt_meta.site_cap)
		return PT_STAT_PASS_NO_GROUP;
	choice->group = PT_GROUP_KEY(pt_meta.site_cap, at->bank, at->site, at->policy);
	choice->policy = at->policy;
	choice->treat = at->treat;
	return pt_take_first(choice, p->family) ? PT_STEER_ON : pt_take_best(p, choice);
}

// The packet goes through the kernel, with the path's mark.
static __always_inline int pt_by_kernel(const struct pt_choice *choice)
{
	__u32 flags = choice->hop->flags;

	return flags & PT_HOP_MARK || (flags & PT_HOP_GUARD && !(choice->flags & PT_GROUP_BYPASS));
}

// What every candidate carries, mtu at most: a connection outlives the path that it began on. A
// function of its own, so that the verifier does not follow its ways into all that comes after.
__attribute__((noinline)) __u32 pt_least_mtu(const struct pt_group *group, __u32 family, __u32 mtu)
{
	for (int i = 0; group && i < PT_GROUP_PATHS; i++) {
		__u32 path = group->path[i];
		const struct pt_hop *hop = bpf_map_lookup_elem(&pt_hop, &path);

		if (i >= group->count || !hop)
			break;
		if (pt_carries(hop, (__u16)family) && hop->mtu < mtu)
			mtu = hop->mtu;
	}
	return mtu;
}

static __always_inline __u32 pt_mss_mtu(const struct pt_choice *choice, __u16 family)
{
	__u32 key = choice->group;

	return pt_least_mtu(bpf_map_lookup_elem(&pt_group, &key), family, choice->hop->mtu);
}

// The first user packet that avoids a dead path ends the outage: worth a moment of its own.
static __always_inline void pt_note_first(const struct pt_choice *choice)
{
	__u32 key = choice->avoided;
	struct pt_watch *watch = bpf_map_lookup_elem(&pt_watch, &key);
	struct pt_event *event;
	__u64 now;

	if (!watch || watch->first_packet_ns)
		return;
	now = bpf_ktime_get_ns();
	if (__sync_val_compare_and_swap(&watch->first_packet_ns, 0, now))
		return;
	event = bpf_ringbuf_reserve(&pt_event, sizeof(*event), 0);
	if (!event) {
		pt_tally(PT_STAT_EVENT_LOST);
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->kind = PT_EVENT_FIRST_PACKET;
	event->path = choice->avoided;
	event->to = choice->path;
	event->detected_ns = now;
	event->committed_ns = now;
	bpf_ringbuf_submit(event, 0);
}
