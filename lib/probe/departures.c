// SPDX-License-Identifier: MIT
#include "probe/departures.h"

#include <stddef.h>
#include <string.h>

#define SLACK_NS 5000   // that a stretch may take longer than usual and be like the others
#define DOUBT_NS 100000 // beyond, the packets within are not told: their own stamps serve
#define ENOUGH   4      // tight stretches of a burst before the next one asks less often
#define LEARN    8      // how slowly the usual follows

void pt_departures_reset(struct pt_departures *d, bool always)
{
	memset(d, 0, sizeof(*d));
	d->always = always;
	d->rare = 1;
}

void pt_departures_begin(struct pt_departures *d)
{
	if (d->held_up)
		d->rare = d->rare > 1 ? d->rare / 2 : 1;
	else if (d->tight >= ENOUGH && d->rare < PT_DEPARTURES_RARE && !d->always)
		d->rare *= 2;
	d->tight = d->held_up = 0;
	d->burst++;
	d->phase++;
}

bool pt_departures_asks(const struct pt_departures *d, unsigned i, unsigned n)
{
	return i == 0 || i + 1 == n || (i + d->phase) % d->rare == 0;
}

void pt_departures_left(struct pt_departures *d, void *owner, uint32_t tag, bool asked)
{
	struct pt_departure *x = &d->at[d->n % PT_DEPARTURES];

	*x = (struct pt_departure){
		.owner = owner, .tag = tag, .burst = d->burst, .asked = asked, .key = d->next_key
	};
	if (asked)
		d->by_key[d->next_key++ % PT_DEPARTURES] = d->n;
	d->n++;
}

// What left between the one that was told last and packet i, if these are neighbours of a burst.
static void tell_between(struct pt_departures *d, uint32_t i, int64_t kernel_ns, pt_departed_fn *fn)
{
	const struct pt_departure *to = &d->at[i % PT_DEPARTURES];
	const struct pt_departure *from = &d->at[d->last % PT_DEPARTURES];
	const uint32_t steps = i - d->last;
	const int64_t took_ns = kernel_ns - d->last_ns;

	if (!d->last_ns || steps >= PT_DEPARTURES || from->burst != to->burst ||
		from->key + 1 != to->key)
		return;
	const int64_t more_ns = took_ns - steps * d->each_ns;
	const bool held_up = took_ns < 0 || more_ns > SLACK_NS; // or they left by several devices
	d->held_up += held_up;
	d->tight += !held_up;
	if (took_ns < 0)
		return;
	if (!held_up || steps == 1)
		d->each_ns += (took_ns / steps - d->each_ns) / LEARN;
	for (uint32_t k = 1; k < steps && more_ns <= DOUBT_NS; k++) {
		const struct pt_departure *x = &d->at[(d->last + k) % PT_DEPARTURES];
		if (x->owner)
			fn(x->owner, x->tag, d->last_ns + took_ns * k / steps);
	}
}

void pt_departures_stamp(
	struct pt_departures *d, uint32_t key, int64_t kernel_ns, pt_departed_fn *fn)
{
	const uint32_t i = d->by_key[key % PT_DEPARTURES];
	const struct pt_departure *x = &d->at[i % PT_DEPARTURES];

	if (d->next_key - key - 1 >= PT_DEPARTURES || d->n - i - 1 >= PT_DEPARTURES || !x->asked ||
		x->key != key)
		return; // of long ago
	if ((int32_t)(key + 1 - d->seen_key) > 0)
		d->seen_key = key + 1;
	tell_between(d, i, kernel_ns, fn);
	d->last = i;
	d->last_ns = kernel_ns;
	if (x->owner)
		fn(x->owner, x->tag, kernel_ns);
}

bool pt_departures_awaited(const struct pt_departures *d)
{
	return d->seen_key != d->next_key;
}

void pt_departures_forget(struct pt_departures *d, const void *owner)
{
	for (unsigned i = 0; i < PT_DEPARTURES; i++)
		if (d->at[i].owner == owner)
			d->at[i].owner = NULL;
}
