// SPDX-License-Identifier: MIT
// The watch programs and BFD: what the packets of both ends make of a path, in real time, and what
// changes nothing.
#include <fcntl.h>

#include "base/cleanup.h"
#include "plane/event.h"
#include "tests/bpf/rig.h"
#include "tests/unit/ip.h"
#include "wire/bfd.h"

#define PATH   1
#define PATH6  2
#define MINE   0x11111111u
#define THEIRS 0x22222222u
#define RX_US  50000
#define MULT   3
#define LIES   200000

static struct rig_packet pkt;

static void peer(uint32_t path)
{
	const struct pt_hop *hop = &rig.plane->hop[path];
	struct pt_peer_key key = { RIG_DEVICE, hop->family | PT_PEER_BFD, {} };

	memcpy(key.addr, hop->target, sizeof(key.addr));
	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_PEER], &key, &path, BPF_ANY), 0);
}

static struct pt_bfd_slot slot_of(uint32_t path)
{
	struct pt_bfd_slot b = {};

	T_EQ(bpf_map_lookup_elem(rig.plane->fd[PT_MAP_BFD], &path, &b), 0);
	return b;
}

static void reset(void)
{
	for (uint32_t path = PATH; path <= PATH6; path++) {
		rig_hop(path);
		rig_set_down(path, 0);
		rig.plane->hop[path].threshold = 0;
		rig.plane->hop[path].bfd_port = PT_BFD_PORT;
	}
	rig.plane->hop[PATH6].family = AF_INET6;
	(void)inet_pton(AF_INET6, "2001:db8::99", rig.plane->hop[PATH6].target);
	rig.plane->port->bits[PT_BFD_PORT >> 3] |= 1u << (PT_BFD_PORT & 7);
	rig.plane->port->bits[PT_BFD_PORT_HOPS >> 3] |= 1u << (PT_BFD_PORT_HOPS & 7);
	peer(PATH);
	peer(PATH6);
}

static struct pt_bfd_control said(unsigned state)
{
	return (struct pt_bfd_control){
		.state = (uint8_t)state,
		.mult = MULT,
		.mine = MINE,
		.yours = THEIRS,
		.min_tx_us = 10000,
		.min_rx_us = RX_US,
	};
}

static uint64_t run(enum pt_program program, const struct pt_bfd_control *c, uint32_t at)
{
	uint64_t before = rig_stat(program == PT_PROGRAM_OUT ? PT_STAT_BFD_SENT : PT_STAT_BFD_OK);

	T_EQ(pt_bfd_write(c, pkt.data + at, PT_BFD_LEN), PT_BFD_LEN);
	T_EQ(rig_run(program, &pkt), TC_ACT_UNSPEC);
	return rig_stat(program == PT_PROGRAM_OUT ? PT_STAT_BFD_SENT : PT_STAT_BFD_OK) - before;
}

static void make4(const char *from, const char *to, uint16_t port, uint8_t ttl)
{
	rig_ipv4(&pkt, to, IPPROTO_UDP, 50000, port, PT_BFD_LEN);
	pkt.v4.saddr = inet_addr(from);
	pkt.v4.ttl = ttl;
	rig_seal(&pkt);
}

static void say(const struct pt_bfd_control *c)
{
	make4("192.0.2.2", "192.0.2.99", rig.plane->hop[PATH].bfd_port, 255);
	T_EQ(run(PT_PROGRAM_OUT, c, ETH_HLEN + 28), 1);
}

static uint64_t hear(const struct pt_bfd_control *c, uint8_t ttl)
{
	make4("192.0.2.99", "192.0.2.2", rig.plane->hop[PATH].bfd_port, ttl);
	return run(PT_PROGRAM_IN, c, ETH_HLEN + 28);
}

static struct pt_bfd_control answer(unsigned state)
{
	struct pt_bfd_control c = said(state);

	c.mine = THEIRS;
	c.yours = MINE;
	return c;
}

static void come_up(void)
{
	struct pt_bfd_control ours = said(PT_BFD_DOWN), theirs = answer(PT_BFD_INIT);

	ours.yours = 0;
	say(&ours);
	T_EQ(hear(&theirs, 255), 1);
	ours = said(PT_BFD_UP);
	say(&ours);
	theirs.state = PT_BFD_UP;
	T_EQ(hear(&theirs, 255), 1);
	T_EQ(slot_of(PATH).up, 1);
}

static int down(uint32_t path)
{
	return rig.plane->live->down[path];
}

static struct pt_event newest;
static void keep(void *ctx, const struct pt_event *event)
{
	(void)ctx;
	newest = *event;
}

static void read_events(void)
{
	struct pt_events *events = NULL;

	newest = (struct pt_event){ .kind = PT_EVENT_COUNT };
	if (pt_events_new(rig.plane, keep, NULL, &events, &rig.err))
		T_FAIL("%s", rig.err.msg);
	else
		T_EQ(pt_events_read(events), 0);
	pt_events_free(events);
}

static void silence(void)
{
	struct pt_bfd_control theirs = answer(PT_BFD_UP);

	reset();
	come_up();
	read_events();
	T_EQ(newest.kind, PT_EVENT_FIRST_REPLY);
	T_EQ(slot_of(PATH).detect_ns, MULT * RX_US * 1000);
	for (int i = 0; i < 3; i++)
		T_EQ(hear(&theirs, 255), 1);
	T_EQ(down(PATH), 0);
	T_OK(rig_wait_down(PATH, 1, 1000));
	read_events();
	T_EQ(newest.kind, PT_EVENT_DOWN);
	T_EQ(newest.cause, PT_CAUSE_BFD_SILENCE);
	T_OK(newest.detected_ns - newest.last_reply_ns >= MULT * RX_US * 1000);
	T_OK(newest.detected_ns - newest.last_reply_ns < 3 * MULT * RX_US * 1000);
	// One packet more is no revival, up_count in a row are.
	T_EQ(hear(&theirs, 255), 1);
	T_EQ(hear(&theirs, 255), 1);
	T_EQ(down(PATH), 1);
	T_EQ(hear(&theirs, 255), 1);
	T_EQ(down(PATH), 0);
}

// The kernel had no memory for its timer: then our next packet judges.
static void silence_without_a_timer(void)
{
	const uint32_t path = 3;                              // of no session before
	const struct pt_bfd_slot no_timer = { .program = 1 }; // as if it had one already
	struct timespec t = { .tv_nsec = 2 * MULT * RX_US * 1000 };
	struct pt_bfd_control ours = said(PT_BFD_UP), theirs = answer(PT_BFD_UP);

	rig_hop(path);
	rig_set_down(path, 0);
	rig.plane->hop[path].bfd_port = PT_BFD_PORT;
	rig.plane->hop[path].target[3] = 97;
	peer(path);
	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_BFD], &path, &no_timer, BPF_ANY), 0);
	make4("192.0.2.2", "192.0.2.97", PT_BFD_PORT, 255);
	T_EQ(run(PT_PROGRAM_OUT, &ours, ETH_HLEN + 28), 1);
	make4("192.0.2.97", "192.0.2.2", PT_BFD_PORT, 255);
	T_EQ(run(PT_PROGRAM_IN, &theirs, ETH_HLEN + 28), 1);
	T_EQ(slot_of(path).up, 1);
	nanosleep(&t, NULL);
	T_EQ(down(path), 0);
	make4("192.0.2.2", "192.0.2.97", PT_BFD_PORT, 255);
	T_EQ(run(PT_PROGRAM_OUT, &ours, ETH_HLEN + 28), 1);
	T_EQ(down(path), 1);
	read_events();
	T_EQ(newest.cause, PT_CAUSE_BFD_SILENCE);
	rig.plane->hop[path].bfd_port = 0;
}

static void word_of_either_end(void)
{
	static const unsigned states[] = { PT_BFD_DOWN, PT_BFD_ADMIN_DOWN };

	for (int i = 0; i < 2; i++) {
		struct pt_bfd_control theirs = answer(states[i]);
		reset();
		come_up();
		T_EQ(hear(&theirs, 255), 1);
		T_EQ(down(PATH), 1);
		read_events();
		T_EQ(newest.cause, PT_CAUSE_BFD_WORD);
	}
	reset();
	come_up();
	struct pt_bfd_control ours = said(PT_BFD_DOWN);
	say(&ours);
	T_EQ(down(PATH), 1);
}

static void own_end_is_no_verdict(void)
{
	struct pt_bfd_control ours = said(PT_BFD_ADMIN_DOWN), theirs = answer(PT_BFD_DOWN);
	struct timespec t = { .tv_nsec = 2 * MULT * RX_US * 1000 };

	reset();
	come_up();
	say(&ours);
	T_EQ(hear(&theirs, 255), 0); // there is no session that it could be of
	nanosleep(&t, NULL);
	T_EQ(down(PATH), 0);
	T_EQ(slot_of(PATH).due_ns, 0);
}

static void never_up(void)
{
	struct pt_bfd_control ours = said(PT_BFD_DOWN);

	reset();
	ours.mine = MINE + 1;
	ours.yours = 0;
	say(&ours);
	T_EQ(down(PATH), 0);
	T_OK(rig_wait_down(PATH, 1, 4000));
}

static void shorter_waits_for_the_poll(void)
{
	struct pt_bfd_control ours = said(PT_BFD_UP), theirs = answer(PT_BFD_UP);

	reset();
	come_up();
	ours.min_rx_us = 5 * RX_US;
	ours.flags = PT_BFD_POLL;
	say(&ours); // longer holds at once
	T_EQ(hear(&theirs, 255), 1);
	T_EQ(slot_of(PATH).detect_ns, 5ull * MULT * RX_US * 1000);
	ours.min_rx_us = RX_US;
	say(&ours);
	T_EQ(hear(&theirs, 255), 1);
	T_EQ(slot_of(PATH).detect_ns, 5ull * MULT * RX_US * 1000);
	ours.flags = 0;
	say(&ours);
	T_EQ(hear(&theirs, 255), 1);
	T_EQ(slot_of(PATH).detect_ns, MULT * RX_US * 1000);
}

// The timer is not readable: the rest of a slot.
static bool same(const struct pt_bfd_slot *a, const struct pt_bfd_slot *b)
{
	return !memcmp(
		&a->program, &b->program, sizeof(*a) - offsetof(struct pt_bfd_slot, program));
}

static void lies_change_nothing(void)
{
	static const struct {
		const char *from;
		uint8_t ttl;
		size_t at;
		uint8_t flip;
	} rows[] = {
		{ "192.0.2.99", 254, 0, 0 },     // from farther away
		{ "192.0.2.98", 255, 0, 0 },     // from somebody else
		{ "192.0.2.99", 255, 0, 0x60 },  // version
		{ "192.0.2.99", 255, 1, 0x04 },  // signed
		{ "192.0.2.99", 255, 1, 0x01 },  // multipoint
		{ "192.0.2.99", 255, 1, 0x30 },  // poll and final
		{ "192.0.2.99", 255, 2, MULT },  // multiplier 0
		{ "192.0.2.99", 255, 3, 0x18 },  // length 0
		{ "192.0.2.99", 255, 3, 0x20 },  // longer than what UDP carries
		{ "192.0.2.99", 255, 7, 0x01 },  // another's discriminator
		{ "192.0.2.99", 255, 11, 0x01 }, // not ours
	};
	const struct pt_bfd_control theirs = answer(PT_BFD_DOWN);

	reset();
	come_up();
	rig.plane->hop[PATH].up_count = 1;
	struct pt_bfd_slot before = slot_of(PATH);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t refused = rig_stat(PT_STAT_BFD_REFUSED);
		make4(rows[i].from, "192.0.2.2", PT_BFD_PORT, rows[i].ttl);
		(void)pt_bfd_write(&theirs, pkt.data + ETH_HLEN + 28, PT_BFD_LEN);
		pkt.data[ETH_HLEN + 28 + rows[i].at] ^= rows[i].flip;
		T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_UNSPEC);
		T_EQ(rig_stat(PT_STAT_BFD_REFUSED) - refused, 1);
	}
	struct pt_bfd_slot after = slot_of(PATH);
	T_OK(before.heard_ns == after.heard_ns && before.accepted == after.accepted);
}

static int wrong_length(uint16_t udp_len)
{
	const struct pt_bfd_control theirs = answer(PT_BFD_DOWN);
	uint64_t refused = rig_stat(PT_STAT_BFD_REFUSED);

	make4("192.0.2.99", "192.0.2.2", PT_BFD_PORT, 255);
	pkt.udp4.dest = htons(PT_BFD_PORT);
	pkt.udp4.len = htons(udp_len);
	(void)pt_bfd_write(&theirs, pkt.data + ETH_HLEN + 28, PT_BFD_LEN);
	T_EQ(rig_run(PT_PROGRAM_IN, &pkt), TC_ACT_UNSPEC);
	return (int)(rig_stat(PT_STAT_BFD_REFUSED) - refused);
}

// Another session: nothing of an earlier one is overdue.
static void begin_anew(void)
{
	struct pt_bfd_control ours = said(PT_BFD_ADMIN_DOWN);

	reset();
	say(&ours);
	come_up();
}

static void lengths_agree(void)
{
	begin_anew();
	T_EQ(wrong_length(8 + PT_BFD_LEN - 1), 1); // the last byte is none of UDP's
	T_EQ(wrong_length(8 + PT_BFD_LEN + 1), 1); // a byte that IP does not have
	T_EQ(slot_of(PATH).remote, PT_BFD_UP);
	T_EQ(wrong_length(8 + PT_BFD_LEN), 0);
	T_EQ(slot_of(PATH).remote, PT_BFD_DOWN);
	T_EQ(down(PATH), 1);
}

static int forwarding(const char *how)
{
	pt_autofd fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, how, 1) == 1;
}

// To somebody behind us, from the right address: that one's session is not ours.
static void what_we_forward(void)
{
	struct pt_bfd_control theirs = answer(PT_BFD_DOWN);

	begin_anew();
	T_NEED(forwarding("1"));
	T_EQ(RUN("ip", "link", "set", "lo", "up"), 0);
	T_EQ(RUN("ip", "route", "add", "203.0.113.0/24", "dev", "lo"), 0);
	T_EQ(RUN("ip", "addr", "add", "192.0.2.2/32", "dev", "lo"), 0);
	make4("192.0.2.99", "203.0.113.7", PT_BFD_PORT, 255);
	T_EQ(run(PT_PROGRAM_IN, &theirs, ETH_HLEN + 28), 0);
	T_EQ(slot_of(PATH).remote, PT_BFD_UP);
	T_EQ(hear(&theirs, 255), 1);
	T_EQ(slot_of(PATH).remote, PT_BFD_DOWN);
	T_NEED(forwarding("0"));
}

// Any bytes in the place of a packet, from the right address with the right TTL. One in 2^32 may
// guess our discriminator: the seed is one that does not.
static void noise_changes_nothing(void)
{
	uint64_t x = 88172645463325252u;

	reset();
	struct pt_bfd_control ours = said(PT_BFD_ADMIN_DOWN);
	say(&ours); // no timer moves the slot meanwhile
	ours = said(PT_BFD_DOWN);
	ours.mine = MINE + 2;
	say(&ours);
	struct pt_bfd_slot before = slot_of(PATH);
	make4("192.0.2.99", "192.0.2.2", PT_BFD_PORT, 255);
	for (int i = 0; i < LIES; i++) {
		for (int k = 0; k < PT_BFD_LEN; k += 8) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			memcpy(pkt.data + ETH_HLEN + 28 + k, &x, 8);
		}
		if (i & 1) { // half of them well-formed
			pkt.data[ETH_HLEN + 28] &= 0x1f, pkt.data[ETH_HLEN + 28] |= 0x20;
			pkt.data[ETH_HLEN + 29] &= 0xc0;
			pkt.data[ETH_HLEN + 31] = PT_BFD_LEN;
		}
		if (rig_run(PT_PROGRAM_IN, &pkt) != TC_ACT_UNSPEC)
			T_FAIL("packet %d", i);
	}
	struct pt_bfd_slot after = slot_of(PATH);
	before.armed_ns = after.armed_ns = before.due_ns = after.due_ns = 0; // ran out meanwhile
	T_OK(same(&before, &after));
}

static void several_hops(void)
{
	struct pt_bfd_control theirs = answer(PT_BFD_UP);

	reset();
	rig.plane->hop[PATH].bfd_port = PT_BFD_PORT_HOPS;
	come_up();
	T_EQ(hear(&theirs, 3), 1);
}

static void six(void)
{
	struct pt_bfd_control ours = said(PT_BFD_UP), theirs = answer(PT_BFD_UP);

	reset();
	rig_ipv6(&pkt, "2001:db8::99", IPPROTO_UDP, 50000, PT_BFD_PORT, PT_BFD_LEN);
	pkt.v6.hop_limit = 255;
	T_EQ(run(PT_PROGRAM_OUT, &ours, ETH_HLEN + 48), 1);
	rig_ipv6(&pkt, "fd01::2", IPPROTO_UDP, 50000, PT_BFD_PORT, PT_BFD_LEN);
	(void)inet_pton(AF_INET6, "2001:db8::99", &pkt.v6.saddr);
	pkt.v6.hop_limit = 254;
	T_EQ(run(PT_PROGRAM_IN, &theirs, ETH_HLEN + 48), 0);
	pkt.v6.hop_limit = 255;
	T_EQ(run(PT_PROGRAM_IN, &theirs, ETH_HLEN + 48), 1);
	T_EQ(slot_of(PATH6).up, 1);
	T_OK(rig_wait_down(PATH6, 1, 1000));
}

RIG_MAIN({ "silence is a verdict in the kernel", silence },
	{ "and without a timer", silence_without_a_timer },
	{ "either end's word is one", word_of_either_end },
	{ "AdminDown of ours is none", own_end_is_no_verdict },
	{ "a session that never comes up is one", never_up },
	{ "a shorter detection time waits for the poll", shorter_waits_for_the_poll },
	{ "lies change nothing", lies_change_nothing },
	{ "lengths agree with UDP's and IP's", lengths_agree },
	{ "what is forwarded is not ours", what_we_forward },
	{ "noise changes nothing", noise_changes_nothing },
	{ "over several hops any TTL is taken", several_hops }, { "IPv6", six })
