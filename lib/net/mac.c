// SPDX-License-Identifier: MIT
#include "net/mac.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

int pt_mac_read(const char *device, uint8_t out[ETH_ALEN], struct pt_err *err)
{
	pt_autofd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {};

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return pt_err_errno(err, -errno, "device %s: its address", device);
	memcpy(out, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return 0;
}
