// SPDX-License-Identifier: MIT
// A DNS query over UDP and the reply to it. The socket is connected: what others send, the kernel
// drops. The id is unpredictable, and so is the port.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "probe/kstamp.h"
#include "probe/service_kind.h"

#define REPLY_MAX 4096 // bytes; ours ask for 512, servers may know better

static int check(struct pt_service *s, struct pt_err *err)
{
	uint8_t query[PT_DNS_QUERY_MAX];

	return pt_dns_query_write(0, s->o.dns.name, s->o.dns.type, query, sizeof(query)) < 0
		? pt_err_set(err, -EINVAL, "'%s' is no name", s->o.dns.name)
		: 0;
}

static bool among(const struct pt_dns_reply *r, const char *want)
{
	for (unsigned i = 0; i < r->n_kept; i++)
		if (pt_dns_answer_is(&r->answer[i], want))
			return true;
	return false;
}

static void judge(struct pt_service *s, const struct pt_dns_reply *r)
{
	const char *first = "";

	for (unsigned i = 0; i < r->n_kept && !*first; i++)
		if (r->answer[i].type == s->o.dns.type)
			first = r->answer[i].text;
	s->news.ok = true;
	s->news.figures.status = r->rcode;
	s->news.figures.answers = r->n;
	(void)snprintf(s->news.word, sizeof(s->news.word), "%s%s%s", pt_dns_rcode_name(r->rcode),
		*first ? " " : "", first);
	if (r->rcode != s->o.dns.rcode)
		pt_service_fail(s, "the server says %s", pt_dns_rcode_name(r->rcode));
	else if (s->o.dns.answer && !among(r, s->o.dns.answer))
		pt_service_fail(s, "%s is not among the %u answers%s%s", s->o.dns.answer, r->n,
			*first ? ": " : "", first);
	else if (!r->rcode && !r->n && !s->o.dns.any && !r->truncated)
		pt_service_fail(s, "the name has no record of this type");
}

static void set_time(struct pt_service *s, struct msghdr *m)
{
	int64_t now_ns = pt_mono_diff(pt_mono_now(), s->start);
	int64_t stamp_ns = pt_kstamp_ns(m);

	s->news.rtt_ns = now_ns;
	// The kernel's stamp is of the arrival; the query left within the call that sent it.
	if (stamp_ns > s->start_real_ns && stamp_ns - s->start_real_ns <= now_ns) {
		s->news.rtt_ns = stamp_ns - s->start_real_ns;
		s->news.kernel = true;
	}
}

static void on_packet(void *ctx, int fd, uint32_t events)
{
	struct pt_service *s = ctx;
	uint8_t bytes[REPLY_MAX];
	union {
		char bytes[256];
		struct cmsghdr align;
	} control;
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct pt_dns_reply r;

	(void)events;
	ssize_t n = recvmsg(fd, &m, 0);
	int code = n < 0 ? -errno : 0;
	if (code == -EAGAIN)
		return;
	if (code) {
		pt_service_fail(s, "%s", strerrordesc_np(-code));
		pt_service_done(s);
		return;
	}
	code = pt_dns_reply_read(s->query, s->query_len, bytes, (size_t)n, &r);
	if (code == -ENOMSG)
		return; // not ours: the right one may come yet
	set_time(s, &m);
	if (code)
		pt_service_fail(s, "the reply is no sound DNS message");
	else
		judge(s, &r);
	pt_service_done(s);
}

static int send_query(struct pt_service *s)
{
	uint16_t id = 0;
	int code = pt_service_connect(s);

	if (code)
		return code;
	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return -EIO;
	s->query_len = (size_t)pt_dns_query_write( // its name was checked
		id, s->o.dns.name, s->o.dns.type, s->query, sizeof(s->query));
	(void)pt_kstamp_set(s->fd, PT_KSTAMP_RX); // else ours serves
	code = pt_loop_fd_add(s->loop, s->fd, EPOLLIN, on_packet, s);
	if (code)
		return code;
	s->start = pt_mono_now();
	s->start_real_ns = pt_wall_ns();
	return send(s->fd, s->query, s->query_len, 0) < 0 ? -errno : 0;
}

static void start(struct pt_service *s)
{
	int code = pt_service_socket(s, SOCK_DGRAM);

	if (!code && (code = send_query(s))) {
		s->news.unsent = true;
		pt_service_fail(s, "%s", strerrordesc_np(-code));
	}
	if (code)
		pt_service_done(s);
}

static void stop(struct pt_service *s)
{
	(void)s; // its socket is all there is
}

const struct pt_service_kind pt_service_dns = { .check = check, .start = start, .stop = stop };
