// SPDX-License-Identifier: MIT
#include "probe/schedule.h"
#include "test.h"

#define MS PT_NS_PER_MS

static void one_item(void)
{
	struct pt_slots s = pt_slots_make(1, 10 * MS, 10 * MS, PT_SCHEDULE_SLOT_NS);
	T_EQ(s.count, 1);
	T_EQ(pt_slots_due_ns(&s, 0), 0);
	T_EQ(pt_slots_due_ns(&s, 3), 30 * MS);
}

static void spread(void)
{
	struct pt_slots s = pt_slots_make(4, 10 * MS, 10 * MS, PT_SCHEDULE_SLOT_NS);
	T_EQ(s.count, 4);
	T_EQ(pt_slots_due_ns(&s, 1), 2500000);
	T_EQ(pt_slots_due_ns(&s, 4), 10 * MS);

	s = pt_slots_make(
		4, 10 * MS, 2 * MS, PT_SCHEDULE_SLOT_NS); // the first fifth of the period only
	T_EQ(pt_slots_due_ns(&s, 3), 1500000);
	T_EQ(pt_slots_due_ns(&s, 4), 10 * MS);
	s = pt_slots_make(4, 10 * MS, 50 * MS, PT_SCHEDULE_SLOT_NS); // never more than the period
	T_EQ(pt_slots_due_ns(&s, 3), 7500000);
}

static void many_items_share_slots(void)
{
	struct pt_slots s = pt_slots_make(1000, 10 * MS, 10 * MS, PT_SCHEDULE_SLOT_NS);
	T_EQ(s.count, 20); // slots of 500 us
	s = pt_slots_make(1000, 100000, 100000, PT_SCHEDULE_SLOT_NS);
	T_EQ(s.count, 1);
	s = pt_slots_make(1000, 1000 * MS, 1000 * MS, 8 * MS);
	T_EQ(s.count, 125); // wider ones on demand: eight items each
	s = pt_slots_make(0, 10 * MS, 10 * MS, PT_SCHEDULE_SLOT_NS);
	T_EQ(s.count, 1);
}

// A period that the slots do not divide: no slot is early, none drifts, order holds.
static void no_drift(void)
{
	struct pt_slots s = pt_slots_make(7, 9999999, 9999999, PT_SCHEDULE_SLOT_NS);
	int64_t last = -1;
	for (uint64_t n = 0; n < 7000; n++) {
		int64_t due = pt_slots_due_ns(&s, n);
		T_OK(due > last);
		last = due;
		if (n % 7 == 0)
			T_EQ(due, (int64_t)(n / 7) * 9999999);
	}
	T_EQ(pt_slots_due_ns(&s, 7ULL * 86400 * 365), 9999999LL * 86400 * 365);
}

T_MAIN({ "one item", one_item }, { "items are spread", spread },
	{ "many items share slots", many_items_share_slots }, { "no drift", no_drift })
