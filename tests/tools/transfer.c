// SPDX-License-Identifier: MIT
// transfer: one TCP connection between two namespaces whose every byte is checked.
//
// The bytes are a function of their position, so the receiver knows what must come. Ends after
// --bytes, --duration-ms or SIGTERM and prints one line (also every 100 ms with --live): bytes that
// arrived, wrong ones, the longest stall of the receiver and the kernel's count of retransmits.
// Exit status 0 only if every byte sent arrived and was right.
#include "tests/tools/common/options.h"
#include "tests/tools/common/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

enum { CHUNK = 65536, LIVE_MS = 100, DRAIN_S = 5 };

struct transfer {
	uint64_t port, bytes, duration_ms, rate_kbps;
	const char *from_netns, *to_netns, *src, *dst;
	bool json, live;
	int out, in;
	pthread_t sender, receiver;
	atomic_bool stop;
	_Atomic uint64_t sent, received, wrong, last_ns, stall_ns, stall_from_ns;
};

const char *tool_name = "transfer";

// The 8 bytes at a position divisible by 8.
static uint64_t word_at(uint64_t position)
{
	uint64_t x = position * 0x9e3779b97f4a7c15ull;

	return x ^ (x >> 29);
}

static void fill(uint8_t *to, uint64_t position, size_t len)
{
	for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
		uint64_t w = word_at(position + i);

		memcpy(to + i, &w, sizeof(w));
	}
}

static void *send_all(void *arg)
{
	struct transfer *t = arg;
	uint8_t chunk[CHUNK];

	while (!t->stop && (!t->bytes || t->sent < t->bytes)) {
		uint64_t at = t->sent / 8 * 8, skip = t->sent - at, len = CHUNK - skip;
		ssize_t n;

		if (t->bytes && len > t->bytes - t->sent)
			len = t->bytes - t->sent;
		fill(chunk, at, CHUNK);
		n = send(t->out, chunk + skip, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			(void)tool_fail("send", strerror(errno));
			break;
		}
		t->sent += n > 0 ? (uint64_t)n : 0;
	}
	(void)shutdown(t->out, SHUT_WR);
	return NULL;
}

static void *receive_all(void *arg)
{
	struct transfer *t = arg;
	uint8_t got[CHUNK], want[CHUNK + 8];

	for (;;) {
		ssize_t n = recv(t->in, got, sizeof(got), 0);
		uint64_t skip = t->received % 8, now_ns = tool_clock_ns(CLOCK_MONOTONIC);

		if (n <= 0)
			break;
		if (now_ns - t->last_ns > t->stall_ns) {
			t->stall_ns = now_ns - t->last_ns;
			t->stall_from_ns = t->last_ns;
		}
		t->last_ns = now_ns;
		fill(want, t->received - skip, (skip + (size_t)n + 7) / 8 * 8);
		if (memcmp(got, want + skip, (size_t)n))
			for (ssize_t i = 0; i < n; i++)
				t->wrong += got[i] != want[skip + (size_t)i];
		t->received += (uint64_t)n;
	}
	(void)kill(getpid(), SIGTERM); // nothing more will come
	return NULL;
}

static void tell(const struct transfer *t, const char *type)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	(void)getsockopt(t->out, IPPROTO_TCP, TCP_INFO, &info, &len);
	if (t->json)
		printf("{\"type\":\"%s\",\"mono_ns\":%" PRIu64 ",\"sent\":%" PRIu64
		       ",\"received\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"stall_us\":%" PRIu64
		       ",\"stall_from_ns\":%" PRIu64 ",\"retransmits\":%" PRIu32 "}\n",
			type, tool_clock_ns(CLOCK_MONOTONIC), t->sent, t->received, t->wrong,
			t->stall_ns / 1000, t->stall_from_ns, info.tcpi_total_retrans);
	else
		printf("%-5s sent %" PRIu64 "  received %" PRIu64 "  wrong %" PRIu64
		       "  longest stall %.3f ms  retransmits %" PRIu32 "\n",
			type, t->sent, t->received, t->wrong, (double)t->stall_ns / 1e6,
			info.tcpi_total_retrans);
	(void)fflush(stdout);
}

static struct addrinfo *address(const char *text, uint64_t port)
{
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE },
			*found = NULL;
	char service[8];

	(void)snprintf(service, sizeof(service), "%" PRIu64, port);
	return text && !getaddrinfo(text, service, &hint, &found) ? found : NULL;
}

static int enter(const char *netns)
{
	int err = netns ? tool_enter_netns(netns) : 0;

	return err ? tool_fail(netns, strerror(-err)) : 0;
}

// Listen in one namespace, connect from the other, accept: both ends are ours.
static int join(struct transfer *t, const struct addrinfo *src, const struct addrinfo *dst)
{
	int listener, one = 1;
	struct timeval patience = { .tv_usec = 100000 };
	uint32_t pace = (uint32_t)(t->rate_kbps * 125);

	if (enter(t->to_netns))
		return 2;
	listener = socket(dst->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
		bind(listener, dst->ai_addr, dst->ai_addrlen) || listen(listener, 1))
		return tool_fail(t->dst, strerror(errno));
	if (enter(t->from_netns))
		return 2;
	t->out = socket(src->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->out < 0 || bind(t->out, src->ai_addr, src->ai_addrlen))
		return tool_fail(t->src, strerror(errno));
	if (pace && setsockopt(t->out, SOL_SOCKET, SO_MAX_PACING_RATE, &pace, sizeof(pace)))
		return tool_fail("pacing", strerror(errno));
	if (connect(t->out, dst->ai_addr, dst->ai_addrlen))
		return tool_fail(t->dst, strerror(errno));
	(void)setsockopt(t->out, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	t->in = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	return t->in < 0 ? tool_fail("accept", strerror(errno)) : 0;
}

// Until the receiver has everything, the time is over, or SIGTERM.
static void supervise(const struct transfer *t, int signals)
{
	uint64_t end_ns = tool_clock_ns(CLOCK_MONOTONIC) + t->duration_ms * 1000000;
	struct pollfd fd = { .fd = signals, .events = POLLIN };

	while (poll(&fd, 1, LIVE_MS) <= 0) {
		if (t->duration_ms && tool_clock_ns(CLOCK_MONOTONIC) >= end_ns)
			return;
		if (t->live)
			tell(t, "live");
	}
}

static int run(struct transfer *t)
{
	struct timespec until;
	sigset_t stop;
	int signals;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	signals = signalfd(-1, &stop, SFD_CLOEXEC);
	if (signals < 0)
		return tool_fail("signalfd", strerror(errno));
	t->last_ns = tool_clock_ns(CLOCK_MONOTONIC);
	if (pthread_create(&t->receiver, NULL, receive_all, t) ||
		pthread_create(&t->sender, NULL, send_all, t))
		return tool_fail("start", "no thread");
	supervise(t, signals);
	t->stop = true;
	pthread_join(t->sender, NULL);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DRAIN_S;
	if (pthread_timedjoin_np(t->receiver, NULL, &until))
		(void)tool_fail("end", "not all that was sent arrived in time");
	tell(t, "final");
	return t->received != t->sent || t->wrong ||
		(t->bytes && t->sent != t->bytes && !t->duration_ms);
}

static const char usage[] =
	"usage: transfer --src ADDR --dst ADDR --port PORT [--from-netns NAME] [--to-netns NAME]\n"
	"                [--bytes N] [--duration-ms N] [--rate-kbps N] [--json] [--live]\n";

static int parse(int argc, char **argv, struct transfer *t)
{
	const struct tool_option rows[] = {
		{ "from-netns", .text = &t->from_netns },
		{ "to-netns", .text = &t->to_netns },
		{ "src", .text = &t->src },
		{ "dst", .text = &t->dst },
		{ "port", 65535, .number = &t->port },
		{ "bytes", UINT64_MAX, .number = &t->bytes },
		{ "duration-ms", 86400000, .number = &t->duration_ms },
		{ "rate-kbps", 30000000, .number = &t->rate_kbps },
		{ "json", .flag = &t->json },
		{ "live", .flag = &t->live },
		{ 0 },
	};
	int at = tool_options(argc, argv, rows, usage);

	if (at == argc && t->src && t->dst && t->port)
		return 0;
	if (at >= 0)
		(void)fputs(usage, stderr);
	return 64;
}

int main(int argc, char **argv)
{
	static struct transfer t;
	struct addrinfo *src = NULL, *dst = NULL;
	int err = parse(argc, argv, &t);

	if (err)
		return err;
	src = address(t.src, 0);
	dst = address(t.dst, t.port);
	if (!src || !dst)
		err = tool_fail(src ? t.dst : t.src, "not an address");
	else
		err = join(&t, src, dst);
	if (!err)
		err = run(&t);
	if (src)
		freeaddrinfo(src);
	if (dst)
		freeaddrinfo(dst);
	return err;
}
