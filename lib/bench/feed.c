// SPDX-License-Identifier: MIT
#include "bench/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/netns.h"

#define MAGIC         0x50746265u
#define PRIORITY      30
#define SOCKET_BUFFER (8 << 20)
#define STOP_POLL_US  50000 // how often a thread without packets looks whether to end

struct message {
	uint32_t magic, pad;
	uint64_t seq;
};

// One packet; index is seq modulo PT_FEED_MEMORY.
struct packet {
	_Atomic int64_t sent_ns; // CLOCK_MONOTONIC
	_Atomic int64_t got_ns;  // kernel stamp, CLOCK_REALTIME; 0: not yet
	_Atomic uint32_t copies;
	_Atomic bool late; // overtaken by a later one
};

struct pt_feed {
	int tx, rx;
	int64_t interval_ns;
	uint16_t port;
	unsigned targets;
	_Atomic uint32_t to[PT_FEED_TARGETS]; // IPv4, network order
	pthread_t sender, receiver;
	bool sending, receiving; // threads that exist
	atomic_bool stop;
	_Atomic uint64_t sent; // sequence numbers below this have left
	struct packet *packets;
};

static struct packet *packet_at(const struct pt_feed *s, uint64_t seq)
{
	return &s->packets[seq % PT_FEED_MEMORY];
}

static void *run_sender(void *ctx)
{
	struct pt_feed *s = ctx;
	int64_t due = pt_mono_now().ns;

	(void)prctl(PR_SET_TIMERSLACK, 1UL); // only matters without real-time priority
	for (uint64_t seq = 0; !atomic_load_explicit(&s->stop, memory_order_relaxed); seq++) {
		struct message m = { .magic = MAGIC, .seq = seq };
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(s->port) };
		struct packet *p = packet_at(s, seq);
		due += s->interval_ns;
		struct timespec at = { due / PT_NS_PER_S, due % PT_NS_PER_S };
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		atomic_store(&p->got_ns, 0);
		atomic_store(&p->copies, 0);
		atomic_store(&p->late, false);
		atomic_store(&p->sent_ns, pt_mono_now().ns);
		atomic_store(&s->sent, seq + 1);
		to.sin_addr.s_addr = atomic_load(&s->to[seq % s->targets]);
		// What is not sent is lost, which is the point.
		(void)sendto(s->tx, &m, sizeof(m), 0, (struct sockaddr *)&to, sizeof(to));
	}
	return NULL;
}

static int64_t stamp_of(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct timespec ts;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return ts.tv_sec * PT_NS_PER_S + ts.tv_nsec;
	}
	return pt_wall_ns();
}

static void arrived(const struct pt_feed *s, uint64_t seq, int64_t stamp, uint64_t *next)
{
	struct packet *p = packet_at(s, seq);

	if (seq >= atomic_load(&s->sent))
		return; // not one of ours
	if (atomic_fetch_add(&p->copies, 1))
		return;
	if (seq < *next)
		atomic_store(&p->late, true);
	else
		*next = seq + 1;
	atomic_store(&p->got_ns, stamp);
}

static void *run_receiver(void *ctx)
{
	struct pt_feed *s = ctx;
	uint64_t next = 0;

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
		struct message m;
		struct iovec iov = { &m, sizeof(m) };
		struct msghdr h = { .msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control) };
		if (recvmsg(s->rx, &h, 0) == sizeof(m) && m.magic == MAGIC)
			arrived(s, m.seq, stamp_of(&h), &next);
	}
	return NULL;
}

// Real-time where we may, ordinary otherwise.
static int start_thread(pthread_t *t, void *(*fn)(void *), void *ctx)
{
	const struct sched_param fifo = { .sched_priority = PRIORITY };
	int code = pthread_create(t, NULL, fn, ctx);

	if (!code)
		(void)pthread_setschedparam(*t, SCHED_FIFO, &fifo);
	return -code;
}

static int udp_socket(const struct pt_addr *a, uint16_t port, bool receive)
{
	const struct timeval poll_time = { .tv_usec = STOP_POLL_US };
	const int on = 1, size = SOCKET_BUFFER;
	struct sockaddr_storage ss;
	socklen_t len = pt_addr_sockaddr(a, port, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int code = fd < 0 ? -errno : 0;

	if (!code && bind(fd, (const struct sockaddr *)&ss, len))
		code = -errno;
	if (!code && receive &&
		(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ||
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &poll_time, sizeof(poll_time)) ||
			setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size))))
		code = -errno;
	if (code && fd >= 0)
		close(fd);
	return code ? code : fd;
}

static int open_sockets(struct pt_feed *s, const struct pt_feed_opts *o, struct pt_err *err)
{
	const struct pt_addr any = { .family = AF_INET };
	int code = pt_netns_enter(o->to_netns, err);

	if (code)
		return code;
	s->rx = udp_socket(&any, o->port, true);
	if (s->rx < 0)
		return pt_err_errno(err, s->rx, "feed: receiver");
	code = pt_netns_enter(o->from_netns, err);
	if (code)
		return code;
	s->tx = udp_socket(&o->from, 0, false);
	return s->tx < 0 ? pt_err_errno(err, s->tx, "feed: sender") : 0;
}

static int start(struct pt_feed *s, const struct pt_feed_opts *o, struct pt_err *err)
{
	pt_autofd home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return pt_err_errno(err, -errno, "/proc/thread-self/ns/net");
	s->packets = calloc(PT_FEED_MEMORY, sizeof(*s->packets));
	if (!s->packets)
		return pt_err_errno(err, -ENOMEM, "feed");
	int code = open_sockets(s, o, err);
	if (setns(home, CLONE_NEWNET))
		abort(); // nothing that follows may happen in the wrong place
	if (code)
		return code;
	code = start_thread(&s->receiver, run_receiver, s);
	s->receiving = !code;
	if (!code)
		code = start_thread(&s->sender, run_sender, s);
	s->sending = !code && s->receiving;
	return code ? pt_err_errno(err, code, "feed: thread") : 0;
}

void pt_feed_aim(struct pt_feed *s, unsigned target, const struct pt_addr *to)
{
	uint32_t v4;

	memcpy(&v4, to->bytes, sizeof(v4));
	atomic_store(&s->to[target], v4);
}

int pt_feed_new(const struct pt_feed_opts *o, struct pt_feed **out, struct pt_err *err)
{
	struct pt_feed *s = calloc(1, sizeof(*s));

	if (!s)
		return pt_err_errno(err, -ENOMEM, "feed");
	s->tx = s->rx = -1;
	s->interval_ns = o->interval_ns;
	s->port = o->port;
	s->targets = o->targets ? o->targets : 1;
	for (unsigned i = 0; i < s->targets; i++)
		pt_feed_aim(s, i, &o->to);
	int code = start(s, o, err);
	if (code)
		pt_feed_free(s);
	else
		*out = s;
	return code;
}

void pt_feed_free(struct pt_feed *s)
{
	if (!s)
		return;
	atomic_store(&s->stop, true);
	if (s->sending)
		pthread_join(s->sender, NULL);
	if (s->receiving)
		pthread_join(s->receiver, NULL);
	if (s->tx >= 0)
		close(s->tx);
	if (s->rx >= 0)
		close(s->rx);
	free(s->packets);
	free(s);
}

// The oldest sequence number that is remembered and was sent at or after t.
static uint64_t first_since(const struct pt_feed *s, struct pt_mono t)
{
	uint64_t end = atomic_load(&s->sent), seq = end;
	// The sender is about to reuse the slots right behind its newest.
	uint64_t oldest = end > PT_FEED_MEMORY / 2 ? end - PT_FEED_MEMORY / 2 : 0;

	while (seq > oldest && atomic_load(&packet_at(s, seq - 1)->sent_ns) >= t.ns)
		seq--;
	return seq;
}

struct pt_feed_look pt_feed_look(const struct pt_feed *s, struct pt_mono from, struct pt_mono to)
{
	struct pt_feed_look l = { 0 };
	uint64_t end = atomic_load(&s->sent);
	int64_t previous = 0;

	for (uint64_t seq = first_since(s, from); seq < end; seq++) {
		const struct packet *p = packet_at(s, seq);
		int64_t got = atomic_load(&p->got_ns);
		if (atomic_load(&p->sent_ns) > to.ns)
			break;
		l.sent++;
		l.lost += got == 0;
		l.duplicated += atomic_load(&p->copies) > 1;
		l.reordered += atomic_load(&p->late);
		if (got && previous && got - previous > l.gap_ns)
			l.gap_ns = got - previous;
		if (got > previous)
			previous = got;
	}
	return l;
}

uint64_t pt_feed_arrived(const struct pt_feed *s, struct pt_mono since)
{
	uint64_t n = 0, end = atomic_load(&s->sent);

	for (uint64_t seq = first_since(s, since); seq < end; seq++)
		n += atomic_load(&packet_at(s, seq)->got_ns) != 0;
	return n;
}

struct pt_feed_first pt_feed_first(const struct pt_feed *s, struct pt_mono since)
{
	struct pt_feed_first first = { { 0 }, { 0 } };
	uint64_t end = atomic_load(&s->sent);

	for (uint64_t seq = first_since(s, since); seq < end; seq++) {
		const struct packet *p = packet_at(s, seq);
		int64_t got_ns = atomic_load(&p->got_ns);
		if (got_ns && (!first.got.ns || got_ns < first.got.ns))
			first = (struct pt_feed_first){ { atomic_load(&p->sent_ns) }, { got_ns } };
	}
	return first;
}

struct pt_mono pt_feed_reached(const struct pt_feed *s, struct pt_mono since)
{
	int64_t first[PT_FEED_TARGETS] = { 0 }, last = 0;
	uint64_t end = atomic_load(&s->sent);

	for (uint64_t seq = first_since(s, since); seq < end; seq++) {
		const struct packet *p = packet_at(s, seq);
		if (!first[seq % s->targets] && atomic_load(&p->got_ns))
			first[seq % s->targets] = atomic_load(&p->sent_ns);
	}
	for (unsigned i = 0; i < s->targets; i++) {
		if (!first[i])
			return (struct pt_mono){ 0 };
		if (first[i] > last)
			last = first[i];
	}
	return (struct pt_mono){ last };
}

struct pt_mono pt_feed_last_lost(const struct pt_feed *s, struct pt_mono from, struct pt_mono to)
{
	uint64_t end = atomic_load(&s->sent);
	struct pt_mono last = { 0 };

	for (uint64_t seq = first_since(s, from); seq < end; seq++) {
		const struct packet *p = packet_at(s, seq);
		int64_t sent_ns = atomic_load(&p->sent_ns);
		if (sent_ns >= to.ns)
			break;
		if (!atomic_load(&p->got_ns))
			last.ns = sent_ns;
	}
	return last;
}
