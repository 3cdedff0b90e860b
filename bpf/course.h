// SPDX-License-Identifier: MIT
// What has been found out and decided of a packet, in numbers alone. The steps of a packet that is
// not plain are functions of their own and hand this to each other: the verifier checks each once,
// with nothing known of what came before. Inlined into each other it followed every way through one
// into the next, which took it a third of a second.
#pragma once
#include "bpf/onward.h"

// As small as can be: so is the stack, all frames together.
struct pt_course {
	__u32 group;
	__u32 len;
	__u16 path, rank, avoided;
	__u16 site, policy;
	__u16 from_site, from_neighbour; // struct pt_origin's
	__u16 sport, dport;
	__u8 family, l4_offset, l4_proto, dscp;
	__u8 fragment, has_port;
	__u8 handed; // enum pt_stat: why the kernel gets it; 0 it need not
	__u8 l2_len; // in front of the network header
	__u8 onward; // it came by a path
	__u8 class;  // bank
	__u8 flags;  // PT_GROUP_*
	__u8 step;   // enum pt_trace_step that is being taken
	__u16 pad;
};

static __always_inline void pt_course_put_packet(struct pt_course *c, const struct pt_packet *p)
{
	c->len = p->len;
	c->family = (__u8)p->family;
	c->l4_offset = (__u8)p->l4_offset;
	c->sport = p->sport;
	c->dport = p->dport;
	c->l4_proto = p->l4_proto;
	c->dscp = p->dscp;
	c->fragment = p->fragment;
	c->has_port = p->has_port;
	c->handed = p->handed;
}

// -1: the header is not there any more.
static __always_inline int pt_course_packet(
	const struct __sk_buff *skb, const struct pt_course *c, struct pt_packet *p)
{
	void *net = (void *)(long)skb->data + (c->l2_len & 15), *end = (void *)(long)skb->data_end;

	if (c->family == PT_AF_INET ? net + sizeof(struct iphdr) > end
				    : net + sizeof(struct ipv6hdr) > end)
		return -1;
	*p = (struct pt_packet){ .net = net,
		.family = c->family,
		.l4_offset = (__u16)pt_index(c->l4_offset, 63),
		.len = c->len,
		.l4_proto = c->l4_proto,
		.dscp = c->dscp,
		.fragment = c->fragment,
		.has_port = c->has_port,
		.sport = c->sport,
		.dport = c->dport };
	return 0;
}

static __always_inline void pt_course_put_choice(
	struct pt_course *c, const struct pt_choice *choice)
{
	c->path = (__u16)choice->path;
	c->rank = (__u16)choice->rank;
	c->avoided = (__u16)choice->avoided;
	c->group = choice->group;
	c->flags = (__u8)choice->flags;
}

// -1: its path is no more.
static __always_inline int pt_course_choice(const struct pt_course *c, struct pt_choice *choice)
{
	__u32 path = c->path, class = c->class;
	const struct pt_rule *rule = bpf_map_lookup_elem(&pt_rule, &class);

	*choice = (struct pt_choice){ .path = c->path,
		.rank = c->rank,
		.avoided = c->avoided,
		.group = c->group,
		.policy = c->policy,
		.flags = c->flags,
		.hop = bpf_map_lookup_elem(&pt_hop, &path) };
	if (rule)
		choice->treat = &rule->treat[pt_index(c->policy, PT_MAX_POLICY - 1)];
	return choice->hop ? 0 : -1;
}
