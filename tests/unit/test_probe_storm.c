// SPDX-License-Identifier: MIT
// The reflector under a million random datagrams: each moves one counter
// and nothing else, an answer belongs to its request and is no longer, memory does not grow, and
// after it an honest request is answered.
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "ip.h"
#include "probe/reflect.h"
#include "test.h"

#define PORT    8620
#define AHEAD   128 // datagrams under way
#define LONGEST 1500

struct storm {
	struct pt_loop *loop;
	struct pt_reflector *reflector;
	struct pt_stamp_key *key; // NULL: open mode
	int fd;
	uint64_t left, sent, shorts, replies, state;
	bool honest; // the next one is
	bool answered;
	size_t base;
	uint32_t seqs[AHEAD * 4]; // of what was sent lately
};

static const struct pt_reflect_counters *counters(const struct storm *s)
{
	return pt_reflector_counters(s->reflector);
}

static uint64_t next(struct storm *s) // xorshift64
{
	s->state ^= s->state << 13;
	s->state ^= s->state >> 7;
	s->state ^= s->state << 17;
	return s->state;
}

// Any length, mostly random bytes; a third are a sound request with some of them changed.
static size_t make(struct storm *s, uint8_t *packet)
{
	size_t len = next(s) % 4 ? next(s) % 256 : next(s) % (LONGEST + 1);
	const struct pt_stamp_sent sent = { .seq = (uint32_t)s->sent, .ntp = next(s) };

	for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
		uint64_t word = next(s);
		memcpy(packet + i, &word, sizeof(word));
	}
	if (len >= s->base && next(s) % 3 == 0) {
		(void)(s->key ? pt_stamp_auth_request_write(&sent, packet, len)
			      : pt_stamp_request_write(&sent, packet, len)); // it has room
		for (uint64_t n = next(s) % 4; n; n--)
			packet[next(s) % len] = (uint8_t)next(s);
	}
	return len;
}

static void send_one(struct storm *s)
{
	uint8_t packet[LONGEST + sizeof(uint64_t)] = { 0 };
	size_t len;
	uint32_t seq;

	if (s->honest) {
		const struct pt_stamp_sent sent = { .seq = UINT32_MAX, .ntp = UINT64_MAX };
		len = s->base;
		(void)(s->key ? pt_stamp_auth_request_write(&sent, packet, len)
			      : pt_stamp_request_write(&sent, packet, len)); // it has room
		if (s->key)
			pt_stamp_sign(s->key, packet);
	} else {
		len = make(s, packet);
	}
	if (send(s->fd, packet, len, MSG_DONTWAIT) != (ssize_t)len)
		return;
	memcpy(&seq, packet, sizeof(seq));
	s->seqs[s->sent++ % PT_ARRAY_LEN(s->seqs)] = seq;
	s->shorts += len < s->base;
	s->left--;
}

static bool was_sent(const struct storm *s, uint32_t seq)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(s->seqs); i++)
		if (s->seqs[i] == seq)
			return true;
	return false;
}

static void read_replies(struct storm *s)
{
	uint8_t packet[2 * LONGEST];
	size_t echo = s->key ? 48 : 24; // of the request's sequence number
	ssize_t n;

	while ((n = recv(s->fd, packet, sizeof(packet), MSG_DONTWAIT)) >= 0) {
		uint32_t seq = 0;

		s->replies++;
		if (n >= (ssize_t)s->base)
			memcpy(&seq, packet + echo, sizeof(seq));
		if (n < (ssize_t)s->base || n > LONGEST || !was_sent(s, seq))
			T_FAIL("a reply of %zd bytes to nothing that was sent", n);
		s->answered = true;
	}
}

static void on_ready(void *ctx, int fd, uint32_t events)
{
	struct storm *s = ctx;

	(void)fd;
	(void)events;
	read_replies(s);
	for (int i = 0; i < 32 && s->left && s->sent - counters(s)->received < AHEAD; i++)
		send_one(s);
	if (!s->left && counters(s)->received == s->sent && s->replies == counters(s)->answered)
		pt_loop_stop(s->loop, 0);
}

static void on_late(void *ctx, uint64_t expirations)
{
	const struct storm *s = ctx;

	(void)expirations;
	T_FAIL("%" PRIu64 " sent, %" PRIu64 " received, %" PRIu64 " answered, %" PRIu64 " replies",
		s->sent, counters(s)->received, counters(s)->answered, s->replies);
	pt_loop_stop(s->loop, 1);
}

static long resident_pages(void)
{
	pt_autofile FILE *f = fopen("/proc/self/statm", "re");
	long size, resident = -1;

	return f && fscanf(f, "%ld %ld", &size, &resident) == 2 ? resident : -1;
}

static void open_client(struct storm *s)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(0x7f000001)
	};
	int room = 1 << 20;

	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	T_EQ(connect(s->fd, (const struct sockaddr *)&to, sizeof(to)), 0);
}

static void blow(struct storm *s, uint64_t n)
{
	s->left = n;
	(void)pt_loop_run(s->loop);
}

static void storm_with(struct pt_stamp_key *key)
{
	const struct pt_addr loopback = { AF_INET, { 127, 0, 0, 1 } };
	const struct pt_reflect_opts o = {
		.port = PORT, .bind = &loopback, .n_bind = 1, .key = key
	};
	struct storm s = { .key = key,
		.fd = -1,
		.state = 88172645463325252u,
		.base = key ? PT_STAMP_AUTH_LEN : PT_STAMP_LEN };
	const struct pt_reflect_counters *n;
	struct pt_timer *late;
	struct pt_err err = { 0 };
	const uint64_t all = 1000000;
	long before;

	T_NEED(!pt_loop_new(&s.loop, &err));
	T_NEED(!pt_reflector_new(&o, s.loop, &s.reflector, &err));
	open_client(&s);
	T_EQ(pt_loop_fd_add(s.loop, s.fd, EPOLLIN | EPOLLOUT, on_ready, &s), 0);
	T_EQ(pt_loop_timer_add(
		     s.loop, pt_mono_add(pt_mono_now(), 200 * PT_NS_PER_S), 0, on_late, &s, &late),
		0);
	blow(&s, all / 10);
	before = resident_pages();
	blow(&s, all - all / 10);
	T_OK(resident_pages() - before < 128); // 512 KiB
	n = counters(&s);
	T_EQ(n->received, all);
	T_EQ(n->malformed, s.shorts);
	T_EQ(n->answered + n->malformed + n->forged + n->replayed, all);
	T_EQ(n->refused + n->looped + n->limited + n->failed, 0);
	if (key)
		T_EQ(n->answered, 0);
	else
		T_OK(n->answered > all / 4);
	s.honest = true;
	s.answered = false;
	blow(&s, 1);
	T_OK(s.answered);
	(void)pt_loop_fd_del(s.loop, s.fd);
	pt_reflector_free(s.reflector);
	pt_loop_free(s.loop);
	close(s.fd);
}

static bool ready(void)
{
	static int state = -1;

	if (state < 0)
		state = geteuid() == 0 && !unshare(CLONE_NEWNET) && !IP("link", "set", "lo", "up");
	return state;
}

static void open_mode(void)
{
	if (!ready())
		T_SKIP("needs root and network namespaces");
	storm_with(NULL);
}

static void authenticated_mode(void)
{
	struct pt_stamp_key *key = NULL;

	if (!ready())
		T_SKIP("needs root and network namespaces");
	T_NEED(!pt_stamp_key_new("sixteen bytes or more", 21, &key));
	storm_with(key);
	pt_stamp_key_free(key);
}

T_MAIN({ "open mode", open_mode }, { "authenticated mode", authenticated_mode })
