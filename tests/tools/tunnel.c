// SPDX-License-Identifier: MIT
// tunnel DEVICE FROM TO PORT: a layer-3 tunnel device (tun) whose packets travel in UDP between two
// IPv4 addresses, until it is killed. As WireGuard would be, less its secrets.
#include "tests/tools/common/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { MAX_PACKET = 65536 };

const char *tool_name = "tunnel";

static int open_tun(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	return fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0 ? -1 : fd;
}

static int open_udp(const char *from, const char *to, uint16_t port)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(port) }, far = own;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (inet_pton(AF_INET, from, &own.sin_addr) != 1 ||
		inet_pton(AF_INET, to, &far.sin_addr) != 1)
		return -1;
	return bind(fd, (struct sockaddr *)&own, sizeof(own)) ||
			connect(fd, (struct sockaddr *)&far, sizeof(far))
		? -1
		: fd;
}

// What cannot be sent on is lost, as on any link.
static void carry(int from, int to)
{
	static char packet[MAX_PACKET];
	ssize_t n;

	while ((n = read(from, packet, sizeof(packet))) > 0)
		if (write(to, packet, (size_t)n) < 0 && errno != EAGAIN && errno != ECONNREFUSED &&
			errno != EIO && errno != ENETUNREACH && errno != EHOSTUNREACH &&
			errno != EMSGSIZE && errno != ENETDOWN)
			(void)tool_fail("write", strerror(errno));
}

int main(int argc, char **argv)
{
	uint64_t port = 0;
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };

	if (argc != 5 || !tool_parse_u64(argv[4], UINT16_MAX, &port)) {
		(void)fputs("usage: tunnel DEVICE FROM TO PORT\n", stderr);
		return 64;
	}
	fds[0].fd = open_tun(argv[1]);
	if (fds[0].fd < 0)
		return tool_fail(argv[1], strerror(errno));
	fds[1].fd = open_udp(argv[2], argv[3], (uint16_t)port);
	if (fds[1].fd < 0)
		return tool_fail(argv[2], strerror(errno));
	while (poll(fds, 2, -1) > 0) {
		carry(fds[0].fd, fds[1].fd);
		carry(fds[1].fd, fds[0].fd);
	}
	return 0;
}
