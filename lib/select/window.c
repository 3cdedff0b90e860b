// SPDX-License-Identifier: MIT
#include "select/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define FIRST_SLOTS 16

static int32_t clamp_us(int64_t us)
{
	if (us == PT_NULL || us < 0)
		return -1;
	return us > INT32_MAX ? INT32_MAX : (int32_t)us;
}

bool pt_reading_from_health(
	const struct pt_health *h, int64_t end_ns, int64_t seq, struct pt_reading *out)
{
	int64_t lost;

	if (h->sent == PT_NULL || h->sent <= 0 || h->sent > UINT32_MAX || h->received < 0 ||
		h->received > UINT32_MAX)
		return false;
	// The prober's own figure leaves out what is still on its way; the difference cannot.
	if (h->loss_ppm != PT_NULL)
		lost = (h->sent * h->loss_ppm + 500000) / 1000000;
	else
		lost = h->sent - h->received;
	if (lost < 0 || lost > h->sent)
		return false;
	*out = (struct pt_reading){
		.end_ns = end_ns,
		.seq = seq,
		.span_ms = h->window_ms > 0 && h->window_ms < INT32_MAX ? (int32_t)h->window_ms : 0,
		.sent = (uint32_t)h->sent,
		.received = (uint32_t)h->received,
		.lost = (uint32_t)lost,
		.rtt_p95_us = clamp_us(h->rtt_us.p95),
		.jitter_us = clamp_us(h->jitter_us),
	};
	return true;
}

static void grow(struct pt_window *w)
{
	uint32_t cap = w->cap ? 2 * w->cap : FIRST_SLOTS;
	struct pt_reading *more = realloc(w->samples, cap * sizeof(*more));

	if (!more)
		abort();
	w->samples = more;
	w->cap = cap;
}

void pt_window_add(struct pt_window *w, const struct pt_reading *s)
{
	uint32_t at = w->n;

	while (at > 0 &&
		(w->samples[at - 1].end_ns > s->end_ns ||
			(w->samples[at - 1].end_ns == s->end_ns &&
				w->samples[at - 1].seq > s->seq)))
		at--;
	if (at > 0 && w->samples[at - 1].end_ns == s->end_ns && w->samples[at - 1].seq == s->seq) {
		w->samples[at - 1] = *s;
		return;
	}
	if (w->n == PT_WINDOW_SLOTS) {
		if (at == 0)
			return; // older than all that are held
		memmove(w->samples, w->samples + 1, (at - 1) * sizeof(*s));
		w->samples[at - 1] = *s;
		return;
	}
	if (w->n == w->cap)
		grow(w);
	memmove(w->samples + at + 1, w->samples + at, (w->n - at) * sizeof(*s));
	w->samples[at] = *s;
	w->n++;
}

void pt_window_copy(struct pt_window *to, const struct pt_window *from)
{
	for (uint32_t i = 0; i < from->n; i++)
		pt_window_add(to, &from->samples[i]);
}

void pt_window_done(struct pt_window *w)
{
	free(w->samples);
	*w = (struct pt_window){ 0 };
}

struct mean {
	int64_t sum, weight;
};

static void mean_add(struct mean *m, int32_t value, uint32_t weight)
{
	if (value < 0)
		return;
	if (weight == 0)
		weight = 1;
	m->sum += (int64_t)value * weight;
	m->weight += weight;
}

static int64_t mean_of(const struct mean *m)
{
	return m->weight ? (m->sum + m->weight / 2) / m->weight : PT_NULL;
}

void pt_window_measure(
	const struct pt_window *w, int64_t now_ns, int64_t span_ns, struct pt_measure *out)
{
	struct mean rtt = { 0 }, jitter = { 0 };
	int64_t start_ns = INT64_MAX;

	*out = (struct pt_measure){ .newest_ns = PT_NULL };
	for (uint32_t i = w->n; i-- > 0;) {
		const struct pt_reading *s = &w->samples[i];

		if (s->end_ns <= now_ns - span_ns && out->samples > 0)
			break;
		if (out->samples++ == 0)
			out->newest_ns = s->end_ns;
		out->sent += s->sent;
		out->received += s->received;
		out->lost += s->lost;
		mean_add(&rtt, s->rtt_p95_us, s->received);
		mean_add(&jitter, s->jitter_us, s->received);
		if (s->end_ns - s->span_ms * PT_NS_PER_MS < start_ns)
			start_ns = s->end_ns - s->span_ms * PT_NS_PER_MS;
	}
	out->span_ns = out->samples ? out->newest_ns - start_ns : 0;
	out->loss_ppm = out->sent ? (out->lost * 1000000 + out->sent / 2) / out->sent : PT_NULL;
	out->rtt_p95_us = mean_of(&rtt);
	out->jitter_us = mean_of(&jitter);
}
