// SPDX-License-Identifier: MIT
#include "plane/probes.h"

#include "base/clock.h"

static bool is_answered(const struct pt_probe_slot *p)
{
	return p->sent_ns & PT_PROBE_ANSWERED;
}

static int64_t sent_ns(const struct pt_probe_slot *p)
{
	return (int64_t)(p->sent_ns & ~PT_PROBE_ANSWERED);
}

struct pt_probe_mark *pt_probes_of(const struct pt_watch *w, struct pt_arena *a, uint32_t *n)
{
	uint32_t count = w->started ? w->newest - w->oldest + 1 : 0;
	struct pt_probe_mark *out;

	*n = 0;
	if (!count || count > PT_RING)
		return NULL;
	out = pt_arena_alloc(a, count * sizeof(*out));
	for (uint32_t i = 0; out && i < count; i++) {
		const struct pt_probe_slot *p = &w->ring[(w->oldest + i) % PT_RING];

		out[i].sent_ns = sent_ns(p);
		out[i].rtt_us = is_answered(p) ? ((int64_t)p->value - sent_ns(p)) / PT_NS_PER_US
					       : PT_NULL;
	}
	if (out)
		*n = count;
	return out;
}

int64_t pt_probes_reply_after(const struct pt_watch *w, int64_t from_ns)
{
	int64_t first = PT_NULL;

	for (uint32_t i = 0; i < PT_RING; i++) {
		const struct pt_probe_slot *p = &w->ring[i];
		int64_t at = (int64_t)p->value;

		if (is_answered(p) && at >= from_ns && (first == PT_NULL || at < first))
			first = at;
	}
	return first;
}
