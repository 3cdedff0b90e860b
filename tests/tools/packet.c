// SPDX-License-Identifier: MIT
// packet: single datagrams in hex, for what a wire test must say and see exactly.
//
//   packet send TO PORT HEX     one UDP datagram; each answer is a line: FROM PORT TTL TOS HEX
//   packet sniff DEVICE         IP packets of a device, both ways: in|out HEX (from the IP header
//   on) packet notify PATH          what services tell a service manager on this socket, a line
//   each
// It ends after --count answers (default 1) or --wait-ms (default 1000), whichever is first, and
// exits 1 when there was none at all.
#include "tests/tools/common/options.h"
#include "tests/tools/common/tool.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { MAX_PACKET = 65536 };

const char *tool_name = "packet";

static const char usage[] =
	"usage: packet send [--from ADDR] [--from-port P] [--tos N] [--ttl N] TO PORT HEX\n"
	"       packet sniff DEVICE\n"
	"       packet notify PATH\n"
	"       all: [--count N] [--wait-ms MS]\n";

struct options {
	const char *from;
	uint64_t from_port, tos, ttl, count, wait_ms;
};

// Where the arguments begin, or -1.
static int parse(int argc, char **argv, struct options *o)
{
	const struct tool_option rows[] = {
		{ "from", .text = &o->from },
		{ "from-port", 65535, .number = &o->from_port },
		{ "tos", 255, .number = &o->tos },
		{ "ttl", 255, .number = &o->ttl },
		{ "count", UINT32_MAX, .number = &o->count },
		{ "wait-ms", 3600000, .number = &o->wait_ms },
		{ 0 },
	};

	return tool_options(argc, argv, rows, usage);
}

static void print_hex(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", p[i]);
	printf("\n");
	(void)fflush(stdout); // a reader that has gone ends us by SIGPIPE
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static ssize_t parse_hex(const char *hex, uint8_t *out, size_t size)
{
	size_t n = 0;

	for (; *hex && n < size; hex += 2) {
		int high = hex_digit(hex[0]), low = hex_digit(hex[1]);
		if (high < 0 || low < 0)
			return -1;
		out[n++] = (uint8_t)(high << 4 | low);
	}
	return *hex ? -1 : (ssize_t)n;
}

// True when fd turned readable before the deadline.
static bool await(int fd, uint64_t deadline_ns)
{
	uint64_t now = tool_clock_ns(CLOCK_MONOTONIC);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (now >= deadline_ns)
		return false;
	return poll(&p, 1, (int)((deadline_ns - now) / 1000000) + 1) > 0;
}

typedef void print_fn(int fd, uint8_t *buf, uint64_t *seen);

static int collect(int fd, const struct options *o, print_fn *print)
{
	static uint8_t buf[MAX_PACKET];
	uint64_t deadline = tool_clock_ns(CLOCK_MONOTONIC) + o->wait_ms * 1000000;
	uint64_t seen = 0;

	while (seen < o->count && await(fd, deadline))
		print(fd, buf, &seen);
	close(fd);
	return seen ? 0 : 1;
}

// ---- send ----

static void print_answer(int fd, uint8_t *buf, uint64_t *seen)
{
	struct sockaddr_storage from;
	char control[256], host[NI_MAXHOST], port[NI_MAXSERV];
	struct iovec iov = { buf, MAX_PACKET };
	struct msghdr m = { &from, sizeof(from), &iov, 1, control, sizeof(control), 0 };
	int ttl = -1, tos = 0;

	ssize_t n = recvmsg(fd, &m, 0);
	if (n < 0)
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		bool v4 = c->cmsg_level == SOL_IP, v6 = c->cmsg_level == SOL_IPV6;
		if ((v4 && c->cmsg_type == IP_TTL) || (v6 && c->cmsg_type == IPV6_HOPLIMIT))
			memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
		if (v4 && c->cmsg_type == IP_TOS)
			tos = *CMSG_DATA(c);
		if (v6 && c->cmsg_type == IPV6_TCLASS)
			memcpy(&tos, CMSG_DATA(c), sizeof(tos));
	}
	(void)getnameinfo((struct sockaddr *)&from, m.msg_namelen, host, sizeof(host), port,
		sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	printf("%s %s %d %d ", host, port, ttl, tos);
	print_hex(buf, (size_t)n);
	(*seen)++;
}

static int resolve(const char *host, const char *port, struct addrinfo **out)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_DGRAM };
	int code = getaddrinfo(host, port, &hints, out);

	return code ? tool_fail(host, gai_strerror(code)) : 0;
}

static int open_udp(int family, const struct options *o)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
	int tos = (int)o->tos, ttl = (int)o->ttl;
	bool v6 = family == AF_INET6;

	(void)setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	(void)setsockopt(
		fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_RECVHOPLIMIT : IP_RECVTTL, &on, sizeof(on));
	(void)setsockopt(
		fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_RECVTCLASS : IP_RECVTOS, &on, sizeof(on));
	(void)setsockopt(fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof(tos));
	if (ttl)
		(void)setsockopt(fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_UNICAST_HOPS : IP_TTL, &ttl,
			sizeof(ttl));
	return fd;
}

static int send_one(const struct options *o, char **args)
{
	static uint8_t payload[MAX_PACKET];
	struct addrinfo *to = NULL, *from = NULL;
	char port[8];

	ssize_t len = parse_hex(args[2], payload, sizeof(payload));
	if (len < 0)
		return tool_fail(args[2], "not hex");
	if (resolve(args[0], args[1], &to))
		return 2;
	int fd = open_udp(to->ai_family, o);
	(void)snprintf(port, sizeof(port), "%u", (unsigned)o->from_port);
	if (resolve(o->from ? o->from : to->ai_family == AF_INET6 ? "::" : "0.0.0.0", port, &from))
		return 2;
	if (bind(fd, from->ai_addr, from->ai_addrlen))
		return tool_fail("bind", strerror(errno));
	if (sendto(fd, payload, (size_t)len, 0, to->ai_addr, to->ai_addrlen) != len)
		return tool_fail("send", strerror(errno));
	freeaddrinfo(to);
	freeaddrinfo(from);
	return collect(fd, o, print_answer);
}

// ---- sniff, notify ----

static void print_sniffed(int fd, uint8_t *buf, uint64_t *seen)
{
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(fd, buf, MAX_PACKET, 0, (struct sockaddr *)&from, &len);

	if (n < 0)
		return;
	printf("%s ", from.sll_pkttype == PACKET_OUTGOING ? "out" : "in");
	print_hex(buf, (size_t)n);
	(*seen)++;
}

static int sniff(const struct options *o, const char *device)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(device) };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0); // deaf until it is bound

	if (!at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return tool_fail(device, strerror(errno));
	return collect(fd, o, print_sniffed);
}

static void print_told(int fd, uint8_t *buf, uint64_t *seen)
{
	ssize_t n = recv(fd, buf, MAX_PACKET - 1, 0);

	if (n < 0)
		return;
	printf("%.*s\n", (int)n, (const char *)buf);
	(void)fflush(stdout); // a reader that has gone ends us by SIGPIPE
	(*seen)++;
}

static int notify(const struct options *o, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if ((size_t)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path) >= sizeof(at.sun_path))
		return tool_fail(path, "too long");
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return tool_fail(path, strerror(errno));
	return collect(fd, o, print_told);
}

int main(int argc, char **argv)
{
	struct options o = { .count = 1, .wait_ms = 1000 };
	const char *verb = argc > 1 ? argv[1] : "";
	int at = argc > 1 ? parse(argc - 1, argv + 1, &o) : -1;
	char **args = argv + 1 + at;
	int left = argc - 1 - at;

	if (at > 0 && strcmp(verb, "send") == 0 && left == 3)
		return send_one(&o, args);
	if (at > 0 && strcmp(verb, "sniff") == 0 && left == 1)
		return sniff(&o, args[0]);
	if (at > 0 && strcmp(verb, "notify") == 0 && left == 1)
		return notify(&o, args[0]);
	(void)fputs(usage, stderr);
	return 64;
}
