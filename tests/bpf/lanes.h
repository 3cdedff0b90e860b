// SPDX-License-Identifier: MIT
// A router in a network namespace of its own: frames enter by one of two taps, `lan0` with the
// steer program and `raw0` without, and leave by `wan0`. A tap hands a frame to the stack within
// write(), so what the kernel makes of it can be read right after.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tests/bpf/oddity.h"
#include "tests/unit/ip.h"

#define LANE_KERNEL_HOP 250 // last byte of the next hop of the kernel's own route, and of its MAC

static const uint8_t lane_mac[6] = { 2, 0, 0, 0, 0, 1 };

struct lanes {
	int steered, bare, wan;
	bool uso; // wan0 takes UDP segmentation
};

// What left, of what entered: network header on.
struct lane_out {
	uint32_t n;   // frames
	uint32_t hop; // last byte of the first one's destination MAC
	uint32_t len;
	uint32_t gso_size;
	uint8_t data[65600];
};

static int lane_tap(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &ifr) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool lane_sysctl(const char *name, const char *value)
{
	char path[128];
	int fd;
	bool ok;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ok = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	if (fd >= 0)
		close(fd);
	return ok;
}

static int lane_device(const char *name, const char *mac, const char *v4, const char *v6)
{
	return IP("link", "set", name, "address", mac, "addrgenmode", "none") ||
		IP("link", "set", name, "up") || (v4 && IP("addr", "add", v4, "dev", name)) ||
		(v6 && IP("addr", "add", v6, "dev", name, "nodad"));
}

// Next hop n of each family has a MAC that ends in n.
static int lane_next_hop(uint32_t n)
{
	char v4[32], v6[32], mac[32];

	snprintf(v4, sizeof(v4), "192.0.2.%u", n);
	snprintf(v6, sizeof(v6), "fd09::%x", n);
	snprintf(mac, sizeof(mac), "02:00:00:01:00:%02x", n);
	return IP("neigh", "replace", v4, "lladdr", mac, "nud", "permanent", "dev", "wan0") ||
		IP("neigh", "replace", v6, "lladdr", mac, "nud", "permanent", "dev", "wan0");
}

// false: not to be had here.
static bool lanes_open(struct lanes *l, uint32_t hops)
{
	const unsigned offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;

	l->steered = lane_tap("lan0");
	l->bare = lane_tap("raw0");
	l->wan = lane_tap("wan0");
	if (l->steered < 0 || l->bare < 0 || l->wan < 0)
		return false;
	l->uso = ioctl(l->wan, TUNSETOFFLOAD, offload | 0x20 | 0x40) == 0; // TUN_F_USO4, USO6
	if (!l->uso && ioctl(l->wan, TUNSETOFFLOAD, offload) < 0)
		return false;
	if (lane_device("lan0", "02:00:00:00:00:01", "10.1.0.1/24", "fd01::1/64") ||
		lane_device("raw0", "02:00:00:00:00:01", NULL, NULL) ||
		lane_device("wan0", "02:00:00:00:00:02", "192.0.2.1/24", "fd09::1/64"))
		return false;
	for (uint32_t n = 1; n <= hops; n++)
		if (lane_next_hop(n))
			return false;
	return lane_next_hop(LANE_KERNEL_HOP) == 0 &&
		IP("route", "add", "default", "via", "192.0.2.250") == 0 &&
		IP("route", "add", "default", "via", "fd09::fa") == 0 &&
		lane_sysctl("ipv4/ip_forward", "1") &&
		lane_sysctl("ipv6/conf/all/forwarding", "1") &&
		lane_sysctl("ipv4/conf/all/rp_filter", "0") &&
		lane_sysctl("ipv4/conf/lan0/rp_filter", "0") &&
		lane_sysctl("ipv4/conf/raw0/rp_filter", "0") &&
		lane_sysctl("ipv4/conf/wan0/rp_filter", "0");
}

// ---- one packet ----

// Source and destination, side by side in the header.
static bool lane_ends(const uint8_t *net, uint32_t len, const uint8_t **ends, uint32_t *n)
{
	bool v6 = len > 0 && net[0] >> 4 == 6;

	*ends = net + (v6 ? 8 : 12);
	*n = v6 ? 32 : 8;
	return len >= (v6 ? 40 : 20);
}

// Forwarding leaves both addresses as they are. All else is the router's own words (ICMP errors,
// echo replies, MLD), which may come late.
static bool lane_forwarded(const struct odd_packet *in, const uint8_t *net, uint32_t len)
{
	const uint8_t *ends, *in_ends;
	uint32_t n, in_n, skip = ETH_HLEN;

	while (skip + 4 <= in->len &&
		(!memcmp(in->data + skip - 2, "\x81\x00", 2) ||
			!memcmp(in->data + skip - 2, "\x88\xa8", 2)))
		skip += 4; // a VLAN tag
	return lane_ends(net, len, &ends, &n) &&
		lane_ends(in->data + skip, in->len - skip, &in_ends, &in_n) && n == in_n &&
		memcmp(ends, in_ends, n) == 0;
}

static void lane_read(const struct lanes *l, const struct odd_packet *in, struct lane_out *out)
{
	struct {
		struct virtio_net_hdr gso;
		uint8_t data[65600];
	} __attribute__((packed)) frame;
	ssize_t got;

	while ((got = read(l->wan, &frame, sizeof(frame))) > 0) {
		uint32_t skip = sizeof(frame.gso) + ETH_HLEN, len;

		if (got <= skip)
			continue;
		len = (uint32_t)got - skip;
		if (!lane_forwarded(in, frame.data + ETH_HLEN, len))
			continue;
		if (out->n++)
			continue;
		out->hop = frame.data[5];
		out->len = len;
		out->gso_size = frame.gso.gso_type ? frame.gso.gso_size : 0;
		memcpy(out->data, frame.data + ETH_HLEN, len);
	}
}

// false: the tap refused the frame itself. wait_ms: before and after it, for what is late.
static bool lane_send(const struct lanes *l, int tap, const struct odd_packet *p, uint32_t wait_ms,
	struct lane_out *out)
{
	struct virtio_net_hdr gso = p->gso;
	union {
		const void *in;
		void *out;
	} data = { .in = p->data }; // writev does not write it
	struct iovec iov[] = { { &gso, sizeof(gso) }, { data.out, p->len } };
	const struct timespec nap = { .tv_nsec = (long)wait_ms * 1000000 };

	// What another CPU had in its hands at that moment comes late.
	if (wait_ms) {
		nanosleep(&nap, NULL);
		lane_read(l, p, out);
	}
	out->n = 0;
	out->hop = out->len = out->gso_size = 0;
	if (writev(tap, iov, 2) < 0)
		return false;
	if (wait_ms)
		nanosleep(&nap, NULL);
	lane_read(l, p, out);
	return true;
}
