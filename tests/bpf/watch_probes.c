// SPDX-License-Identifier: MIT
// The watch programs: which packets count as probes and replies, and what the watchdog makes of
// them, in real time.
#include "plane/event.h"
#include "probe/replies.h"
#include "tests/bpf/probes.h"

static void wait_ns(int64_t ns)
{
	const struct timespec t = { ns / PT_NS_PER_S, ns % PT_NS_PER_S };

	nanosleep(&t, NULL);
}

static void keep_kind(void *ctx, const struct pt_event *event)
{
	*(uint32_t *)ctx = event->kind;
}

// The kind of the newest of all events that wait.
static uint32_t last_event(void)
{
	struct pt_events *events = NULL;
	uint32_t kind = PT_EVENT_COUNT;

	if (pt_events_new(rig.plane, keep_kind, &kind, &events, &rig.err))
		T_FAIL("%s", rig.err.msg);
	else
		T_EQ(pt_events_read(events), 0);
	pt_events_free(events);
	return kind;
}

static void test_recorded_and_accepted(void)
{
	struct pt_watch before, after;

	reset();
	before = watch_of(PATH);
	probe(1);
	after = watch_of(PATH);
	T_EQ(after.sent - before.sent, 1);
	T_EQ(after.newest, 1);
	T_OK(after.ring[1].sent_ns > before.last_sent_ns);
	reply(1);
	after = watch_of(PATH);
	T_EQ(after.answered, 1);
	T_EQ(after.replies - before.replies, 1);
	T_OK(after.last_reply_ns >= after.last_sent_ns);
	T_OK(after.srtt_ns > 0);
	T_OK(after.ring[1].sent_ns & PT_PROBE_ANSWERED);
	T_EQ(after.ring[1].value, after.last_reply_ns);
}

static void test_ipv6_session(void)
{
	uint32_t path = PATH6;

	reset();
	rig_ipv6(&pkt, "2001:db8::99", IPPROTO_UDP, SENDER, RIG_PORT, 44);
	put_probe(ETH_HLEN + 48, 1, (uint16_t)(100 + path));
	T_EQ(counted(PT_PROGRAM_OUT, PT_STAT_PROBE_SENT), 1);
	rig_ipv6(&pkt, "2001:db8::1", IPPROTO_UDP, RIG_PORT, SENDER, 44);
	put_reply(ETH_HLEN + 48, 1, (uint16_t)(100 + path), stamp_of(1));
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_SOURCE), 1);
	(void)inet_pton(AF_INET6, "2001:db8::99", &pkt.v6.saddr);
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_OK), 1);
	T_EQ(watch_of(path).answered, 1);
}

static void test_other_traffic_is_no_probe(void)
{
	reset();
	make_probe(1);
	pkt.ingress_ifindex = RIG_DEVICE; // forwarded: a probe of somebody else
	T_EQ(counted(PT_PROGRAM_OUT, PT_STAT_PROBE_SENT), 0);
	make_probe(1);
	put_probe(ETH_HLEN + 28, 1, SSID + 50);
	T_EQ(counted(PT_PROGRAM_OUT, PT_STAT_PROBE_SENT), 0);
	make_probe(1);
	pkt.v4.daddr = inet_addr("192.0.2.98");
	T_EQ(counted(PT_PROGRAM_OUT, PT_STAT_PROBE_SENT), 0);
	make_probe(1);
	pkt.len -= 1;
	T_EQ(counted(PT_PROGRAM_OUT, PT_STAT_PROBE_SENT), 0);
	rig_ipv4(&pkt, "192.0.2.99", IPPROTO_UDP, SENDER, RIG_PORT + 1, 44);
	put_probe(ETH_HLEN + 28, 1, SSID);
	T_EQ(counted(PT_PROGRAM_OUT, PT_STAT_PROBE_SENT), 0);
	rig_ipv4(&pkt, "192.0.2.99", IPPROTO_TCP, SENDER, RIG_PORT, 44);
	put_probe(ETH_HLEN + 28, 1, SSID);
	T_EQ(counted(PT_PROGRAM_OUT, PT_STAT_PROBE_SENT), 0);
}

static uint64_t received(void)
{
	struct pt_count count;

	pt_count_read(rig.plane, PATH, &count);
	return count.rx_packets;
}

// What is sent is counted of users alone: so is what is received.
static void test_only_users_are_traffic(void)
{
	const uint32_t device = RIG_DEVICE, path = PATH;
	uint64_t before;

	reset();
	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_RX], &device, &path, BPF_ANY), 0);
	before = received();
	rig_ipv4(&pkt, "10.1.0.2", IPPROTO_UDP, SENDER, SENDER, 44);
	T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_UNSPEC);
	T_EQ(received() - before, 1);
	rig_ipv6(&pkt, "fd01::2", IPPROTO_TCP, SENDER, RIG_PORT, 44);
	T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_UNSPEC);
	T_EQ(received() - before, 2);
	probe(1);
	reply(1);
	make_probe(1); // of the far end, to our reflector
	T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_UNSPEC);
	rig_ethernet(&pkt, ETH_P_ARP);
	pkt.len = 60;
	T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_UNSPEC);
	T_EQ(received() - before, 2);
}

static void test_replay(void)
{
	struct pt_watch before;

	reset();
	probe(1);
	reply(1);
	before = watch_of(PATH);
	make_reply(1);
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_STAMP), 1);
	T_EQ(watch_of(PATH).replies, before.replies);
	T_EQ(watch_of(PATH).last_reply_ns, before.last_reply_ns);
}

static void test_spoofed(void)
{
	reset();
	probe(1);
	make_reply(1);
	pkt.v4.saddr = inet_addr("192.0.2.98");
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_SOURCE), 1);
	make_reply(1);
	put_reply(ETH_HLEN + 28, 1, SSID + 50, stamp_of(1));
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_SESSION), 1);
	make_reply(1);
	put_reply(ETH_HLEN + 28, 1, SSID, stamp_of(1) + 1);
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_STAMP), 1);
	make_reply(1);
	put_reply(ETH_HLEN + 28, 2, SSID, stamp_of(2));
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_SEQUENCE), 1);
	make_reply(1);
	put_reply(ETH_HLEN + 28, 0, SSID, stamp_of(0));
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_SEQUENCE), 1);
	make_reply(1);
	pkt.len -= 1;
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_SHORT), 1);
	T_EQ(watch_of(PATH).answered, 0);
	reply(1); // none of these spoiled the true one
}

static void test_lo_is_not_the_device(void)
{
	struct pt_session_key key = { RIG_DEVICE, AF_INET, SSID };
	uint32_t path = PATH;

	reset();
	probe(1);
	T_EQ(bpf_map_delete_elem(rig.plane->fd[PT_MAP_SESSION], &key), 0);
	key.ifindex = RIG_DEVICE + 1; // the probe's session lives on another device
	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_SESSION], &key, &path, BPF_ANY), 0);
	make_reply(1);
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_SESSION), 1);
	T_EQ(bpf_map_delete_elem(rig.plane->fd[PT_MAP_SESSION], &key), 0);
}

static void test_ring_holds_256(void)
{
	uint32_t seq;

	reset();
	rig.plane->hop[PATH].threshold = 0; // no verdicts here
	for (seq = 10; seq < 10 + PT_RING + 1; seq++)
		probe(seq);
	make_reply(10);
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_SEQUENCE), 1);
	reply(11);
	reply(10 + PT_RING);
}

static void test_sequence_wraps(void)
{
	reset();
	for (uint32_t i = 0; i < 6; i++) {
		probe(UINT32_MAX - 2 + i);
		reply(UINT32_MAX - 2 + i);
	}
	T_EQ(watch_of(PATH).answered, 2);
	T_EQ(watch_of(PATH).run, 6);
}

// Down after the third unanswered probe, not after the second; when, and what the event says.
static void test_down_after_threshold(void)
{
	struct pt_watch w;

	reset();
	for (uint32_t seq = 100; seq < 103; seq++) {
		probe(seq);
		reply(seq);
	}
	probe(103);
	wait_ns(INTERVAL);
	probe(104);
	wait_ns(4 * INTERVAL);
	T_EQ(rig.plane->live->down[PATH], 0); // two are missing, no verdict
	probe(105);
	T_OK(rig_wait_down(PATH, 1, 1000));
	w = watch_of(PATH);
	T_EQ(w.answered, 102);
	// The third left, and then srtt + max(4 rttvar, interval / 8) passed, a timer's delay more.
	T_OK(w.changed_ns >= w.ring[105].sent_ns + w.srtt_ns + INTERVAL / 8);
	T_OK(w.changed_ns < w.ring[105].sent_ns + w.srtt_ns + 4 * w.rttvar_ns + INTERVAL);
}

static void test_up_after_count(void)
{
	reset();
	for (uint32_t seq = 200; seq < 203; seq++)
		probe(seq);
	T_OK(rig_wait_down(PATH, 1, 1000));
	for (uint32_t seq = 203; seq < 205; seq++) {
		probe(seq);
		reply(seq);
	}
	T_EQ(rig.plane->live->down[PATH], 1);
	probe(205); // lost: the run begins anew
	for (uint32_t seq = 206; seq < 208; seq++) {
		probe(seq);
		reply(seq);
	}
	T_EQ(rig.plane->live->down[PATH], 1);
	probe(208);
	reply(208);
	T_EQ(rig.plane->live->down[PATH], 0);
}

// Slow, not dead: one accused probe answered after all is enough, and it is told as such. A newer
// one is not: that may have been sent when a cut was over.
static void test_late_reply_refutes(void)
{
	uint32_t epoch;

	reset();
	probe(800);
	reply(800);
	for (uint32_t seq = 801; seq < 804; seq++)
		probe(seq);
	epoch = rig.plane->live->epoch;
	T_OK(rig_wait_down(PATH, 1, 1000));
	T_EQ(rig.plane->live->epoch - epoch, 1);
	probe(804);
	reply(804);
	T_EQ(rig.plane->live->down[PATH], 1);
	reply(803); // overtaken by 804, which is newer: proves no more than that
	T_EQ(rig.plane->live->down[PATH], 1);

	reset();
	epoch = rig.plane->live->epoch;
	probe(900);
	reply(900);
	for (uint32_t seq = 901; seq < 904; seq++)
		probe(seq);
	T_OK(rig_wait_down(PATH, 1, 1000));
	probe(904);
	reply(902);
	T_EQ(rig.plane->live->down[PATH], 0);
	T_EQ(rig.plane->live->epoch - epoch, 2);
	reply(903);
	wait_ns(4 * INTERVAL); // what is outstanding is less than three
	T_EQ(rig.plane->live->down[PATH], 0);
	T_EQ(last_event(), PT_EVENT_LATE);
}

static void test_dead_from_the_start(void)
{
	uint32_t path = 3; // never answered: only the configured limit is known
	struct pt_watch w;

	reset();
	rig_hop(path);
	session(path, AF_INET);
	for (uint32_t seq = 0; seq < 3; seq++) {
		make_probe(seq);
		put_probe(ETH_HLEN + 28, seq, (uint16_t)(100 + path));
		T_EQ(counted(PT_PROGRAM_OUT, PT_STAT_PROBE_SENT), 1);
	}
	T_OK(rig_wait_down(path, 1, 1000));
	w = watch_of(path);
	T_EQ(w.last_reply_ns, 0);
	T_OK(w.changed_ns >= w.ring[2].sent_ns + 60 * PT_NS_PER_MS);
}

static void test_frozen_without_probes(void)
{
	reset();
	probe(300);
	reply(300);
	probe(301);
	probe(302);
	wait_ns(10 * INTERVAL); // two are overdue for long, no third comes
	T_EQ(rig.plane->live->down[PATH], 0);
	T_EQ(watch_of(PATH).expires_ns, 0);
}

static void test_epoch_forgets(void)
{
	uint64_t before;

	reset();
	probe(400);
	reply(400);
	probe(401);
	probe(402);
	before = rig_stat(PT_STAT_PROBE_EPOCH);
	probe(7); // a restarted sender
	T_EQ(rig_stat(PT_STAT_PROBE_EPOCH) - before, 1);
	probe(8);
	make_reply(402);
	T_EQ(counted(PT_PROGRAM_IN, PT_STAT_REPLY_SEQUENCE), 1);
	wait_ns(10 * INTERVAL);
	T_EQ(rig.plane->live->down[PATH], 0); // 401, 402, 7, 8 are overdue, but of two senders
	probe(9);
	T_OK(rig_wait_down(PATH, 1, 1000));
	probe(500); // state is kept over the next epoch, too
	T_EQ(rig.plane->live->down[PATH], 1);
}

static void test_reply_in_time_saves(void)
{
	reset();
	probe(600);
	reply(600);
	for (uint32_t seq = 601; seq < 604; seq++)
		probe(seq);
	reply(603); // the newest is answered, so the older ones are mere losses
	wait_ns(10 * INTERVAL);
	T_EQ(rig.plane->live->down[PATH], 0);
}

static void test_new_program_takes_timers_over(void)
{
	const struct pt_sizes sizes = {};
	struct pt_programs old = rig.prog;

	reset();
	T_EQ(pt_load(rig.dir, &sizes, 2, &rig.prog, &rig.err), 0);
	if (rig.err.code)
		T_FAIL("%s", rig.err.msg);
	probe(700);
	reply(700);
	for (uint32_t seq = 701; seq < 704; seq++)
		probe(seq);
	T_EQ(watch_of(PATH).program, 2);
	pt_programs_done(&old);
	T_OK(rig_wait_down(PATH, 1, 1000));
}

// A million lies, drawn at random from all ways to lie: not one byte of state changes.
#define LIES 1000000

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void make_lie(uint64_t dice, uint32_t answered, uint32_t outstanding)
{
	uint32_t noise = (uint32_t)(dice >> 16);

	make_reply(outstanding);
	switch (dice % 8) {
	case 0: // a replay
		put_reply(ETH_HLEN + 28, answered, SSID, stamp_of(answered));
		break;
	case 1: // a wrong stamp
		put_reply(ETH_HLEN + 28, outstanding, SSID, stamp_of(outstanding) ^ (noise | 1));
		break;
	case 2: // a wrong number
		put_reply(ETH_HLEN + 28, outstanding + 1 + noise % 0x7fffffff, SSID,
			stamp_of(outstanding));
		break;
	case 3:                                       // truncated
		pkt.len = ETH_HLEN + 20 + noise % 52; // the kernel runs nothing shorter
		break;
	case 4: // not from the target
		pkt.v4.saddr ^= noise | 1;
		rig_seal(&pkt);
		break;
	case 5: // of another session, or none on this device
		put_reply(ETH_HLEN + 28, outstanding, (uint16_t)(SSID ^ (noise % 0xffff + 1)),
			stamp_of(outstanding));
		break;
	case 6: // from another port
		pkt.udp4.source ^= htons((uint16_t)(noise % 0xffff + 1));
		break;
	default: // a request instead of a reply, all else being right
		pkt.udp4.dest = pkt.udp4.source;
		pkt.udp4.source = htons((uint16_t)(noise | 1024));
	}
}

static void test_a_million_lies(void)
{
	static struct pt_watch before, after;
	static struct pt_trip trips[2];
	static struct pt_live live;
	const struct pt_heard *heard;
	struct pt_replies *replies = NULL;
	uint64_t state = 20261123, accepted;
	uint32_t path = PATH;

	reset();
	rig.plane->hop[PATH].threshold = 0; // time itself is to change nothing
	for (uint32_t seq = 1000; seq < 1004; seq++)
		probe(seq);
	for (uint32_t seq = 1000; seq < 1002; seq++)
		reply(seq);
	rig.plane->meta->netns = this_netns();
	T_NEED(pt_replies_open(rig.dir, &replies, &rig.err) == 0);
	T_OK(pt_replies_lease(replies, pt_mono_add(pt_mono_now(), 3600 * PT_NS_PER_S)));
	pt_replies_port(replies, PATH, SENDER);
	before = watch_of(PATH);
	live = *rig.plane->live;
	accepted = rig_stat(PT_STAT_REPLY_OK);
	T_EQ(bpf_map_lookup_elem(rig.plane->fd[PT_MAP_TRIP], &path, &trips[0]), 0);
	for (uint32_t i = 0; i < LIES; i++) {
		make_lie(next_random(&state), 1000 + i % 2, 1002 + i % 2);
		if (rig_run(PT_PROGRAM_IN, &pkt) == TC_ACT_SHOT)
			T_FAIL("lie %u was taken for the kernel's own", i);
	}
	after = watch_of(PATH);
	T_OK(!memcmp(&before, &after, sizeof(before)));
	T_OK(!memcmp(&live.down, &rig.plane->live->down, sizeof(live.down)));
	T_EQ(rig_stat(PT_STAT_REPLY_OK), accepted);
	T_EQ(bpf_map_lookup_elem(rig.plane->fd[PT_MAP_TRIP], &path, &trips[1]), 0);
	T_OK(!memcmp(&trips[0], &trips[1], sizeof(trips[0])));
	T_EQ(pt_replies_peek(replies, &heard, 1), 0); // nothing was kept for the reader
	make_reply(1002);                             // and the truth is believed as before
	T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_SHOT);
	T_EQ(pt_replies_peek(replies, &heard, 1), 1);
	pt_replies_port(replies, PATH, 0);
	pt_replies_free(replies);
	reply(1003);
}

// The kernel had no memory for its timer: then the next probe that leaves judges.
static void test_judged_without_a_timer(void)
{
	const uint32_t path = 3;                           // nobody has watched it before
	const struct pt_watch no_timer = { .program = 1 }; // as if it had one already
	uint64_t failed = rig_stat(PT_STAT_TIMER_FAILED);

	reset();
	rig_hop(path);
	rig_set_down(path, 0);
	session(path, AF_INET);
	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_WATCH], &path, &no_timer, BPF_ANY), 0);
	for (uint32_t seq = 1; seq <= 4; seq++) {
		T_EQ(rig.plane->live->down[path], 0);
		rig_ipv4(&pkt, "192.0.2.99", IPPROTO_UDP, SENDER, RIG_PORT, 44);
		put_probe(ETH_HLEN + 28, seq, (uint16_t)(100 + path));
		T_EQ(counted(PT_PROGRAM_OUT, PT_STAT_PROBE_SENT), 1);
		if (seq == 3)
			wait_ns(4 * INTERVAL); // longer than the timeout
	}
	T_EQ(rig_stat(PT_STAT_TIMER_FAILED) - failed, 1);
	T_EQ(rig.plane->live->down[path], 1);
	T_EQ(last_event(), PT_EVENT_DOWN);
}

RIG_MAIN({ "a probe is recorded, its reply accepted", test_recorded_and_accepted },
	{ "the same over IPv6, from the target only", test_ipv6_session },
	{ "other traffic is no probe", test_other_traffic_is_no_probe },
	{ "probes, replies and ARP are no traffic", test_only_users_are_traffic },
	{ "a replay is rejected", test_replay },
	{ "spoofed, foreign and short replies are rejected", test_spoofed },
	{ "a reply on another device is rejected", test_lo_is_not_the_device },
	{ "the newest 256 probes may be answered", test_ring_holds_256 },
	{ "sequence numbers wrap around", test_sequence_wraps },
	{ "down after the threshold, not before", test_down_after_threshold },
	{ "up after up_count replies in a row", test_up_after_count },
	{ "a late reply refutes the verdict", test_late_reply_refutes },
	{ "a path dead from the start goes down", test_dead_from_the_start },
	{ "no probes, no verdict", test_frozen_without_probes },
	{ "a restarted sender begins anew, the state stays", test_epoch_forgets },
	{ "one reply to a newer probe saves the path", test_reply_in_time_saves },
	{ "without a timer the next probe judges", test_judged_without_a_timer },
	{ "a million lies change no byte", test_a_million_lies },
	{ "a new program takes over running timers", test_new_program_takes_timers_over })
