// SPDX-License-Identifier: MIT
// XDP of LAN devices: the same decision as tc's, before there is an skb. It takes the plain packets
// alone; whatever else there is passes on to the tc program behind it, which also counts why: what
// the kernel must answer, the first packet of a TCP connection (its MSS may need a clamp, and it
// keeps the neighbour entries in use), marks, flows that are remembered, devices without a link
// layer, groups that drop, packets that are to clock a probe.
#include <linux/bpf.h>

#include "bpf/passive.h"
#include "bpf/plain.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define PT_FRAME_MIN  60     // of Ethernet: padding up to here belongs to the next link, too
#define PT_ETH_P_IP   0x0008 // as it stands in the frame
#define PT_ETH_P_IPV6 0xdd86

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PT_XDP_LANS);
	__type(key, __u32);
	__type(value, struct pt_xdp_lan);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} pt_xdp_lan SEC(".maps");

// Devices that take redirected frames, by PT_XDP_SLOT. Pinned, too, but by the loader: the kernel
// adds a flag of its own to such maps, by which libbpf takes a pinned one for another.
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, PT_XDP_LANS);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} pt_xdp_port SEC(".maps");

// Addressed to the device that it came by, which is one of ours.
static __always_inline int pt_is_for_us(
	const struct xdp_md *xdp, const struct ethhdr *eth, __u32 ifindex)
{
	__u32 slot = PT_XDP_SLOT(ifindex);
	const struct pt_xdp_lan *lan = bpf_map_lookup_elem(&pt_xdp_lan, &slot);
	const __u16 *to = (const void *)eth, *own;

	if (!lan || (void *)(eth + 1) > (void *)(long)xdp->data_end || lan->ifindex != ifindex)
		return 0;
	own = (const void *)lan->mac;
	return to[0] == own[0] && to[1] == own[1] && to[2] == own[2];
}

static __always_inline enum pt_stat pt_read(struct xdp_md *xdp, struct pt_packet *p)
{
	void *end = (void *)(long)xdp->data_end;
	struct ethhdr *eth = (void *)(long)xdp->data;

	if ((void *)(eth + 1) > end)
		return PT_STAT_PASS_SHORT;
	p->net = eth + 1;
	if (eth->h_proto == PT_ETH_P_IP) {
		if (pt_parse_v4(p, end) != PT_PARSE_OK)
			return PT_STAT_PASS_OPTION;
	} else if (eth->h_proto != PT_ETH_P_IPV6 || pt_parse_v6(p, end) != PT_PARSE_OK) {
		return PT_STAT_PASS_NOT_IP;
	}
	if (p->ttl <= 1 || !pt_sound_in(end, (__u32)(end - p->net), 0, p))
		return PT_STAT_PASS_TTL;
	if (p->family == PT_AF_INET ? pt_scope_v4(p->net) : pt_scope_v6(p->net))
		return PT_STAT_PASS_SCOPE;
	return PT_STEER_ON;
}

static __always_inline int pt_opens(const struct xdp_md *xdp, const struct pt_packet *p)
{
	const struct tcphdr *tcp = p->net + p->l4_offset;

	return p->has_port && p->l4_proto == IPPROTO_TCP &&
		((void *)(tcp + 1) > (void *)(long)xdp->data_end || tcp->syn);
}

// A probe is to be made of the packet, which takes a clone.
static __always_inline int pt_is_wanted(const struct pt_choice *choice)
{
	return pt_live.waiting || pt_live.want[choice->path & (PT_MAX_PATH - 1)] ||
		(choice->avoided && pt_live.want[choice->avoided & (PT_MAX_PATH - 1)]);
}

// A function of its own: rare, and checked once.
__noinline int pt_ask(struct xdp_md *xdp, __u32 path, __u32 family)
{
	struct pt_gate *gate = pt_gate_of(path);
	const struct bpf_devmap_val *port;
	__u32 slot;

	if (!gate)
		return 0;
	if (!pt_gate_is_fresh(gate, family != PT_AF_INET))
		pt_gate_ask(xdp, path, family);
	slot = PT_XDP_SLOT(gate->ifindex);
	port = bpf_map_lookup_elem(&pt_xdp_port, &slot);
	gate->port = port && port->ifindex == gate->ifindex ? slot | PT_GATE_PORT : PT_GATE_SHUT;
	return 0;
}

// Knows where the packet goes.
static __always_inline int pt_is_known(
	struct xdp_md *xdp, struct pt_gate *gate, __u32 path, const __u16 family)
{
	const int six = family != PT_AF_INET;

	if (!gate->port || !pt_gate_is_fresh(gate, six))
		(void)pt_ask(xdp, path, family);
	return gate->port & PT_GATE_PORT && pt_gate_has_mac(gate, six);
}

static __always_inline void pt_count_volume(struct pt_gate *gate, __u32 len)
{
	gate->packets++;
	gate->bytes += len;
	pt_tally(PT_STAT_XDP);
}

static __always_inline void pt_count_tx(
	struct pt_gate *gate, const struct pt_packet *p, const struct pt_choice *choice)
{
	pt_count_volume(gate, p->len);
	if (choice->rank == PT_RANK_DAMPED)
		pt_tally(PT_STAT_DAMPED);
	else if (choice->rank > PT_RANK_DAMPED)
		pt_tally(PT_STAT_LAST_RESORT);
	if (p->fragment)
		pt_tally(PT_STAT_FRAGMENT);
	if (choice->avoided)
		pt_note_first(choice);
}

// RFC 1624.
static __always_inline int pt_age(struct ethhdr *eth, void *end, __u16 family)
{
	struct ipv6hdr *six = (void *)(eth + 1);
	struct iphdr *ip = (void *)(eth + 1);
	__u32 sum;

	if (family == PT_AF_INET) {
		if ((void *)(ip + 1) > end)
			return -1;
		sum = (__u32)ip->check + bpf_htons(0x0100);
		ip->check = (__sum16)(sum + (sum >= 0xffff));
		ip->ttl--;
	} else {
		if ((void *)(six + 1) > end)
			return -1;
		six->hop_limit--;
	}
	return 0;
}

// To the next hop, once there is nothing else behind the packet. Nothing is written before it is
// sure that the packet goes.
static __always_inline int pt_send(
	struct xdp_md *xdp, const struct pt_gate *gate, const __u16 family)
{
	int act = (int)bpf_redirect_map(&pt_xdp_port, PT_XDP_SLOT(gate->port), XDP_PASS);
	void *end = (void *)(long)xdp->data_end;
	struct ethhdr *eth = (void *)(long)xdp->data;

	if (act != XDP_REDIRECT)
		return act;
	if ((void *)(eth + 1) > end || pt_age(eth, end, family))
		return XDP_PASS;
	pt_gate_address(gate, family != PT_AF_INET, (void *)eth);
	return act;
}

static __always_inline int pt_forward(
	struct xdp_md *xdp, const struct pt_packet *p, const struct pt_choice *choice)
{
	const __u32 plain = PT_HOP_USED | PT_HOP_VIA4 | PT_HOP_VIA6 | PT_HOP_CLOCKED |
		PT_HOP_INDIRECT | PT_HOP_GUARD | PT_HOP_ETHER;
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	__s64 frame = end - data, want = ETH_HLEN + (__s64)p->len;
	const struct pt_hop *hop = choice->hop;
	struct pt_gate *gate;
	int act;

	// Flows that keep to a path: the tc program remembers.
	if (hop->flags & ~plain || pt_by_kernel(choice) || choice->flags & PT_GROUP_FLOWS ||
		p->len > hop->mtu || pt_opens(xdp, p) || pt_is_wanted(choice))
		return XDP_PASS;
	if (choice->treat && choice->treat->flags & (PT_TREAT_DSCP | PT_TREAT_CLASS))
		return XDP_PASS; // the program behind this one sees to it
	gate = pt_gate_of(choice->path);
	if (!gate)
		return XDP_PASS;
	if (pt_gate_is_stale(gate))
		(void)pt_gate_look(choice->path);
	if (p->family == PT_AF_INET ? !pt_is_known(xdp, gate, choice->path, PT_AF_INET)
				    : !pt_is_known(xdp, gate, choice->path, PT_AF_INET6))
		return XDP_PASS;
	if (want < PT_FRAME_MIN)
		want = PT_FRAME_MIN;
	if (frame > want && bpf_xdp_adjust_tail(xdp, (int)(want - frame)))
		return XDP_PASS;
	act = p->family == PT_AF_INET ? pt_send(xdp, gate, PT_AF_INET)
				      : pt_send(xdp, gate, PT_AF_INET6);
	if (act != XDP_REDIRECT)
		return act;
	pt_count_tx(gate, p, choice);
	pt_passive_out(p, (void *)(long)xdp->data + ETH_HLEN, (void *)(long)xdp->data_end,
		choice->path, choice->policy, 1, 0);
	return act;
}

// The complete program.
__noinline int pt_xdp_any(struct xdp_md *xdp)
{
	__u32 ifindex = xdp->ingress_ifindex;
	struct pt_packet packet = {};
	struct pt_choice choice = {};
	struct pt_cell at = {};

	pt_banks(&at);
	if (pt_read(xdp, &packet) != PT_STEER_ON || pt_site_of(&packet, &at) != PT_STEER_ON ||
		pt_policy_of(ifindex, &packet, &at) != PT_STEER_ON ||
		pt_path_of(&at, &packet, &choice) != PT_STEER_ON)
		return XDP_PASS;
	return pt_forward(xdp, &packet, &choice);
}

static __always_inline int pt_xdp_plain(struct xdp_md *xdp, const __u16 family)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	__s64 frame = end - data, want;
	struct pt_plain plain;
	int act;

	if (!pt_is_plain(family, data + ETH_HLEN, end, xdp->ingress_ifindex, &plain))
		return PT_NOT_PLAIN;
	want = ETH_HLEN + (__s64)plain.len;
	if (want > frame || (want < frame && frame > PT_FRAME_MIN))
		return PT_NOT_PLAIN;
	if (!pt_is_known(xdp, plain.gate, plain.path, family))
		return XDP_PASS;
	act = pt_send(xdp, plain.gate, family);
	if (act == XDP_REDIRECT)
		pt_count_volume(plain.gate, plain.len);
	return act;
}

// Functions of their own, and not one within the other: a program has 512 bytes of stack.
__noinline int pt_xdp_v4(struct xdp_md *xdp)
{
	return pt_xdp_plain(xdp, PT_AF_INET);
}

__noinline int pt_xdp_v6(struct xdp_md *xdp)
{
	return pt_xdp_plain(xdp, PT_AF_INET6);
}

SEC("xdp")
int pt_xdp(struct xdp_md *xdp)
{
	const struct ethhdr *eth = (void *)(long)xdp->data;
	int act = PT_NOT_PLAIN;

	if (!pt_is_for_us(xdp, eth, xdp->ingress_ifindex))
		return XDP_PASS;
	if ((void *)(eth + 1) > (void *)(long)xdp->data_end)
		return XDP_PASS; // the verifier forgets what it saw there
	if (eth->h_proto == PT_ETH_P_IP)
		act = pt_xdp_v4(xdp);
	else if (eth->h_proto == PT_ETH_P_IPV6)
		act = pt_xdp_v6(xdp);
	return act == PT_NOT_PLAIN ? pt_xdp_any(xdp) : act;
}
