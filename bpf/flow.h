// SPDX-License-Identifier: MIT
// Which path a flow went by, where that must not change as long as the path is usable: behind an
// address translation another path would be another source address. Only for groups that have a
// path over a NATed uplink; all else is stateless.
#pragma once
#include "bpf/onward.h"

static __always_inline void pt_flow_key_of(const struct pt_packet *p, struct pt_flow_key *key)
{
	if (p->family == PT_AF_INET) {
		const struct iphdr *ip = p->net;

		__builtin_memcpy(key->src, &ip->saddr, sizeof(ip->saddr));
		__builtin_memcpy(key->dst, &ip->daddr, sizeof(ip->daddr));
	} else {
		const struct ipv6hdr *ip = p->net;

		__builtin_memcpy(key->src, &ip->saddr, sizeof(ip->saddr));
		__builtin_memcpy(key->dst, &ip->daddr, sizeof(ip->daddr));
	}
	key->sport = p->sport; // both 0 where it shows none
	key->dport = p->dport;
	key->proto = p->l4_proto;
	key->family = (__u8)p->family;
}

// The path is still a candidate, and usable. A function of its own for the verifier's sake.
__attribute__((noinline)) int pt_flow_stays(__u32 group, __u32 path, __u32 family)
{
	const struct pt_group *g = bpf_map_lookup_elem(&pt_group, &group);

	for (int i = 0; g && i < PT_GROUP_PATHS; i++) {
		if (i >= g->count)
			break;
		if (g->path[i] == path)
			return (pt_rank(path, family) & 0xff) <= PT_RANK_DAMPED;
	}
	return 0;
}

// The choice becomes what the flow is used to, or is what it gets used to. from: of what entered by
// a path, which does not go back there, whatever it was used to; else NULL.
static __always_inline void pt_flow_recall(
	const struct pt_packet *p, const struct pt_origin *from, struct pt_choice *choice)
{
	struct pt_flow_key key = {};
	struct pt_flow_path fresh = { .path = choice->path }, *flow;
	const struct pt_hop *hop;
	__u32 path;

	pt_flow_key_of(p, &key);
	flow = bpf_map_lookup_elem(&pt_flow, &key);
	if (!flow) {
		(void)bpf_map_update_elem(&pt_flow, &key, &fresh, BPF_ANY);
		return;
	}
	path = flow->path;
	if (path == choice->path)
		return;
	hop = bpf_map_lookup_elem(&pt_hop, &path);
	if (!hop || !pt_carries(hop, p->family) ||
		!pt_flow_stays(choice->group, flow->path, p->family) ||
		(from &&
			pt_is_back(flow->path, p->family, from->ifindex, from->site,
				from->neighbour))) {
		flow->path = choice->path;
		return;
	}
	choice->path = flow->path;
	choice->hop = hop;
	choice->rank = PT_RANK_USABLE;
	choice->avoided = 0;
}
