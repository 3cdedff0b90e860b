// SPDX-License-Identifier: MIT
#include "probe/reflect.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/env.h"
#include "probe/tsock.h"
#include "wire/stamp.h"

#define BATCH       32
#define MAX_REQUEST 9216
#define CONTROL_LEN 256
#define MAX_SOCKETS 16
#define REPLY_TTL   255 // RFC 8762 section 4.3
#define RECV_BUFFER (1 << 20)

// One request, turned in place into its reply.
struct slot {
	uint8_t packet[MAX_REQUEST];
	union {
		char bytes[CONTROL_LEN];
		struct cmsghdr align;
	} control;
	struct sockaddr_storage peer;
	struct iovec iov;
};

// What the control messages of a request say.
struct arrival {
	int64_t kernel_ns;
	int ttl, tos;
	int ifindex;
	bool unicast;
	struct pt_addr local;
};

struct endpoint {
	struct pt_reflector *owner;
	int fd, family;
};

struct pt_reflector {
	struct pt_reflect_opts o; // allow is our own copy
	struct pt_prefix *allow;
	struct pt_loop *loop;
	struct endpoint sock[MAX_SOCKETS];
	uint32_t n_sock;
	struct pt_clock_watch clock;
	struct pt_reflect_counters n;
	double tokens; // of the rate limit
	struct pt_mono refilled;

	struct slot slots[BATCH];
	struct mmsghdr in[BATCH], out[BATCH];
};

// ---- requests ----

static int int_of(const struct cmsghdr *c)
{
	int v = -1;
	size_t len = c->cmsg_len - CMSG_LEN(0);
	if (len == 1)
		v = *CMSG_DATA(c); // IP_TOS is a byte
	else if (len >= sizeof(v))
		memcpy(&v, CMSG_DATA(c), sizeof(v));
	return v;
}

static void read_pktinfo4(const struct cmsghdr *c, struct arrival *a)
{
	struct in_pktinfo p;
	if (c->cmsg_len < CMSG_LEN(sizeof(p)))
		return;
	memcpy(&p, CMSG_DATA(c), sizeof(p));
	a->ifindex = p.ipi_ifindex;
	a->local.family = AF_INET;
	memcpy(a->local.bytes, &p.ipi_addr, 4);
	a->unicast = p.ipi_addr.s_addr == p.ipi_spec_dst.s_addr; // unlike broadcast and groups
}

static void read_pktinfo6(const struct cmsghdr *c, struct arrival *a)
{
	struct in6_pktinfo p;
	if (c->cmsg_len < CMSG_LEN(sizeof(p)))
		return;
	memcpy(&p, CMSG_DATA(c), sizeof(p));
	a->ifindex = (int)p.ipi6_ifindex;
	a->local.family = AF_INET6;
	memcpy(a->local.bytes, &p.ipi6_addr, 16);
	a->unicast = !IN6_IS_ADDR_MULTICAST(&p.ipi6_addr);
}

static void read_arrival(struct msghdr *m, struct arrival *a)
{
	*a = (struct arrival){ .kernel_ns = pt_tsock_stamp_ns(m), .ttl = -1, .tos = 0 };
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_PKTINFO)
			read_pktinfo4(c, a);
		else if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			read_pktinfo6(c, a);
		else if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TTL) ||
			(c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
			a->ttl = int_of(c);
		else if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_TOS) ||
			(c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_TCLASS))
			a->tos = int_of(c);
	}
}

static bool allowed(const struct pt_reflector *r, const struct pt_addr *from)
{
	for (uint32_t i = 0; i < r->o.n_allow; i++)
		if (pt_prefix_contains(&r->allow[i], from))
			return true;
	return !r->o.n_allow;
}

static bool within_rate(struct pt_reflector *r)
{
	if (!r->o.rate_pps)
		return true;
	double rate = (double)r->o.rate_pps, burst = rate / 10 + 1;
	struct pt_mono now = pt_mono_now();
	r->tokens += rate * (double)pt_mono_diff(now, r->refilled) / (double)PT_NS_PER_S;
	r->refilled = now;
	if (r->tokens > burst)
		r->tokens = burst;
	if (r->tokens < 1)
		return false;
	r->tokens--;
	return true;
}

// The counter of why this request gets no answer, or NULL: answer it.
static uint64_t *objection(struct pt_reflector *r, const struct mmsghdr *m, const struct arrival *a)
{
	struct pt_addr from;
	uint16_t port = 0;
	if (m->msg_len < PT_STAMP_LEN || m->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return &r->n.malformed;
	if (pt_addr_from_sockaddr(m->msg_hdr.msg_name, &from, &port))
		return &r->n.malformed;
	if (!a->unicast || port == 0 || port == r->o.port)
		return &r->n.looped;
	if (!allowed(r, &from))
		return &r->n.refused;
	return within_rate(r) ? NULL : &r->n.limited;
}

// ---- replies ----

static struct cmsghdr *put_control(
	struct msghdr *m, struct cmsghdr *at, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = at ? CMSG_NXTHDR(m, at) : CMSG_FIRSTHDR(m);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	return c;
}

static void address_reply(struct msghdr *m, struct slot *s, const struct arrival *a)
{
	int dscp = a->tos & ~3; // ECN is not ours to echo
	struct cmsghdr *c;
	memset(&s->control, 0, sizeof(s->control));
	m->msg_control = &s->control;
	m->msg_controllen = sizeof(s->control);
	if (a->local.family == AF_INET) {
		struct in_pktinfo p = { .ipi_ifindex = a->ifindex };
		memcpy(&p.ipi_spec_dst, a->local.bytes, 4);
		c = put_control(m, NULL, SOL_IP, IP_PKTINFO, &p, sizeof(p));
		c = put_control(m, c, SOL_IP, IP_TOS, &dscp, sizeof(dscp));
	} else {
		struct in6_pktinfo p = { .ipi6_ifindex = (unsigned)a->ifindex };
		memcpy(&p.ipi6_addr, a->local.bytes, 16);
		c = put_control(m, NULL, SOL_IPV6, IPV6_PKTINFO, &p, sizeof(p));
		c = put_control(m, c, SOL_IPV6, IPV6_TCLASS, &dscp, sizeof(dscp));
	}
	m->msg_controllen = (size_t)((char *)c - s->control.bytes) + CMSG_SPACE(sizeof(dscp));
}

static void turn_into_reply(
	struct pt_reflector *r, struct slot *s, size_t len, const struct arrival *a)
{
	struct pt_stamp_reflected reply = { 0 };
	if (pt_stamp_request_read(s->packet, len, &reply.sender) < 0)
		return; // cannot be: objection() has seen to the length
	int64_t now_ns = pt_wall_ns();
	r->n.user_stamps += !a->kernel_ns;
	reply.seq = reply.sender.seq; // stateless: RFC 8762 section 4.3
	reply.ssid = reply.sender.ssid;
	reply.error = r->clock.wire;
	reply.received_ntp = pt_ntp_from_unix_ns(a->kernel_ns ? a->kernel_ns : now_ns);
	reply.sender_ttl = a->ttl < 0 ? 0 : (uint8_t)a->ttl;
	pt_stamp_tlvs_reflect(s->packet, len);
	reply.ntp = pt_ntp_from_unix_ns(now_ns);
	(void)pt_stamp_reply_write(&reply, s->packet, len); // it fits: requests are no shorter
}

static void send_all(struct pt_reflector *r, int fd, unsigned n)
{
	for (unsigned done = 0; done < n;) {
		int sent = sendmmsg(fd, r->out + done, n - done, MSG_DONTWAIT);
		if (sent > 0) {
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
		struct arrival a;
		struct slot *s = &r->slots[i];
		r->n.received++;
		read_arrival(&r->in[i].msg_hdr, &a);
		uint64_t *why = objection(r, &r->in[i], &a);
		if (why) {
			(*why)++;
			continue;
		}
		turn_into_reply(r, s, r->in[i].msg_len, &a);
		s->iov.iov_len = r->in[i].msg_len;
		r->out[replies].msg_hdr = r->in[i].msg_hdr;
		r->out[replies].msg_hdr.msg_flags = 0;
		address_reply(&r->out[replies].msg_hdr, s, &a);
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
	(void)pt_tsock_stamp(fd, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
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

int pt_reflector_new(const struct pt_reflect_opts *o, struct pt_loop *loop,
	struct pt_reflector **out, struct pt_err *err)
{
	struct pt_reflector *r = calloc(1, sizeof(*r));
	struct pt_prefix *allow = calloc(o->n_allow + 1, sizeof(*allow));
	if (!r || !allow) {
		free(r);
		free(allow);
		return pt_err_set(err, -ENOMEM, "out of memory");
	}
	if (o->n_allow)
		memcpy(allow, o->allow, o->n_allow * sizeof(*allow));
	r->o = *o;
	r->allow = allow;
	r->loop = loop;
	r->refilled = pt_mono_now();
	int code = open_all(r, err);
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
	for (uint32_t i = 0; i < r->n_sock; i++) {
		(void)pt_loop_fd_del(r->loop, r->sock[i].fd); // it was added
		close(r->sock[i].fd);
	}
	free(r->allow);
	free(r);
}

const struct pt_reflect_counters *pt_reflector_counters(const struct pt_reflector *r)
{
	return &r->n;
}
