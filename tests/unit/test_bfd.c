// SPDX-License-Identifier: MIT
// BFD: the packet's bytes, what is discarded, the state machine and its timers.
#include <errno.h>

#include "probe/bfd.h"
#include "test.h"

#define MS PT_NS_PER_MS

static const struct pt_bfd_params params = { .min_tx_us = 10000, .min_rx_us = 20000, .mult = 3 };

// ---- the packet ----

static const uint8_t packet[PT_BFD_LEN] = {
	0x21, 0xe0, 3, 24,                              // version 1, diagnostic 1; up, poll
	0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, // discriminators
	0x00, 0x0f, 0x42, 0x40, 0x00, 0x00, 0x27, 0x10, 0, 0, 0, 0, // 1 s, 10 ms, none
};

static void bytes_of_rfc_5880(void)
{
	struct pt_bfd_control c;
	uint8_t again[PT_BFD_LEN + 1];

	T_EQ(pt_bfd_read(packet, sizeof(packet), &c), PT_BFD_FAULT_NONE);
	T_EQ(c.state, PT_BFD_UP);
	T_EQ(c.diag, PT_BFD_DIAG_EXPIRED);
	T_EQ(c.flags, PT_BFD_POLL);
	T_EQ(c.mult, 3);
	T_EQ(c.mine, 0x11223344);
	T_EQ(c.yours, 0x55667788);
	T_EQ(c.min_tx_us, 1000000);
	T_EQ(c.min_rx_us, 10000);
	T_EQ(c.min_echo_us, 0);
	T_EQ(pt_bfd_write(&c, again, sizeof(again)), PT_BFD_LEN);
	T_OK(memcmp(again, packet, PT_BFD_LEN) == 0);
	T_EQ(pt_bfd_write(&c, again, PT_BFD_LEN - 1), -ENOSPC);
	T_STR(pt_bfd_state_name(c.state), "up");
	T_STR(pt_bfd_state_name(4), "?");
	T_STR(pt_bfd_diag_name(c.diag), "detection time expired");
	T_STR(pt_bfd_diag_name(31), "?");
}

static void discarded_for(void)
{
	static const struct {
		size_t at;
		uint8_t byte;
		enum pt_bfd_fault fault;
	} rows[] = {
		{ 0, 0x01, PT_BFD_FAULT_VERSION },
		{ 0, 0x41, PT_BFD_FAULT_VERSION },
		{ 2, 0, PT_BFD_FAULT_MULT },
		{ 3, 23, PT_BFD_FAULT_LENGTH },
		{ 3, 25, PT_BFD_FAULT_LENGTH },
		{ 1, 0xc1, PT_BFD_FAULT_MULTIPOINT },
		{ 1, 0xc4, PT_BFD_FAULT_AUTH },
		{ 1, 0xf0, PT_BFD_FAULT_POLL },
	};
	struct pt_bfd_control c;
	uint8_t bad[PT_BFD_LEN];

	for (size_t len = 0; len < PT_BFD_LEN; len++)
		T_EQ(pt_bfd_read(packet, len, &c), PT_BFD_FAULT_SHORT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(bad, packet, sizeof(bad));
		bad[rows[i].at] = rows[i].byte;
		T_STR(pt_bfd_fault_name(pt_bfd_read(bad, sizeof(bad), &c)),
			pt_bfd_fault_name(rows[i].fault));
	}
	memcpy(bad, packet, sizeof(bad));
	memset(bad + 4, 0, 4);
	T_EQ(pt_bfd_read(bad, sizeof(bad), &c), PT_BFD_FAULT_DISCRIMINATOR);
	// Without ours it can only be Down or AdminDown.
	for (unsigned state = 0; state < PT_BFD_STATES; state++) {
		memcpy(bad, packet, sizeof(bad));
		bad[1] = (uint8_t)(state << 6);
		memset(bad + 8, 0, 4);
		T_EQ(pt_bfd_read(bad, sizeof(bad), &c),
			state > PT_BFD_DOWN ? PT_BFD_FAULT_DISCRIMINATOR : PT_BFD_FAULT_NONE);
	}
}

// ---- the states ----

static void transitions(void)
{
	enum { A = PT_BFD_ADMIN_DOWN, D = PT_BFD_DOWN, I = PT_BFD_INIT, U = PT_BFD_UP };
	static const struct {
		uint8_t local, received, next, diag; // diag 255: as it was
	} rows[] = {
		{ A, A, A, 255 },
		{ A, D, A, 255 },
		{ A, I, A, 255 },
		{ A, U, A, 255 },
		{ D, A, D, 255 },
		{ D, D, I, 0 },
		{ D, I, U, 0 },
		{ D, U, D, 255 },
		{ I, A, D, 3 },
		{ I, D, I, 255 },
		{ I, I, U, 0 },
		{ I, U, U, 0 },
		{ U, A, D, 3 },
		{ U, D, D, 3 },
		{ U, I, U, 255 },
		{ U, U, U, 255 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pt_bfd_control c = { .state = rows[i].received, .mine = 7, .mult = 3 };
		struct pt_bfd b;
		pt_bfd_init(&b, &params, 5);
		b.state = rows[i].local;
		b.diag = PT_BFD_DIAG_PATH;
		(void)pt_bfd_receive(&b, &c, (struct pt_mono){ 1 });
		T_EQ(b.state, rows[i].next);
		T_EQ(b.diag, rows[i].diag == 255 ? PT_BFD_DIAG_PATH : rows[i].diag);
		c.flags = PT_BFD_POLL;
		T_EQ(pt_bfd_receive(&b, &c, (struct pt_mono){ 2 }), rows[i].local != A);
	}
}

// ---- two ends ----

struct end {
	struct pt_bfd b;
	bool deaf;
	uint64_t out, polls, finals;
};

static struct pt_mono now;
static uint64_t seed;

static void give(struct end *from, struct end *to, bool final)
{
	struct pt_bfd_control c;

	pt_bfd_compose(&from->b, final, &c);
	pt_bfd_sent(
		&from->b, final, now, seed = seed * 6364136223846793005u + 1442695040888963407u);
	from->out++;
	from->polls += !!(c.flags & PT_BFD_POLL);
	from->finals += !!(c.flags & PT_BFD_FINAL);
	T_OK(!(c.flags & PT_BFD_POLL && c.flags & PT_BFD_FINAL));
	if (to->deaf || (c.yours && c.yours != to->b.mine))
		return;
	if (pt_bfd_receive(&to->b, &c, now))
		give(to, from, true);
}

static void step(struct end *a, struct end *b)
{
	struct pt_mono due = pt_bfd_tx_due(&a->b);

	(void)pt_bfd_expire(&a->b, now);
	if (due.ns && due.ns <= now.ns)
		give(a, b, false);
}

static void run(struct end *a, struct end *b, int64_t ns)
{
	for (int64_t end = now.ns + ns; now.ns < end; now.ns += MS / 4) {
		step(a, b);
		step(b, a);
	}
}

static void both_up(struct end *a, struct end *b, const struct pt_bfd_params *of_b)
{
	now.ns = PT_NS_PER_S;
	*a = *b = (struct end){ 0 };
	pt_bfd_init(&a->b, &params, 5);
	pt_bfd_init(&b->b, of_b, 6);
	run(a, b, 100 * MS);
	T_EQ(a->b.state, PT_BFD_UP);
	T_EQ(b->b.state, PT_BFD_UP);
	T_EQ(a->b.theirs, 6);
	T_EQ(b->b.theirs, 5);
	T_OK(!a->b.polling && !b->b.polling);
}

static void comes_up_and_negotiates(void)
{
	static const struct pt_bfd_params other = { 50000, 30000, 5 };
	struct end a, b;
	uint64_t before;

	both_up(&a, &b, &other);
	T_OK(a.polls && a.finals && b.polls && b.finals);
	// a sends as often as b will hear: 30 ms; b as seldom as it likes: 50 ms
	T_EQ(pt_bfd_detect_ns(&a.b), 5 * 50 * MS);
	T_EQ(pt_bfd_detect_ns(&b.b), 3 * 30 * MS);
	before = a.out;
	run(&a, &b, 30 * 30 * MS);
	T_OK(a.out - before >= 30 && a.out - before <= 41);
}

static void jitter_is_within(void)
{
	struct pt_bfd b;

	for (uint8_t mult = 1; mult <= 2; mult++) {
		uint32_t least = PT_BFD_WHOLE, most = 0;
		pt_bfd_init(&b, &params, 5);
		b.want.mult = mult;
		for (uint64_t i = 0; i < 200000; i++) {
			pt_bfd_sent(&b, false, (struct pt_mono){ 1 }, i);
			least = b.jitter < least ? b.jitter : least;
			most = b.jitter > most ? b.jitter : most;
		}
		T_EQ(least, PT_BFD_WHOLE * 3 / 4);
		T_OK(mult == 1 ? most <= PT_BFD_WHOLE * 9 / 10 : most == PT_BFD_WHOLE);
		T_OK(most >= PT_BFD_WHOLE * 89 / 100);
	}
}

static void slow_while_not_up(void)
{
	struct end a = { 0 }, b = { .deaf = true };

	now.ns = PT_NS_PER_S;
	pt_bfd_init(&a.b, &params, 5);
	pt_bfd_init(&b.b, &params, 6);
	b.b.remote_min_rx_us = 0; // says nothing
	run(&a, &b, 10 * PT_NS_PER_S);
	T_EQ(a.b.state, PT_BFD_DOWN);
	T_EQ(a.b.min_tx_us, PT_BFD_SLOW_US);
	T_OK(a.out >= 10 && a.out <= 14);
}

static void silence_is_detected(void)
{
	struct end a, b;
	struct pt_mono cut;

	both_up(&a, &b, &params);
	cut = a.b.heard;
	b.b.remote_min_rx_us = 0; // b falls silent
	T_EQ(pt_bfd_detect_ns(&a.b), 60 * MS);
	T_OK(!pt_bfd_expire(&a.b, (struct pt_mono){ cut.ns + 60 * MS - 1 }));
	T_EQ(pt_bfd_rx_due(&a.b).ns, cut.ns + 60 * MS);
	now.ns = cut.ns + 60 * MS;
	T_OK(pt_bfd_expire(&a.b, now));
	T_EQ(a.b.state, PT_BFD_DOWN);
	T_EQ(a.b.diag, PT_BFD_DIAG_EXPIRED);
	T_EQ(a.b.theirs, 0);
	T_EQ(a.b.min_tx_us, PT_BFD_SLOW_US);
	T_OK(pt_bfd_tx_due(&a.b).ns <= now.ns); // says so at once
	T_OK(!pt_bfd_expire(&a.b, now));
	b.b.remote_min_rx_us = 1;
	run(&a, &b, 3 * PT_NS_PER_S);
	T_EQ(a.b.state, PT_BFD_UP);
	T_EQ(b.b.state, PT_BFD_UP);
	T_EQ(a.b.diag, PT_BFD_DIAG_NONE);
}

static void one_way_cut_takes_both_down(void)
{
	struct end a, b;

	both_up(&a, &b, &params);
	a.deaf = true;
	run(&a, &b, 100 * MS);
	T_EQ(a.b.state, PT_BFD_DOWN);
	T_EQ(a.b.diag, PT_BFD_DIAG_EXPIRED);
	T_OK(b.b.state != PT_BFD_UP);
	run(&a, &b, 5 * PT_NS_PER_S);
	T_OK(a.b.state == PT_BFD_DOWN && b.b.state != PT_BFD_UP);
}

static void admin_down_is_told(void)
{
	struct end a, b;

	both_up(&a, &b, &params);
	pt_bfd_enable(&a.b, false);
	run(&a, &b, 2 * MS);
	T_EQ(a.b.state, PT_BFD_ADMIN_DOWN);
	T_EQ(a.b.diag, PT_BFD_DIAG_ADMIN);
	T_EQ(b.b.state, PT_BFD_DOWN);
	T_EQ(b.b.diag, PT_BFD_DIAG_NEIGHBOR);
	T_EQ(b.b.remote_state, PT_BFD_ADMIN_DOWN);
	T_EQ(b.b.remote_diag, PT_BFD_DIAG_ADMIN);
	run(&a, &b, 5 * PT_NS_PER_S);
	T_EQ(a.b.state, PT_BFD_ADMIN_DOWN);
	T_EQ(b.b.state, PT_BFD_DOWN);
	pt_bfd_enable(&a.b, true);
	run(&a, &b, 3 * PT_NS_PER_S);
	T_OK(a.b.state == PT_BFD_UP && b.b.state == PT_BFD_UP);
}

static void poll_before_slower(void)
{
	static const struct pt_bfd_params slower = { 100000, 20000, 3 };
	struct end a, b;

	both_up(&a, &b, &params);
	b.deaf = true;
	pt_bfd_tune(&a.b, &slower);
	T_OK(a.b.polling);
	T_EQ(a.b.used_tx_us, 10000); // b does not know yet
	T_EQ(a.b.min_tx_us, 100000);
	b.deaf = false;
	run(&a, &b, 50 * MS);
	T_OK(!a.b.polling);
	T_EQ(a.b.used_tx_us, 100000);
	T_EQ(pt_bfd_detect_ns(&b.b), 300 * MS);
	run(&a, &b, 5 * PT_NS_PER_S);
	T_OK(a.b.state == PT_BFD_UP && b.b.state == PT_BFD_UP && !a.b.polling && !b.b.polling);
}

static void poll_before_stricter(void)
{
	static const struct pt_bfd_params slow = { 10000, 200000, 3 };
	struct end a, b;

	both_up(&a, &b, &params);
	T_EQ(pt_bfd_detect_ns(&a.b), 60 * MS);
	pt_bfd_tune(&a.b, &slow); // longer is safe at once
	T_EQ(pt_bfd_detect_ns(&a.b), 600 * MS);
	run(&a, &b, PT_NS_PER_S);
	pt_bfd_tune(&a.b, &params);
	T_EQ(pt_bfd_detect_ns(&a.b), 600 * MS); // b still sends once in 200 ms
	pt_bfd_tune(&a.b, &slow);
	pt_bfd_tune(&a.b, &params);
	T_OK(a.b.poll_again);
	run(&a, &b, PT_NS_PER_S);
	T_OK(!a.b.polling);
	T_EQ(pt_bfd_detect_ns(&a.b), 60 * MS);
	run(&a, &b, PT_NS_PER_S);
	T_OK(a.b.state == PT_BFD_UP && b.b.state == PT_BFD_UP);
}

static void silent_on_demand(void)
{
	struct end a, b;
	uint64_t before;

	both_up(&a, &b, &params);
	a.b.remote_min_rx_us = 0;
	T_EQ(pt_bfd_tx_due(&a.b).ns, 0);
	a.b.remote_min_rx_us = 20000;
	a.b.remote_demand = true;
	T_EQ(pt_bfd_tx_due(&a.b).ns, 0);
	pt_bfd_tune(&a.b, &(struct pt_bfd_params){ 30000, 20000, 3 });
	T_OK(pt_bfd_tx_due(&a.b).ns != 0); // a poll is sent all the same
	before = a.finals;
	give(&b, &a, false);
	T_EQ(a.finals, before); // b did not ask
	b.b.polling = true;
	give(&b, &a, false);
	T_EQ(a.finals, before + 1);
}

T_MAIN({ "bytes as RFC 5880 has them", bytes_of_rfc_5880 },
	{ "what is discarded, and why", discarded_for },
	{ "every transition of RFC 5880", transitions },
	{ "two ends come up and negotiate", comes_up_and_negotiates },
	{ "jitter is 75 to 100%, with a multiplier of 1 to 90%", jitter_is_within },
	{ "once a second while not up", slow_while_not_up },
	{ "silence is detected on time", silence_is_detected },
	{ "a one-way cut takes both ends down", one_way_cut_takes_both_down },
	{ "AdminDown is told, and ends", admin_down_is_told },
	{ "longer intervals wait for the far end", poll_before_slower },
	{ "shorter detection waits for the far end", poll_before_stricter },
	{ "no periodic packets where none are wanted", silent_on_demand })
