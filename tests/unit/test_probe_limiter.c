// SPDX-License-Identifier: MIT
#include <sys/socket.h>

#include "probe/limiter.h"
#include "test.h"

static struct pt_addr host(uint32_t n)
{
	struct pt_addr a = { .family = AF_INET };

	memcpy(a.bytes, &n, sizeof(n));
	return a;
}

// How many of n packets, gap_ns apart, are within the rates.
static uint32_t taken(struct pt_limiter *l, uint32_t n, int64_t gap_ns, uint32_t hosts)
{
	static int64_t now_ns = PT_NS_PER_S;
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct pt_addr a = host(i % hosts);

		count += pt_limiter_take(l, &a, (struct pt_mono){ now_ns });
		now_ns += gap_ns;
	}
	now_ns += 10 * PT_NS_PER_S; // the next caller begins afresh
	return count;
}

static void test_none(void)
{
	struct pt_limiter *l = pt_limiter_new(0, 0, 1);

	T_NEED(l);
	T_EQ(taken(l, 1000, 0, 1), 1000);
	pt_limiter_free(l);
}

static void test_all(void)
{
	struct pt_limiter *l = pt_limiter_new(100, 0, 1);

	T_NEED(l);
	T_EQ(taken(l, 1000, PT_NS_PER_S / 100, 7), 1000); // just within
	T_EQ(taken(l, 1000, 0, 7), 11);                   // a tenth of a second's, and one
	// Ten seconds of ten times too many: a thousand, and the burst.
	uint32_t n = taken(l, 10000, PT_NS_PER_MS, 7);
	T_OK(n >= 1000 && n <= 1012);
	pt_limiter_free(l);
}

static void test_each(void)
{
	struct pt_limiter *l = pt_limiter_new(0, 100, 1);

	T_NEED(l);
	T_EQ(taken(l, 1000, 0, 10), 110); // ten senders, 11 each
	struct pt_addr greedy = host(1), modest = host(2);
	struct pt_mono now = { 100 * PT_NS_PER_S };
	while (pt_limiter_take(l, &greedy, now))
		;
	T_OK(pt_limiter_take(l, &modest, now));
	T_OK(!pt_limiter_take(l, &greedy, now));
	pt_limiter_free(l);
}

static void test_both(void)
{
	struct pt_limiter *l = pt_limiter_new(200, 100, 1);

	T_NEED(l);
	T_EQ(taken(l, 1000, 0, 1), 11);
	T_EQ(taken(l, 1000, 0, 100), 21);
	pt_limiter_free(l);
}

// More senders than are remembered: a flood of others does not lift a greedy one's limit while it
// goes on.
static void test_many(void)
{
	struct pt_limiter *l = pt_limiter_new(0, 10, 4711);
	struct pt_addr greedy = host(1);
	int64_t now_ns = PT_NS_PER_S;
	uint32_t n = 0;

	T_NEED(l);
	for (uint32_t i = 0; i < 100000; i++) {
		struct pt_addr other = host(1000 + i);

		n += pt_limiter_take(l, &greedy, (struct pt_mono){ now_ns });
		(void)pt_limiter_take(l, &other, (struct pt_mono){ now_ns });
		now_ns += 10 * PT_NS_PER_US; // a second in all
	}
	T_OK(n >= 10 && n <= 12);
	pt_limiter_free(l);
}

T_MAIN({ "no limit", test_none }, { "one for all", test_all }, { "one for each sender", test_each },
	{ "both", test_both }, { "more senders than are remembered", test_many })
