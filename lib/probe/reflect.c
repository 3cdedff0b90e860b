// SPDX-License-Identifier: MIT
#include "probe/reflect.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/env.h"
#include "probe/envelope.h"
#include "probe/kstamp.h"
#include "probe/sessions.h"
#include "probe/limiter.h"
#include "wire/stamp.h"

#define BATCH       32
#define MAX_REQUEST 9216
#define MAX_SOCKETS 16
#define REPLY_TTL   255 // RFC 8762 section 4.3
#define RECV_BUFFER (1 << 20)
#define LOOK_NS     PT_NS_PER_S        // for a device that was made anew
#define CHUNK       8                  // answers a system call: their stamps look ahead no further
#define MOST_NS     (5 * PT_NS_PER_US) // that one answer is believed to take

// One request, turned in place into its reply.
struct slot {
	int64_t received_ns; // CLOCK_REALTIME
	uint8_t packet[MAX_REQUEST];
	union {
		char bytes[PT_ENVELOPE_CONTROL];
		struct cmsghdr align;
	} control;
	struct sockaddr_storage peer;
	struct iovec iov;
	struct pt_stamp_key *key; // that it is signed with; NULL: open mode
};

struct endpoint {
	struct pt_reflector *owner;
	int fd, family;
};

struct pt_reflector {
	struct pt_reflect_opts o; // lists are our own copies
	struct pt_prefix *allow;
	struct pt_addr *bind;
	unsigned ifindex; // of the device when the sockets were bound to it
	struct pt_timer *device_timer;
	struct pt_loop *loop;
	struct endpoint sock[MAX_SOCKETS];
	uint32_t n_sock;
	struct pt_sessions *sessions;
	size_t base;                     // bytes of the base packet
	struct pt_stamp_key *former_key; // before the last change; NULL: there was none
	struct pt_clock_watch clock;
	struct pt_reflect_counters n;
	int64_t answer_ns; // that the kernel lately took to send one
	struct pt_limiter *limiter;

	struct slot slots[BATCH];
	struct mmsghdr in[BATCH], out[BATCH];
	struct slot *out_slots[BATCH];
};

// ---- requests ----

static bool allowed(const struct pt_reflector *r, const struct pt_addr *from)
{
	for (uint32_t i = 0; i < r->o.n_allow; i++)
		if (pt_prefix_contains(&r->allow[i], from))
			return true;
	return !r->o.n_allow;
}

// The session that a request belongs to.
static struct pt_session *session_of(
	struct pt_reflector *r, const struct slot *s, const struct pt_envelope *a, uint16_t ssid)
{
	struct pt_session_id id = { .local = a->local, .ssid = ssid };
	(void)pt_addr_from_sockaddr((const struct sockaddr *)&s->peer, &id.peer, &id.port);
	return pt_sessions_get(r->sessions, &id);
}

// Authenticated mode: the counter of what is wrong with the request, or NULL.
static uint64_t *distrust(struct pt_reflector *r, struct slot *s, const struct pt_envelope *a)
{
	struct pt_stamp_sent sent;
	s->key = r->o.key;
	if (!pt_stamp_signed(s->key, s->packet)) {
		s->key = r->former_key;
		if (!s->key || !pt_stamp_signed(s->key, s->packet))
			return &r->n.forged;
	}
	(void)pt_stamp_auth_request_read(s->packet, PT_STAMP_AUTH_LEN, &sent); // it is so long
	struct pt_session *session = session_of(r, s, a, sent.ssid);
	return pt_session_fresh(session, sent.seq, sent.ntp) ? NULL : &r->n.replayed;
}

// The counter of why this request gets no answer, or NULL: answer it.
static uint64_t *objection(struct pt_reflector *r, struct slot *s, const struct mmsghdr *m,
	const struct pt_envelope *a)
{
	struct pt_addr from;
	uint16_t port = 0;
	if (m->msg_len < r->base || m->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return &r->n.malformed;
	if (pt_addr_from_sockaddr(m->msg_hdr.msg_name, &from, &port))
		return &r->n.malformed;
	if (!a->unicast || port == 0 || port == r->o.port)
		return &r->n.looped;
	if (!allowed(r, &from))
		return &r->n.refused;
	if (!pt_limiter_take(r->limiter, &from, pt_mono_now()))
		return &r->n.limited;
	return r->o.key ? distrust(r, s, a) : NULL;
}

// ---- replies ----

// Where the answer's own signature of them belongs; 0: nowhere.
static size_t answer_extensions(
	struct pt_reflector *r, struct slot *s, size_t len, struct pt_envelope *a, uint16_t ssid)
{
	struct pt_stamp_reflect reflect = { .tos = (uint8_t)a->tos };
	size_t signature = 0;
	if (len <= r->base)
		return 0;
	if (s->key && pt_stamp_tlvs_check(s->key, s->packet, r->base, len, &signature) != 0) {
		r->n.tampered++;
		pt_stamp_tlvs_distrust(s->packet, r->base, len);
		return 0;
	}
	reflect.trusted = signature != 0;
	if (pt_stamp_wants_counts(s->packet, r->base, len)) {
		reflect.direct = &session_of(r, s, a, ssid)->counts;
		reflect.direct->received++;
		reflect.direct->reflected++;
	}
	pt_stamp_tlvs_reflect(s->packet, r->base, len, &reflect);
	if (reflect.dscp >= 0)
		a->tos = reflect.dscp << 2;
	return signature;
}

static void turn_into_reply(
	struct pt_reflector *r, struct slot *s, size_t len, struct pt_envelope *a)
{
	struct pt_stamp_reflected reply = { 0 };
	bool closed = r->o.key;
	(void)(closed ? pt_stamp_auth_request_read(s->packet, len, &reply.sender)
		      : pt_stamp_request_read(s->packet, len, &reply.sender)); // it is long enough
	r->n.user_stamps += !a->kernel_ns;
	reply.seq = reply.sender.seq;
	reply.ssid = reply.sender.ssid;
	reply.error = r->clock.wire;
	reply.received_ntp = pt_ntp_from_unix_ns(s->received_ns);
	reply.sender_ttl = a->ttl < 0 ? 0 : (uint8_t)a->ttl;
	size_t signature = answer_extensions(r, s, len, a, reply.ssid);
	(void)(closed ? pt_stamp_auth_reply_write(&reply, s->packet, len)
		      : pt_stamp_reply_write(&reply, s->packet, len)); // requests are no shorter
	if (signature)
		pt_stamp_tlvs_sign(s->key, s->packet, r->base, signature, true);
}

static void seal(struct slot *s, uint64_t ntp)
{
	if (!s->key) {
		pt_stamp_sent_set(s->packet, ntp);
		return;
	}
	pt_stamp_auth_sent_set(s->packet, ntp);
	pt_stamp_sign(s->key, s->packet);
}

// Answers leave one after the other: each is stamped with the time at which its turn will come.
static void stamp_answers(struct pt_reflector *r, unsigned from, unsigned n, int64_t now_ns)
{
	for (unsigned i = 0; i < n; i++) {
		struct slot *s = r->out_slots[from + i];
		int64_t sent_ns = now_ns + i * r->answer_ns * 3 / 4; // rather early than late
		seal(s, pt_ntp_from_unix_ns(sent_ns));
		if (sent_ns >= s->received_ns)
			pt_hist_add(
				&r->n.held, (uint64_t)(sent_ns - s->received_ns) / PT_NS_PER_US);
	}
}

static void learn_speed(struct pt_reflector *r, int64_t took_ns, int sent)
{
	int64_t each = took_ns / sent;
	if (sent > 1 && each > 0 && each < MOST_NS)
		r->answer_ns += (each - r->answer_ns) / 8;
}

static void send_all(struct pt_reflector *r, int fd, unsigned n)
{
	for (unsigned done = 0; done < n;) {
		unsigned chunk = n - done < CHUNK ? n - done : CHUNK;
		int64_t now_ns = pt_wall_ns();
		stamp_answers(r, done, chunk, now_ns);
		int sent = sendmmsg(fd, r->out + done, chunk, MSG_DONTWAIT);
		if (sent > 0) {
			learn_speed(r, pt_wall_ns() - now_ns, sent);
			r->n.answered += (unsigned)sent;
			done += (unsigned)sent;
		} else {
			r->n.failed++; // its device or route went: the others may do better
			done++;
		}
	}
}

static void prepare(struct pt_reflector *r)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct slot *s = &r->slots[i];
		s->iov = (struct iovec){ .iov_base = s->packet, .iov_len = sizeof(s->packet) };
		r->in[i].msg_hdr = (struct msghdr){ .msg_name = &s->peer,
			.msg_namelen = sizeof(s->peer),
			.msg_iov = &s->iov,
			.msg_iovlen = 1,
			.msg_control = &s->control,
			.msg_controllen = sizeof(s->control) };
	}
}

static void on_requests(void *ctx, int fd, uint32_t events)
{
	struct endpoint *e = ctx;
	struct pt_reflector *r = e->owner;
	unsigned replies = 0;
	(void)events;
	prepare(r);
	int n = recvmmsg(fd, r->in, BATCH, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return; // nothing left, or a kept fault that reading has cleared
	pt_clock_watch_update(&r->clock, pt_mono_now());
	for (int i = 0; i < n; i++) {
		struct pt_envelope a;
		struct slot *s = &r->slots[i];
		r->n.received++;
		pt_envelope_read(&r->in[i].msg_hdr, &a);
		uint64_t *why = objection(r, s, &r->in[i], &a);
		if (why) {
			(*why)++;
			continue;
		}
		s->received_ns = a.kernel_ns ? a.kernel_ns : pt_wall_ns();
		turn_into_reply(r, s, r->in[i].msg_len, &a);
		r->out_slots[replies] = s;
		s->iov.iov_len = r->in[i].msg_len;
		r->out[replies].msg_hdr = r->in[i].msg_hdr;
		r->out[replies].msg_hdr.msg_flags = 0;
		pt_envelope_answer(&a, &r->out[replies].msg_hdr, &s->control);
		replies++;
	}
	send_all(r, fd, replies);
}

// ---- life ----

static int set_options(int fd, int family)
{
	static const struct {
		int family, level, name, value;
	} options[] = {
		{ AF_INET, SOL_IP, IP_PKTINFO, 1 },
		{ AF_INET, SOL_IP, IP_RECVTTL, 1 },
		{ AF_INET, SOL_IP, IP_RECVTOS, 1 },
		{ AF_INET, SOL_IP, IP_TTL, REPLY_TTL },
		{ AF_INET6, SOL_IPV6, IPV6_V6ONLY, 1 },
		{ AF_INET6, SOL_IPV6, IPV6_RECVPKTINFO, 1 },
		{ AF_INET6, SOL_IPV6, IPV6_RECVHOPLIMIT, 1 },
		{ AF_INET6, SOL_IPV6, IPV6_RECVTCLASS, 1 },
		{ AF_INET6, SOL_IPV6, IPV6_UNICAST_HOPS, REPLY_TTL },
	};
	for (size_t i = 0; i < PT_ARRAY_LEN(options); i++)
		if ((!options[i].family || options[i].family == family) &&
			setsockopt(fd, options[i].level, options[i].name, &options[i].value,
				sizeof(int)))
			return -errno;
	int room = RECV_BUFFER; // bursts of a thousand paths; less is no fault
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	// Without the kernel's stamp ours serves, and user_stamps counts it.
	(void)pt_kstamp_set(fd, PT_KSTAMP_RX);
	return 0;
}

static int open_endpoint(struct pt_reflector *r, const struct pt_addr *addr, struct pt_err *err)
{
	char text[PT_ADDR_LEN];
	pt_addr_format(addr, text);
	if (r->n_sock == MAX_SOCKETS)
		return pt_err_set(err, -E2BIG, "at most %d addresses to bind", MAX_SOCKETS);
	pt_autofd fd = socket(addr->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return pt_err_errno(err, -errno, "cannot open a socket for %s", text);
	int code = set_options(fd, addr->family);
	if (code)
		return pt_err_errno(err, code, "socket options for %s", text);
	const char *dev = r->o.device;
	if (dev && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, dev, (socklen_t)strlen(dev) + 1)) {
		code = -errno;
		return pt_err_errno(err, code, "device %s", dev);
	}
	struct sockaddr_storage ss;
	socklen_t len = pt_addr_sockaddr(addr, r->o.port, &ss);
	if (bind(fd, (const struct sockaddr *)&ss, len)) {
		code = -errno;
		return pt_err_errno(err, code, "cannot bind %s port %u", text, r->o.port);
	}
	struct endpoint *e = &r->sock[r->n_sock];
	*e = (struct endpoint){ .owner = r, .fd = fd, .family = addr->family };
	code = pt_loop_fd_add(r->loop, fd, EPOLLIN, on_requests, e);
	if (code)
		return pt_err_errno(err, code, "cannot watch a socket");
	e->fd = pt_take_fd(&fd);
	r->n_sock++;
	return 0;
}

static int open_all(struct pt_reflector *r, struct pt_err *err)
{
	for (uint32_t i = 0; i < r->o.n_bind; i++) {
		int code = open_endpoint(r, &r->o.bind[i], err);
		if (code)
			return code;
	}
	if (r->o.n_bind)
		return 0;
	static const struct pt_addr any[] = { { .family = AF_INET6 }, { .family = AF_INET } };
	for (size_t i = 0; i < PT_ARRAY_LEN(any); i++) {
		int code = open_endpoint(r, &any[i], err);
		bool lacking = code == -EAFNOSUPPORT || code == -EADDRNOTAVAIL;
		if (code && !(lacking && (r->n_sock || any[i].family == AF_INET6)))
			return code;
	}
	return 0;
}

static void close_all(struct pt_reflector *r)
{
	while (r->n_sock) {
		int fd = r->sock[--r->n_sock].fd;
		(void)pt_loop_fd_del(r->loop, fd); // it was added
		close(fd);
	}
}

// A socket bound to a device stays deaf when that is deleted and made again: bind anew.
static void look_for_device(void *ctx, uint64_t expirations)
{
	struct pt_reflector *r = ctx;
	unsigned now = if_nametoindex(r->o.device);
	(void)expirations;
	if (!now || (now == r->ifindex && r->n_sock))
		return;
	close_all(r);
	if (open_all(r, NULL))
		close_all(r); // its addresses may still be missing: look again
	r->ifindex = now;
}

static int copy_options(struct pt_reflector *r, const struct pt_reflect_opts *o)
{
	r->o = *o;
	r->o.allow = r->allow = calloc(o->n_allow + 1, sizeof(*r->allow));
	r->o.bind = r->bind = calloc(o->n_bind + 1, sizeof(*r->bind));
	struct pt_noise noise = { 0 };
	r->limiter = pt_limiter_new(o->rate_pps, o->source_rate_pps, pt_noise_u64(&noise));
	if (!r->allow || !r->bind || !r->limiter)
		return -ENOMEM;
	if (o->n_allow)
		memcpy(r->allow, o->allow, o->n_allow * sizeof(*r->allow));
	if (o->n_bind)
		memcpy(r->bind, o->bind, o->n_bind * sizeof(*r->bind));
	return 0;
}

static int start(struct pt_reflector *r, struct pt_err *err)
{
	int code = open_all(r, err);
	if (code || !r->o.device)
		return code;
	r->ifindex = if_nametoindex(r->o.device);
	code = pt_loop_timer_add(r->loop, pt_mono_add(pt_mono_now(), LOOK_NS), LOOK_NS,
		look_for_device, r, &r->device_timer);
	return code ? pt_err_errno(err, code, "cannot start a timer") : 0;
}

int pt_reflector_new(const struct pt_reflect_opts *o, struct pt_loop *loop,
	struct pt_reflector **out, struct pt_err *err)
{
	struct pt_reflector *r = calloc(1, sizeof(*r));
	if (!r || copy_options(r, o) || pt_sessions_new(&r->sessions)) {
		pt_reflector_free(r);
		return pt_err_set(err, -ENOMEM, "out of memory");
	}
	r->loop = loop;
	r->base = o->key ? PT_STAMP_AUTH_LEN : PT_STAMP_LEN;
	int code = start(r, err);
	if (code) {
		pt_reflector_free(r);
		return code;
	}
	*out = r;
	return 0;
}

void pt_reflector_free(struct pt_reflector *r)
{
	if (!r)
		return;
	close_all(r);
	pt_loop_timer_del(r->device_timer);
	pt_limiter_free(r->limiter);
	pt_sessions_free(r->sessions);
	free(r->allow);
	free(r->bind);
	free(r);
}

void pt_reflector_key(struct pt_reflector *r, struct pt_stamp_key *key)
{
	r->former_key = r->o.key;
	r->o.key = key;
}

const struct pt_reflect_counters *pt_reflector_counters(const struct pt_reflector *r)
{
	return &r->n;
}
