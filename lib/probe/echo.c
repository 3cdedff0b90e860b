// SPDX-License-Identifier: MIT
#include "probe/echo.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "probe/kstamp.h"
#include "probe/port_io.h"
#include "probe/port_open.h"
#include "wire/icmp.h"

#define IP4_LEN 20u
#define IP6_LEN 40u
#define SEQS    65536

struct pt_echo {
	struct pt_echo_opts o;
	struct sockaddr_storage to;
	socklen_t to_len;
	int fd;
	bool raw;
	uint16_t id;
	uint32_t local_mtu;    // of the device that the last packet did not fit
	int64_t sent_ns[SEQS]; // CLOCK_REALTIME; 0: not sent, or no longer of interest
	uint8_t packet[PT_ECHO_MOST + 1];
	uint8_t payload[PT_ECHO_MOST + 1];
};

static uint32_t ip_len(int family)
{
	return family == AF_INET6 ? IP6_LEN : IP4_LEN;
}

uint32_t pt_echo_least(int family)
{
	return ip_len(family) + PT_ICMP_HEADER_LEN;
}

static int set_options(const struct pt_echo *e)
{
	const int tos = e->o.dscp << 2;
	const struct {
		int family, level, name, value;
	} options[] = {
		{ AF_INET, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE },
		{ AF_INET, SOL_IP, IP_TOS, tos },
		{ AF_INET6, SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE },
		{ AF_INET6, SOL_IPV6, IPV6_DONTFRAG, 1 },
		{ AF_INET6, SOL_IPV6, IPV6_TCLASS, tos },
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(options); i++)
		if (options[i].family == e->o.target.family &&
			setsockopt(e->fd, options[i].level, options[i].name, &options[i].value,
				sizeof(int)))
			return -errno;
	(void)pt_kstamp_set(e->fd, PT_KSTAMP_RX); // else ours serve
	return 0;
}

int pt_echo_new(const struct pt_echo_opts *o, struct pt_echo **out, struct pt_err *err)
{
	const struct pt_port_opts port = { .kind = PT_PORT_ICMP,
		.family = o->target.family,
		.device = o->device,
		.source = o->source,
		.mark = o->mark,
		.ttl = 64,
		.icmp_errors = true };
	struct pt_echo *e = calloc(1, sizeof(*e));
	int ret;

	if (!e)
		return pt_err_set(err, -ENOMEM, "out of memory");
	e->o = *o;
	e->fd = -1;
	e->id = (uint16_t)getpid();
	e->to_len = pt_addr_sockaddr(&o->target, 0, &e->to);
	if (o->target.family == AF_INET6)
		((struct sockaddr_in6 *)&e->to)->sin6_scope_id = o->scope;
	ret = pt_port_socket(&port, &e->fd, &e->raw, err);
	if (!ret && (ret = set_options(e)))
		(void)pt_err_errno(err, ret, "socket options");
	if (ret)
		pt_echo_free(e);
	else
		*out = e;
	return ret;
}

void pt_echo_free(struct pt_echo *e)
{
	if (e && e->fd >= 0)
		(void)close(e->fd);
	free(e);
}

// ---- what leaves ----

static ssize_t put(struct pt_echo *e, size_t len, int ttl)
{
	const bool v6 = e->o.target.family == AF_INET6;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { e->packet, len };
	struct msghdr m = { .msg_name = &e->to,
		.msg_namelen = e->to_len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ttl ? &control : NULL,
		.msg_controllen = ttl ? sizeof(control) : 0 };

	control.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = v6 ? SOL_IPV6 : SOL_IP,
		.cmsg_type = v6 ? IPV6_HOPLIMIT : IP_TTL };
	memcpy(CMSG_DATA(&control.align), &ttl, sizeof(ttl));
	return sendmsg(e->fd, &m, 0);
}

int pt_echo_send(struct pt_echo *e, uint16_t seq, uint32_t size, uint8_t ttl)
{
	const uint32_t least = pt_echo_least(e->o.target.family);
	const struct pt_icmp_echo echo = { .family = e->o.target.family,
		.id = e->id,
		.seq = seq,
		.payload = e->payload,
		.payload_len = size - least };
	int len = size < least || size > PT_ECHO_MOST
		? -EINVAL
		: pt_icmp_echo_write(&echo, e->packet, sizeof(e->packet));

	if (len < 0)
		return len;
	e->sent_ns[seq] = pt_wall_ns();
	// What was said against an earlier packet may be told by this call; the queue has it, too.
	for (int tries = 0; put(e, (size_t)len, ttl) < 0; tries++) {
		if (errno == EMSGSIZE || errno == EAGAIN || tries == 3) {
			e->sent_ns[seq] = 0;
			return -errno;
		}
		pt_port_clear_fault(e->fd);
	}
	return 0;
}

// ---- what comes back ----

// True: news of a probe that waits for some.
static bool settle(struct pt_echo *e, uint16_t seq, int64_t at_ns, struct pt_echo_news *out)
{
	if (!e->sent_ns[seq])
		return false;
	out->seq = seq;
	out->rtt_ns = at_ns > e->sent_ns[seq] ? at_ns - e->sent_ns[seq] : 0;
	e->sent_ns[seq] = 0;
	return true;
}

// 1: news; 0: something else; -EAGAIN: nothing left.
static int read_error(struct pt_echo *e, struct pt_echo_news *out)
{
	struct pt_inbox_control control;
	uint8_t quote[PT_PORT_QUOTE];
	struct iovec iov = { quote, sizeof(quote) };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct sock_extended_err ee;
	uint16_t seq;

	*out = (struct pt_echo_news){ 0 };
	ssize_t n = recvmsg(e->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	if (!pt_port_extended(&m, &ee, &out->from))
		return 0;
	if (ee.ee_origin == SO_EE_ORIGIN_LOCAL && ee.ee_errno == EMSGSIZE)
		e->local_mtu = ee.ee_info;
	out->code = pt_port_refusal(&ee);
	if (!out->code || pt_icmp_echo_seq(quote, (size_t)n, &seq))
		return 0;
	out->mtu = out->code == -EMSGSIZE ? ee.ee_info : 0;
	return settle(e, seq, pt_wall_ns(), out);
}

static int read_answer(struct pt_echo *e, struct pt_echo_news *out)
{
	struct pt_inbox_control control;
	struct sockaddr_storage from;
	struct iovec iov = { e->packet, sizeof(e->packet) };
	struct msghdr m = { .msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct pt_port_packet p = { .data = e->packet };
	struct pt_icmp_echo echo;

	*out = (struct pt_echo_news){ 0 };
	ssize_t n = recvmsg(e->fd, &m, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : 0; // a fault that the error queue has, too
	p.len = (size_t)n;
	p.kernel_ns = pt_kstamp_ns(&m);
	pt_port_peer(&m, &p);
	if (!pt_port_icmp_strip(e->raw, e->o.target.family, e->id, &p) ||
		pt_icmp_echo_read(e->o.target.family, p.data, p.len, &echo) < 0 || !echo.reply)
		return 0;
	out->from = p.peer;
	return settle(e, echo.seq, p.kernel_ns ? p.kernel_ns : pt_wall_ns(), out);
}

int pt_echo_wait(struct pt_echo *e, struct pt_mono until, struct pt_echo_news *out)
{
	struct pollfd poll_fd = { .fd = e->fd, .events = POLLIN };

	for (;;) {
		int errors, answers;

		do {
			errors = read_error(e, out);
			answers = errors == 1 ? 1 : read_answer(e, out);
		} while (!errors || !answers);
		if (errors == 1 || answers == 1)
			return 1;
		int64_t left_ns = pt_mono_diff(until, pt_mono_now());
		if (left_ns <= 0)
			return 0;
		struct timespec left = { left_ns / PT_NS_PER_S, left_ns % PT_NS_PER_S };
		if (ppoll(&poll_fd, 1, &left, NULL) < 0 && errno != EINTR)
			return -errno;
	}
}

int pt_echo_device_mtu(struct pt_echo *e, uint32_t *out)
{
	struct pt_echo_news news;
	int code = pt_echo_send(e, UINT16_MAX, PT_ECHO_MOST, 0);

	e->sent_ns[UINT16_MAX] = 0; // should it come back
	*out = PT_ECHO_MOST;
	if (code != -EMSGSIZE)
		return code;
	e->local_mtu = 0;
	while (!e->local_mtu && read_error(e, &news) >= 0)
		;
	*out = e->local_mtu;
	return e->local_mtu ? 0 : -EMSGSIZE;
}
