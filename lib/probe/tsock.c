// SPDX-License-Identifier: MIT
#include "probe/tsock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/net_tstamp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define CONTROL_LEN 512
#define RX_FLAGS    (SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE)
#define TX_FLAGS                                                                              \
	(SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID | \
		SOF_TIMESTAMPING_OPT_TSONLY)

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

bool pt_tsock_stamp(int fd, unsigned flags)
{
	return set_int(fd, SOL_SOCKET, SO_TIMESTAMPING, (int)flags) == 0;
}

static void stamps_on(struct pt_tsock *s)
{
	s->tx_key = 0; // the kernel counts from 0 when the option turns on
	s->rx_kernel = s->tx_kernel = pt_tsock_stamp(s->fd, RX_FLAGS | TX_FLAGS);
	if (!s->tx_kernel)
		s->rx_kernel = pt_tsock_stamp(s->fd, RX_FLAGS);
}

static int open_icmp(int family, bool *raw, struct pt_err *err)
{
	int proto = family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
	*raw = false;
	if (fd >= 0 || (errno != EACCES && errno != EPROTONOSUPPORT))
		return fd >= 0 ? fd : pt_err_errno(err, -errno, "cannot open an ICMP socket");

	*raw = true;
	fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
	if (fd >= 0)
		return fd;
	int code = -errno;
	if (code == -EPERM || code == -EACCES)
		return pt_err_set(err, code,
			"ICMP needs CAP_NET_RAW, or this group in sysctl "
			"net.ipv4.ping_group_range");
	return pt_err_errno(err, code, "cannot open a raw ICMP socket");
}

// A raw socket hears all ICMP of its family: let only echo replies in.
static int filter_icmp(const struct pt_tsock *s)
{
	if (s->family == AF_INET) {
		struct icmp_filter f = { .data = ~(1U << ICMP_ECHOREPLY) };
		return setsockopt(s->fd, SOL_RAW, ICMP_FILTER, &f, sizeof(f)) == 0 ? 0 : -errno;
	}
	struct icmp6_filter f;
	ICMP6_FILTER_SETBLOCKALL(&f);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &f);
	return setsockopt(s->fd, SOL_ICMPV6, ICMP6_FILTER, &f, sizeof(f)) == 0 ? 0 : -errno;
}

static int set_options(const struct pt_tsock *s, const struct pt_tsock_opts *o)
{
	int tos = o->dscp << 2, code;
	if (s->family == AF_INET6) {
		code = set_int(s->fd, SOL_IPV6, IPV6_TCLASS, tos);
		code = code ? code : set_int(s->fd, SOL_IPV6, IPV6_UNICAST_HOPS, o->ttl);
		code = code ? code : set_int(s->fd, SOL_IPV6, IPV6_RECVHOPLIMIT, 1);
		code = code ? code : set_int(s->fd, SOL_IPV6, IPV6_RECVERR, o->icmp_errors);
	} else {
		code = set_int(s->fd, SOL_IP, IP_TOS, tos);
		code = code ? code : set_int(s->fd, SOL_IP, IP_TTL, o->ttl);
		code = code ? code : set_int(s->fd, SOL_IP, IP_RECVTTL, 1);
		code = code ? code : set_int(s->fd, SOL_IP, IP_RECVERR, o->icmp_errors);
	}
	return code ? code : s->raw ? filter_icmp(s) : 0;
}

static int bind_device(int fd, const char *device, struct pt_err *err)
{
	if (!device ||
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
			(socklen_t)strlen(device) + 1) == 0)
		return 0;
	int code = -errno;
	return pt_err_errno(err, code, "device %s", device);
}

static int connect_to(int fd, const struct pt_tsock_opts *o, struct pt_err *err)
{
	struct sockaddr_storage ss;
	socklen_t len = pt_addr_sockaddr(&o->target, o->kind == PT_TSOCK_UDP ? o->port : 0, &ss);
	if (ss.ss_family == AF_INET6) {
		struct sockaddr_in6 sin6;
		memcpy(&sin6, &ss, sizeof(sin6));
		sin6.sin6_scope_id = o->scope;
		memcpy(&ss, &sin6, sizeof(sin6));
	}
	if (connect(fd, (const struct sockaddr *)&ss, len) == 0)
		return 0;
	int code = -errno;
	char text[PT_ADDR_LEN];
	pt_addr_format(&o->target, text);
	return pt_err_errno(err, code, "no way to %s%s%s", text, o->device ? " by " : "",
		o->device ? o->device : "");
}

int pt_tsock_open(const struct pt_tsock_opts *o, struct pt_tsock *out, struct pt_err *err)
{
	struct pt_tsock s = { .fd = -1, .family = o->target.family };
	pt_autofd fd = -1;

	if (o->kind == PT_TSOCK_ICMP) {
		fd = open_icmp(s.family, &s.raw, err);
		if (fd < 0)
			return fd;
	} else {
		fd = socket(s.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return pt_err_errno(err, -errno, "cannot open a UDP socket");
	}
	s.fd = fd;
	int code = bind_device(fd, o->device, err);
	if (code)
		return code;
	code = set_options(&s, o);
	if (code)
		return pt_err_errno(err, code, "socket options");
	stamps_on(&s);
	code = connect_to(fd, o, err);
	if (code)
		return code;
	s.fd = pt_take_fd(&fd);
	*out = s;
	return 0;
}

void pt_tsock_close(struct pt_tsock *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

// After a failed send it is unknown whether the kernel has counted the packet: count anew.
static void restart_keys(struct pt_tsock *s)
{
	struct pt_tsock_event ignored;
	if (!s->tx_kernel)
		return;
	(void)pt_tsock_stamp(s->fd, 0);
	while (pt_tsock_event(s, &ignored) == 0)
		;
	stamps_on(s);
}

int pt_tsock_send(struct pt_tsock *s, const void *buf, size_t len, uint32_t *key)
{
	ssize_t n = send(s->fd, buf, len, 0);
	if (n < 0) {
		int code = -errno;
		restart_keys(s);
		if (code != -ECONNREFUSED && code != -EHOSTUNREACH && code != -ENETUNREACH)
			return code;
		n = send(s->fd, buf, len, 0); // that was the answer to an earlier packet
		if (n < 0) {
			code = -errno;
			restart_keys(s);
			return code;
		}
	}
	*key = s->tx_key++;
	return 0;
}

static int64_t timespec_ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * PT_NS_PER_S + t->tv_nsec;
}

int64_t pt_tsock_stamp_ns(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct scm_timestamping t;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING ||
			c->cmsg_len < CMSG_LEN(sizeof(t)))
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof(t));
		return timespec_ns(&t.ts[0]);
	}
	return 0;
}

static int ttl_of(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		bool v4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_TTL;
		bool v6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_HOPLIMIT;
		int ttl;
		if ((!v4 && !v6) || c->cmsg_len < CMSG_LEN(sizeof(ttl)))
			continue;
		memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
		return ttl;
	}
	return -1;
}

ssize_t pt_tsock_recv(struct pt_tsock *s, void *buf, size_t size, struct pt_tsock_rx *out)
{
	char control[CONTROL_LEN];
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(s->fd, &m, 0);
	if (n < 0)
		return -errno;
	if (m.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	*out = (struct pt_tsock_rx){ .kernel_ns = pt_tsock_stamp_ns(&m), .ttl = ttl_of(&m) };
	return n;
}

// Our extended error out of a control message; false: none there.
static bool extended_error(struct msghdr *m, struct sock_extended_err *ee, struct pt_addr *from)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		bool v4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR;
		bool v6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR;
		if ((!v4 && !v6) || c->cmsg_len < CMSG_LEN(sizeof(*ee)))
			continue;
		memcpy(ee, CMSG_DATA(c), sizeof(*ee));
		struct sockaddr_storage ss = { 0 };
		size_t len = c->cmsg_len - CMSG_LEN(sizeof(*ee));
		memcpy(&ss, CMSG_DATA(c) + sizeof(*ee), len < sizeof(ss) ? len : sizeof(ss));
		if (pt_addr_from_sockaddr((const struct sockaddr *)&ss, from, NULL))
			*from = (struct pt_addr){ 0 };
		return true;
	}
	return false;
}

// The kernel calls it "no route", as it does a good many other things.
static bool hops_ran_out(const struct sock_extended_err *ee)
{
	return ee->ee_origin == SO_EE_ORIGIN_ICMP ? ee->ee_type == ICMP_TIME_EXCEEDED
						  : ee->ee_type == ICMP6_TIME_EXCEEDED;
}

int pt_tsock_event(struct pt_tsock *s, struct pt_tsock_event *out)
{
	char control[CONTROL_LEN];
	struct sock_extended_err ee;
	for (;;) {
		struct msghdr m = { .msg_control = control, .msg_controllen = sizeof(control) };
		if (recvmsg(s->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return -errno;
		*out = (struct pt_tsock_event){ 0 };
		if (!extended_error(&m, &ee, &out->from))
			continue;
		if (ee.ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
			out->kind = PT_TSOCK_EVENT_TX;
			out->tx_key = ee.ee_data;
			out->kernel_ns = pt_tsock_stamp_ns(&m);
			return 0;
		}
		if (ee.ee_origin == SO_EE_ORIGIN_ICMP || ee.ee_origin == SO_EE_ORIGIN_ICMP6) {
			out->kind = PT_TSOCK_EVENT_ICMP;
			out->code = hops_ran_out(&ee) ? -ETIME : -(int)ee.ee_errno;
			return 0;
		}
	}
}
