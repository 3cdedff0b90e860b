// SPDX-License-Identifier: MIT
#include "bench/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/proc.h"

#define CHUNK      (256 * 1024)
#define WARM_NS    (60 * PT_NS_PER_MS)
#define CONNECT_MS 5000

struct tcp {
	int listener, out, in;
	pthread_t sender, receiver;
	_Atomic uint64_t received;
};

static int listen_at(void *ctx, struct pt_err *err)
{
	struct tcp *t = ctx;
	struct sockaddr_in at = { .sin_family = AF_INET };
	const struct timeval wait = { .tv_sec = CONNECT_MS / 1000 };

	(void)inet_pton(AF_INET, PT_LANE_RECEIVER, &at.sin_addr); // a constant of ours
	t->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->listener < 0 ||
		setsockopt(t->listener, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ||
		bind(t->listener, (struct sockaddr *)&at, sizeof(at)) || listen(t->listener, 1))
		return pt_err_errno(err, -errno, "TCP receiver");
	return 0;
}

static int connect_to(void *ctx, struct pt_err *err)
{
	struct tcp *t = ctx;
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	const struct timeval wait = { .tv_sec = CONNECT_MS / 1000 };

	t->out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->out < 0 || getsockname(t->listener, (struct sockaddr *)&at, &len) ||
		setsockopt(t->out, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) ||
		connect(t->out, (struct sockaddr *)&at, sizeof(at)))
		return pt_err_errno(err, -errno, "TCP through the router");
	return 0;
}

static void *send_all(void *ctx)
{
	struct tcp *t = ctx;
	char *chunk = calloc(1, CHUNK);

	pt_proc_pin(); // the whole price, on one CPU: others' noise would decide otherwise
	pt_proc_first();
	while (chunk && send(t->out, chunk, CHUNK, MSG_NOSIGNAL) > 0)
		;
	free(chunk);
	return NULL;
}

static void *receive_all(void *ctx)
{
	struct tcp *t = ctx;
	ssize_t n;

	pt_proc_pin();
	pt_proc_first();
	while ((n = recv(t->in, NULL, CHUNK, MSG_TRUNC)) > 0) // counted, not copied
		t->received += (uint64_t)n;
	return NULL;
}

static void nap(int64_t ns)
{
	const struct timespec ts = { ns / PT_NS_PER_S, ns % PT_NS_PER_S };

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static int measure(struct tcp *t, int64_t ns, int64_t *rate_bps, struct pt_err *err)
{
	int64_t start;
	uint64_t before;

	if (pthread_create(&t->receiver, NULL, receive_all, t))
		return pt_err_errno(err, -EAGAIN, "thread");
	if (pthread_create(&t->sender, NULL, send_all, t)) {
		(void)shutdown(t->in, SHUT_RDWR);
		(void)pthread_join(t->receiver, NULL);
		return pt_err_errno(err, -EAGAIN, "thread");
	}
	nap(WARM_NS);
	start = pt_mono_now().ns;
	before = t->received;
	nap(ns);
	*rate_bps = (int64_t)((double)(t->received - before) * 8e9 /
		(double)(pt_mono_now().ns - start));
	(void)shutdown(t->in, SHUT_RDWR); // both ends notice
	(void)shutdown(t->out, SHUT_RDWR);
	(void)pthread_join(t->sender, NULL);
	(void)pthread_join(t->receiver, NULL);
	return *rate_bps ? 0 : pt_err_set(err, -EPROTO, "TCP: nothing arrived");
}

int pt_tcp_run(const struct pt_lane *l, int64_t ns, int64_t *rate_bps, struct pt_err *err)
{
	struct tcp t = { .listener = -1, .out = -1, .in = -1 };
	int ret = pt_nodes_in(&l->nodes, PT_LANE_TO, listen_at, &t, err);

	if (!ret)
		ret = pt_nodes_in(&l->nodes, PT_LANE_FROM, connect_to, &t, err);
	if (!ret) {
		t.in = accept4(t.listener, NULL, NULL, SOCK_CLOEXEC);
		if (t.in < 0)
			ret = pt_err_errno(err, -errno, "TCP through the router");
	}
	if (!ret)
		ret = measure(&t, ns, rate_bps, err);
	pt_cleanup_fd(&t.in);
	pt_cleanup_fd(&t.out);
	pt_cleanup_fd(&t.listener);
	return ret;
}
