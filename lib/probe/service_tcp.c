// SPDX-License-Identifier: MIT
// A TCP handshake: from the SYN to the answer to it, as the kernel measures it (TCP_INFO), so that
// no scheduling is in it. Of a refusal the kernel measures nothing: our own clock serves.
#include <errno.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "probe/service_kind.h"

static void answered(struct pt_service *s, const char *word)
{
	s->news.ok = true;
	(void)snprintf(s->news.word, sizeof(s->news.word), "%s", word);
}

// The kernel's first round trip is the handshake's, unless a SYN had to be sent again: then it may
// be that of either, and is ours to tell.
static void read_info(struct pt_service *s)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) || len < sizeof(info.tcpi_rtt))
		return;
	s->news.figures.resent = info.tcpi_total_retrans;
	if (info.tcpi_rtt && !info.tcpi_total_retrans) {
		s->news.rtt_ns = info.tcpi_rtt * PT_NS_PER_US;
		s->news.kernel = true;
	}
}

static void settle(struct pt_service *s, int fault)
{
	s->news.rtt_ns = pt_mono_diff(pt_mono_now(), s->start);
	if (!fault) {
		read_info(s);
		answered(s, "open");
	} else if (fault == ECONNREFUSED && !s->o.open) {
		answered(s, "refused");
	} else {
		(void)snprintf(s->news.word, sizeof(s->news.word), "%s",
			fault == ECONNREFUSED ? "refused" : "");
		pt_service_fail(s, "%s", strerrordesc_np(fault));
	}
	s->news.figures.steps_us.connect = s->news.ok ? (s->news.rtt_ns + 500) / PT_NS_PER_US
						      : PT_NULL;
	pt_service_done(s);
}

static void on_socket(void *ctx, int fd, uint32_t events)
{
	struct pt_service *s = ctx;
	int fault = 0;
	socklen_t len = sizeof(fault);

	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &len))
		fault = errno;
	settle(s, fault);
}

static void start(struct pt_service *s)
{
	int code = pt_service_socket(s, SOCK_STREAM);

	if (code) {
		pt_service_done(s);
		return;
	}
	code = pt_service_connect(s);
	if (code == -EINPROGRESS)
		code = pt_loop_fd_add(s->loop, s->fd, EPOLLOUT, on_socket, s);
	else if (!code || code == -ECONNREFUSED) { // this host's own address
		settle(s, -code);
		return;
	}
	if (!code)
		return;
	s->news.unsent = true;
	pt_service_fail(s, "%s", strerrordesc_np(-code));
	pt_service_done(s);
}

static void stop(struct pt_service *s)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (s->fd >= 0 && getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		s->news.figures.resent = info.tcpi_total_retrans;
}

const struct pt_service_kind pt_service_tcp = { .start = start, .stop = stop };
