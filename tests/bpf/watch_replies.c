// SPDX-License-Identifier: MIT
// Where accepted replies end: in the histogram of their path, and in the ring of whoever reads it.
#include <sys/socket.h>

#include "plane/trip.h"
#include "probe/replies.h"
#include "tests/bpf/probes.h"

#define TTL       57
#define LONG_NS   (3600 * PT_NS_PER_S)
#define TLV_BYTES 16

static struct pt_replies *replies;

static uint32_t udp_at(int family)
{
	return ETH_HLEN + (family == AF_INET ? 20 : 40);
}

static void send_probe(int family, uint32_t seq)
{
	if (family == AF_INET) {
		make_probe(seq);
	} else {
		rig_ipv6(&pkt, "2001:db8::99", IPPROTO_UDP, SENDER, RIG_PORT, 44);
		put_probe(ETH_HLEN + 48, seq, 100 + PATH6);
	}
	T_EQ(counted(PT_PROGRAM_OUT, PT_STAT_PROBE_SENT), 1);
}

// The true reply, with that many bytes behind STAMP's base packet.
static void reply_to(int family, uint32_t seq, uint32_t more)
{
	if (family == AF_INET) {
		rig_ipv4(&pkt, "192.0.2.2", IPPROTO_UDP, RIG_PORT, SENDER, 44 + more);
		pkt.v4.saddr = inet_addr("192.0.2.99");
		pkt.v4.ttl = TTL;
		rig_seal(&pkt);
	} else {
		rig_ipv6(&pkt, "2001:db8::1", IPPROTO_UDP, RIG_PORT, SENDER, 44 + more);
		(void)inet_pton(AF_INET6, "2001:db8::99", &pkt.v6.saddr);
		pkt.v6.hop_limit = TTL;
	}
	put_reply(udp_at(family) + 8, seq, (uint16_t)(100 + (family == AF_INET ? PATH : PATH6)),
		stamp_of(seq));
	for (uint32_t i = 0; i < more; i++)
		pkt.data[udp_at(family) + 8 + 44 + i] = (uint8_t)(i + 1);
}

// It is accepted; what becomes of it then.
static int fate(void)
{
	uint64_t before = rig_stat(PT_STAT_REPLY_OK);

	rig_run(PT_PROGRAM_IN, &pkt);
	T_EQ(rig_stat(PT_STAT_REPLY_OK) - before, 1);
	return pkt.act;
}

static bool open_reader(void)
{
	reset();
	rig.plane->meta->netns = this_netns();
	if (pt_replies_open(rig.dir, &replies, &rig.err)) {
		T_FAIL("%s", rig.err.msg);
		return false;
	}
	T_OK(pt_replies_lease(replies, pt_mono_add(pt_mono_now(), LONG_NS)));
	pt_replies_port(replies, PATH, SENDER);
	pt_replies_port(replies, PATH6, SENDER);
	return true;
}

static void close_reader(void)
{
	pt_replies_free(replies);
	replies = NULL;
}

// ---- histograms ----

static void timed(int family, uint32_t path)
{
	const struct timespec trip = { .tv_nsec = 3 * PT_NS_PER_MS };
	struct pt_hist before, after;
	struct pt_watch w;
	uint64_t us;

	reset();
	T_EQ(pt_trip_read(rig.plane, path, &before), 0);
	for (uint32_t seq = 1; seq <= 2; seq++) {
		send_probe(family, seq);
		nanosleep(&trip, NULL);
		reply_to(family, seq, 0);
		T_EQ(fate(), TC_ACT_UNSPEC);
	}
	T_EQ(pt_trip_read(rig.plane, path, &after), 0);
	T_EQ(after.count - before.count, 2);
	w = watch_of(path);
	us = 0;
	for (uint32_t seq = 1; seq <= 2; seq++) {
		uint64_t one = (w.ring[seq].value - (w.ring[seq].sent_ns & ~PT_PROBE_ANSWERED)) /
			1000;

		us += one;
		T_OK(one >= 3000);
		T_OK(after.bucket[pt_hist_index(one)] > before.bucket[pt_hist_index(one)]);
	}
	T_EQ(after.sum_us - before.sum_us, us);
	rig_run(PT_PROGRAM_IN, &pkt); // again: a replay
	T_EQ(pt_trip_read(rig.plane, path, &before), 0);
	T_OK(!memcmp(&before, &after, sizeof(before)));
	T_EQ(pt_trip_forget(rig.plane, path), 0);
	T_EQ(pt_trip_read(rig.plane, path, &after), 0);
	T_EQ(after.count + after.sum_us, 0);
}

static void test_histogram(void)
{
	timed(AF_INET, PATH);
	timed(AF_INET6, PATH6);
}

// ---- the ring ----

static void kept(int family, uint32_t path, uint32_t more)
{
	const struct pt_heard *heard[2];
	const uint32_t seq = 10 + more;
	uint8_t bytes[PT_HEARD_MOST] = {};
	int64_t now = pt_mono_now().ns;

	send_probe(family, seq);
	reply_to(family, seq, more);
	memcpy(bytes, pkt.data + udp_at(family) + 8, 44 + more);
	T_EQ(fate(), TC_ACT_SHOT);
	T_EQ(pt_replies_peek(replies, heard, 2), 1);
	T_EQ(heard[0]->path, path);
	T_EQ(heard[0]->ttl, TTL);
	T_EQ(heard[0]->len, 44 + more);
	T_OK(!memcmp(heard[0]->bytes, bytes, sizeof(bytes)));
	T_OK((int64_t)heard[0]->heard_ns >= now);
	T_OK((int64_t)heard[0]->heard_ns <= pt_mono_now().ns);
	T_EQ(heard[0]->heard_ns, watch_of(path).last_reply_ns);
	pt_replies_done(replies);
	T_EQ(pt_replies_peek(replies, heard, 2), 0);
}

static void test_kept_for_the_reader(void)
{
	if (!open_reader())
		return;
	for (uint32_t more = 0; more <= TLV_BYTES; more += TLV_BYTES) {
		kept(AF_INET, PATH, more);
		kept(AF_INET6, PATH6, more);
	}
	close_reader();
}

static void goes_on(int family, uint32_t seq, uint32_t more)
{
	const struct pt_heard *heard;

	send_probe(family, seq);
	reply_to(family, seq, more);
	T_EQ(fate(), TC_ACT_UNSPEC);
	if (replies)
		T_EQ(pt_replies_peek(replies, &heard, 1), 0);
}

static void test_what_is_not_plain_goes_on(void)
{
	const int families[] = { AF_INET, AF_INET6 };
	const struct pt_heard *heard;

	if (!open_reader())
		return;
	for (int i = 0; i < 2; i++) {
		goes_on(families[i], 100, 4);  // other extensions
		goes_on(families[i], 101, 68); // as long as a signed one
		send_probe(families[i], 102);  // padding of the frame counts for nothing
		reply_to(families[i], 102, 0);
		pkt.len += 6;
		T_EQ(fate(), TC_ACT_SHOT);
		T_EQ(pt_replies_peek(replies, &heard, 1), 1);
		T_EQ(heard->len, PT_HEARD_PLAIN);
		pt_replies_done(replies);
	}
	close_reader();
}

// Bound as whoever else sends STAMP of the same session.
static void test_other_senders_get_theirs(void)
{
	const int families[] = { AF_INET, AF_INET6 };

	if (!open_reader())
		return;
	pt_replies_port(replies, PATH, SENDER + 1);
	pt_replies_port(replies, PATH6, 0);
	for (int i = 0; i < 2; i++)
		goes_on(families[i], 200, 0);
	close_reader();
	for (int i = 0; i < 2; i++)
		goes_on(families[i], 201, 0); // whoever read the ring has gone
}

static int bound_socket(int family)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(SENDER) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(SENDER) };
	int yes = 1, fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (family == AF_INET6)
		T_EQ(setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)), 0);
	if (family == AF_INET)
		T_EQ(bind(fd, (void *)&v4, sizeof(v4)), 0);
	else
		T_EQ(bind(fd, (void *)&v6, sizeof(v6)), 0);
	return fd;
}

// A reader that stands still has its socket; one that was killed has not.
static void lapsed(int family)
{
	const struct pt_heard *heard;
	int fd;

	send_probe(family, 300);
	reply_to(family, 300, 0);
	T_EQ(fate(), TC_ACT_SHOT);
	fd = bound_socket(family);
	send_probe(family, 301);
	reply_to(family, 301, 0);
	T_EQ(fate(), TC_ACT_UNSPEC);
	close(fd);
	T_EQ(pt_replies_peek(replies, &heard, 1), 0);
}

static void test_lease_runs_out(void)
{
	if (!open_reader())
		return;
	// as long ago as if it had not been renewed
	T_OK(pt_replies_lease(replies, pt_mono_add(pt_mono_now(), -2 * PT_REPLIES_LEASE_NS)));
	lapsed(AF_INET);
	lapsed(AF_INET6);
	close_reader();
}

static void test_full_ring(void)
{
	const struct pt_heard *heard[64];
	uint64_t full = rig_stat(PT_STAT_REPLY_FULL);
	uint32_t seq = 1000, in = 0, out = 0;
	unsigned n;

	if (!open_reader())
		return;
	do {
		send_probe(AF_INET, ++seq);
		reply_to(AF_INET, seq, 0);
		in++;
	} while (fate() == TC_ACT_SHOT && in < 100000);
	T_EQ(pkt.act, TC_ACT_UNSPEC);
	T_EQ(rig_stat(PT_STAT_REPLY_FULL) - full, 1);
	T_EQ(watch_of(PATH).answered, seq); // the verdict does not depend on it
	while ((n = pt_replies_peek(replies, heard, 64))) {
		for (unsigned i = 0; i < n; i++, out++) {
			struct pt_stamp_reply r;

			memcpy(&r, heard[i]->bytes, sizeof(r));
			if (ntohl(r.sender_seq) != 1001 + out)
				T_FAIL("reply %u is number %u", 1001 + out, ntohl(r.sender_seq));
		}
		pt_replies_done(replies);
	}
	T_EQ(out, in - 1);
	send_probe(AF_INET, ++seq); // there is room again
	reply_to(AF_INET, seq, 0);
	T_EQ(fate(), TC_ACT_SHOT);
	close_reader();
}

// One process reads it; another gets it when that one has gone, and nothing that was meant for it.
static void test_one_reader(void)
{
	const struct pt_heard *heard;
	struct pt_replies *other = NULL;

	if (!open_reader())
		return;
	T_NEED(pt_replies_open(rig.dir, &other, &rig.err) == 0);
	T_OK(!pt_replies_lease(other, pt_mono_now()));
	send_probe(AF_INET, 5000);
	reply_to(AF_INET, 5000, 0);
	T_EQ(fate(), TC_ACT_SHOT);
	T_OK(pt_replies_lease(replies, pt_mono_add(pt_mono_now(), -2 * PT_REPLIES_LEASE_NS)));
	T_OK(pt_replies_lease(other, pt_mono_now()));
	T_OK(!pt_replies_lease(replies, pt_mono_now()));
	T_EQ(pt_replies_peek(other, &heard, 1), 0);
	send_probe(AF_INET, 5001);
	reply_to(AF_INET, 5001, 0);
	T_EQ(fate(), TC_ACT_UNSPEC); // it has not named its ports yet
	T_EQ(pt_replies_peek(other, &heard, 1), 0);
	close_reader();
	T_OK(pt_replies_lease(other, pt_mono_now())); // the former one's end does not end it
	pt_replies_free(other);
}

static void test_another_namespace(void)
{
	struct pt_replies *other = NULL;

	reset();
	rig.plane->meta->netns = this_netns() + 1;
	T_EQ(pt_replies_open(rig.dir, &other, &rig.err), -EXDEV);
	T_OK(other == NULL);
}

RIG_MAIN({ "every accepted reply enters its path's histogram, once", test_histogram },
	{ "replies are kept for their reader, whole", test_kept_for_the_reader },
	{ "what is not plain goes on to the socket", test_what_is_not_plain_goes_on },
	{ "other senders get theirs", test_other_senders_get_theirs },
	{ "without a lease: to the socket, or nowhere", test_lease_runs_out },
	{ "a full ring: to the socket", test_full_ring },
	{ "one reader at a time", test_one_reader },
	{ "another network namespace has none of it", test_another_namespace })
