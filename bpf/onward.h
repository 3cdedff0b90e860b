// SPDX-License-Identifier: MIT
// A hub's packets: they came by a path and leave by another, never the way they came.
#pragma once
#include "bpf/decide.h"

// The site that an address belongs to; PT_MAX_SITE: none.
static __always_inline __u32 pt_site_from(const struct pt_packet *p, const struct pt_cell *at)
{
	const struct pt_dest *dest = bpf_map_lookup_elem(&pt_dest, &at->class);
	struct pt_key key;
	__u32 found;

	if (!dest)
		return PT_MAX_SITE;
	if (p->family == PT_AF_INET) {
		key = pt_key_v4(((const struct iphdr *)p->net)->saddr);
		found = dest->v4[key.hi >> 48];
	} else {
		key = pt_key_v6(&((const struct ipv6hdr *)p->net)->saddr);
		found = dest->v6;
	}
	if (found & PT_NODE_TABLE)
		found = pt_find(found, key.hi, key.lo);
	return found ? found - 1 : PT_MAX_SITE;
}

// Where a packet came from.
struct pt_origin {
	__u32 ifindex;
	__u32 site;      // of its source address
	__u32 neighbour; // whose edge sent it here; PT_MAX_SITE: unknown
};

static __always_inline __u32 pt_neighbour(__u32 ifindex)
{
	__u32 key = ifindex | PT_RX_SITE;
	const __u32 *site = bpf_map_lookup_elem(&pt_rx, &key);

	return site ? *site : PT_MAX_SITE;
}

// A path leads back if it leads to the site, or through the edge, that the packet came from: out of
// the same device, or whichever way where that edge is known. And one through another edge that is
// down is no last resort: both ends of it would think so.
__attribute__((noinline)) __u32 pt_is_back(
	__u32 path, __u32 family, __u32 ifindex, __u32 site, __u32 neighbour)
{
	__u32 key = path;
	const struct pt_hop *hop = bpf_map_lookup_elem(&pt_hop, &key);

	if (!hop)
		return 1;
	if (!(hop->flags & PT_HOP_INDIRECT))
		return hop->ifindex == ifindex && hop->site == site;
	return hop->ifindex == ifindex || hop->via == neighbour ||
		(pt_rank(path, family) & 0xff) > PT_RANK_DAMPED;
}

// The group without what leads back; the order stays. A function of its own for the verifier's
// sake.
__attribute__((noinline)) int pt_onward_group(const struct pt_group *group, __u32 family,
	const struct pt_origin *from, struct pt_group *out)
{
	__u32 n = 0;

	if (!group || !from || !out)
		return 0;
	for (int i = 0; i < PT_GROUP_PATHS; i++) {
		__u32 at = (__u32)pt_index(n, PT_GROUP_PATHS - 1);

		if (i >= group->count || !group->path[i])
			break;
		if (pt_is_back(group->path[i], family, from->ifindex, from->site, from->neighbour))
			continue;
		out->path[at] = group->path[i];
		out->weight[at] = group->weight[i];
		n++;
	}
	out->count = (__u8)n;
	out->flags = group->flags;
	return 0;
}

// The kernel's own route for a packet that is handed over. Where it leads back, too, nobody is
// left.
static __always_inline int pt_kernel_is_back(
	struct __sk_buff *skb, const struct pt_packet *p, __u32 ifindex)
{
	struct bpf_fib_lookup fib = { .family = (__u8)p->family, .ifindex = ifindex };
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
	return (ret == BPF_FIB_LKUP_RET_SUCCESS || ret == BPF_FIB_LKUP_RET_NO_NEIGH) &&
		fib.ifindex == ifindex;
}

// As pt_path_of, for what came by a path.
static __always_inline enum pt_stat pt_path_onward(struct __sk_buff *skb, const struct pt_cell *at,
	const struct pt_packet *p, struct pt_origin *from, struct pt_choice *choice)
{
	const struct pt_group *group;
	struct pt_group left = {};
	enum pt_stat why;

	from->ifindex = skb->ifindex;
	from->site = pt_site_from(p, at);
	from->neighbour = pt_neighbour(skb->ifindex);
	if (at->site >= pt_meta.site_cap)
		return PT_STAT_PASS_NO_GROUP;
	choice->group = PT_GROUP_KEY(pt_meta.site_cap, at->bank, at->site, at->policy);
	choice->policy = at->policy;
	choice->treat = at->treat;
	group = bpf_map_lookup_elem(&pt_group, &choice->group);
	if (!group)
		return PT_STAT_PASS_NO_GROUP;
	(void)pt_onward_group(group, p->family, from, &left);
	why = left.count || left.flags & PT_GROUP_DROP ? pt_take_of(&left, p, choice)
						       : PT_STAT_PASS_NO_HOP;
	if (why == PT_STAT_PASS_NO_HOP && pt_kernel_is_back(skb, p, from->ifindex))
		return PT_STAT_DROPPED_BACK;
	return why;
}
