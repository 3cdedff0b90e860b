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

#define PT_FIB_DIRECT 1      // no policy rules: the main table knows our own links
#define PT_FIB_OUTPUT 2      // by this device
#define PT_FRESH      250    // jiffies: a quarter of a second to two and a half
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

// Devices that take redirected frames. Pinned, too, but by the loader: the kernel adds a flag of
// its own to such maps, by which libbpf takes a pinned one for another.
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} pt_xdp_port SEC(".maps");

// The MACs of a path, one entry a family. Each CPU asks for itself: nobody sees half an address.
struct pt_mac {
	__u64 until; // jiffies
	__u64 via[2];
	__u32 ifindex; // 0: the kernel did not know
	__u32 mac[3];  // destination and source
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct pt_mac);
} pt_mac SEC(".maps");

// Addressed to the device that it came by, which is one of ours.
static __always_inline int pt_is_for_us(
	const struct xdp_md *xdp, const struct ethhdr *eth, __u32 ifindex)
{
	__u32 slot = ifindex & (PT_XDP_LANS - 1);
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

static __always_inline void pt_via(const struct pt_hop *hop, __u16 family, __u64 via[2])
{
	const __u64 *six = (const void *)hop->via6;

	via[0] = family == PT_AF_INET ? *(const __u32 *)hop->via4 : six[0];
	via[1] = family == PT_AF_INET ? 0 : six[1];
}

// A function of its own: rare, and checked once.
__attribute__((noinline)) int pt_ask(struct xdp_md *xdp, __u32 key, __u32 path, __u32 family)
{
	struct pt_mac *mac = bpf_map_lookup_elem(&pt_mac, &key);
	const struct pt_hop *hop = bpf_map_lookup_elem(&pt_hop, &path);
	struct bpf_fib_lookup fib = {};

	if (!mac || !hop)
		return -1;
	pt_via(hop, (__u16)family, mac->via);
	mac->until = 0; // ask again, until there is an answer
	mac->ifindex = 0;
	fib.family = (__u8)family;
	fib.ifindex = hop->ifindex;
	if (family == PT_AF_INET)
		fib.ipv4_dst = (__u32)mac->via[0];
	else
		__builtin_memcpy(fib.ipv6_dst, mac->via, sizeof(fib.ipv6_dst));
	if (bpf_fib_lookup(xdp, &fib, sizeof(fib), PT_FIB_DIRECT | PT_FIB_OUTPUT))
		return 0;
	if (fib.ifindex != hop->ifindex)
		return 0;
	__builtin_memcpy(mac->mac, fib.dmac, 6);
	__builtin_memcpy((__u8 *)mac->mac + 6, fib.smac, 6);
	if (!(mac->mac[0] | (mac->mac[1] & 0xffff))) // older kernels show unfinished entries
		return 0;
	mac->ifindex = hop->ifindex;
	mac->until = bpf_jiffies64() + PT_FRESH;
	return 0;
}

static __always_inline const struct pt_mac *pt_mac_of(
	struct xdp_md *xdp, __u32 path, const struct pt_hop *hop, __u16 family)
{
	__u32 key = 2 * path + (family != PT_AF_INET);
	const struct pt_mac *mac = bpf_map_lookup_elem(&pt_mac, &key);
	__u64 via[2];

	if (!mac)
		return mac;
	pt_via(hop, family, via);
	if (mac->until < bpf_jiffies64() || mac->via[0] != via[0] || mac->via[1] != via[1] ||
		(mac->ifindex && mac->ifindex != hop->ifindex))
		(void)pt_ask(xdp, key, path, family);
	return mac;
}

static __always_inline void pt_count_volume(__u32 path, __u32 len)
{
	struct pt_volume *volume = pt_volume_of(PT_TX, path);

	if (volume) {
		pt_note_epoch(path, volume);
		volume->packets++;
		volume->bytes += len;
	}
	pt_tally(PT_STAT_XDP);
}

static __always_inline void pt_count_tx(const struct pt_packet *p, const struct pt_choice *choice)
{
	pt_count_volume(choice->path, p->len);
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
static __always_inline int pt_send(struct xdp_md *xdp, const struct pt_mac *mac, __u16 family)
{
	int act = (int)bpf_redirect_map(&pt_xdp_port, mac->ifindex, XDP_PASS);
	void *end = (void *)(long)xdp->data_end;
	__u32 *macs = (void *)(long)xdp->data;
	struct ethhdr *eth = (void *)macs;

	if (act != XDP_REDIRECT)
		return act;
	if ((void *)(eth + 1) > end || pt_age(eth, end, family))
		return XDP_PASS;
	macs[0] = mac->mac[0];
	macs[1] = mac->mac[1];
	macs[2] = mac->mac[2];
	return act;
}

static __always_inline int pt_forward(
	struct xdp_md *xdp, const struct pt_packet *p, const struct pt_choice *choice)
{
	const __u32 plain = PT_HOP_USED | PT_HOP_VIA4 | PT_HOP_VIA6 | PT_HOP_CLOCKED |
		PT_HOP_INDIRECT | PT_HOP_GUARD;
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	__s64 frame = end - data, want = ETH_HLEN + (__s64)p->len;
	const struct pt_hop *hop = choice->hop;
	const struct pt_mac *mac;
	int act;

	// Flows that keep to a path: the tc program remembers.
	if (hop->flags & ~plain || pt_by_kernel(choice) || choice->flags & PT_GROUP_FLOWS ||
		p->len > hop->mtu || pt_opens(xdp, p) || pt_is_wanted(choice))
		return XDP_PASS;
	if (choice->treat && choice->treat->flags & (PT_TREAT_DSCP | PT_TREAT_CLASS))
		return XDP_PASS; // the program behind this one sees to it
	mac = pt_mac_of(xdp, choice->path, hop, p->family);
	if (!mac || !mac->ifindex)
		return XDP_PASS;
	if (want < PT_FRAME_MIN)
		want = PT_FRAME_MIN;
	if (frame > want && bpf_xdp_adjust_tail(xdp, (int)(want - frame)))
		return XDP_PASS;
	act = pt_send(xdp, mac, p->family);
	if (act != XDP_REDIRECT)
		return act;
	pt_count_tx(p, choice);
	pt_passive_out(p, (void *)(long)xdp->data + ETH_HLEN, (void *)(long)xdp->data_end,
		choice->path, choice->policy, 1, 0);
	return act;
}

static __always_inline int pt_xdp_any(struct xdp_md *xdp)
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

// -1: it is not plain after all.
static __always_inline int pt_xdp_plain(struct xdp_md *xdp, const __u16 family)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	__s64 frame = end - data, want;
	const struct pt_mac *mac;
	struct pt_plain plain;
	int act;

	if (!pt_is_plain(family, data + ETH_HLEN, end, xdp->ingress_ifindex, &plain))
		return -1;
	want = ETH_HLEN + (__s64)plain.len;
	if (want > frame || (want < frame && frame > PT_FRAME_MIN))
		return -1;
	mac = pt_mac_of(xdp, plain.path, plain.hop, family);
	if (!mac || !mac->ifindex)
		return XDP_PASS;
	act = pt_send(xdp, mac, family);
	if (act == XDP_REDIRECT)
		pt_count_volume(plain.path, plain.len);
	return act;
}

SEC("xdp")
int pt_xdp(struct xdp_md *xdp)
{
	const struct ethhdr *eth = (void *)(long)xdp->data;
	int act = -1;

	if (!pt_is_for_us(xdp, eth, xdp->ingress_ifindex))
		return XDP_PASS;
	if ((void *)(eth + 1) > (void *)(long)xdp->data_end)
		return XDP_PASS; // the verifier forgets what it saw there
	if (eth->h_proto == PT_ETH_P_IP)
		act = pt_xdp_plain(xdp, PT_AF_INET);
	else if (eth->h_proto == PT_ETH_P_IPV6)
		act = pt_xdp_plain(xdp, PT_AF_INET6);
	return act < 0 ? pt_xdp_any(xdp) : act;
}
