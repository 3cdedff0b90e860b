// SPDX-License-Identifier: MIT
#include "bench/bare.h"

#include <errno.h>
#include <linux/icmp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "wire/icmp.h"

#define PAYLOAD 56 // as ping(8)
#define ROOM    256

struct burst {
	int fd;
	uint16_t seq;
	unsigned at; // host
	uint64_t answers;
	uint8_t packet[PT_BARE_BURST][PT_ICMP_HEADER_LEN + PAYLOAD];
	uint8_t answer[PT_BARE_BURST][ROOM];
	struct iovec iov[PT_BARE_BURST];
	struct mmsghdr msg[PT_BARE_BURST];
};

static int open_socket(struct pt_err *err)
{
	const struct icmp_filter only = { .data = ~(1U << ICMP_ECHOREPLY) };
	const int room = 4 << 20;
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

	if (fd < 0)
		return pt_err_errno(err, -errno, "raw ICMP socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	(void)setsockopt(fd, SOL_RAW, ICMP_FILTER, &only, sizeof(only)); // else it hears more
	return fd;
}

static int send_burst(struct burst *g, const struct pt_bare *b, unsigned n, struct pt_err *err)
{
	static uint8_t payload[PAYLOAD];

	for (unsigned i = 0; i < n; i++) {
		const struct pt_icmp_echo e = { .family = AF_INET,
			.seq = g->seq++,
			.payload = payload,
			.payload_len = PAYLOAD };
		(void)pt_icmp_echo_write(&e, g->packet[i], sizeof(g->packet[i])); // it has room
		g->iov[i] = (struct iovec){ g->packet[i], sizeof(g->packet[i]) };
		g->msg[i].msg_hdr =
			(struct msghdr){ .msg_name = (void *)(uintptr_t)&b->hosts[g->at],
				.msg_namelen = sizeof(b->hosts[0]),
				.msg_iov = &g->iov[i],
				.msg_iovlen = 1 };
		g->at = (g->at + 1) % b->n;
	}
	for (unsigned done = 0; done < n;) {
		int sent = sendmmsg(g->fd, g->msg + done, n - done, 0);
		if (sent < 0)
			return pt_err_errno(err, -errno, "sending echo requests");
		done += (unsigned)sent;
	}
	return 0;
}

static void read_answers(struct burst *g)
{
	int n = PT_BARE_BURST;

	while (n == PT_BARE_BURST) {
		for (unsigned i = 0; i < PT_BARE_BURST; i++) {
			g->iov[i] = (struct iovec){ g->answer[i], ROOM };
			g->msg[i].msg_hdr = (struct msghdr){ .msg_iov = &g->iov[i],
				.msg_iovlen = 1 };
		}
		n = recvmmsg(g->fd, g->msg, PT_BARE_BURST, MSG_DONTWAIT, NULL);
		g->answers += n > 0 ? (uint64_t)n : 0;
	}
}

static void sleep_until(struct pt_mono t)
{
	const struct timespec at = { t.ns / PT_NS_PER_S, t.ns % PT_NS_PER_S };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL); // a signal ends it early
}

int pt_bare_run(const struct pt_bare *b, struct pt_err *err)
{
	static struct burst g; // large; one at a time
	const unsigned all = b->n * b->waves;
	pt_autofd fd = open_socket(err);
	struct pt_mono start = pt_mono_now();
	int code = fd < 0 ? fd : 0;

	memset(&g, 0, sizeof(g));
	g.fd = fd;
	for (unsigned sent = 0; !code && sent < all;) {
		unsigned n = all - sent < b->burst ? all - sent : b->burst;
		code = send_burst(&g, b, n, err);
		sent += n;
		sleep_until(pt_mono_add(start, b->period_ns / b->n * sent));
		read_answers(&g);
	}
	if (!code && g.answers < all / 2)
		return pt_err_set(err, -EIO, "bare prober: %llu answers to %u requests",
			(unsigned long long)g.answers, all);
	return code;
}
