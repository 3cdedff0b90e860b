// SPDX-License-Identifier: MIT
// The black box: what a path's slot tells of its last probes.
#include "base/arena.h"
#include "plane/probes.h"
#include "tests/unit/test.h"

// Probe seq left at 1000 * (seq + 1) us; answered after rtt_us, or never.
static void put(struct pt_watch *w, uint32_t seq, int64_t rtt_us)
{
	struct pt_probe_slot *p = &w->ring[seq % PT_RING];
	uint64_t sent = 1000000ULL * (seq + 1);

	w->started = 1;
	w->newest = seq;
	if (seq - w->oldest >= PT_RING)
		w->oldest = seq - PT_RING + 1;
	*p = (struct pt_probe_slot){ .value = 77, .sent_ns = sent };
	if (rtt_us >= 0)
		*p = (struct pt_probe_slot){ sent + 1000u * (uint64_t)rtt_us,
			sent | PT_PROBE_ANSWERED };
}

static void nothing_yet(void)
{
	struct pt_watch w = {};
	pt_autoarena arena = {};
	uint32_t n = 9;

	T_OK(!pt_probes_of(&w, &arena, &n));
	T_EQ(n, 0);
	T_EQ(pt_probes_reply_after(&w, 0), PT_NULL);
}

static void oldest_first(void)
{
	static struct pt_watch w;
	pt_autoarena arena = {};
	struct pt_probe_mark *m;
	uint32_t n;

	for (uint32_t seq = 0; seq < PT_RING + 10; seq++)
		put(&w, seq, seq % 2 ? 5 : -1);
	m = pt_probes_of(&w, &arena, &n);
	T_EQ(n, PT_RING);
	T_EQ(m[0].sent_ns, 11000000);
	T_EQ(m[0].rtt_us, PT_NULL);
	T_EQ(m[1].rtt_us, 5);
	T_EQ(m[PT_RING - 1].sent_ns, 1000000LL * (PT_RING + 10));
}

static void first_reply(void)
{
	static struct pt_watch w;

	put(&w, 0, 7000); // at 8 ms
	put(&w, 1, -1);
	put(&w, 2, 500); // at 3.5 ms
	T_EQ(pt_probes_reply_after(&w, 0), 3500000);
	T_EQ(pt_probes_reply_after(&w, 3500000), 3500000);
	T_EQ(pt_probes_reply_after(&w, 3500001), 8000000);
	T_EQ(pt_probes_reply_after(&w, 8000001), PT_NULL);
}

T_MAIN({ "a slot that saw no probe", nothing_yet }, { "the last 256, oldest first", oldest_first },
	{ "the first reply since a moment", first_reply })
