// SPDX-License-Identifier: MIT
// Departures out of some stamps: what asks, what is drawn between, and what is not believed.
#include <math.h>

#include "base/clock.h"
#include "probe/departures.h"
#include "test.h"

#define EACH  2000 // ns between two packets
#define BURST 64

static struct pt_departures d;
static int64_t told[1 << 16]; // by tag; 0: not told
static int64_t truth[1 << 16];
static uint32_t tags, keys, asked;
static uint32_t key_tag[1 << 16];
static int owner;

static void on_told(void *who, uint32_t tag, int64_t ns)
{
	T_OK(who == &owner);
	told[tag] = ns;
}

static void fresh(bool always)
{
	pt_departures_reset(&d, always);
	memset(told, 0, sizeof(told));
	tags = keys = 0;
}

// A burst whose packet `at` is held up so long. The first tag of it.
static uint32_t send_burst(unsigned n, unsigned at, int64_t held_ns)
{
	static int64_t now_ns = PT_NS_PER_S;
	uint32_t first = tags;

	now_ns += PT_NS_PER_MS;
	asked = 0;
	pt_departures_begin(&d);
	for (unsigned i = 0; i < n; i++) {
		bool asks = pt_departures_asks(&d, i, n);
		now_ns += EACH + (i == at ? held_ns : 0);
		truth[tags] = now_ns;
		if (asks)
			key_tag[keys++] = tags;
		asked += asks;
		pt_departures_left(&d, &owner, tags++, asks);
	}
	return first;
}

// The stamps that the last bursts asked for come.
static void tell_all(uint32_t from_key)
{
	for (uint32_t k = from_key; k < keys; k++)
		pt_departures_stamp(&d, k, truth[key_tag[k]], on_told);
}

static int64_t worst(uint32_t first, unsigned n)
{
	int64_t most = 0;

	for (uint32_t t = first; t < first + n; t++)
		if (llabs(told[t] - truth[t]) > most)
			most = llabs(told[t] - truth[t]);
	return most;
}

static uint32_t settle(void) // until few ask; the first tag of the last burst
{
	uint32_t first = 0;

	for (unsigned i = 0; i < 40; i++) {
		uint32_t from = keys;
		first = send_burst(BURST, BURST, 0);
		tell_all(from);
	}
	return first;
}

static void first_all_then_few(void)
{
	fresh(false);
	send_burst(BURST, BURST, 0);
	T_EQ(asked, BURST);
	T_OK(pt_departures_awaited(&d));
	tell_all(0);
	T_OK(!pt_departures_awaited(&d));
	uint32_t first = settle();
	T_OK(asked >= BURST / PT_DEPARTURES_RARE && asked <= BURST / PT_DEPARTURES_RARE + 2);
	T_OK(worst(first, BURST) <= 1); // of rounding
}

static void others_each_time(void)
{
	bool seen[BURST] = { false };

	fresh(false);
	settle();
	for (unsigned k = 0; k < PT_DEPARTURES_RARE; k++) {
		uint32_t from = keys, first = send_burst(BURST, BURST, 0);
		for (; from < keys; from++) {
			seen[key_tag[from] - first] = true;
			pt_departures_stamp(&d, from, truth[key_tag[from]], on_told);
		}
	}
	for (unsigned i = 0; i < BURST; i++)
		T_OK(seen[i]);
}

static void interrupted(void)
{
	fresh(false);
	settle();
	uint32_t from = keys, few = asked, first = send_burst(BURST, BURST / 2, 20000);
	tell_all(from);
	unsigned off = 0;
	for (uint32_t t = first; t < first + BURST; t++)
		off += llabs(told[t] - truth[t]) > 5000;
	T_OK(off < PT_DEPARTURES_RARE); // those of one stretch, by less than what held it up
	T_OK(worst(first, BURST) < 20000);
	from = keys;
	send_burst(BURST, BURST, 0);
	tell_all(from);
	T_OK(asked > few); // more of the next
	settle();
	T_OK(asked <= few + 1); // and few again
}

static void held_up_for_long(void)
{
	fresh(false);
	settle();
	uint32_t from = keys, first = send_burst(BURST, BURST / 2 + 3, 10 * PT_NS_PER_MS);
	tell_all(from);
	unsigned untold = 0;
	for (uint32_t t = first; t < first + BURST; t++) {
		untold += !told[t];
		T_OK(!told[t] || llabs(told[t] - truth[t]) < 5000);
	}
	T_OK(untold > 0 && untold < PT_DEPARTURES_RARE);
}

// By several devices: later ones may leave earlier.
static void out_of_order(void)
{
	fresh(false);
	settle();
	uint32_t from = keys, few = asked, first = send_burst(BURST, BURST, 0);
	uint32_t mid = (from + keys) / 2;
	truth[key_tag[mid]] += 5 * PT_NS_PER_MS;
	tell_all(from);
	for (uint32_t t = first; t < first + BURST; t++)
		T_OK(!told[t] || llabs(told[t] - truth[t]) < 5000);
	T_EQ(told[key_tag[mid]], truth[key_tag[mid]]);
	send_burst(BURST, BURST, 0);
	T_OK(asked > few);
}

static void a_missing_stamp(void)
{
	fresh(false);
	settle();
	uint32_t from = keys, first = send_burst(BURST, BURST, 0), mid = (from + keys) / 2;
	for (uint32_t k = from; k < keys; k++)
		if (k != mid)
			pt_departures_stamp(&d, k, truth[key_tag[k]], on_told);
	for (uint32_t t = first; t < first + BURST; t++) {
		bool beside = t > key_tag[mid - 1] && t < key_tag[mid + 1];
		T_EQ(told[t] != 0, !beside);
	}
}

static void between_bursts_nothing(void)
{
	fresh(false);
	settle();
	uint32_t from = keys, first = send_burst(BURST, BURST, 0);
	send_burst(BURST, BURST, 0);
	tell_all(from);
	T_OK(worst(first, 2 * BURST) <= 1);
}

static void long_ago_and_forgotten(void)
{
	fresh(false);
	send_burst(4, 4, 0);
	for (unsigned i = 0; i < 2 * PT_DEPARTURES / BURST; i++)
		send_burst(BURST, BURST, 0);
	pt_departures_stamp(&d, 2, truth[2], on_told);
	T_EQ(told[2], 0); // its place has another
	pt_departures_stamp(&d, keys + 7, 1, on_told);
	pt_departures_forget(&d, &owner);
	tell_all(0);
	for (uint32_t t = 0; t < tags; t++)
		T_EQ(told[t], 0);
}

static void always_asks(void)
{
	fresh(true);
	settle();
	T_EQ(asked, BURST);
}

static void slow_machine(void) // 30 us a packet is no hold-up where all take as long
{
	fresh(false);
	for (unsigned b = 0; b < 60; b++) {
		uint32_t from = keys;
		pt_departures_begin(&d);
		asked = 0;
		for (unsigned i = 0; i < BURST; i++) {
			bool asks = pt_departures_asks(&d, i, BURST);
			truth[tags] = (int64_t)(b + 1) * 100 * PT_NS_PER_MS + i * 30000;
			if (asks)
				key_tag[keys++] = tags;
			asked += asks;
			pt_departures_left(&d, &owner, tags++, asks);
		}
		tell_all(from);
	}
	T_OK(asked <= BURST / PT_DEPARTURES_RARE + 2);
}

T_MAIN({ "the first burst asks for all, later ones for few", first_all_then_few },
	{ "each packet has its turn", others_each_time },
	{ "an interruption blurs one stretch, and more ask", interrupted },
	{ "what was held up for long is not told", held_up_for_long },
	{ "out of order, by several devices", out_of_order },
	{ "beside a missing stamp nothing is told", a_missing_stamp },
	{ "nothing is drawn across bursts", between_bursts_nothing },
	{ "stamps of long ago, of nobody, of the future", long_ago_and_forgotten },
	{ "always means always", always_asks }, { "slow is not held up", slow_machine })
