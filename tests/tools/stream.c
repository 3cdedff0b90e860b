// SPDX-License-Identifier: MIT
// stream: a steady UDP stream between two namespaces, and the truth about what arrived.
//
// The sender keeps absolute deadlines; the receiver uses the kernel's receive stamps, so a slow
// reader does not look like a slow network. Times are CLOCK_MONOTONIC nanoseconds, comparable with
// those of a cut. It runs until --duration-ms or SIGTERM, then drains what is in flight and prints
// a final line per direction. SIGUSR1 closes an interval: a `mark` line with what happened since
// the last one. --live adds a line every 100 ms.
#include "tests/tools/common/options.h"
#include "tests/tools/common/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

enum {
	MAGIC = 0x50545354,
	SEEN = 1 << 18, // sequence numbers within which a duplicate is known as one
	SENDER_PRIORITY = 30,
	LIVE_MS = 100,
	DRAIN_MS = 500,
	MAX_SIZE = 1400,
	SOCKET_BUFFER = 8 << 20,
};

struct message {
	uint32_t magic;
	uint32_t instance; // a stray packet of another run is not ours
	uint64_t seq;
	uint64_t sent_ns;
};

// The silence between two arrivals: from, to are receive stamps.
struct gap {
	uint64_t from_ns, to_ns;
	uint64_t send_ns; // between the sending of the two packets around it
	uint64_t lost;    // numbers missing between the two
};

enum { TOTAL, MARK, LIVE, WINDOWS };

struct window {
	uint64_t received, duplicated, reordered;
	uint64_t delay_sum_ns, delay_max_ns;
	uint64_t sent_before;   // the sender's count when the window opened
	int64_t missing_before; // numbers missing then
	struct gap longest;
};

struct direction {
	const char *name;
	const char *from_netns, *to_netns, *from_addr, *to_addr;
	uint32_t instance;
	int tx, rx;
	struct sockaddr_storage to;
	socklen_t to_len;
	pthread_t sender, receiver;
	// the sender's
	_Atomic uint64_t sent, first_sent_ns, last_sent_ns, send_errors, late_max_ns;
	// the receiver's, under lock
	pthread_mutex_t lock;
	uint64_t unique, highest_plus_1, last_rx_ns, last_rx_sent_ns;
	uint32_t overflowed;
	struct window window[WINDOWS];
	uint64_t *seen;
	const struct options *options;
};

struct options {
	uint64_t port, interval_us, size, duration_ms, dscp;
	const char *from_netns, *to_netns, *src, *dst;
	bool both, json, live;
	atomic_bool stop_sending, stop_receiving;
};

const char *tool_name = "stream";

// ---- sockets ----

static int address(const char *text, uint64_t port, struct sockaddr_storage *out, socklen_t *len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*len = sizeof(*v6);
	} else {
		return tool_fail(text, "not an address");
	}
	return 0;
}

// A socket of the namespace, bound to the address; -1 after telling why not.
static int bound_socket(const char *netns, const char *addr, uint64_t port)
{
	struct sockaddr_storage at;
	socklen_t len;
	int fd, err;

	if (address(addr, port, &at, &len))
		return -1;
	err = netns ? tool_enter_netns(netns) : 0;
	if (err) {
		(void)tool_fail(netns, strerror(-err));
		return -1;
	}
	fd = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len)) {
		(void)tool_fail(addr, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static int option_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static int direction_open(struct direction *d)
{
	const struct options *o = d->options;
	struct timeval wake = { .tv_usec = 50000 };
	int tos = (int)o->dscp << 2, err;

	d->rx = bound_socket(d->to_netns, d->to_addr, o->port);
	d->tx = bound_socket(d->from_netns, d->from_addr, o->port + 1);
	if (d->rx < 0 || d->tx < 0 || address(d->to_addr, o->port, &d->to, &d->to_len))
		return 2;
	(void)option_set(d->rx, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER); // overflow is counted
	err = d->to.ss_family == AF_INET ? option_set(d->tx, IPPROTO_IP, IP_TOS, tos)
					 : option_set(d->tx, IPPROTO_IPV6, IPV6_TCLASS, tos);
	if (err || option_set(d->rx, SOL_SOCKET, SO_TIMESTAMPNS, 1) ||
		option_set(d->rx, SOL_SOCKET, SO_RXQ_OVFL, 1) ||
		setsockopt(d->rx, SOL_SOCKET, SO_RCVTIMEO, &wake, sizeof(wake)))
		return tool_fail("socket option", strerror(errno));
	d->seen = calloc(SEEN, sizeof(*d->seen));
	return d->seen ? 0 : tool_fail("start", "out of memory");
}

// ---- sending ----

static void *send_all(void *arg)
{
	struct direction *d = arg;
	const struct options *o = d->options;
	uint8_t packet[MAX_SIZE] = { 0 };
	struct message m = { .magic = MAGIC, .instance = d->instance };
	uint64_t next_ns;

	tool_go_realtime(SENDER_PRIORITY);
	next_ns = tool_clock_ns(CLOCK_MONOTONIC);
	while (!atomic_load(&o->stop_sending)) {
		struct timespec at = { (time_t)(next_ns / NS_PER_SEC),
			(long)(next_ns % NS_PER_SEC) };

		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		m.sent_ns = tool_clock_ns(CLOCK_MONOTONIC);
		memcpy(packet, &m, sizeof(m));
		if (m.sent_ns - next_ns > d->late_max_ns)
			d->late_max_ns = m.sent_ns - next_ns;
		next_ns += o->interval_us * 1000;
		if (!m.seq)
			d->first_sent_ns = m.sent_ns;
		if (sendto(d->tx, packet, o->size, 0, (struct sockaddr *)&d->to, d->to_len) < 0) {
			d->send_errors++; // it never left: the number is used again
			continue;
		}
		d->last_sent_ns = m.sent_ns;
		d->sent = ++m.seq;
	}
	return NULL;
}

// ---- receiving ----

static int64_t missing(const struct direction *d)
{
	return (int64_t)(d->highest_plus_1 - d->unique);
}

static void note_gap(struct direction *d, const struct message *m, uint64_t rx_ns)
{
	uint64_t sent_before = d->last_rx_ns ? d->last_rx_sent_ns : d->first_sent_ns;
	struct gap g = { .from_ns = d->last_rx_ns ? d->last_rx_ns : d->first_sent_ns,
		.to_ns = rx_ns };

	if (!d->last_rx_ns && !m->seq)
		return; // nothing before the first packet
	g.send_ns = m->sent_ns > sent_before ? m->sent_ns - sent_before : 0;
	g.lost = m->seq > d->highest_plus_1 ? m->seq - d->highest_plus_1 : 0;
	for (int w = 0; w < WINDOWS; w++) {
		struct gap *longest = &d->window[w].longest;

		if (rx_ns > g.from_ns && rx_ns - g.from_ns > longest->to_ns - longest->from_ns)
			*longest = g;
	}
}

static void account(struct direction *d, const struct message *m, uint64_t rx_ns)
{
	uint64_t *seen = &d->seen[m->seq % SEEN];
	uint64_t delay_ns = rx_ns > m->sent_ns ? rx_ns - m->sent_ns : 0;
	bool again = *seen == m->seq + 1, behind = !again && m->seq + 1 < d->highest_plus_1;

	note_gap(d, m, rx_ns);
	for (int w = 0; w < WINDOWS; w++) {
		struct window *n = &d->window[w];

		n->received++;
		n->duplicated += again;
		n->reordered += behind;
		n->delay_sum_ns += delay_ns;
		if (delay_ns > n->delay_max_ns)
			n->delay_max_ns = delay_ns;
	}
	*seen = m->seq + 1;
	d->unique += !again;
	if (m->seq >= d->highest_plus_1)
		d->highest_plus_1 = m->seq + 1;
	d->last_rx_ns = rx_ns;
	d->last_rx_sent_ns = m->sent_ns;
}

// The kernel's stamp on our monotonic clock; also notes receive buffer overflow.
static uint64_t stamp_of(struct direction *d, struct msghdr *h)
{
	uint64_t real_ns = tool_clock_ns(CLOCK_REALTIME), mono_ns = tool_clock_ns(CLOCK_MONOTONIC);
	uint64_t stamp = mono_ns;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct timespec t;

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SO_RXQ_OVFL)
			memcpy(&d->overflowed, CMSG_DATA(c), sizeof(d->overflowed));
		if (c->cmsg_type == SO_TIMESTAMPNS) {
			memcpy(&t, CMSG_DATA(c), sizeof(t));
			stamp -= real_ns - ((uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec);
		}
	}
	return stamp;
}

static void *receive_all(void *arg)
{
	struct direction *d = arg;
	uint8_t packet[MAX_SIZE], control[128];
	struct message m;

	while (!atomic_load(&d->options->stop_receiving)) {
		struct iovec iov = { packet, sizeof(packet) };
		struct msghdr h = { .msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(d->rx, &h, 0);

		if (n < (ssize_t)sizeof(m))
			continue;
		memcpy(&m, packet, sizeof(m));
		if (m.magic != MAGIC || m.instance != d->instance)
			continue;
		pthread_mutex_lock(&d->lock);
		account(d, &m, stamp_of(d, &h));
		pthread_mutex_unlock(&d->lock);
	}
	return NULL;
}

// ---- telling ----

// What never came after the last arrival is a gap too: it lasts at least until the last sending.
static void close_last_gap(struct direction *d)
{
	struct window *n = &d->window[TOTAL];
	struct gap g = { .from_ns = d->last_rx_ns ? d->last_rx_ns : d->first_sent_ns,
		.to_ns = d->last_sent_ns,
		.lost = d->sent - d->highest_plus_1 };

	if (!g.lost || g.to_ns <= g.from_ns ||
		g.to_ns - g.from_ns <= n->longest.to_ns - n->longest.from_ns)
		return;
	g.send_ns = g.to_ns - (d->last_rx_ns ? d->last_rx_sent_ns : d->first_sent_ns);
	n->longest = g;
}

static void tell_json(const struct direction *d, const char *type, const struct window *n,
	uint64_t now_ns, int64_t lost)
{
	printf("{\"type\":\"%s\",\"dir\":\"%s\",\"mono_ns\":%" PRIu64 ",\"sent\":%" PRIu64
	       ",\"received\":%" PRIu64 ",\"lost\":%" PRId64 ",\"duplicated\":%" PRIu64
	       ",\"reordered\":%" PRIu64,
		type, d->name, now_ns, d->sent - n->sent_before, n->received, lost, n->duplicated,
		n->reordered);
	printf(",\"gap_us\":%" PRIu64 ",\"gap_from_ns\":%" PRIu64 ",\"gap_to_ns\":%" PRIu64
	       ",\"gap_send_us\":%" PRIu64 ",\"gap_lost\":%" PRIu64,
		(n->longest.to_ns - n->longest.from_ns) / 1000, n->longest.from_ns,
		n->longest.to_ns, n->longest.send_ns / 1000, n->longest.lost);
	printf(",\"open_gap_us\":%" PRIu64 ",\"delay_mean_us\":%" PRIu64
	       ",\"delay_max_us\":%" PRIu64 ",\"send_late_max_us\":%" PRIu64
	       ",\"send_errors\":%" PRIu64 ",\"overflowed\":%" PRIu32 "}\n",
		d->last_rx_ns && now_ns > d->last_rx_ns ? (now_ns - d->last_rx_ns) / 1000 : 0,
		n->received ? n->delay_sum_ns / n->received / 1000 : 0, n->delay_max_ns / 1000,
		d->late_max_ns / 1000, d->send_errors, d->overflowed);
}

static void tell_text(
	const struct direction *d, const char *type, const struct window *n, int64_t lost)
{
	printf("%-5s %s  sent %8" PRIu64 "  received %8" PRIu64 "  lost %6" PRId64
	       "  duplicated %4" PRIu64 "  reordered %4" PRIu64
	       "  longest gap %8.3f ms  delay %7.3f ms\n",
		type, d->name, d->sent - n->sent_before, n->received, lost, n->duplicated,
		n->reordered, (double)(n->longest.to_ns - n->longest.from_ns) / 1e6,
		n->received ? (double)n->delay_sum_ns / (double)n->received / 1e6 : 0.0);
}

// Prints the window and opens a new one.
static void tell(struct direction *d, const char *type, int which)
{
	struct window *n = &d->window[which];
	int64_t lost;

	pthread_mutex_lock(&d->lock);
	lost = missing(d) - n->missing_before;
	if (which == TOTAL) {
		close_last_gap(d);
		lost = (int64_t)(d->sent - d->unique);
	}
	if (d->options->json)
		tell_json(d, type, n, tool_clock_ns(CLOCK_MONOTONIC), lost);
	else
		tell_text(d, type, n, lost);
	*n = (struct window){ .sent_before = d->sent, .missing_before = missing(d) };
	pthread_mutex_unlock(&d->lock);
	(void)fflush(stdout);
}

static bool drained(struct direction *d)
{
	bool all;

	pthread_mutex_lock(&d->lock);
	all = d->unique == d->sent;
	pthread_mutex_unlock(&d->lock);
	return all;
}

static void drain(struct direction *d)
{
	uint64_t end_ns = tool_clock_ns(CLOCK_MONOTONIC) + DRAIN_MS * 1000000ull;
	struct timespec pause = { 0, 5000000 };

	while (!drained(d) && tool_clock_ns(CLOCK_MONOTONIC) < end_ns)
		(void)nanosleep(&pause, NULL);
}

// ---- running ----

static int timer(uint64_t first_ms, uint64_t every_ms)
{
	struct itimerspec t = {
		.it_value = { (time_t)(first_ms / 1000), (long)(first_ms % 1000) * 1000000 },
		.it_interval = { (time_t)(every_ms / 1000), (long)(every_ms % 1000) * 1000000 },
	};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0 && timerfd_settime(fd, 0, &t, NULL)) {
		close(fd);
		return -1;
	}
	return fd;
}

// Until the duration is over (a duration of 0 arms no timer) or SIGTERM.
static int supervise(struct direction *d, int n, int signals)
{
	const struct options *o = d->options;
	struct pollfd fds[3] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = timer(o->duration_ms, 0), .events = POLLIN },
		{ .fd = timer(o->live ? LIVE_MS : 0, LIVE_MS), .events = POLLIN },
	};
	struct signalfd_siginfo got;
	uint64_t ticks;

	if (fds[1].fd < 0 || fds[2].fd < 0)
		return tool_fail("timer", strerror(errno));
	for (;;) {
		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return tool_fail("poll", strerror(errno));
		if (read(fds[2].fd, &ticks, sizeof(ticks)) > 0)
			for (int i = 0; i < n; i++)
				tell(&d[i], "live", LIVE);
		while (read(signals, &got, sizeof(got)) == (ssize_t)sizeof(got)) {
			if (got.ssi_signo != SIGUSR1)
				return 0;
			for (int i = 0; i < n; i++)
				tell(&d[i], "mark", MARK);
		}
		if (read(fds[1].fd, &ticks, sizeof(ticks)) > 0)
			return 0;
	}
}

static int run(struct options *o, struct direction *d, int n)
{
	sigset_t wanted;
	int signals, err;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &wanted, NULL);
	signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return tool_fail("signalfd", strerror(errno));
	for (int i = 0; i < n; i++)
		if (direction_open(&d[i]))
			return 2;
	(void)mlockall(MCL_CURRENT | MCL_FUTURE); // worse timing where it is refused, still right
	for (int i = 0; i < n; i++)
		if (pthread_create(&d[i].receiver, NULL, receive_all, &d[i]) ||
			pthread_create(&d[i].sender, NULL, send_all, &d[i]))
			return tool_fail("start", "no thread");
	if (o->json)
		printf("{\"type\":\"start\",\"mono_ns\":%" PRIu64 "}\n",
			tool_clock_ns(CLOCK_MONOTONIC));
	(void)fflush(stdout);
	err = supervise(d, n, signals);
	atomic_store(&o->stop_sending, true);
	for (int i = 0; i < n; i++)
		pthread_join(d[i].sender, NULL);
	for (int i = 0; i < n; i++)
		drain(&d[i]);
	atomic_store(&o->stop_receiving, true);
	for (int i = 0; i < n; i++) {
		pthread_join(d[i].receiver, NULL);
		tell(&d[i], "final", TOTAL);
		free(d[i].seen);
	}
	return err;
}

static const char usage[] =
	"usage: stream --src ADDR --dst ADDR --port PORT [--from-netns NAME] [--to-netns NAME]\n"
	"              [--both] [--interval-us 1000] [--size 100] [--dscp 0] [--duration-ms N]\n"
	"              [--json] [--live]\n"
	"--both also sends from dst to src. Source ports are PORT + 1. Without --duration-ms it "
	"runs\n"
	"until SIGTERM. SIGUSR1 prints what happened since the last SIGUSR1.\n";

static int parse(int argc, char **argv, struct options *o)
{
	const struct tool_option rows[] = {
		{ "from-netns", .text = &o->from_netns },
		{ "to-netns", .text = &o->to_netns },
		{ "src", .text = &o->src },
		{ "dst", .text = &o->dst },
		{ "port", 65534, .number = &o->port },
		{ "interval-us", 10000000, .number = &o->interval_us },
		{ "size", MAX_SIZE, .number = &o->size },
		{ "duration-ms", 86400000, .number = &o->duration_ms },
		{ "dscp", 63, .number = &o->dscp },
		{ "both", .flag = &o->both },
		{ "json", .flag = &o->json },
		{ "live", .flag = &o->live },
		{ 0 },
	};
	int at = tool_options(argc, argv, rows, usage);

	if (at == argc && o->src && o->dst && o->port && o->interval_us &&
		o->size >= sizeof(struct message))
		return 0;
	if (at >= 0)
		(void)fputs(usage, stderr);
	return 64;
}

int main(int argc, char **argv)
{
	static struct options o = { .interval_us = 1000, .size = 100 };
	static struct direction d[2];
	int err = parse(argc, argv, &o);

	if (err)
		return err;
	for (int i = 0; i < 2; i++) {
		pthread_mutex_init(&d[i].lock, NULL);
		d[i].name = i ? "ba" : "ab";
		d[i].instance = (uint32_t)getpid() * 2 + (uint32_t)i;
		d[i].from_netns = i ? o.to_netns : o.from_netns;
		d[i].to_netns = i ? o.from_netns : o.to_netns;
		d[i].from_addr = i ? o.dst : o.src;
		d[i].to_addr = i ? o.src : o.dst;
		d[i].options = &o;
	}
	return run(&o, d, o.both ? 2 : 1);
}
