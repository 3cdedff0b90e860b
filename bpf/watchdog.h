// SPDX-License-Identifier: MIT
// The watchdog of a path: what has left, what has come back, and the timer that judges. A path is
// down when `threshold` probes sent after the newest answered one are overdue. No probes sent, no
// verdict.
#pragma once
#include "bpf/maps.h"
#include "lib/wire/stamp_layout.h"

// Rises with every load. A running bpf_timer keeps the callback of the program that set it, so the
// slot remembers whose it is.
const volatile __u32 pt_generation = 1;

#define PT_CLOCK_MONOTONIC 1
#define PT_SLOT(seq)       ((seq) & (PT_RING - 1))

// A path's slot with all that has to be looked up before its lock is taken.
struct pt_slot {
	struct pt_watch *watch;
	const struct pt_hop *hop;
	__u32 path;
};

struct pt_verdict {
	enum pt_event_kind kind;
	enum pt_cause cause;
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
	return out->watch && out->hop ? 0 : -1;
}

static __always_inline int pt_is_down(const struct pt_slot *s)
{
	return pt_live.down[s->path & (PT_MAX_PATH - 1)];
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
	out->cause = PT_CAUSE_PROBES;
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

	pt_live.down[s->path & (PT_MAX_PATH - 1)] = (__u8)down;
	__sync_fetch_and_add(&pt_live.epoch, 1);
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
	event->cause = verdict->cause;
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

// The timer's judgement, and a leaving probe's where there is no timer: the kernel may lack the
// memory for one for long. The caller holds the lock.
static __always_inline void pt_condemn(
	const struct pt_slot *s, __u64 now, struct pt_verdict *verdict)
{
	pt_judge(s, 1, now, PT_EVENT_DOWN, verdict);
	s->watch->accused = s->watch->answered + s->hop->threshold;
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
		pt_condemn(&s, now, &verdict);
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

// A probe leaves. Those of pt-probe bring their sequence numbers, those of traffic get the next
// one.
struct pt_leaving {
	__u32 seq; // on the wire; of traffic's probes a result
	__u32 own; // traffic's
	__u64 now;
	int epoch; // result: another sender, or a restarted one
	int fell;  // result: it had to judge, and `verdict` is to be announced
	struct pt_verdict verdict;
};

static __always_inline __u32 pt_next_slot(struct pt_watch *watch, struct pt_leaving *probe)
{
	__u32 seq = watch->newest + 1;

	probe->epoch = !watch->started || (!probe->own && probe->seq != watch->wire + 1);
	if (probe->own) {
		probe->seq = seq;
	} else {
		watch->wire = probe->seq;
		if (probe->epoch)
			seq = probe->seq;
		watch->shift = probe->seq - seq;
	}
	return seq;
}

// Returns the delay after which it has to be judged, 0: nothing to arm.
static __always_inline __u64 pt_record(const struct pt_slot *s, struct pt_leaving *probe)
{
	struct pt_watch *watch = s->watch;
	__u64 due, now = probe->now;
	__u32 seq = pt_next_slot(watch, probe);

	if (probe->epoch) {
		// What its forerunner sent is no evidence.
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
	if (due <= now) {
		pt_condemn(s, now, &probe->verdict);
		probe->fell = 1;
		watch->expires_ns = 0;
		return 0;
	}
	watch->expires_ns = due;
	return due - now;
}

// After the lock is given back.
static __always_inline void pt_left(
	const struct pt_slot *s, const struct pt_leaving *probe, __u64 delay)
{
	if (delay)
		pt_arm(s->watch, delay);
	if (probe->fell)
		pt_announce(&probe->verdict);
}

// What its reply has to echo.
static __always_inline void pt_expect(struct pt_watch *watch, __u64 stamp)
{
	watch->ring[PT_SLOT(watch->newest)].value = stamp;
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

#define PT_SHIFTS 4 // probes of traffic that may have left since the one that is answered

// The slot of the probe that this reply echoes, *seq its number there; else *outcome is why not.
static __always_inline struct pt_probe_slot *pt_echoed(struct pt_watch *watch,
	const struct pt_stamp_reply *reply, __u32 own, __u32 *seq, enum pt_stat *outcome)
{
	const __u64 stamp = pt_stamp_raw(reply->sender_sent);
	const __u32 last = bpf_ntohl(reply->sender_seq) - (own ? 0 : watch->shift);

	*outcome = PT_STAT_REPLY_SEQUENCE;
	for (__u32 i = 0; i < PT_SHIFTS; i++) {
		struct pt_probe_slot *probe = &watch->ring[PT_SLOT(last - i)];

		if (!watch->started || last - i - watch->oldest > watch->newest - watch->oldest)
			break;
		*outcome = PT_STAT_REPLY_STAMP;
		if (probe->sent_ns && !(probe->sent_ns & PT_PROBE_ANSWERED) &&
			probe->value == stamp) {
			*seq = last - i;
			return probe;
		}
		if (own)
			break;
	}
	return 0;
}

// A reply arrives.
struct pt_answer {
	__u32 own; // to a probe of traffic's
	__u64 now;
	int news;     // result: `verdict` is to be announced
	__u64 rtt_ns; // result
	struct pt_verdict verdict;
};

// Returns the outcome to be counted. The caller holds the lock.
static __always_inline enum pt_stat pt_answer(
	const struct pt_slot *s, const struct pt_stamp_reply *reply, struct pt_answer *a)
{
	struct pt_watch *watch = s->watch;
	const __u64 now = a->now;
	struct pt_probe_slot *probe;
	enum pt_stat outcome;
	__u32 seq = 0, due;
	int refuted;

	probe = pt_echoed(watch, reply, a->own, &seq, &outcome);
	if (!probe)
		return outcome;
	a->rtt_ns = now > probe->sent_ns ? now - probe->sent_ns : 0;
	pt_smooth(watch, a->rtt_ns);
	probe->sent_ns |= PT_PROBE_ANSWERED;
	probe->value = now;
	watch->last_reply_ns = now;
	if (!watch->replies++) {
		pt_witness(s, now, PT_EVENT_FIRST_REPLY, &a->verdict);
		a->news = 1;
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
	if (!s->hop->bfd_port && (refuted || (pt_is_down(s) && watch->run >= s->hop->up_count))) {
		pt_judge(s, 0, now, refuted ? PT_EVENT_LATE : PT_EVENT_UP, &a->verdict);
		a->news = 1;
	}
	return PT_STAT_REPLY_OK;
}
