// SPDX-License-Identifier: MIT
#include "bench/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/netns.h"

#define PRIORITY    20
#define ECHO_ID     0x5042
#define NETLINK_BUF 4096
#define BATCH_BUF   16384
#define ROUTE_ROOM  128 // bytes, more than one route message takes

struct pt_daemon {
	struct pt_daemon_opts o;
	int echo, timer;
	struct mnl_socket *route;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	_Atomic int64_t last_reply_ns, decided_ns, committed_ns;
	atomic_int error;
};

static void put_route(struct mnl_nlmsg_batch *b, const struct pt_prefix *prefix,
	const struct pt_addr *via, bool last)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(mnl_nlmsg_batch_current(b));

	h->nlmsg_type = RTM_NEWROUTE;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
	if (last)
		h->nlmsg_flags |= NLM_F_ACK;
	struct rtmsg *r = mnl_nlmsg_put_extra_header(h, sizeof(*r));
	*r = (struct rtmsg){ .rtm_family = AF_INET,
		.rtm_dst_len = prefix->len,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT, // as `ip route` does, so that it is the same route
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST };
	mnl_attr_put(h, RTA_DST, 4, prefix->addr.bytes);
	mnl_attr_put(h, RTA_GATEWAY, 4, via->bytes);
	(void)mnl_nlmsg_batch_next(b); // the caller leaves room for one more
}

// The last message of a batch is acknowledged; an earlier one that failed reports itself.
static int send_batch(const struct pt_daemon *d, struct mnl_nlmsg_batch *b)
{
	_Alignas(struct nlmsghdr) char reply[NETLINK_BUF];

	if (mnl_socket_sendto(d->route, mnl_nlmsg_batch_head(b), mnl_nlmsg_batch_size(b)) < 0)
		return -errno;
	mnl_nlmsg_batch_reset(b);
	ssize_t n = mnl_socket_recvfrom(d->route, reply, sizeof(reply));
	if (n < 0)
		return -errno;
	return mnl_cb_run(reply, (size_t)n, 0, 0, NULL, NULL) < 0 ? -errno : 0;
}

static int replace_routes(const struct pt_daemon *d, const struct pt_addr *via)
{
	_Alignas(struct nlmsghdr) char buf[BATCH_BUF + ROUTE_ROOM];
	struct mnl_nlmsg_batch *b = mnl_nlmsg_batch_start(buf, sizeof(buf));
	unsigned n = d->o.prefixes;
	int code = b ? 0 : -ENOMEM;

	for (unsigned i = 0; !code && i < n; i++) {
		// The user's prefix is neither first nor last of many: as in a real table.
		struct pt_prefix p = d->o.prefix((i + n / 2) % n);
		bool full = i + 1 == n || mnl_nlmsg_batch_size(b) + 2 * ROUTE_ROOM > BATCH_BUF;
		put_route(b, &p, via, full);
		if (full)
			code = send_batch(d, b);
	}
	if (b)
		mnl_nlmsg_batch_stop(b);
	return code;
}

static void decide(struct pt_daemon *d)
{
	int64_t now = pt_mono_now().ns;
	int64_t limit = d->o.interval_ns * d->o.threshold;

	if (atomic_load(&d->decided_ns) || now - atomic_load(&d->last_reply_ns) < limit)
		return;
	atomic_store(&d->decided_ns, now);
	int code = replace_routes(d, &d->o.second);
	atomic_store(&d->error, code);
	atomic_store(&d->committed_ns, pt_mono_now().ns);
}

static void send_echo(struct pt_daemon *d, uint16_t seq)
{
	struct icmphdr e = { .type = ICMP_ECHO };
	uint32_t sum;

	e.un.echo.id = htons(ECHO_ID);
	e.un.echo.sequence = htons(seq);
	sum = htons(ICMP_ECHO << 8) + (uint32_t)e.un.echo.id + e.un.echo.sequence;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	e.checksum = (uint16_t)~sum;
	(void)send(d->echo, &e, sizeof(e), MSG_DONTWAIT); // not sent is not answered
}

static void take_replies(struct pt_daemon *d)
{
	struct {
		struct iphdr ip;
		struct icmphdr icmp;
	} m;

	while (recv(d->echo, &m, sizeof(m), MSG_DONTWAIT) >= (ssize_t)sizeof(m)) {
		if (m.ip.ihl == 5 && m.icmp.type == ICMP_ECHOREPLY &&
			m.icmp.un.echo.id == htons(ECHO_ID))
			atomic_store(&d->last_reply_ns, pt_mono_now().ns);
	}
}

// Wakes for replies, for the next request, and when the last reply is too old.
static void *run(void *ctx)
{
	struct pt_daemon *d = ctx;
	struct pollfd p[] = { { .fd = d->timer, .events = POLLIN },
		{ .fd = d->echo, .events = POLLIN } };
	uint16_t seq = 0;

	while (!atomic_load(&d->stop)) {
		int64_t left = atomic_load(&d->last_reply_ns) + d->o.interval_ns * d->o.threshold -
			pt_mono_now().ns;
		bool watching = !atomic_load(&d->decided_ns);
		if (left < 0)
			left = 0;
		struct timespec wait = { left / PT_NS_PER_S, left % PT_NS_PER_S };
		uint64_t ticks;
		(void)ppoll(p, PT_ARRAY_LEN(p), watching ? &wait : NULL, NULL);
		take_replies(d);
		decide(d);
		if (read(d->timer, &ticks, sizeof(ticks)) == sizeof(ticks))
			send_echo(d, seq++);
	}
	return NULL;
}

static int open_echo(struct pt_daemon *d)
{
	struct sockaddr_storage ss;
	socklen_t len = pt_addr_sockaddr(&d->o.target, 0, &ss);

	d->echo = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (d->echo < 0 ||
		setsockopt(d->echo, SOL_SOCKET, SO_BINDTODEVICE, d->o.device,
			(socklen_t)strlen(d->o.device) + 1) ||
		connect(d->echo, (const struct sockaddr *)&ss, len))
		return -errno;
	return 0;
}

static int open_all(struct pt_daemon *d, struct pt_err *err)
{
	const struct itimerspec every = {
		.it_value = { 0, 1 },
		.it_interval = { d->o.interval_ns / PT_NS_PER_S, d->o.interval_ns % PT_NS_PER_S },
	};
	pt_autofd home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return pt_err_errno(err, -errno, "/proc/thread-self/ns/net");
	int code = pt_netns_enter(d->o.netns, err);
	if (code)
		return code;
	code = open_echo(d);
	d->route = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!code && (!d->route || mnl_socket_bind(d->route, 0, MNL_SOCKET_AUTOPID) < 0))
		code = -errno;
	if (setns(home, CLONE_NEWNET))
		abort(); // nothing that follows may happen in the wrong place
	d->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (!code && (d->timer < 0 || timerfd_settime(d->timer, 0, &every, NULL)))
		code = -errno;
	return code ? pt_err_errno(err, code, "baseline daemon") : 0;
}

int pt_daemon_new(const struct pt_daemon_opts *o, struct pt_daemon **out, struct pt_err *err)
{
	const struct sched_param fifo = { .sched_priority = PRIORITY };
	struct pt_daemon *d = calloc(1, sizeof(*d));

	if (!d)
		return pt_err_errno(err, -ENOMEM, "baseline daemon");
	d->o = *o;
	d->echo = d->timer = -1;
	int code = open_all(d, err);
	if (!code)
		code = pt_daemon_rearm(d, err);
	if (!code) {
		code = -pthread_create(&d->thread, NULL, run, d);
		d->running = !code;
		if (code)
			pt_err_errno(err, code, "baseline daemon");
	}
	if (code) {
		pt_daemon_free(d);
		return code;
	}
	(void)pthread_setschedparam(d->thread, SCHED_FIFO, &fifo); // where we may
	*out = d;
	return 0;
}

void pt_daemon_free(struct pt_daemon *d)
{
	if (!d)
		return;
	atomic_store(&d->stop, true);
	if (d->running)
		pthread_join(d->thread, NULL); // the next tick wakes it
	if (d->route)
		mnl_socket_close(d->route);
	if (d->echo >= 0)
		close(d->echo);
	if (d->timer >= 0)
		close(d->timer);
	free(d);
}

struct pt_daemon_verdict pt_daemon_verdict(const struct pt_daemon *d)
{
	return (struct pt_daemon_verdict){
		.committed = { atomic_load(&d->committed_ns) },
		.decided = { atomic_load(&d->decided_ns) },
		.error = atomic_load(&d->error),
	};
}

bool pt_daemon_alive(const struct pt_daemon *d)
{
	return pt_mono_now().ns - atomic_load(&d->last_reply_ns) < 2 * d->o.interval_ns;
}

// The thread rests between its verdict and this, so the route socket is ours.
int pt_daemon_rearm(struct pt_daemon *d, struct pt_err *err)
{
	int code = replace_routes(d, &d->o.first);

	if (code)
		return pt_err_errno(err, code, "baseline daemon: route");
	atomic_store(&d->last_reply_ns, pt_mono_now().ns);
	atomic_store(&d->committed_ns, 0);
	atomic_store(&d->decided_ns, 0);
	return 0;
}
