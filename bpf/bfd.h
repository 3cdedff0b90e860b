// SPDX-License-Identifier: MIT
// BFD (RFC 5880) as a path's watchdog. pt-probe holds the session; these programs follow what both
// ends say as it passes, and judge: down when the far end is silent for the detection time, or
// either end says that a session which was up is not. AdminDown of our own is no verdict. Packets
// go on to the sockets whatever becomes of them here.
#pragma once
#include "bpf/parse.h"
#include "bpf/clock.h"
#include "bpf/watchdog.h"
#include "lib/wire/bfd_layout.h"

#define PT_NS_PER_US   1000ull
#define PT_BFD_SLOW_US 1000000u // section 6.8.3: of sessions that are not up
#define PT_BFD_TRIES   3        // slow packets that may pass without a session coming up

struct pt_bfd_case {
	struct pt_slot s;
	struct pt_bfd_slot *b;
	struct {
		struct udphdr udp;
		struct pt_bfd_packet packet;
	};
	__u32 room; // for UDP, as IP has it
	__u64 now;
	struct pt_verdict verdict;
	int news;
};

static __always_inline int pt_is_bfd_port(__u16 port)
{
	return port == PT_BFD_PORT || port == PT_BFD_PORT_HOPS;
}

// The caller holds the lock. Only what changes something is a verdict.
static __always_inline void pt_bfd_judge(struct pt_bfd_case *c, __u32 down, enum pt_cause cause)
{
	struct pt_bfd_slot *b = c->b;

	if (down) {
		b->up = 0;
		b->run = 0;
		b->due_ns = 0;
	}
	if (!!pt_is_down(&c->s) == down)
		return;
	pt_judge(&c->s, down, c->now, down ? PT_EVENT_DOWN : PT_EVENT_UP, &c->verdict);
	c->verdict.cause = cause;
	c->verdict.last_reply_ns = b->heard_ns;
	c->news = 1;
}

// ---- silence ----

static int pt_bfd_expire(void *map, __u32 *key, struct pt_bfd_slot *value)
{
	__u32 path = *key & (PT_MAX_PATH - 1);
	struct pt_bfd_case c = { .b = bpf_map_lookup_elem(&pt_bfd, &path) };
	__u64 due;

	if (!c.b || pt_slot_of(path, &c.s))
		return 0;
	c.now = bpf_ktime_get_ns();
	bpf_spin_lock(&c.s.watch->lock);
	due = c.s.hop->bfd_port ? c.b->due_ns : 0; // a reload may have ended it
	if (due && due <= c.now) {
		pt_bfd_judge(&c, 1, PT_CAUSE_BFD_SILENCE);
		due = 0;
	}
	c.b->armed_ns = due;
	bpf_spin_unlock(&c.s.watch->lock);
	if (due && bpf_timer_start(&c.b->timer, due - c.now, 0))
		pt_tally(PT_STAT_TIMER_FAILED);
	if (c.news)
		pt_announce(&c.verdict);
	return 0;
}

// Under the lock. A timer that strikes early is set anew then, which is cheaper than for each
// packet. One that should have struck long ago is gone, and so is one of other programs.
static __always_inline __u64 pt_bfd_delay(struct pt_bfd_case *c)
{
	struct pt_bfd_slot *b = c->b;
	int runs = b->armed_ns && b->program == pt_generation &&
		c->now < b->armed_ns + b->detect_ns;

	if (!b->due_ns || (runs && b->armed_ns <= b->due_ns))
		return 0;
	b->armed_ns = b->due_ns;
	return b->due_ns > c->now ? b->due_ns - c->now : 1;
}

static __always_inline void pt_bfd_finish(struct pt_bfd_case *c, __u64 delay)
{
	struct pt_bfd_slot *b = c->b;

	if (delay && b->program != pt_generation) {
		(void)bpf_timer_init(&b->timer, &pt_bfd, PT_CLOCK_MONOTONIC); // -EBUSY: is
		if (!bpf_timer_set_callback(&b->timer, pt_bfd_expire))
			b->program = pt_generation;
	}
	if (delay && bpf_timer_start(&b->timer, delay, 0)) {
		b->armed_ns = 0;
		pt_tally(PT_STAT_TIMER_FAILED);
	}
	if (c->news)
		pt_announce(&c->verdict);
}

// ---- whose packet it is ----

static __always_inline int pt_bfd_find(struct __sk_buff *skb, const __u32 l2_len,
	const struct pt_packet *p, const void *v4_addr, const void *v6_addr, struct pt_bfd_case *c)
{
	struct pt_peer_key key = { .ifindex = skb->ifindex, .family = p->family | PT_PEER_BFD };
	const __u32 *path;

	if (p->family == PT_AF_INET)
		__builtin_memcpy(key.addr, v4_addr, 4);
	else
		__builtin_memcpy(key.addr, v6_addr, 16);
	path = bpf_map_lookup_elem(&pt_peer, &key);
	if (!path || pt_slot_of(*path, &c->s) || c->s.hop->bfd_port != p->dport)
		return -1;
	c->b = bpf_map_lookup_elem(&pt_bfd, &c->s.path);
	c->now = bpf_ktime_get_ns();
	c->room = skb->len - l2_len - p->l4_offset;
	return c->b ? (int)bpf_skb_load_bytes(skb, l2_len + p->l4_offset, &c->udp,
			      sizeof(c->udp) + sizeof(c->packet))
		    : -1;
}

// ---- our packets ----

// Another session: whatever was known was of the one before. It has time to come up.
static __always_inline void pt_bfd_begin(struct pt_bfd_case *c)
{
	struct pt_bfd_slot *b = c->b;

	b->mine = c->packet.mine;
	b->up = 0;
	b->run = 0;
	b->heard_ns = 0;
	b->used_rx_us = 0;
	b->detect_ns = PT_BFD_TRIES * PT_BFD_SLOW_US * PT_NS_PER_US;
	b->due_ns = c->now + b->detect_ns;
}

static __always_inline void pt_bfd_say(struct pt_bfd_case *c)
{
	struct pt_bfd_slot *b = c->b;
	__u32 min_rx_us = bpf_ntohl(c->packet.min_rx_us);
	__u8 state = PT_BFD_STATE(c->packet.second);

	b->local = state;
	b->theirs = c->packet.yours;
	if (state == PT_BFD_ADMIN_DOWN) {
		b->mine = 0;
		b->up = 0;
		b->run = 0;
		b->due_ns = 0;
		return;
	}
	if (b->mine != c->packet.mine)
		pt_bfd_begin(c);
	// The timer's verdict, where the kernel had no memory for a timer.
	if (b->due_ns && b->due_ns <= c->now)
		pt_bfd_judge(c, 1, PT_CAUSE_BFD_SILENCE);
	// Section 6.8.3: what is shorter holds once the far end has confirmed it, which ends the
	// poll.
	if (min_rx_us > b->used_rx_us || !(c->packet.second & PT_BFD_POLL))
		b->used_rx_us = min_rx_us;
	if (state != PT_BFD_UP && b->up)
		pt_bfd_judge(c, 1, PT_CAUSE_BFD_WORD);
}

static __always_inline void pt_bfd_out(
	struct __sk_buff *skb, const __u32 l2_len, const struct pt_packet *p)
{
	struct pt_bfd_case c = {};
	__u64 delay;

	if (pt_bfd_find(skb, l2_len, p, &((struct iphdr *)p->net)->daddr,
		    &((struct ipv6hdr *)p->net)->daddr, &c))
		return;
	bpf_spin_lock(&c.s.watch->lock);
	pt_bfd_say(&c);
	delay = pt_bfd_delay(&c);
	bpf_spin_unlock(&c.s.watch->lock);
	pt_bfd_finish(&c, delay);
	pt_tally(PT_STAT_BFD_SENT);
}

// ---- theirs ----

// Section 6.8.6, its lengths as well as UDP's, and that it knows us. What names no session of ours
// is for pt-probe alone, whose own packets will tell what came of it.
static __always_inline int pt_bfd_is_sound(const struct pt_bfd_case *c, const struct pt_packet *p)
{
	const struct pt_bfd_packet *w = &c->packet;
	__u8 state = PT_BFD_STATE(w->second);
	__u32 length = bpf_ntohs(c->udp.len);

	return length <= c->room && length >= sizeof(c->udp) + w->len &&
		(p->dport == PT_BFD_PORT_HOPS || p->ttl == PT_BFD_TTL) &&
		w->first >> 5 == PT_BFD_VERSION && w->len >= PT_BFD_LEN && w->mult && w->mine &&
		w->yours && !(w->second & (PT_BFD_MULTIPOINT | PT_BFD_AUTH)) &&
		(w->second & (PT_BFD_POLL | PT_BFD_FINAL)) != (PT_BFD_POLL | PT_BFD_FINAL) &&
		state < PT_BFD_STATES;
}

static __always_inline enum pt_stat pt_bfd_hear(struct pt_bfd_case *c)
{
	const struct pt_bfd_packet *w = &c->packet;
	__u32 min_tx_us = bpf_ntohl(w->min_tx_us);
	__u8 state = PT_BFD_STATE(w->second);
	struct pt_bfd_slot *b = c->b;
	__u64 slower;

	if (!b->mine || b->mine != w->yours || (b->theirs && b->theirs != w->mine))
		return PT_STAT_BFD_REFUSED;
	b->remote = state;
	b->heard_ns = c->now;
	b->accepted++;
	c->s.watch->last_reply_ns = c->now;
	if (state == PT_BFD_DOWN || state == PT_BFD_ADMIN_DOWN) {
		if (b->up)
			pt_bfd_judge(c, 1, PT_CAUSE_BFD_WORD);
		return PT_STAT_BFD_OK;
	}
	slower = min_tx_us > b->used_rx_us ? min_tx_us : b->used_rx_us;
	if (b->local == PT_BFD_UP && state == PT_BFD_UP) {
		if (!b->up && !pt_is_down(&c->s)) {
			pt_witness(&c->s, c->now, PT_EVENT_FIRST_REPLY, &c->verdict);
			c->verdict.cause = PT_CAUSE_BFD_WORD;
			c->news = 1;
		}
		b->up = 1;
		b->run++;
	}
	if (!b->up)
		return PT_STAT_BFD_OK; // the first deadline stands
	b->detect_ns = slower * w->mult * PT_NS_PER_US;
	b->due_ns = c->now + b->detect_ns;
	if (b->run >= c->s.hop->up_count)
		pt_bfd_judge(c, 0, PT_CAUSE_BFD_WORD);
	return PT_STAT_BFD_OK;
}

static __always_inline void pt_bfd_in(
	struct __sk_buff *skb, const __u32 l2_len, const struct pt_packet *p)
{
	struct pt_bfd_case c = {};
	enum pt_stat outcome;
	__u64 delay;

	if (pt_bfd_find(skb, l2_len, p, &((struct iphdr *)p->net)->saddr,
		    &((struct ipv6hdr *)p->net)->saddr, &c) ||
		!pt_bfd_is_sound(&c, p) || !pt_is_ours(skb, p)) {
		pt_tally(PT_STAT_BFD_REFUSED);
		return;
	}
	bpf_spin_lock(&c.s.watch->lock);
	outcome = pt_bfd_hear(&c);
	delay = pt_bfd_delay(&c);
	bpf_spin_unlock(&c.s.watch->lock);
	pt_bfd_finish(&c, delay);
	pt_tally(outcome);
}
