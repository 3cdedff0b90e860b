// SPDX-License-Identifier: MIT
// tc ingress of LAN devices: sends each packet on the first usable path of its group. Stateless:
// nothing is learned, so nothing has to move when a path dies. Whatever the kernel must answer goes
// to the kernel with the path's mark, so that it answers and forwards by the same path; whatever
// this program does not understand goes there untouched.
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include "bpf/course.h"
#include "bpf/decide.h"
#include "bpf/flow.h"
#include "bpf/mss.h"
#include "bpf/onward.h"
#include "bpf/passive.h"
#include "bpf/plain.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

static __always_inline enum pt_stat pt_read(
	struct __sk_buff *skb, const __u32 l2_len, struct pt_packet *p)
{
	if (skb->pkt_type != PACKET_HOST)
		return PT_STAT_PASS_TYPE;
	if (skb->vlan_present)
		return PT_STAT_PASS_VLAN;
	switch (pt_parse_pull(skb, l2_len, p)) {
	case PT_PARSE_SHORT:
		return PT_STAT_PASS_SHORT;
	case PT_PARSE_NOT_IP:
		return PT_STAT_PASS_NOT_IP;
	case PT_PARSE_OPTION: // by its addresses alone, as a fragment
		p->handed = PT_STAT_PASS_OPTION;
		break;
	case PT_PARSE_OK:
		if (!pt_sound(skb, l2_len, p))
			return PT_STAT_PASS_SHORT;
		if (p->ttl <= 1)
			p->handed = PT_STAT_PASS_TTL;
		break;
	}
	if (p->family == PT_AF_INET ? pt_scope_v4(p->net) : pt_scope_v6(p->net))
		return PT_STAT_PASS_SCOPE;
	return PT_STEER_ON;
}

// Segments of a GSO packet are what travels, so these must fit; the packet itself stays whole.
static __always_inline int pt_fits(struct __sk_buff *skb, const struct pt_packet *p, __u32 mtu)
{
	__u32 len = p->len;

	if (skb->gso_size) {
		len = p->l4_offset + skb->gso_size;
		if (p->l4_proto == IPPROTO_TCP) {
			struct tcphdr *tcp = p->net + p->l4_offset;

			if ((void *)(tcp + 1) > (void *)(long)skb->data_end)
				return 0;
			len += tcp->doff * 4u;
		} else {
			len += sizeof(struct udphdr);
		}
	}
	return len <= mtu;
}

// Padding is for the link that it came by: what goes on ends where the packet does.
static __always_inline int pt_trim(struct __sk_buff *skb, const __u32 l2_len, struct pt_packet *p)
{
	if (skb->len - l2_len == p->len)
		return 0;
	if (bpf_skb_change_tail(skb, l2_len + p->len, 0))
		return -1;
	p->net = (void *)(long)skb->data + l2_len;
	return 0;
}

// RFC 1624 for IPv4. IPv6 has no header checksum, but a device's own sum over the whole packet, if
// skb carries one, covers the hop limit.
static __always_inline int pt_age(struct __sk_buff *skb, struct pt_packet *p)
{
	void *end = (void *)(long)skb->data_end;

	if (p->family == PT_AF_INET) {
		struct iphdr *ip = p->net;
		__u32 sum;

		if ((void *)(ip + 1) > end)
			return -1;
		sum = (__u32)ip->check + bpf_htons(0x0100);
		ip->check = (__sum16)(sum + (sum >= 0xffff));
		ip->ttl--;
	} else {
		struct ipv6hdr *ip = p->net;

		if ((void *)(ip + 1) > end)
			return -1;
		ip->hop_limit--;
		(void)bpf_csum_update(skb, (__u16)~bpf_htons(1));
	}
	return 0;
}

static __always_inline int pt_send_via(const struct pt_hop *hop, __u32 ifindex, __u16 family)
{
	struct bpf_redir_neigh next = {};

	if (family == PT_AF_INET) {
		next.nh_family = PT_AF_INET;
		__builtin_memcpy(&next.ipv4_nh, hop->via4, sizeof(hop->via4));
	} else {
		next.nh_family = PT_AF_INET6;
		__builtin_memcpy(next.ipv6_nh, hop->via6, sizeof(hop->via6));
	}
	return (int)bpf_redirect_neigh(ifindex, &next, sizeof(next), 0);
}

static __always_inline int pt_send(const struct pt_hop *hop, __u16 family)
{
	return hop->flags & PT_HOP_L3 ? (int)bpf_redirect(hop->ifindex, 0)
				      : pt_send_via(hop, hop->ifindex, family);
}

static __always_inline void pt_count_volume(
	const struct __sk_buff *skb, struct pt_gate *gate, __u32 len)
{
	gate->packets += skb->gso_segs > 1 ? skb->gso_segs : 1;
	gate->bytes += len;
	pt_tally(PT_STAT_STEERED);
}

static __always_inline void pt_count_tx(
	const struct __sk_buff *skb, const struct pt_packet *p, const struct pt_choice *choice)
{
	struct pt_gate *gate = pt_gate_of(choice->path);

	if (gate)
		pt_count_volume(skb, gate, p->len);
	if (gate && pt_gate_is_stale(gate))
		(void)pt_gate_look(choice->path);
	if (choice->rank == PT_RANK_DAMPED)
		pt_tally(PT_STAT_DAMPED);
	else if (choice->rank > PT_RANK_DAMPED)
		pt_tally(PT_STAT_LAST_RESORT);
	if (p->fragment)
		pt_tally(PT_STAT_FRAGMENT);
}

// What the policy wants of all its packets. The code point lies within the first 16 bits of either
// header. RFC 1624 for IPv4's checksum; a device's own sum, if skb carries one, covers IPv6's
// header (as in pt_age). A function of its own: verified once, and not for every way to get here.
__noinline int pt_dress(struct __sk_buff *skb, __u32 family, __u32 flags, __u32 dscp, __u32 class)
{
	const int v4 = family == PT_AF_INET;
	const __be16 mask = v4 ? bpf_htons(0x00fc) : bpf_htons(0x0fc0);
	struct iphdr *ip = (void *)(long)skb->data + ETH_HLEN;
	__be16 *word = (void *)ip, old, new;
	__u32 sum;

	if (flags & PT_TREAT_CLASS)
		skb->priority = class;
	if (!(flags & PT_TREAT_DSCP))
		return 0;
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return -1;
	old = *word;
	new = (old & ~mask) | (bpf_htons((__u16)(v4 ? dscp << 2 : dscp << 6)) & mask);
	*word = new;
	sum = (__u32)(__u16)~old + new;
	if (v4) {
		sum += (__u16)~ip->check;
		sum = (sum & 0xffff) + (sum >> 16);
		ip->check = (__sum16) ~((sum & 0xffff) + (sum >> 16));
	} else {
		(void)bpf_csum_update(skb, (sum & 0xffff) + (sum >> 16));
	}
	return 0;
}

static __always_inline int pt_treat(
	struct __sk_buff *skb, const struct pt_packet *p, const struct pt_treat *treat)
{
	if (!treat || !(treat->flags & (PT_TREAT_DSCP | PT_TREAT_CLASS)))
		return 0;
	return pt_dress(skb, p->family, treat->flags, treat->dscp, treat->priority);
}

// The rule for this mark leads to the path's own routing table. Others' bits stay.
static __always_inline void pt_mark(struct __sk_buff *skb, const struct pt_hop *hop)
{
	if (hop->mark)
		skb->mark = (skb->mark & ~pt_meta.mark_mask) | hop->mark;
}

// The path, or the dead one that the packet avoids, has sent no probe for too long: this packet's
// clone becomes one (bpf/clock.h). TCP and UDP only, of the probe's family, so that the clone's
// unfinished checksum, if it has one, lies where it does no harm.
static __always_inline void pt_clock_probe(
	struct __sk_buff *skb, const struct pt_packet *p, const struct pt_hop *hop, __u32 path)
{
	struct pt_clock *clock = bpf_map_lookup_elem(&pt_clock, &path);
	__u32 mark = skb->mark;
	long ret;

	if (!clock || !hop || !(hop->flags & PT_HOP_CLOCKED) || !hop->ifindex ||
		hop->family != p->family || clock->family != p->family || p->fragment ||
		(p->l4_proto != IPPROTO_TCP && p->l4_proto != IPPROTO_UDP) ||
		__sync_val_compare_and_swap(&clock->claimed, 0, 1))
		return;
	pt_live.want[path & (PT_MAX_PATH - 1)] = 0;
	skb->mark = PT_CLOCK_MARK | path;
	ret = bpf_clone_redirect(skb, hop->ifindex, 0);
	skb->mark = mark;
	// Nobody has made a probe of it: the device has gone, and the next packet is to try again.
	if (__sync_val_compare_and_swap(&clock->claimed, 1, 0) && ret < 0)
		pt_live.want[path & (PT_MAX_PATH - 1)] = 1;
}

static __always_inline void pt_clock_strikes(
	struct __sk_buff *skb, const struct pt_packet *p, const struct pt_choice *choice)
{
	__u32 path = choice->path & (PT_MAX_PATH - 1), avoided = choice->avoided, waiting;

	if (pt_live.want[path])
		pt_clock_probe(skb, p, choice->hop, path);
	else if (avoided && pt_live.want[avoided & (PT_MAX_PATH - 1)])
		pt_clock_probe(skb, p, bpf_map_lookup_elem(&pt_hop, &avoided), avoided);
	waiting = pt_live.waiting;
	if (!waiting)
		return;
	pt_live.waiting = 0; // it strikes again if this packet is none for it
	if (pt_live.want[waiting & (PT_MAX_PATH - 1)])
		pt_clock_probe(skb, p, bpf_map_lookup_elem(&pt_hop, &waiting), waiting);
}

// *act: what tc is to do with a packet that is steered.
static __always_inline enum pt_stat pt_forward(
	struct __sk_buff *skb, struct pt_packet *p, const struct pt_choice *choice, int *act)
{
	const __u32 l2_len = ETH_HLEN;
	const struct pt_hop *hop = choice->hop;
	const int by_kernel = pt_by_kernel(choice);

	if (pt_trim(skb, l2_len, p)) // first: no option is read from padding
		return PT_STAT_PASS_SHORT;
	if (pt_is_syn(skb, p))
		pt_clamp_mss(skb, l2_len, p, pt_mss_mtu(choice, p->family));
	if (pt_treat(skb, p, choice->treat))
		return PT_STAT_PASS_SHORT;
	if (by_kernel) {
		pt_mark(skb, hop);
		pt_tally(PT_STAT_MARKED);
	} else if (pt_age(skb, p)) {
		return PT_STAT_PASS_SHORT;
	}
	pt_count_tx(skb, p, choice);
	if (choice->avoided)
		pt_note_first(choice);
	pt_clock_strikes(skb, p, choice);
	if (!by_kernel)
		*act = pt_send(hop, p->family);
	return PT_STEER_ON;
}

// A layer-3 device's packets have no MAC header, and whatever sends them on wants to find one.
static __always_inline int pt_head(struct __sk_buff *skb, struct pt_course *c, struct pt_packet *p)
{
	if (bpf_skb_change_head(skb, ETH_HLEN, 0))
		return -1;
	c->l2_len = ETH_HLEN; // for the steps after this one
	p->net = (void *)(long)skb->data + ETH_HLEN;
	return 0;
}

// ---- the steps of a packet that is not plain (bpf/course.h) ----

__noinline int pt_step_read(struct __sk_buff *skb, struct pt_course *c)
{
	struct pt_packet p = {};
	enum pt_stat why;

	if (!c)
		return PT_STAT_PASS_SHORT;
	c->step = PT_TRACE_READ;
	why = pt_read(skb, c->l2_len & 15, &p);
	pt_course_put_packet(c, &p);
	return (int)why;
}

__noinline int pt_step_decide(struct __sk_buff *skb, struct pt_course *c)
{
	struct pt_choice choice = {};
	struct pt_cell at = {};
	struct pt_packet p;
	enum pt_stat why;

	if (!c || pt_course_packet(skb, c, &p))
		return PT_STAT_PASS_SHORT;
	pt_banks(&at);
	c->class = (__u8)at.class;
	c->step = PT_TRACE_SITE;
	why = pt_site_of(&p, &at);
	c->site = (__u16)at.site;
	if (why != PT_STEER_ON)
		return (int)why;
	c->step = PT_TRACE_POLICY;
	why = pt_policy_of(skb->ifindex, &p, &at);
	c->policy = (__u16)at.policy;
	if (why != PT_STEER_ON)
		return (int)why;
	c->step = PT_TRACE_PATH;
	why = pt_path_of(&at, &p, &choice);
	pt_course_put_choice(c, &choice);
	return (int)why;
}

// For what entered by a path, at a hub.
__noinline int pt_step_decide_onward(struct __sk_buff *skb, struct pt_course *c)
{
	struct pt_choice choice = {};
	struct pt_origin from = {};
	struct pt_cell at = {};
	struct pt_packet p;
	enum pt_stat why;

	if (!c || pt_course_packet(skb, c, &p))
		return PT_STAT_PASS_SHORT;
	pt_banks(&at);
	c->class = (__u8)at.class;
	why = pt_site_of(&p, &at);
	if (why == PT_STEER_ON)
		why = pt_policy_of(skb->ifindex, &p, &at);
	if (why == PT_STEER_ON)
		why = pt_path_onward(skb, &at, &p, &from, &choice);
	c->policy = (__u16)at.policy;
	c->from_site = (__u16)from.site;
	c->from_neighbour = (__u16)from.neighbour;
	pt_course_put_choice(c, &choice);
	return (int)why;
}

// Only for groups whose flows keep to their path.
__noinline int pt_step_recall(struct __sk_buff *skb, struct pt_course *c)
{
	struct pt_origin from = { .ifindex = skb->ifindex };
	struct pt_choice choice;
	struct pt_packet p;

	if (!c || pt_course_packet(skb, c, &p) || pt_course_choice(c, &choice))
		return 0;
	from.site = c->from_site;
	from.neighbour = c->from_neighbour;
	pt_flow_recall(&p, c->onward ? &from : 0, &choice);
	pt_course_put_choice(c, &choice);
	return 0;
}

// What tc is to do; *c tells by `handed` why the kernel gets the packet.
__noinline int pt_step_send(struct __sk_buff *skb, struct pt_course *c)
{
	struct pt_choice choice;
	struct pt_packet p;
	int act = TC_ACT_UNSPEC;

	if (!c)
		return act;
	if (pt_course_packet(skb, c, &p) || pt_course_choice(c, &choice)) {
		c->handed = PT_STAT_PASS_SHORT;
		return act;
	}
	if (!c->handed && !pt_fits(skb, &p, choice.hop->mtu))
		c->handed = PT_STAT_PASS_MTU;
	if (c->handed) {
		pt_mark(skb, choice.hop);
		return act;
	}
	if (!c->l2_len && pt_head(skb, c, &p))
		c->handed = PT_STAT_PASS_SHORT;
	else if (pt_forward(skb, &p, &choice, &act) != PT_STEER_ON)
		c->handed = PT_STAT_PASS_SHORT;
	return act;
}

__noinline int pt_step_follow(struct __sk_buff *skb, const struct pt_course *c)
{
	struct pt_packet p;

	if (!c || pt_course_packet(skb, c, &p))
		return 0;
	pt_passive_out(&p, p.net, (void *)(long)skb->data_end, c->path, c->policy, skb->gso_segs,
		skb->gso_size);
	return 0;
}

// ---- all of them ----

static __always_inline __u64 pt_trace_key(const struct __sk_buff *skb)
{
	return (__u64)skb->cb[1] << 32 | skb->cb[0];
}

// A packet that never was: the same steps, but it is counted nowhere and goes nowhere.
static __always_inline int pt_trace_packet(
	const struct __sk_buff *skb, const struct pt_course *c, int why)
{
	struct pt_trace *trace = pt_only(&pt_trace);

	if (!trace)
		return TC_ACT_UNSPEC;
	trace->step = why == PT_STEER_ON ? PT_TRACE_DONE : c->step;
	trace->stat = why == PT_STEER_ON && c->handed ? c->handed : why;
	trace->site = c->site;
	trace->policy = c->policy;
	trace->path = c->path;
	trace->rank = c->rank;
	trace->avoided = c->avoided;
	trace->key = pt_trace_key(skb);
	return TC_ACT_UNSPEC;
}

static __always_inline int pt_steer_on(struct __sk_buff *skb, struct pt_course *c)
{
	int act;

	if (c->flags & PT_GROUP_FLOWS)
		(void)pt_step_recall(skb, c);
	act = pt_step_send(skb, c);
	if (c->handed)
		pt_tally(c->handed);
	else if (pt_passive_below && c->l4_proto == IPPROTO_TCP)
		(void)pt_step_follow(skb, c);
	return act;
}

static __always_inline int pt_not_steered(int why)
{
	pt_tally((enum pt_stat)why);
	return why == PT_STAT_DROPPED || why == PT_STAT_DROPPED_BACK ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

static __always_inline int pt_steer_in(struct __sk_buff *skb)
{
	struct pt_course c = { .l2_len = ETH_HLEN };
	int why;

	why = pt_step_read(skb, &c);
	if (why == PT_STEER_ON)
		why = pt_step_decide(skb, &c);
	if (pt_meta.trace_key && pt_trace_key(skb) == pt_meta.trace_key)
		return pt_trace_packet(skb, &c, why);
	return why == PT_STEER_ON ? pt_steer_on(skb, &c) : pt_not_steered(why);
}

static __always_inline int pt_steer_onward(struct __sk_buff *skb, const __u8 l2_len)
{
	struct pt_course c = { .l2_len = l2_len, .onward = 1 };
	int why = pt_step_read(skb, &c);

	if (why == PT_STEER_ON)
		why = pt_step_decide_onward(skb, &c);
	return why == PT_STEER_ON ? pt_steer_on(skb, &c) : pt_not_steered(why);
}

// By way of the kernel's neighbour entry, which so stays in use; and asks what to write next time.
__noinline int pt_send_slowly(struct __sk_buff *skb, __u32 path, __u32 family)
{
	const struct pt_hop *hop = bpf_map_lookup_elem(&pt_hop, &path);
	const struct pt_gate *gate = pt_gate_of(path);

	if (!hop || !gate)
		return TC_ACT_SHOT;
	if (!pt_gate_is_fresh(gate, family != PT_AF_INET))
		pt_gate_ask(skb, path, family);
	// The device that the packet was let out by: the hop may lose its own at any moment.
	return pt_send_via(hop, gate->ifindex, (__u16)family);
}

// Without padding, so that no byte moves.
static __always_inline int pt_steer_plain(
	struct __sk_buff *skb, const __u16 family, const struct pt_plain *plain)
{
	struct pt_packet p = { .family = family, .net = (void *)(long)skb->data + ETH_HLEN };
	struct ethhdr *frame = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	const int six = family != PT_AF_INET;
	struct pt_gate *gate = plain->gate;

	if (pt_age(skb, &p))
		return TC_ACT_UNSPEC;
	pt_count_volume(skb, plain->gate, plain->len);
	if (!pt_gate_is_fresh(gate, six) || !pt_gate_has_mac(gate, six) ||
		(void *)(frame + 1) > end)
		return pt_send_slowly(skb, plain->path, family);
	pt_gate_address(gate, six, (void *)frame);
	return (int)bpf_redirect(gate->ifindex, 0);
}

static __always_inline int pt_is_plain_at(
	const struct __sk_buff *skb, const __u16 family, struct pt_plain *plain)
{
	return pt_is_plain(family, (void *)(long)skb->data + ETH_HLEN, (void *)(long)skb->data_end,
		       skb->ifindex, plain) &&
		plain->len + ETH_HLEN == skb->len;
}

static __always_inline int pt_steer_short(struct __sk_buff *skb, const __u16 family)
{
	struct pt_plain plain;

	return pt_is_plain_at(skb, family, &plain) ? pt_steer_plain(skb, family, &plain)
						   : PT_NOT_PLAIN;
}

// A function of its own: a program has 512 bytes of stack.
__noinline int pt_steer_v6(struct __sk_buff *skb)
{
	return pt_steer_short(skb, PT_AF_INET6);
}

SEC("tc")
int pt_steer(struct __sk_buff *skb)
{
	int act = PT_NOT_PLAIN;

	if (skb->pkt_type == PACKET_HOST && !skb->vlan_present && !pt_meta.trace_key) {
		if (skb->protocol == bpf_htons(ETH_P_IP))
			act = pt_steer_short(skb, PT_AF_INET);
		else if (skb->protocol == bpf_htons(ETH_P_IPV6))
			act = pt_steer_v6(skb);
	}
	return act == PT_NOT_PLAIN ? pt_steer_in(skb) : act;
}

// Ingress of path devices at a hub, after the watchdog's.
SEC("tc")
int pt_onward(struct __sk_buff *skb)
{
	return pt_steer_onward(skb, ETH_HLEN);
}

SEC("tc")
int pt_onward_l3(struct __sk_buff *skb)
{
	return pt_steer_onward(skb, 0);
}
