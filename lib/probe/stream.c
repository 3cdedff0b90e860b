// SPDX-License-Identifier: MIT
#include "probe/stream.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/measure.h"
#include "wire/icmp.h"
#include "wire/stamp.h"

#define RETRY_NS   PT_NS_PER_S
#define SILENT_NS  (5 * PT_NS_PER_S) // then the socket may be stale: its address or route changed
#define NOISE_BITS 12                // of the sender's timestamp: 0.95 us
#define DRAIN_MOST 4096              // packets read before a verdict; a flood must not hold us
#define REMEMBERED 2                 // timeouts for which probes are remembered, for late answers
#define ICMP_ID    0x5054

struct pt_stream {
	struct pt_stream_opts o;
	struct pt_stream_env *env;
	pt_stream_fn *fn;
	void *ctx;
	char *device; // owns o.sock.device
	char target[PT_ADDR_LEN];

	struct pt_tsock sock;
	struct pt_mono retry_at;
	struct pt_mono opened, heard;
	uint32_t first_key_seq; // sequence number of the packet that has key 0
	uint16_t id;            // ICMP

	struct pt_track track;
	struct pt_stats stats;
	struct pt_stream_counters n;
	uint8_t *packet; // o.payload bytes and an ICMP header
	size_t packet_len;
};

// ICMP payload, where there is room: which probe, and what only its receiver can know.
struct icmp_payload {
	uint32_t seq, magic;
	uint64_t cookie;
};
#define ICMP_MAGIC 0x50545250

static void emit(struct pt_stream *s, const struct pt_stream_event *e)
{
	if (s->fn)
		s->fn(s->ctx, e);
}

static void close_socket(struct pt_stream *s)
{
	if (s->sock.fd < 0)
		return;
	(void)pt_loop_fd_del(s->env->loop, s->sock.fd); // it was added
	pt_tsock_close(&s->sock);
}

// ---- what comes back ----

// r is NULL for ICMP.
static void settle(struct pt_stream *s, const struct pt_stamp_reflected *r,
	const struct pt_tsock_rx *rx, uint64_t cookie, struct pt_stream_event *e)
{
	const struct pt_sent_probe *p = pt_track_find(&s->track, e->seq);
	if (!p) {
		s->n.foreign++;
		return;
	}
	struct pt_arrival at = { pt_mono_now(), pt_wall_ns(), rx->kernel_ns };
	struct pt_verdict v = pt_track_answer(&s->track,
		&(struct pt_echo){
			.seq = e->seq, .cookie = cookie, .arrived = pt_arrived(p, &at) });
	if (v.answer == PT_ANSWER_FOREIGN) {
		s->n.foreign++;
		return;
	}
	s->heard = at.at;
	e->ttl = rx->ttl;
	if (v.answer == PT_ANSWER_DUPLICATE) {
		s->stats.duplicates++;
		e->kind = PT_STREAM_DUPLICATE;
	} else {
		e->sample = pt_measure(v.probe, &at, r, &s->env->clock.error);
		e->kind = v.answer == PT_ANSWER_LATE ? PT_STREAM_LATE : PT_STREAM_ANSWER;
	}
	if (v.answer == PT_ANSWER_LATE) {
		s->stats.late++;
		s->stats.lost += !v.was_lost;
	}
	if (v.answer == PT_ANSWER_FRESH) {
		s->stats.reordered += v.reordered;
		pt_stats_reply(&s->stats, &e->sample);
	}
	emit(s, e);
}

static void on_stamp(
	struct pt_stream *s, const uint8_t *buf, size_t len, const struct pt_tsock_rx *rx)
{
	struct pt_stamp_reflected r;
	if (pt_stamp_reply_read(buf, len, &r) < 0 || r.ssid != s->o.ssid) {
		s->n.foreign++;
		return;
	}
	struct pt_stream_event e = { .seq = r.sender.seq, .len = len };
	settle(s, &r, rx, r.sender.ntp, &e);
}

// The full sequence number of an echo whose payload has no room for it: the nearest one sent.
static uint32_t widen(const struct pt_stream *s, uint16_t seq)
{
	return s->track.next_seq - 1 - (uint16_t)(s->track.next_seq - 1 - seq);
}

static void on_icmp(
	struct pt_stream *s, const uint8_t *buf, size_t len, const struct pt_tsock_rx *rx)
{
	struct pt_icmp_echo echo;
	int skip = s->sock.raw && s->sock.family == AF_INET ? pt_ip4_header_len(buf, len) : 0;
	if (skip < 0 ||
		pt_icmp_echo_read(s->sock.family, buf + skip, len - (size_t)skip, &echo) < 0 ||
		!echo.reply)
		return;
	if (s->sock.raw && echo.id != s->id)
		return; // somebody else's ping
	struct pt_stream_event e = { .seq = widen(s, echo.seq), .len = len - (size_t)skip };
	uint64_t cookie = 0;
	if (s->o.payload >= sizeof(struct icmp_payload)) {
		struct icmp_payload p;
		if (echo.payload_len != s->o.payload) {
			s->n.foreign++;
			return;
		}
		memcpy(&p, echo.payload, sizeof(p));
		if (p.magic != ICMP_MAGIC || (uint16_t)p.seq != echo.seq) {
			s->n.foreign++;
			return;
		}
		e.seq = p.seq;
		cookie = p.cookie;
	}
	settle(s, NULL, rx, cookie, &e);
}

// One entry of the error queue. False: it is empty.
static bool take_event(struct pt_stream *s)
{
	struct pt_tsock_event ev;
	if (pt_tsock_event(&s->sock, &ev))
		return false;
	if (ev.kind == PT_TSOCK_EVENT_ICMP) {
		emit(s,
			&(struct pt_stream_event){
				.kind = PT_STREAM_ICMP, .code = ev.code, .from = ev.from });
		return true;
	}
	struct pt_sent_probe *p = pt_track_find(&s->track, s->first_key_seq + ev.tx_key);
	if (p && ev.kernel_ns >= p->real_ns) // else the clock was stepped, or the key slipped
		p->kernel_ns = ev.kernel_ns;
	return true;
}

// Reads one packet, if there is one. False: the socket is empty.
static bool receive(struct pt_stream *s)
{
	static _Thread_local uint8_t buf[PT_STREAM_MAX_PAYLOAD + 128];
	struct pt_tsock_rx rx;
	ssize_t n = pt_tsock_recv(&s->sock, buf, sizeof(buf), &rx);
	if (n < 0)
		return n !=
			-EAGAIN; // a kept fault that reading has cleared, or an oversized packet
	if (s->o.probe == PT_PROBE_STAMP)
		on_stamp(s, buf, (size_t)n, &rx);
	else
		on_icmp(s, buf, (size_t)n, &rx);
	return true;
}

// True when the socket is empty, so that what has no answer now had none until now.
static bool drain(struct pt_stream *s)
{
	unsigned left = DRAIN_MOST;
	while (s->sock.fd >= 0 && take_event(s) && left)
		left--;
	while (s->sock.fd >= 0 && left && receive(s))
		left--;
	return left > 0;
}

// One packet a call: the loop calls again while there are more, and serves the others in between.
static void on_socket(void *ctx, int fd, uint32_t events)
{
	struct pt_stream *s = ctx;
	if (events & EPOLLERR) {
		int fault;
		socklen_t len = sizeof(fault);
		while (take_event(s))
			;
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &len); // clears it: the next
									  // send will tell
	}
	if (events & EPOLLIN)
		(void)receive(s);
}

// ---- what leaves ----

static int open_socket(struct pt_stream *s, struct pt_err *err)
{
	struct pt_mono now = pt_mono_now();
	if (pt_mono_diff(now, s->retry_at) < 0)
		return -ENOTCONN;
	s->retry_at = pt_mono_add(now, RETRY_NS);
	int code = pt_tsock_open(&s->o.sock, &s->sock, err);
	if (code)
		return code;
	code = pt_loop_fd_add(s->env->loop, s->sock.fd, EPOLLIN, on_socket, s);
	if (code) {
		pt_tsock_close(&s->sock);
		return pt_err_errno(err, code, "cannot watch a socket");
	}
	s->first_key_seq = s->track.next_seq;
	s->opened = now;
	s->n.opened++;
	return 0;
}

static int fill_packet(struct pt_stream *s, const struct pt_sent_probe *p)
{
	if (s->o.probe == PT_PROBE_STAMP) {
		struct pt_stamp_sent w = { .seq = p->seq,
			.ntp = p->cookie,
			.error = s->env->clock.wire,
			.ssid = s->o.ssid };
		return pt_stamp_request_write(&w, s->packet, s->packet_len);
	}
	struct icmp_payload head = { .seq = p->seq, .magic = ICMP_MAGIC, .cookie = p->cookie };
	uint8_t *payload = s->packet + PT_ICMP_HEADER_LEN;
	if (s->o.payload >= sizeof(head))
		memcpy(payload, &head, sizeof(head));
	struct pt_icmp_echo e = { .family = s->sock.family,
		.id = s->id,
		.seq = (uint16_t)p->seq,
		.payload = payload,
		.payload_len = s->o.payload };
	return pt_icmp_echo_write(&e, s->packet, s->packet_len);
}

// A reply proves that it saw the probe by the low bits of the timestamp, which nobody can guess.
static uint64_t make_cookie(struct pt_stream *s, int64_t real_ns)
{
	bool room = s->o.probe == PT_PROBE_STAMP || s->o.payload >= sizeof(struct icmp_payload);
	uint64_t mask = (1ULL << NOISE_BITS) - 1;
	if (!room)
		return 0;
	return (pt_ntp_from_unix_ns(real_ns) & ~mask) | (pt_noise_u64(&s->env->noise) & mask);
}

static int transmit(struct pt_stream *s)
{
	unsigned lost = 0;
	struct pt_sent_probe *p = pt_track_next(&s->track, &lost);
	s->stats.lost += lost;
	p->at = pt_mono_now();
	p->real_ns = pt_wall_ns();
	p->cookie = make_cookie(s, p->real_ns);
	int len = fill_packet(s, p);
	uint32_t key;
	int code = len < 0 ? len : pt_tsock_send(&s->sock, s->packet, s->packet_len, &key);
	if (code) {
		pt_track_unsend(&s->track);
		s->first_key_seq = s->track.next_seq; // the keys start again
		s->n.failed++;
		return code;
	}
	s->first_key_seq = p->seq - key;
	s->n.sent++;
	if (s->sock.tx_kernel)
		(void)take_event(s); // most devices have stamped it by now: saves a wake-up
	return 0;
}

// Faults of the moment; anything else means that the socket is of no use any more.
static bool passing(int code)
{
	return code == -EAGAIN || code == -ENOBUFS || code == -ENOMEM || code == -EPERM ||
		code == -EMSGSIZE;
}

int pt_stream_send(struct pt_stream *s, struct pt_err *err)
{
	struct pt_mono now = pt_mono_now();
	pt_clock_watch_update(&s->env->clock, now);
	pt_stream_expire(s);
	if (s->sock.fd >= 0 && pt_mono_diff(now, s->heard) > SILENT_NS &&
		pt_mono_diff(now, s->opened) > SILENT_NS)
		close_socket(s);
	if (s->sock.fd < 0) {
		int code = open_socket(s, err);
		if (code)
			return code;
	}
	int code = transmit(s);
	if (!code)
		return 0;
	if (!passing(code))
		close_socket(s);
	return pt_err_errno(err, code, "cannot send");
}

void pt_stream_expire(struct pt_stream *s)
{
	struct pt_mono now = pt_mono_now();
	const struct pt_sent_probe *p;
	if (!pt_track_overdue(&s->track, now) || !drain(s))
		return;
	while ((p = pt_track_expire(&s->track, now))) {
		s->stats.lost++;
		emit(s, &(struct pt_stream_event){ .kind = PT_STREAM_LOST, .seq = p->seq });
	}
}

bool pt_stream_waiting(const struct pt_stream *s)
{
	return pt_track_waiting(&s->track);
}

void pt_stream_health(struct pt_stream *s, int64_t window_ms, struct pt_health *out)
{
	pt_stream_expire(s);
	*out = (struct pt_health){
		.target = s->target,
		.family = s->o.sock.target.family == AF_INET6 ? PT_FAMILY_IPV6 : PT_FAMILY_IPV4,
		.dscp = s->o.sock.dscp,
		.probe = s->o.probe,
		.window_ms = window_ms,
	};
	pt_stats_health(&s->stats, out);
}

void pt_stream_next_window(struct pt_stream *s)
{
	pt_stats_next_window(&s->stats);
}

const struct pt_stream_counters *pt_stream_counters(const struct pt_stream *s)
{
	return &s->n;
}

const struct pt_stream_opts *pt_stream_opts(const struct pt_stream *s)
{
	return &s->o;
}

// ---- life ----

void pt_stream_env_init(struct pt_stream_env *env, struct pt_loop *loop)
{
	*env = (struct pt_stream_env){ .loop = loop };
	env->warm_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (env->warm_fd >= 0)
		(void)pt_tsock_stamp(env->warm_fd, SOF_TIMESTAMPING_RX_SOFTWARE);
}

void pt_stream_env_done(struct pt_stream_env *env)
{
	if (env->loop && env->warm_fd >= 0)
		close(env->warm_fd);
	env->warm_fd = -1;
}

static size_t wire_len(const struct pt_stream_opts *o)
{
	if (o->probe != PT_PROBE_STAMP)
		return o->payload + PT_ICMP_HEADER_LEN;
	return o->payload > PT_STAMP_LEN ? o->payload : PT_STAMP_LEN;
}

int pt_stream_new(const struct pt_stream_opts *o, struct pt_stream_env *env, pt_stream_fn *fn,
	void *ctx, struct pt_stream **out)
{
	if (o->payload > PT_STREAM_MAX_PAYLOAD || o->period_ns <= 0 || o->timeout_ns <= 0)
		return -EINVAL;
	struct pt_stream *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->o = *o;
	s->env = env;
	s->fn = fn;
	s->ctx = ctx;
	s->sock.fd = -1;
	pt_addr_format(&o->sock.target, s->target);
	s->id = (uint16_t)(ICMP_ID ^ pt_noise_u64(&env->noise));
	s->packet_len = wire_len(o);
	s->packet = calloc(1, s->packet_len);
	if (o->sock.device)
		s->device = strdup(o->sock.device);
	s->o.sock.device = s->device;

	uint64_t slots = (uint64_t)(o->timeout_ns / o->period_ns + 1) * REMEMBERED;
	uint32_t bounded = slots < PT_TRACK_MAX ? (uint32_t)slots : PT_TRACK_MAX;
	int code = pt_track_init(&s->track, bounded, o->timeout_ns);
	if (code || !s->packet || (o->sock.device && !s->device)) {
		pt_stream_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void pt_stream_free(struct pt_stream *s)
{
	if (!s)
		return;
	close_socket(s);
	pt_track_done(&s->track);
	free(s->packet);
	free(s->device);
	free(s);
}
