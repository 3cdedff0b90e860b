// SPDX-License-Identifier: MIT
// tc egress and ingress of path devices: the watchdog. Egress records each probe that leaves,
// ingress accepts only replies that echo one of them, and a timer judges: a path is down when
// `threshold` probes sent after the newest answered one are overdue. No probes sent, no verdict.
// No user's packet is ever rewritten or dropped here; replies to our own probes may end here.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "bpf/maps.h"
#include "bpf/parse.h"
#include "bpf/passive.h"
#include "bpf/watchdog.h"
#include "bpf/clock.h"
#include "bpf/bfd.h"
#include "bpf/reply.h"

#define PT_VLAN_ID 0xfff // of the tag

char LICENSE[] SEC("license") = "Dual MIT/GPL";

static __always_inline int pt_port_watched(__u16 port)
{
	const struct pt_port *ports = pt_only(&pt_port);
	__u64 index = pt_index(port, 0xffff);

	return ports && ports->bits[index >> 3] & 1 << (index & 7);
}

static __always_inline int pt_is_target(const struct pt_hop *hop, const struct pt_packet *p,
	const void *v4_addr, const void *v6_addr)
{
	const __u32 *want = (const void *)hop->target;
	const __u32 *got = p->family == PT_AF_INET ? v4_addr : v6_addr;

	if (hop->family != p->family || want[0] != got[0])
		return 0;
	return p->family == PT_AF_INET ||
		(want[1] == got[1] && want[2] == got[2] && want[3] == got[3]);
}

// The path of a probe session on this device; 0 where there is none.
static __always_inline __u32 pt_session_of(
	const struct __sk_buff *skb, const struct pt_packet *p, __be16 ssid)
{
	struct pt_session_key key = {
		.ifindex = skb->ifindex,
		.family = p->family,
		.ssid = bpf_ntohs(ssid),
	};
	const __u32 *path = bpf_map_lookup_elem(&pt_session, &key);

	return path ? *path : 0;
}

// Of a VLAN device above this one, where it passes, too, and which may be another path's. What has
// a priority alone (VLAN 0) is this device's own.
static __always_inline int pt_is_tagged(const struct __sk_buff *skb)
{
	return skb->vlan_present && skb->vlan_tci & PT_VLAN_ID;
}

static __always_inline int pt_watch_own(struct __sk_buff *skb, const __u32 l2_len)
{
	struct pt_stamp_request probe;
	struct pt_packet p = {};
	struct pt_leaving leaving = {};
	struct pt_slot s;
	__u64 delay;

	if (pt_is_tagged(skb) || pt_parse(skb, l2_len, &p) != PT_PARSE_OK ||
		p.l4_proto != IPPROTO_UDP || !p.has_port || !pt_port_watched(p.dport))
		return TC_ACT_UNSPEC;
	if (pt_is_bfd_port(p.dport)) {
		pt_bfd_out(skb, l2_len, &p);
		return TC_ACT_UNSPEC;
	}
	if (bpf_skb_load_bytes(
		    skb, l2_len + p.l4_offset + sizeof(struct udphdr), &probe, sizeof(probe)))
		return TC_ACT_UNSPEC;
	s.path = pt_session_of(skb, &p, probe.ssid);
	if (!s.path || pt_slot_of(s.path, &s) || s.hop->port != p.dport || p.sport == p.dport ||
		!pt_is_target(s.hop, &p, &((struct iphdr *)p.net)->daddr,
			&((struct ipv6hdr *)p.net)->daddr))
		return TC_ACT_UNSPEC;
	leaving.seq = bpf_ntohl(probe.seq);
	leaving.now = bpf_ktime_get_ns();
	bpf_spin_lock(&s.watch->lock);
	delay = pt_record(&s, &leaving);
	pt_expect(s.watch, pt_stamp_raw(probe.sent));
	bpf_spin_unlock(&s.watch->lock);
	pt_left(&s, &leaving, delay);
	pt_clock_learn(&s, &p);
	pt_clock_wind(&s, PT_CLOCK_PATIENCE(s.hop->interval_ns));
	pt_tally(PT_STAT_PROBE_SENT);
	if (leaving.epoch)
		pt_tally(PT_STAT_PROBE_EPOCH);
	return TC_ACT_UNSPEC;
}

static __always_inline void pt_count_rx(const struct __sk_buff *skb, const __u32 l2_len)
{
	__u32 ifindex = skb->ifindex;
	const __u32 *path = bpf_map_lookup_elem(&pt_rx, &ifindex);
	struct pt_volume *volume;
	__u32 key;

	if (!path)
		return;
	key = PT_CPU_KEY(pt_meta.path_cap, bpf_get_smp_processor_id(), *path);
	volume = bpf_map_lookup_elem(&pt_traffic, &key);
	if (!volume)
		return;
	volume->packets += skb->gso_segs > 1 ? skb->gso_segs : 1;
	volume->bytes += skb->len - l2_len;
}

static __always_inline enum pt_stat pt_reply(
	struct __sk_buff *skb, const struct pt_packet *p, struct pt_got *got)
{
	const struct pt_stamp_reply *reply = &got->stamped.reply;
	struct pt_answer answer = {};
	enum pt_stat outcome;
	struct pt_trip *trip;
	struct pt_slot s;

	if (bpf_skb_load_bytes(skb, got->offset, &got->stamped, sizeof(got->stamped)))
		return PT_STAT_REPLY_SHORT;
	s.path = pt_session_of(skb, p, reply->ssid);
	if (!s.path || pt_slot_of(s.path, &s) || s.hop->port != p->sport)
		return PT_STAT_REPLY_SESSION;
	if (!pt_is_target(
		    s.hop, p, &((struct iphdr *)p->net)->saddr, &((struct ipv6hdr *)p->net)->saddr))
		return PT_STAT_REPLY_SOURCE;
	got->path = s.path;
	trip = bpf_map_lookup_elem(&pt_trip, &got->path);
	got->now = bpf_ktime_get_ns();
	answer.own = p->dport == PT_CLOCK_PORT;
	answer.now = got->now;
	bpf_spin_lock(&s.watch->lock);
	outcome = pt_answer(&s, reply, &answer);
	if (outcome == PT_STAT_REPLY_OK && trip)
		pt_time(trip, answer.rtt_ns);
	bpf_spin_unlock(&s.watch->lock);
	if (answer.news)
		pt_announce(&answer.verdict);
	return outcome;
}

static __always_inline int pt_watch_in(struct __sk_buff *skb, const __u32 l2_len)
{
	struct pt_packet p = {};
	struct pt_got got = {};
	enum pt_parse parsed;
	enum pt_stat outcome;
	int probe;

	if (pt_is_tagged(skb))
		return TC_ACT_UNSPEC;
	parsed = pt_parse_pull(skb, l2_len, &p);
	probe = parsed == PT_PARSE_OK && p.l4_proto == IPPROTO_UDP && p.has_port &&
		p.sport != p.dport;
	if (probe && pt_port_watched(p.sport)) {
		got.offset = l2_len + p.l4_offset;
		outcome = pt_reply(skb, &p, &got);
		pt_tally(outcome);
		// Nobody waits at that port, and the kernel shall not say so to the far end.
		if (p.dport == PT_CLOCK_PORT && outcome != PT_STAT_REPLY_SESSION)
			return TC_ACT_SHOT;
		if (outcome == PT_STAT_REPLY_OK && pt_consume(skb, &p, &got))
			return TC_ACT_SHOT;
	} else if (probe && pt_port_watched(p.dport)) {
		if (pt_is_bfd_port(p.dport))
			pt_bfd_in(skb, l2_len, &p);
		else if (p.sport == PT_CLOCK_PORT)
			return pt_reflect(skb, l2_len, &p);
	} else if (parsed != PT_PARSE_NOT_IP) {
		pt_count_rx(skb, l2_len); // of users; the far end's probes are as little as ours
		if (parsed == PT_PARSE_OK)
			pt_passive_in(skb, &p);
	}
	return TC_ACT_UNSPEC;
}

// Users' packets came by a device, and are through after two looks. What there is to do with others
// are functions of their own, so that these save no registers.
static __always_inline int pt_is_clone(const struct __sk_buff *skb)
{
	return (skb->mark & PT_CLOCK_MASK) == PT_CLOCK_MARK;
}

__noinline int pt_clone_away(struct __sk_buff *skb)
{
	return pt_clone_out(skb, ETH_HLEN);
}

__noinline int pt_own_away(struct __sk_buff *skb)
{
	return pt_watch_own(skb, ETH_HLEN);
}

SEC("tc")
int pt_out(struct __sk_buff *skb)
{
	if (pt_is_clone(skb))
		return pt_clone_away(skb);
	return skb->ingress_ifindex ? TC_ACT_UNSPEC : pt_own_away(skb);
}

SEC("tc")
int pt_in(struct __sk_buff *skb)
{
	return pt_watch_in(skb, ETH_HLEN);
}

// The same for devices without a link layer (tun, WireGuard): packets begin with the IP header.
__noinline int pt_clone_away_l3(struct __sk_buff *skb)
{
	return pt_clone_out(skb, 0);
}

__noinline int pt_own_away_l3(struct __sk_buff *skb)
{
	return pt_watch_own(skb, 0);
}

SEC("tc")
int pt_out_l3(struct __sk_buff *skb)
{
	if (pt_is_clone(skb))
		return pt_clone_away_l3(skb);
	return skb->ingress_ifindex ? TC_ACT_UNSPEC : pt_own_away_l3(skb);
}

SEC("tc")
int pt_in_l3(struct __sk_buff *skb)
{
	return pt_watch_in(skb, 0);
}
