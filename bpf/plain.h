// SPDX-License-Identifier: MIT
// The packets that most traffic consists of, in as few steps as there can be: whole TCP and UDP
// packets without options whose first candidate is usable and wants nothing else. It takes no
// decision of its own: whatever is odd about a packet, its policy or its path, is left untouched to
// the complete program, which also counts why. What is taken here, that program would have sent by
// the same path with the same bytes.
#pragma once
#include "bpf/decide.h"
#include "bpf/passive.h"

#define PT_NOT_PLAIN (-2) // no answer of tc's or XDP's

struct pt_plain {
	__u32 path;
	__u32 len; // of headers and payload
	struct pt_gate *gate;
};

// What is read of a packet; the rest of its headers is checked.
struct pt_glance {
	struct pt_key src, dst;
	__be16 sport, dport;
	__u8 proto, dscp;
};

// One step of pt_find. IPv4 is in `hi` alone.
static __always_inline __u32 pt_step(__u32 node, const __u16 family, const struct pt_key *key)
{
	const int v4 = family == PT_AF_INET;
	__u32 index = node & PT_NODE_INDEX, byte = node >> PT_NODE_BYTE;

	if (node & PT_NODE_CHUNK) {
		const struct pt_chunk *chunk = bpf_map_lookup_elem(&pt_chunk, &index);
		__u64 word = !v4 && byte & 8 ? key->lo : key->hi;

		return chunk ? chunk->node[word >> (56 - 8 * (byte & 7)) & 0xff] : 0;
	} else {
		const struct pt_fork *fork = bpf_map_lookup_elem(&pt_fork, &index);

		if (!fork)
			return 0;
		return (key->hi ^ fork->addr[0]) & fork->mask[0] ||
				(!v4 && (key->lo ^ fork->addr[1]) & fork->mask[1])
			? fork->outside
			: fork->inside;
	}
}

// pt_find with its first steps in line.
static __always_inline __u32 pt_find_soon(__u32 node, const __u16 family, const struct pt_key *key)
{
	if (node & PT_NODE_TABLE)
		node = pt_step(node, family, key);
	if (node & PT_NODE_TABLE)
		node = pt_step(node, family, key);
	return node & PT_NODE_TABLE ? pt_find(node, key->hi, key->lo) : node;
}

// The header's sum modulo 2^16 - 1 is 0. Of five words it lies below 2^35, and what is added here
// below 3 * (2^16 - 1).
static __always_inline int pt_is_sum_right(const struct iphdr *ip)
{
	const __u32 *word = (const void *)ip;
	__u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];

	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	return sum == 0xffff || sum == 2 * 0xffff;
}

// Opens no connection: else the program would look at the MSS.
static __always_inline int pt_is_under_way(const void *l4, const void *end, __u8 proto)
{
	const struct tcphdr *tcp = l4;

	if (proto == IPPROTO_TCP)
		return (const void *)(tcp + 1) <= end && !tcp->syn;
	return proto == IPPROTO_UDP && l4 + 2 * sizeof(__be16) <= end;
}

// The source's half of pt_scope_v4. The other: no destination table knows such addresses.
static __always_inline int pt_is_no_source(__u32 s)
{
	__u32 net = s >> 24;

	if (net - 1 < 126)
		return 0;
	return net < 128 || net >= 0xe0 || s >> 16 == 0xa9fe;
}

static __always_inline void pt_glance_ends(const __u16 family, const void *net, struct pt_glance *g)
{
	const struct ipv6hdr *v6 = net;
	const struct iphdr *v4 = net;

	g->src = family == PT_AF_INET ? pt_key_v4(v4->saddr) : pt_key_v6(&v6->saddr);
	g->dst = family == PT_AF_INET ? pt_key_v4(v4->daddr) : pt_key_v6(&v6->daddr);
}

static __always_inline int pt_glance_v4(
	const struct iphdr *ip, const void *end, struct pt_glance *g, struct pt_plain *out)
{
	const __be16 *port = (const void *)(ip + 1);

	if (*(const __u8 *)ip != 0x45 || ip->ttl <= 1 ||
		ip->frag_off & bpf_htons(PT_IPV4_OFFSET | PT_IPV4_MORE) ||
		!pt_is_under_way(port, end, ip->protocol) || !pt_is_sum_right(ip) ||
		pt_is_no_source(bpf_ntohl(ip->saddr)))
		return 0;
	out->len = bpf_ntohs(ip->tot_len);
	if (out->len < sizeof(*ip) + 2 * sizeof(*port))
		return 0;
	g->sport = port[0];
	g->dport = port[1];
	g->proto = ip->protocol;
	g->dscp = ip->tos >> 2;
	return 1;
}

static __always_inline int pt_glance_v6(
	const struct ipv6hdr *ip, const void *end, struct pt_glance *g, struct pt_plain *out)
{
	const __be16 *port = (const void *)(ip + 1);

	if (ip->version != 6 || ip->hop_limit <= 1 || !pt_is_under_way(port, end, ip->nexthdr) ||
		pt_scope_v6(ip))
		return 0;
	out->len = bpf_ntohs(ip->payload_len);
	if (out->len < 2 * sizeof(*port))
		return 0;
	out->len += sizeof(*ip);
	g->sport = port[0];
	g->dport = port[1];
	g->proto = ip->nexthdr;
	g->dscp = (__u8)(ip->priority << 2 | ip->flow_lbl[0] >> 6);
	return 1;
}

// The site + 1; 0 none.
static __always_inline __u32 pt_plain_site(
	const __u16 family, __u32 class, const struct pt_key *key)
{
	const struct pt_dest *dest = bpf_map_lookup_elem(&pt_dest, &class);

	if (!dest)
		return 0;
	return pt_find_soon(family == PT_AF_INET ? dest->v4[key->hi >> 48] : dest->v6, family, key);
}

// Passive measurement wants to see all packets of this flow.
static __always_inline int pt_is_followed(
	const __u16 family, const void *net, const struct pt_glance *g)
{
	const struct ipv6hdr *v6 = net;
	const struct iphdr *v4 = net;
	__u32 far;

	if (!pt_passive_below || g->proto != IPPROTO_TCP)
		return 0;
	far = family == PT_AF_INET ? v4->daddr : pt_passive_fold(&v6->daddr);
	return pt_passive_followed(pt_passive_hash(far, bpf_ntohs(g->dport), bpf_ntohs(g->sport)));
}

// Of policies: those that accept the packet, its source aside.
static __always_inline __u64 pt_plain_rule(
	const struct pt_rule *rule, __u32 ifindex, const struct pt_glance *g)
{
	return rule->proto[pt_index(g->proto, 0xff)] & rule->dscp[pt_index(g->dscp, 63)] &
		pt_by_port(rule->sport, rule->sport_page, bpf_ntohs(g->sport)) &
		pt_by_port(rule->dport, rule->dport_page, bpf_ntohs(g->dport)) &
		pt_by_device(ifindex, rule);
}

// Whether the packet may take its policy's first path.
static __always_inline int pt_plain_path(const __u16 family, __u32 group, struct pt_plain *out)
{
	__u32 quarter = group / PT_FIRSTS;
	const struct pt_first *first = bpf_map_lookup_elem(&pt_first, &quarter);

	if (!first)
		return 0;
	out->path = (__u32)pt_index(first->path[pt_index(group, PT_FIRSTS - 1)], PT_MAX_PATH - 1);
	out->gate = pt_gate_of(out->path); // of path 0, which is none, never open
	return out->gate && pt_gate_is_open(out->gate, family, out->len) &&
		!(pt_live.want[out->path] | pt_live.waiting);
}

// The packet at `net` goes by out->path, without any ado. Whether the frame holds all of it, and
// nothing else, the caller knows. Addresses go first, and the rest is looked at while memory
// answers: what it says is the way that everything waits for.
static __always_inline int pt_is_plain(
	const __u16 family, const void *net, const void *end, __u32 ifindex, struct pt_plain *out)
{
	const __u32 head = family == PT_AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct pt_cell at = {};
	struct pt_glance g = {};
	const struct pt_rule *rule;
	__u64 policies;
	__u32 site, source;

	if (net + head > end)
		return 0;
	pt_glance_ends(family, net, &g);
	pt_banks(&at);
	rule = bpf_map_lookup_elem(&pt_rule, &at.class);
	if (!rule)
		return 0;
	source = pt_find_soon(family == PT_AF_INET ? rule->source4 : rule->source6, family, &g.src);
	if (source >= PT_SOURCES)
		return 0;
	policies = rule->source[source];
	site = pt_plain_site(family, at.class, &g.dst) - 1;
	if (family == PT_AF_INET ? !pt_glance_v4(net, end, &g, out)
				 : !pt_glance_v6(net, end, &g, out))
		return 0;
	if (pt_is_followed(family, net, &g))
		return 0;
	policies &= pt_plain_rule(rule, ifindex, &g);
	policies &= -policies; // the first one alone
	if (!policies || policies & rule->treated || site >= pt_meta.site_cap ||
		site == PT_SITE_LOCAL)
		return 0;
	at.policy = pt_lowest_bit(policies);
	return pt_plain_path(family, PT_GROUP_KEY(pt_meta.site_cap, at.bank, site, at.policy), out);
}
