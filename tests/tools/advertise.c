// SPDX-License-Identifier: MIT
// advertise DEVICE SECONDS: one router advertisement (RFC 4861) to all nodes of a link, for what a
// host must make of routers. It comes from the device's link-local address; 0 seconds withdraw it.
#include "tests/tools/common/tool.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

const char *tool_name = "advertise";

int main(int argc, char **argv)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6,
		.sin6_addr.s6_addr = { 0xff, 0x02, [15] = 1 } };
	struct nd_router_advert ra = { .nd_ra_type = ND_ROUTER_ADVERT, .nd_ra_curhoplimit = 64 };
	int hops = 255, fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	uint64_t seconds = 0;

	if (argc != 3 || !tool_parse_u64(argv[2], 9000, &seconds)) {
		(void)fputs("usage: advertise DEVICE SECONDS\n", stderr);
		return 64;
	}
	to.sin6_scope_id = if_nametoindex(argv[1]);
	if (!to.sin6_scope_id || fd < 0)
		return tool_fail(argv[1], strerror(errno));
	ra.nd_ra_router_lifetime = htons((uint16_t)seconds);
	if (setsockopt(fd, SOL_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) ||
		setsockopt(fd, SOL_IPV6, IPV6_MULTICAST_IF, &to.sin6_scope_id,
			sizeof(to.sin6_scope_id)) ||
		sendto(fd, &ra, sizeof(ra), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return tool_fail("send", strerror(errno));
	close(fd);
	return 0;
}
