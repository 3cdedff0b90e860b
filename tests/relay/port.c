// SPDX-License-Identifier: MIT
// Ports: packet sockets on the devices, and what moves through them.
#include "tests/relay/relay.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>

static int port_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

int port_open(struct port *p)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq all = { .mr_type = PACKET_MR_PROMISC };
	int err = 0;

	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->ifindex = if_nametoindex(p->ifname);
	if (!p->ifindex)
		return -ENODEV;
	at.sll_ifindex = all.mr_ifindex = (int)p->ifindex;
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return -errno;
	(void)port_option(
		p->fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER); // the default loses bursts only
	(void)port_option(p->fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER);
	if (port_option(p->fd, SOL_PACKET, PACKET_VNET_HDR, 1) ||
		port_option(p->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) ||
		port_option(p->fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1) ||
		port_option(p->fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) ||
		setsockopt(p->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) ||
		bind(p->fd, (struct sockaddr *)&at, sizeof(at))) {
		err = -errno;
		close(p->fd);
		p->fd = -1;
	}
	return err;
}

// Some link changed: follow devices that were deleted and made again.
void port_follow_links(struct relay *r)
{
	char drain[8192];

	while (recv(r->link_fd, drain, sizeof(drain), 0) > 0)
		;
	for (unsigned i = 0; i < r->wans; i++)
		for (int d = 0; d < 2; d++) {
			struct port *p = &r->wan[i].port[d];

			if (if_nametoindex(p->ifname) != p->ifindex || p->fd < 0)
				(void)port_open(p); // still missing: the next change brings us back
		}
}

static uint64_t stamp_of(const struct relay *r, struct msghdr *m, uint64_t now_ns)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct timespec t;
	uint64_t stamp;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
		return now_ns;
	memcpy(&t, CMSG_DATA(c), sizeof(t));
	stamp = (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec -
		(uint64_t)r->real_minus_mono_ns;
	// A stepped wall clock must not send packets back or forth in time.
	return stamp > now_ns || now_ns - stamp > NS_PER_SEC ? now_ns : stamp;
}

void port_receive(struct relay *r, struct lane *l)
{
	uint64_t now_ns;
	int n;

	if (!l->in->ready)
		return;
	l->in->ready = false;
	for (unsigned i = 0; i < BATCH; i++)
		r->rx.msg[i].msg_hdr.msg_controllen = sizeof(r->rx.control[i]);
	n = recvmmsg(l->in->fd, r->rx.msg, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) { // ENETDOWN says that the device went down, EINVAL an offload we cannot carry
		if (errno == EINVAL)
			l->count.lost_receive++;
		return;
	}
	now_ns = tool_clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++) {
		struct iovec frame = { r->rx.data[i], r->rx.msg[i].msg_len };

		if (frame.iov_len > sizeof(struct virtio_net_hdr))
			lane_take_in(
				&r->pool, l, &frame, stamp_of(r, &r->rx.msg[i].msg_hdr, now_ns));
	}
}

static void send_batch(struct relay *r, struct lane *l, unsigned n)
{
	for (unsigned sent = 0; sent < n;) {
		int k = sendmmsg(l->out->fd, r->tx_msg + sent, n - sent, 0);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) { // the first one cannot be sent: device down, or too big for it
			l->count.lost_send++;
			k = 1;
		} else {
			l->count.tx += (uint64_t)k;
		}
		sent += (unsigned)k;
	}
}

void port_send_due(struct relay *r, struct lane *l)
{
	uint64_t now_ns = tool_clock_ns(CLOCK_MONOTONIC);
	unsigned n = 0;

	for (; n < BATCH && n < lane_held(l); n++) {
		const struct packet *p = &l->ring[(l->head + n) % RING];
		uint64_t late_us;

		if (p->due_ns > now_ns)
			break;
		late_us = (now_ns - p->due_ns) / 1000;
		if (late_us > l->count.late_max_us)
			l->count.late_max_us = late_us;
		r->tx_iov[n] = (struct iovec){ p->data, p->len };
	}
	send_batch(r, l, n);
	for (unsigned i = 0; i < n; i++)
		pool_put(&r->pool, r->tx_iov[i].iov_base, (uint32_t)r->tx_iov[i].iov_len);
	l->head += n;
}

// What the kernel dropped because we were too slow to read.
void port_count_overruns(struct lane *l)
{
	struct tpacket_stats s = { 0 };
	socklen_t len = sizeof(s);

	if (l->in->fd >= 0 && !getsockopt(l->in->fd, SOL_PACKET, PACKET_STATISTICS, &s, &len))
		l->count.lost_receive += s.tp_drops;
}

void port_init_batches(struct relay *r)
{
	for (unsigned i = 0; i < BATCH; i++) {
		r->rx.iov[i] = (struct iovec){ r->rx.data[i], BIG };
		r->rx.msg[i].msg_hdr = (struct msghdr){
			.msg_iov = &r->rx.iov[i], .msg_iovlen = 1, .msg_control = r->rx.control[i]
		};
		r->tx_msg[i].msg_hdr = (struct msghdr){ .msg_iov = &r->tx_iov[i], .msg_iovlen = 1 };
	}
}
