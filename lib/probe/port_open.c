// SPDX-License-Identifier: MIT
#include "probe/port_open.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define RECV_BUFFER (4 << 20) // what many paths may answer while we are not scheduled
#define SEND_BUFFER (1 << 20)

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
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
static int filter_icmp(int fd, int family)
{
	if (family == AF_INET) {
		struct icmp_filter f = { .data = ~(1U << ICMP_ECHOREPLY) };
		return setsockopt(fd, SOL_RAW, ICMP_FILTER, &f, sizeof(f)) == 0 ? 0 : -errno;
	}
	struct icmp6_filter f;
	ICMP6_FILTER_SETBLOCKALL(&f);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &f);
	return setsockopt(fd, SOL_ICMPV6, ICMP6_FILTER, &f, sizeof(f)) == 0 ? 0 : -errno;
}

static int set_options(int fd, bool raw, const struct pt_port_opts *o)
{
	const struct {
		int family, level, name, value;
	} options[] = {
		{ AF_INET, SOL_IP, IP_TTL, o->ttl },
		{ AF_INET, SOL_IP, IP_RECVTTL, !raw }, // else the IP header is there
		{ AF_INET, SOL_IP, IP_MTU_DISCOVER,
			o->small ? IP_PMTUDISC_PROBE : IP_PMTUDISC_WANT },
		{ AF_INET, SOL_IP, IP_RECVERR, o->icmp_errors },
		{ AF_INET6, SOL_IPV6, IPV6_UNICAST_HOPS, o->ttl },
		{ AF_INET6, SOL_IPV6, IPV6_RECVHOPLIMIT, 1 },
		{ AF_INET6, SOL_IPV6, IPV6_RECVERR, o->icmp_errors },
	};
	for (size_t i = 0; i < PT_ARRAY_LEN(options); i++) {
		int code = options[i].family != o->family
			? 0
			: set_int(fd, options[i].level, options[i].name, options[i].value);
		if (code)
			return code;
	}
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECV_BUFFER))
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, RECV_BUFFER); // up to rmem_max
	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER))
		(void)set_int(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
	(void)set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1); // tells what did not fit
	return raw ? filter_icmp(fd, o->family) : 0;
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

// An unbound UDP socket would get its port with the first packet; a bound one hears from the start.
static int bind_source(int fd, const struct pt_port_opts *o, struct pt_err *err)
{
	struct sockaddr_storage ss;
	struct pt_addr any = { .family = (uint8_t)o->family };
	const struct pt_addr *from = o->source.family ? &o->source : &any;
	if (!o->source.family && o->kind != PT_PORT_UDP)
		return 0;
	socklen_t len = pt_addr_sockaddr(from, 0, &ss);
	if (o->family == AF_INET6 && o->kind == PT_PORT_UDP)
		(void)set_int(fd, SOL_IPV6, IPV6_V6ONLY, 1); // leaves the port to IPv4's socket
	if (bind(fd, (const struct sockaddr *)&ss, len) == 0)
		return 0;
	int code = -errno;
	char text[PT_ADDR_LEN];
	pt_addr_format(from, text);
	return pt_err_errno(err, code, "source %s", text);
}

static int set_mark(int fd, uint32_t mark, struct pt_err *err)
{
	int code = mark ? set_int(fd, SOL_SOCKET, SO_MARK, (int)mark) : 0;
	if (code == -EPERM)
		return pt_err_set(err, code, "a packet mark needs CAP_NET_ADMIN or CAP_NET_RAW");
	return code ? pt_err_errno(err, code, "packet mark") : 0;
}

int pt_port_socket(const struct pt_port_opts *o, int *out, bool *raw, struct pt_err *err)
{
	pt_autofd fd = -1;
	*raw = false;
	if (o->kind == PT_PORT_ICMP) {
		fd = open_icmp(o->family, raw, err);
		if (fd < 0)
			return fd;
	} else {
		fd = socket(o->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return pt_err_errno(err, -errno, "cannot open a UDP socket");
	}
	int code = bind_device(fd, o->device, err);
	if (code)
		return code;
	code = set_mark(fd, o->mark, err);
	if (code)
		return code;
	code = set_options(fd, *raw, o);
	if (code)
		return pt_err_errno(err, code, "socket options");
	code = bind_source(fd, o, err);
	if (code)
		return code;
	*out = pt_take_fd(&fd);
	return 0;
}

void pt_port_clear_fault(int fd)
{
	int fault;
	socklen_t len = sizeof(fault);
	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &len); // reading clears it
}
