// SPDX-License-Identifier: MIT
// What users' own TCP flows told of each path and policy, and probes of each path, in records.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plane/passive.h"
#include "plane/trip.h"
#include "watch.h"

#define PPM 1000000

// What is already in records, by path, then policy.
struct told {
	struct pt_rtt_key key;
	struct pt_passive_sum sum;
};

struct watch_passive {
	struct pt_arena arena[2]; // of the last time, and of the next
	unsigned turn;            // which is which
	const struct told *told;
	uint32_t n;
};

int watch_passive_init(struct watch *w, struct pt_err *err)
{
	w->passive = calloc(1, sizeof(*w->passive));
	return w->passive ? 0 : pt_err_set(err, -ENOMEM, "out of memory");
}

void watch_passive_done(struct watch *w)
{
	for (int i = 0; w->passive && i < 2; i++)
		pt_arena_done(&w->passive->arena[i]);
	free(w->passive);
	w->passive = NULL;
}

static struct pt_rtt_us summary(const struct pt_hist *h)
{
	return (struct pt_rtt_us){
		.min = PT_NULL,
		.p50 = h->count ? pt_hist_quantile(h, PPM / 2) : PT_NULL,
		.p95 = h->count ? pt_hist_quantile(h, 95 * (PPM / 100)) : PT_NULL,
		.p99 = h->count ? pt_hist_quantile(h, 99 * (PPM / 100)) : PT_NULL,
		.max = PT_NULL,
		.mean = h->count ? (int64_t)(h->sum_us / h->count) : PT_NULL,
	};
}

void watch_trips_tell(struct watch *w, uint32_t path)
{
	struct pt_hist hist;
	struct pt_trips t = { .path = pt_names_id(&w->names, PT_NAME_PATH, path) };

	if (!t.path || pt_trip_read(w->plane, path, &hist) || !hist.count)
		return;
	t.replies = (int64_t)hist.count;
	t.sum_us = (int64_t)hist.sum_us;
	t.rtt_us = summary(&hist);
	t.rtt_hist = &hist;
	watch_tell(w, "trips", &pt_trips_schema, &t);
}

static void tell(struct watch *w, const struct pt_rtt_key *key, struct pt_passive_sum *sum)
{
	const struct pt_passive p = {
		.path = pt_names_id(&w->names, PT_NAME_PATH, key->path),
		.policy = pt_names_id(&w->names, PT_NAME_POLICY, key->policy),
		.share = w->in->cfg.failover.passive_share,
		.segments = (int64_t)sum->segments,
		.retransmitted = (int64_t)sum->again,
		.retransmitted_ppm = sum->segments ? (int64_t)(sum->again * PPM / sum->segments)
						   : PT_NULL,
		.crossed = (int64_t)sum->crossed,
		.rtt_us = summary(&sum->rtt),
		.rtt_hist = &sum->rtt,
	};

	if (p.path && p.policy)
		watch_tell(w, "passive", &pt_passive_schema, &p);
}

static const struct pt_passive_sum *told_of(
	const struct watch_passive *p, const struct pt_rtt_key *key, uint32_t *from)
{
	// Both lists rise: what is behind `from` has been passed.
	while (*from < p->n &&
		(p->told[*from].key.path < key->path ||
			(p->told[*from].key.path == key->path &&
				p->told[*from].key.policy < key->policy)))
		(*from)++;
	return *from < p->n && !memcmp(&p->told[*from].key, key, sizeof(*key)) ? &p->told[*from].sum
									       : NULL;
}

// Tells what is new of each pair; how many there are.
static uint32_t tell_all(
	struct watch *w, const struct pt_rtt_key *keys, uint32_t n, struct told *now)
{
	static const struct pt_passive_sum nothing;
	uint32_t from = 0, used = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct pt_passive_sum *before = told_of(w->passive, &keys[i], &from);
		struct pt_passive_sum since;

		if (pt_passive_read(w->plane, &keys[i], &now[used].sum))
			continue; // its path or policy has just gone
		pt_passive_since(&now[used].sum, before ? before : &nothing, &since);
		now[used++].key = keys[i];
		if (since.segments || since.rtt.count || since.crossed)
			tell(w, &keys[i], &since);
	}
	return used;
}

void watch_passive_tell(struct watch *w)
{
	struct watch_passive *p = w->passive;
	pt_autofree struct pt_rtt_key *keys = NULL;
	struct told *now;
	uint32_t n = 0;

	if (pt_passive_list(w->plane, &keys, &n, NULL))
		return; // without memory for it, more is told the next time
	now = pt_arena_alloc(&p->arena[!p->turn], n * sizeof(*now));
	p->n = tell_all(w, keys, n, now);
	p->told = now;
	pt_arena_done(&p->arena[p->turn]);
	p->turn = !p->turn;
}
