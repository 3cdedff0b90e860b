// SPDX-License-Identifier: MIT
#include "probe/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "probe/ahead.h"
#include "probe/measure.h"
#include "wire/icmp.h"
#include "wire/stamp_tlv.h"

#define NOISE_BITS 12 // of the sender's timestamp: 0.95 us
#define EXTENSIONS (PT_STAMP_DIRECT_LEN + PT_STAMP_HMAC_LEN)

// In the order of use: of thousands each is cold when its turn comes.
struct pt_stream {
	struct pt_stream_place place;
	struct pt_port *port; // shared
	struct pt_hub *hub;
	struct pt_stream_opts o;
	size_t packet_len;
	struct pt_port_dest to;
	int fault;
	uint32_t asked; // probes that asked for direct measurement
	struct pt_track track;
	struct pt_stream_counters n;
	pt_stream_fn *fn;
	void *ctx;
	struct pt_stats stats;
	char target[PT_ADDR_LEN];
	char *device; // owns o.device
	struct pt_track_slot ring[];
};

// ICMP payload, where there is room: which probe, and what only its receiver can know.
struct icmp_payload {
	uint32_t seq, magic;
	uint64_t cookie; // its higher half is not looked at
};
#define ICMP_MAGIC 0x50545250

static void emit(struct pt_stream *s, const struct pt_stream_event *e)
{
	if (s->fn)
		s->fn(s->ctx, e);
}

// ---- what comes back ----

// What a packet says about the probe that it answers.
struct answer {
	uint32_t seq, cookie;
	bool stamp, counted;
	struct pt_stamp_reflected reflected; // STAMP
	struct pt_stamp_counts counts;       // where counted
};

static size_t stamp_base(const struct pt_stream_opts *o)
{
	return o->key ? PT_STAMP_AUTH_LEN : PT_STAMP_LEN;
}

static int read_stamp(struct pt_stream *s, const struct pt_port_packet *p, struct answer *out)
{
	int code = s->o.key ? pt_stamp_auth_reply_read(p->data, p->len, &out->reflected)
			    : pt_stamp_reply_read(p->data, p->len, &out->reflected);
	if (code < 0 || out->reflected.ssid != s->o.ssid)
		return -EBADMSG;
	if (s->o.key && !pt_stamp_signed(s->o.key, p->data)) {
		s->n.forged++;
		return -EBADMSG;
	}
	out->stamp = true;
	out->seq = out->reflected.sender.seq;
	out->cookie = (uint32_t)out->reflected.sender.ntp;
	size_t base = stamp_base(&s->o), at = 0;
	out->counted = s->o.counts_every &&
		pt_stamp_direct_read(p->data, base, p->len, &out->counts) == 0;
	if (s->o.key && out->counted)
		out->counted = !pt_stamp_tlvs_check(s->o.key, p->data, base, p->len, &at) && at;
	return 0;
}

// The full sequence number of an echo whose payload has no room for it: the nearest one sent.
static uint32_t widen(const struct pt_stream *s, uint16_t seq)
{
	return s->track.next_seq - 1 - (uint16_t)(s->track.next_seq - 1 - seq);
}

static int read_icmp(const struct pt_stream *s, const struct pt_port_packet *p, struct answer *out)
{
	struct pt_icmp_echo echo;
	struct icmp_payload head;
	if (pt_icmp_echo_read(s->o.target.family, p->data, p->len, &echo) < 0 || !echo.reply)
		return -EBADMSG;
	out->stamp = out->counted = false;
	out->seq = widen(s, echo.seq);
	out->cookie = 0;
	if (s->o.payload < sizeof(head))
		return 0;
	if (echo.payload_len != s->o.payload)
		return -EBADMSG;
	memcpy(&head, echo.payload, sizeof(head));
	if (head.magic != ICMP_MAGIC || (uint16_t)head.seq != echo.seq)
		return -EBADMSG;
	out->seq = head.seq;
	out->cookie = (uint32_t)head.cookie;
	return 0;
}

static int read_answer(struct pt_stream *s, const struct pt_port_packet *p, struct answer *out)
{
	return s->o.probe == PT_PROBE_STAMP ? read_stamp(s, p, out) : read_icmp(s, p, out);
}

static int read_ssid(const struct pt_stream *s, const struct pt_port_packet *p, uint16_t *out)
{
	return s->o.key ? pt_stamp_auth_ssid(p->data, p->len, out)
			: pt_stamp_ssid(p->data, p->len, out);
}

bool pt_stream_knows(struct pt_stream *s, const struct pt_port_packet *p, bool ours)
{
	uint16_t word = 0;
	if (!pt_addr_eq(&s->o.target, &p->peer) || (s->o.scope && s->o.scope != p->scope))
		return false;
	if (s->o.probe == PT_PROBE_STAMP)
		return p->port == s->o.port && (read_ssid(s, p, &word) || word == s->o.ssid);
	if (!s->place.next && !ours)
		return true; // nobody else to ask: it tells what is wrong with it
	if (!ours) {
		struct answer a;
		const struct pt_track_slot *probe = NULL;
		if (read_icmp(s, p, &a) == 0)
			probe = pt_track_find(&s->track, a.seq);
		return probe && probe->cookie == a.cookie;
	}
	return pt_icmp_echo_seq(p->data, p->len, &word) == 0 &&
		pt_track_find(&s->track, widen(s, word));
}

static void count_answer(
	struct pt_stream *s, const struct pt_verdict *v, uint16_t window, struct pt_stream_event *e)
{
	if (v->answer == PT_ANSWER_DUPLICATE) {
		s->stats.duplicates++;
		e->kind = PT_STREAM_DUPLICATE;
	} else if (v->answer == PT_ANSWER_LATE) {
		s->stats.lost += !v->was_lost; // which is revoked at once
		pt_stats_late(&s->stats, &e->sample, v->was_lost ? window : s->stats.window);
		e->kind = PT_STREAM_LATE;
	} else {
		s->stats.reordered += v->reordered;
		pt_stats_reply(&s->stats, &e->sample);
		e->kind = PT_STREAM_ANSWER;
	}
}

void pt_stream_answered(struct pt_stream *s, const struct pt_port_packet *p)
{
	struct answer a;
	const struct pt_track_slot *slot = NULL;
	struct pt_sent_probe probe;
	if (read_answer(s, p, &a) == 0)
		slot = pt_track_find(&s->track, a.seq);
	if (!slot || slot->cookie != a.cookie) {
		s->n.foreign++;
		return;
	}
	if (!slot->held && pt_port_stamps_sent(s->port))
		pt_port_stamps(s->port); // it came while the answers were read
	pt_track_read(&s->track, slot, &probe);
	struct pt_arrival at = { p->at, p->real_ns, p->kernel_ns };
	struct pt_stream_event e = { .seq = a.seq, .len = p->len, .ttl = p->ttl };
	struct pt_verdict v = pt_track_answer(&s->track,
		&(struct pt_echo){
			.seq = a.seq, .cookie = a.cookie, .arrived = pt_arrived(&probe, &at) });
	if (v.answer != PT_ANSWER_DUPLICATE)
		e.sample = pt_measure(
			&probe, &at, a.stamp ? &a.reflected : NULL, &s->hub->clock.error);
	count_answer(s, &v, probe.window, &e);
	if (a.counted && v.answer != PT_ANSWER_DUPLICATE)
		pt_split_answer(&s->stats.split, &a.counts);
	emit(s, &e);
}

void pt_stream_refused(struct pt_stream *s, const struct pt_port_packet *p)
{
	emit(s,
		&(struct pt_stream_event){
			.kind = PT_STREAM_ICMP, .code = p->code, .from = p->router });
}

void pt_stream_stamped(void *stream, uint32_t seq, int64_t kernel_ns)
{
	struct pt_stream *s = stream;
	struct pt_track_slot *p = pt_track_find(&s->track, seq);
	if (p)
		pt_track_stamp(&s->track, p, kernel_ns);
}

// ---- what leaves ----

static bool asks_counts(const struct pt_stream *s, uint32_t seq)
{
	return s->o.counts_every && seq % s->o.counts_every == s->o.counts_every - 1;
}

void pt_stream_unsent(void *stream, uint32_t seq, int code)
{
	struct pt_stream *s = stream;
	pt_track_unsend(&s->track); // no other was queued since
	s->n.sent--;
	s->asked -= asks_counts(s, seq);
	s->n.failed++;
	s->fault = code;
	emit(s, &(struct pt_stream_event){ .kind = PT_STREAM_UNSENT, .seq = seq, .code = code });
}

struct leaving {
	uint32_t seq;
	uint64_t cookie;
};

// The extension that asks for them, behind the base packet, signed where that is. The length of it
// all.
static size_t put_counts(struct pt_stream *s, uint8_t *out, size_t len)
{
	size_t base = stamp_base(&s->o), at = base + PT_STAMP_DIRECT_LEN;

	pt_stamp_direct_write(out + base, ++s->asked);
	if (s->o.key) {
		pt_stamp_tlvs_sign(s->o.key, out, base, at, false);
		at += PT_STAMP_HMAC_LEN;
	}
	if (s->o.key && at + PT_STAMP_TLV_HEADER <= len)
		pt_stamp_padding_write(out + at, len - at);
	return at > len ? at : len;
}

static int fill_stamp(struct pt_stream *s, const struct leaving *p, uint8_t *out)
{
	struct pt_stamp_sent w = {
		.seq = p->seq, .ntp = p->cookie, .error = s->hub->clock.wire, .ssid = s->o.ssid
	};
	size_t len = s->packet_len;
	memset(out, 0, len + EXTENSIONS);
	if (!s->o.key)
		(void)pt_stamp_request_write(&w, out, len); // it has room
	else
		(void)pt_stamp_auth_request_write(&w, out, len);
	if (asks_counts(s, p->seq))
		len = put_counts(s, out, len);
	if (s->o.key)
		pt_stamp_sign(s->o.key, out);
	return (int)len;
}

static int fill_packet(struct pt_stream *s, const struct leaving *p, uint8_t *out)
{
	if (s->o.probe == PT_PROBE_STAMP)
		return fill_stamp(s, p, out);
	struct icmp_payload head = { .seq = p->seq, .magic = ICMP_MAGIC, .cookie = p->cookie };
	uint8_t *payload = out + PT_ICMP_HEADER_LEN;
	memset(payload, 0, s->o.payload);
	if (s->o.payload >= sizeof(head))
		memcpy(payload, &head, sizeof(head));
	struct pt_icmp_echo e = { .family = s->o.target.family,
		.id = pt_port_icmp_id(s->port),
		.seq = (uint16_t)p->seq,
		.payload = payload,
		.payload_len = s->o.payload };
	return pt_icmp_echo_write(&e, out, s->packet_len);
}

// A reply proves that it saw the probe by the low bits of the timestamp, which nobody can guess.
static uint64_t make_cookie(struct pt_stream *s, int64_t real_ns)
{
	bool room = s->o.probe == PT_PROBE_STAMP || s->o.payload >= sizeof(struct icmp_payload);
	uint64_t mask = (1ULL << NOISE_BITS) - 1;
	if (!room)
		return 0;
	return (pt_ntp_from_unix_ns(real_ns) & ~mask) | (pt_noise_u64(&s->hub->noise) & mask);
}

void pt_stream_send(struct pt_stream *s)
{
	unsigned lost = 0;
	pt_hub_begin(s->hub);
	pt_stream_expire(s, s->hub->now);
	struct pt_mono at = s->hub->now;
	if (!pt_port_stamps_sent(s->port)) // then ours must be exact
		at = pt_mono_now();
	struct leaving p = { .cookie = make_cookie(
				     s, s->hub->real_ns + pt_mono_diff(at, s->hub->now)) };
	p.seq = pt_track_next(&s->track, at, (uint32_t)p.cookie, &lost);
	s->stats.lost += lost;
	s->fault = 0;
	s->n.sent++;
	uint8_t *packet = pt_port_compose(s->port);
	int code = packet ? fill_packet(s, &p, packet) : -EAGAIN;
	if (code >= 0)
		code = pt_port_queue(s->port, &s->to, (size_t)code, s, p.seq);
	if (code < 0)
		pt_stream_unsent(s, p.seq, code);
}

int pt_stream_fault(const struct pt_stream *s)
{
	return s->fault;
}

void pt_stream_expire(struct pt_stream *s, struct pt_mono now)
{
	uint32_t seq;
	if (!pt_track_overdue(&s->track, now) || !pt_hub_harvest(s->hub) || !pt_port_drain(s->port))
		return;
	while (pt_track_expire(&s->track, now, s->stats.window, &seq)) {
		s->stats.lost++;
		emit(s, &(struct pt_stream_event){ .kind = PT_STREAM_LOST, .seq = seq });
	}
}

bool pt_stream_waiting(const struct pt_stream *s)
{
	return pt_track_waiting(&s->track);
}

// ---- what is told ----

void pt_stream_health(struct pt_stream *s, int64_t window_ms, struct pt_health *out)
{
	pt_stream_expire(s, pt_mono_now());
	*out = (struct pt_health){
		.target = s->target,
		.family = s->o.target.family == AF_INET6 ? PT_FAMILY_IPV6 : PT_FAMILY_IPV4,
		.dscp = s->o.dscp,
		.probe = s->o.probe,
		.window_ms = window_ms,
	};
	pt_stats_health(&s->stats, &s->hub->hist, out);
}

void pt_stream_next_window(struct pt_stream *s)
{
	pt_stats_next_window(&s->stats);
}

const struct pt_stream_counters *pt_stream_counters(const struct pt_stream *s)
{
	return &s->n;
}

const char *pt_stream_target(const struct pt_stream *s)
{
	return s->target;
}

const struct pt_stream_opts *pt_stream_opts(const struct pt_stream *s)
{
	return &s->o;
}

struct pt_stream_place *pt_stream_place(struct pt_stream *s)
{
	return &s->place;
}

#define LINE 64 // bytes of a cache line, of most processors

void pt_stream_soon(const struct pt_stream *s, unsigned stage)
{
	const char *at = (const char *)s;
	if (!stage) {
		for (size_t i = 0; i < offsetof(struct pt_stream, target); i += LINE)
			pt_ahead_fetch(at + i);
		return;
	}
	pt_ahead_fetch(&s->ring[s->track.head]);
	pt_ahead_fetch(&s->ring[s->track.head ? s->track.head - 1 : 0]);
	pt_ahead_fetch(s->stats.rtt.octave);
	pt_ahead_fetch(s->ctx);
}

// ---- life ----

static size_t wire_len(const struct pt_stream_opts *o)
{
	if (o->probe != PT_PROBE_STAMP)
		return o->payload + PT_ICMP_HEADER_LEN;
	size_t least = stamp_base(o);
	return o->payload > least ? o->payload : least;
}

static int join(struct pt_stream *s, struct pt_err *err)
{
	const struct pt_stream_opts *o = &s->o;
	bool stamp = o->probe == PT_PROBE_STAMP;
	struct pt_port_opts po = { .kind = stamp ? PT_PORT_UDP : PT_PORT_ICMP,
		.family = o->target.family,
		.device = o->device,
		.source = o->source,
		.mark = o->mark,
		.ttl = o->ttl,
		.icmp_errors = o->icmp_errors,
		.small = s->packet_len <= PT_PORT_SMALL };
	s->place = (struct pt_stream_place){ .peer = &s->o.target, .ssid = stamp ? o->ssid : 0 };
	int code = pt_hub_join(s->hub, s, &po, &s->port, err);
	s->place.port = s->port;
	if (code)
		return code;
	return pt_port_room(s->port, s->packet_len + EXTENSIONS)
		? pt_err_set(err, -ENOMEM, "out of memory")
		: 0;
}

int pt_stream_new(const struct pt_stream_opts *o, struct pt_hub *hub, struct pt_stream **out,
	struct pt_err *err)
{
	if (o->payload > PT_PORT_MAX_PAYLOAD || o->period_ns <= 0 || o->timeout_ns <= 0)
		return pt_err_set(err, -EINVAL, "a stream cannot be so");
	uint32_t slots = pt_track_slots((uint64_t)(o->timeout_ns / o->period_ns + 1));
	struct pt_stream *s = calloc(1, sizeof(*s) + slots * sizeof(s->ring[0]));
	if (!s)
		return pt_err_set(err, -ENOMEM, "out of memory");
	s->o = *o;
	s->hub = hub;
	s->packet_len = wire_len(o);
	s->o.device = s->device = o->device ? strdup(o->device) : NULL;
	pt_addr_format(&o->target, s->target);
	pt_port_dest_set(&s->to, &o->target, o->port, o->scope);
	s->to.dscp = o->dscp;
	pt_track_init(&s->track, s->ring, slots, &hub->steps, o->timeout_ns);
	int code = o->device && !s->device ? pt_err_set(err, -ENOMEM, "out of memory")
					   : join(s, err);
	if (code) {
		pt_stream_free(s);
		return code;
	}
	*out = s;
	return 0;
}

void pt_stream_listen(struct pt_stream *s, pt_stream_fn *fn, void *ctx)
{
	s->fn = fn;
	s->ctx = ctx;
}

void pt_stream_free(struct pt_stream *s)
{
	if (!s)
		return;
	if (s->port)
		pt_hub_leave(s->hub, s, s->port);
	pt_stats_done(&s->stats);
	free(s->device);
	free(s);
}
