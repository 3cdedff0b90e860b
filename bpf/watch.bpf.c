// SPDX-License-Identifier: MIT
// tc egress and ingress of path devices: the watchdog. Egress records each probe that leaves,
// ingress accepts only replies that echo one of them, and a timer judges: a path is down when
// `threshold` probes sent after the newest answered one are overdue. No probes sent, no verdict.
// Nothing is ever rewritten, and nothing here can drop a packet.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "bpf/maps.h"
#include "bpf/parse.h"
#include "lib/wire/stamp_layout.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// Rises with every load. A running bpf_timer keeps the callback of the program that set it, so the
// slot remembers whose it is.
const volatile __u32 pt_generation = 1;

#define PT_CLOCK_MONOTONIC 1
#define PT_SLOT(seq)       ((seq) & (PT_RING - 1))

// A path's slot with all that has to be looked up before its lock is taken.
struct pt_slot {
	struct pt_watch *watch;
	const struct pt_hop *hop;
	struct pt_live *live;
	__u32 path;
};

struct pt_verdict {
	enum pt_event_kind kind;
	__u32 path;
	__u64 detected_ns, last_reply_ns, srtt_ns, rttvar_ns;
	__u32 newest, answered;
};

// Timestamps are only compared with their echoes, never interpreted.
static __always_inline __u64 pt_stamp_raw(struct pt_stamp_time t)
{
	return (__u64)t.seconds << 32 | t.fraction;
}

static __always_inline int pt_slot_of(__u32 path, struct pt_slot *out)
{
	out->path = path & (PT_MAX_PATH - 1);
	out->watch = bpf_map_lookup_elem(&pt_watch, &out->path);
	out->hop = bpf_map_lookup_elem(&pt_hop, &out->path);
	out->live = pt_only(&pt_live);
	return out->watch && out->hop && out->live ? 0 : -1;
}

static __always_inline int pt_is_down(const struct pt_slot *s)
{
	return s->live->down[s->path & (PT_MAX_PATH - 1)];
}

// How long a probe may take: RFC 6298, section 2, with the interval in the place of the clock
// granularity. Before the first reply only the configured limit is known.
static __always_inline __u64 pt_patience(const struct pt_watch *watch, const struct pt_hop *hop)
{
	__u64 least = hop->interval_ns / 8, wait;

	if (!watch->srtt_ns)
		return hop->timeout_ns;
	wait = 4 * watch->rttvar_ns;
	wait = watch->srtt_ns + (wait > least ? wait : least);
	return wait < hop->timeout_ns ? wait : hop->timeout_ns;
}

static __always_inline void pt_witness(
	const struct pt_slot *s, __u64 now, enum pt_event_kind kind, struct pt_verdict *out)
{
	const struct pt_watch *watch = s->watch;

	out->kind = kind;
	out->path = s->path;
	out->detected_ns = now;
	out->last_reply_ns = watch->last_reply_ns;
	out->srtt_ns = watch->srtt_ns;
	out->rttvar_ns = watch->rttvar_ns;
	out->newest = watch->newest;
	out->answered = watch->answered;
}

// The callers hold the slot's lock, so that a reply and a timer never both have the last word.
static __always_inline void pt_judge(const struct pt_slot *s, __u32 down, __u64 now,
	enum pt_event_kind kind, struct pt_verdict *out)
{
	struct pt_watch *watch = s->watch;

	s->live->down[s->path & (PT_MAX_PATH - 1)] = (__u8)down;
	__sync_fetch_and_add(&s->live->epoch, 1);
	watch->changed_ns = now;
	watch->run = 0;
	if (down)
		watch->first_packet_ns = 0;
	pt_witness(s, now, kind, out);
}

static __always_inline void pt_announce(const struct pt_verdict *verdict)
{
	__u64 now = bpf_ktime_get_ns();
	struct pt_event *event = bpf_ringbuf_reserve(&pt_event, sizeof(*event), 0);

	if (!event) {
		pt_tally(PT_STAT_EVENT_LOST);
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->kind = verdict->kind;
	event->path = verdict->path;
	event->last_reply_ns = verdict->last_reply_ns;
	event->detected_ns = verdict->detected_ns;
	event->committed_ns = now;
	event->srtt_ns = verdict->srtt_ns;
	event->rttvar_ns = verdict->rttvar_ns;
	event->newest = verdict->newest;
	event->answered = verdict->answered;
	bpf_ringbuf_submit(event, 0);
}

// Runs at the moment the threshold-th unanswered probe became overdue, or later if replies moved
// it. One comparison is enough: probes leave in order, so all before that one are overdue, too.
// The slot is looked up again: verifiers before Linux 6.2 allow no lock on a callback's own
// argument.
static int pt_expire(void *map, __u32 *key, struct pt_watch *value)
{
	struct pt_watch *watch;
	__u64 now = bpf_ktime_get_ns(), due = 0;
	struct pt_verdict verdict;
	struct pt_slot s;
	int fell = 0;

	if (pt_slot_of(*key, &s))
		return 0;
	watch = s.watch;
	bpf_spin_lock(&watch->lock);
	if (watch->due_sent_ns && !pt_is_down(&s) && s.hop->threshold)
		due = watch->due_sent_ns + pt_patience(watch, s.hop);
	if (due && due <= now) {
		pt_judge(&s, 1, now, PT_EVENT_DOWN, &verdict);
		watch->accused = watch->answered + s.hop->threshold;
		fell = 1;
		due = 0;
	}
	watch->expires_ns = due;
	bpf_spin_unlock(&watch->lock);
	if (due && bpf_timer_start(&watch->timer, due - now, 0))
		pt_tally(PT_STAT_TIMER_FAILED);
	if (fell)
		pt_announce(&verdict);
	return 0;
}

// Starts or shortens the path's timer. The caller owns this start: it has set expires_ns.
static __always_inline void pt_arm(struct pt_watch *watch, __u64 delay_ns)
{
	if (watch->program != pt_generation) {
		(void)bpf_timer_init(&watch->timer, &pt_watch, PT_CLOCK_MONOTONIC); // -EBUSY: is
		if (!bpf_timer_set_callback(&watch->timer, pt_expire))
			watch->program = pt_generation;
	}
	if (bpf_timer_start(&watch->timer, delay_ns, 0)) {
		watch->expires_ns = 0;
		pt_tally(PT_STAT_TIMER_FAILED);
	}
}

// A probe leaves. Returns the delay after which it has to be judged, 0: nothing to arm.
static __always_inline __u64 pt_record(
	const struct pt_slot *s, __u32 seq, __u64 stamp, __u64 now, int *epoch)
{
	struct pt_watch *watch = s->watch;
	__u64 due;

	*epoch = !watch->started || seq != watch->newest + 1;
	if (*epoch) {
		// Another sender, or a restarted one: what its forerunner sent is no evidence.
		watch->started = 1;
		watch->oldest = seq;
		watch->answered = seq - 1;
		watch->accused = seq - 1;
		watch->due_sent_ns = 0;
		watch->run = 0;
	}
	watch->newest = seq;
	if (seq - watch->oldest >= PT_RING)
		watch->oldest = seq - PT_RING + 1;
	watch->ring[PT_SLOT(seq)].value = stamp;
	watch->ring[PT_SLOT(seq)].sent_ns = now;
	watch->last_sent_ns = now;
	watch->sent++;
	// Not only when equal: a reload may have lowered the threshold meanwhile.
	if (!watch->due_sent_ns && seq - watch->answered >= s->hop->threshold)
		watch->due_sent_ns = now;
	if (!watch->due_sent_ns || pt_is_down(s) || !s->hop->threshold)
		return 0;
	due = watch->due_sent_ns + pt_patience(watch, s->hop);
	// A timer that should have fired an interval ago is gone: never depend on it.
	if (watch->expires_ns && watch->expires_ns <= due &&
		now < watch->expires_ns + s->hop->interval_ns)
		return 0;
	watch->expires_ns = due;
	return due > now ? due - now : 1;
}

static __always_inline void pt_smooth(struct pt_watch *watch, __u64 rtt)
{
	__u64 off = rtt > watch->srtt_ns ? rtt - watch->srtt_ns : watch->srtt_ns - rtt;

	if (!watch->srtt_ns) {
		watch->srtt_ns = rtt ? rtt : 1;
		watch->rttvar_ns = rtt / 2;
		return;
	}
	watch->rttvar_ns = (3 * watch->rttvar_ns + off) / 4;
	watch->srtt_ns = (7 * watch->srtt_ns + rtt) / 8;
}

// A verdict rests on probes that seem lost. One of them answered after all refutes it: the path was
// slow, not dead. What was sent into a cut never comes back, so a cut is never refuted.
static __always_inline int pt_is_refuted(const struct pt_watch *watch, __u32 seq)
{
	return (__s32)(seq - watch->answered) > 0 && (__s32)(watch->accused - seq) >= 0;
}

// A reply arrives. Returns the outcome to be counted; *news when the verdict is to be announced.
static __always_inline enum pt_stat pt_answer(const struct pt_slot *s,
	const struct pt_stamp_reply *reply, __u64 now, struct pt_verdict *verdict, int *news)
{
	struct pt_watch *watch = s->watch;
	__u32 seq = bpf_ntohl(reply->sender_seq), due;
	int refuted;
	struct pt_probe_slot *probe = &watch->ring[PT_SLOT(seq)];

	if (!watch->started || seq - watch->oldest > watch->newest - watch->oldest)
		return PT_STAT_REPLY_SEQUENCE;
	if (!probe->sent_ns || probe->sent_ns & PT_PROBE_ANSWERED ||
		probe->value != pt_stamp_raw(reply->sender_sent))
		return PT_STAT_REPLY_STAMP;
	pt_smooth(watch, now > probe->sent_ns ? now - probe->sent_ns : 0);
	probe->sent_ns |= PT_PROBE_ANSWERED;
	probe->value = now;
	watch->last_reply_ns = now;
	if (!watch->replies++) {
		pt_witness(s, now, PT_EVENT_FIRST_REPLY, verdict);
		*news = 1;
	}
	refuted = pt_is_down(s) && pt_is_refuted(watch, seq);
	watch->run = seq == watch->answered + 1 ? watch->run + 1 : 1;
	if ((__s32)(seq - watch->answered) > 0) {
		watch->answered = seq;
		due = seq + s->hop->threshold;
		watch->due_sent_ns = (__s32)(watch->newest - due) >= 0
			? watch->ring[PT_SLOT(due)].sent_ns & ~PT_PROBE_ANSWERED
			: 0;
	}
	if (refuted || (pt_is_down(s) && watch->run >= s->hop->up_count)) {
		pt_judge(s, 0, now, refuted ? PT_EVENT_LATE : PT_EVENT_UP, verdict);
		*news = 1;
	}
	return PT_STAT_REPLY_OK;
}

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

static __always_inline int pt_watch_out(struct __sk_buff *skb, const __u32 l2_len)
{
	struct pt_stamp_request probe;
	struct pt_packet p = {};
	struct pt_slot s;
	__u64 now, delay;
	int epoch = 0;

	if (skb->ingress_ifindex || pt_parse(skb, l2_len, &p) != PT_PARSE_OK ||
		p.l4_proto != IPPROTO_UDP || !p.has_port || !pt_port_watched(p.dport))
		return TC_ACT_UNSPEC;
	if (bpf_skb_load_bytes(
		    skb, l2_len + p.l4_offset + sizeof(struct udphdr), &probe, sizeof(probe)))
		return TC_ACT_UNSPEC;
	s.path = pt_session_of(skb, &p, probe.ssid);
	if (!s.path || pt_slot_of(s.path, &s) || s.hop->port != p.dport || p.sport == p.dport ||
		!pt_is_target(s.hop, &p, &((struct iphdr *)p.net)->daddr,
			&((struct ipv6hdr *)p.net)->daddr))
		return TC_ACT_UNSPEC;
	now = bpf_ktime_get_ns();
	bpf_spin_lock(&s.watch->lock);
	delay = pt_record(&s, bpf_ntohl(probe.seq), pt_stamp_raw(probe.sent), now, &epoch);
	bpf_spin_unlock(&s.watch->lock);
	if (delay)
		pt_arm(s.watch, delay);
	pt_tally(PT_STAT_PROBE_SENT);
	if (epoch)
		pt_tally(PT_STAT_PROBE_EPOCH);
	return TC_ACT_UNSPEC;
}

static __always_inline void pt_count_rx(const struct __sk_buff *skb, const __u32 l2_len)
{
	__u32 ifindex = skb->ifindex;
	const __u32 *path = bpf_map_lookup_elem(&pt_rx, &ifindex);
	struct pt_volume *volume;

	if (!path)
		return;
	volume = pt_volume_of(PT_RX, *path);
	if (!volume)
		return;
	volume->packets += skb->gso_segs > 1 ? skb->gso_segs : 1;
	volume->bytes += skb->len - l2_len;
}

static __always_inline enum pt_stat pt_reply(
	struct __sk_buff *skb, const __u32 l2_len, const struct pt_packet *p)
{
	struct pt_stamp_reply reply;
	struct pt_verdict verdict;
	enum pt_stat outcome;
	struct pt_slot s;
	int news = 0;
	__u64 now;

	if (bpf_skb_load_bytes(
		    skb, l2_len + p->l4_offset + sizeof(struct udphdr), &reply, sizeof(reply)))
		return PT_STAT_REPLY_SHORT;
	s.path = pt_session_of(skb, p, reply.ssid);
	if (!s.path || pt_slot_of(s.path, &s) || s.hop->port != p->sport)
		return PT_STAT_REPLY_SESSION;
	if (!pt_is_target(
		    s.hop, p, &((struct iphdr *)p->net)->saddr, &((struct ipv6hdr *)p->net)->saddr))
		return PT_STAT_REPLY_SOURCE;
	now = bpf_ktime_get_ns();
	bpf_spin_lock(&s.watch->lock);
	outcome = pt_answer(&s, &reply, now, &verdict, &news);
	bpf_spin_unlock(&s.watch->lock);
	if (news)
		pt_announce(&verdict);
	return outcome;
}

static __always_inline int pt_watch_in(struct __sk_buff *skb, const __u32 l2_len)
{
	struct pt_packet p = {};
	enum pt_parse parsed = pt_parse_pull(skb, l2_len, &p);
	int probe = parsed == PT_PARSE_OK && p.l4_proto == IPPROTO_UDP && p.has_port &&
		p.sport != p.dport;

	if (probe && pt_port_watched(p.sport))
		pt_tally(pt_reply(skb, l2_len, &p));
	else if (parsed != PT_PARSE_NOT_IP && !(probe && pt_port_watched(p.dport)))
		pt_count_rx(skb, l2_len); // of users; the far end's probes are as little as ours
	return TC_ACT_UNSPEC;
}

SEC("tc")
int pt_out(struct __sk_buff *skb)
{
	return pt_watch_out(skb, ETH_HLEN);
}

SEC("tc")
int pt_in(struct __sk_buff *skb)
{
	return pt_watch_in(skb, ETH_HLEN);
}

// The same for devices without a link layer (tun, WireGuard): packets begin with the IP header.
SEC("tc")
int pt_out_l3(struct __sk_buff *skb)
{
	return pt_watch_out(skb, 0);
}

SEC("tc")
int pt_in_l3(struct __sk_buff *skb)
{
	return pt_watch_in(skb, 0);
}
