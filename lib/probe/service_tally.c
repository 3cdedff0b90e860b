// SPDX-License-Identifier: MIT
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "probe/service.h"

#define STEP(name) offsetof(struct pt_service_figures, steps_us.name)
static const size_t steps[] = { STEP(lookup), STEP(connect), STEP(tls), STEP(first_byte),
	STEP(total) };

static int64_t *step(struct pt_service_figures *f, size_t i)
{
	return (int64_t *)((char *)f + steps[i]);
}

static void count_steps(struct pt_service_tally *t, const struct pt_service_figures *news)
{
	struct pt_service_figures f = *news;

	for (size_t i = 0; i < PT_ARRAY_LEN(steps); i++) {
		if (*step(&f, i) == PT_NULL)
			continue;
		*step(&t->figures, i) += *step(&f, i);
		t->steps[i]++;
	}
}

static void keep(int64_t *to, int64_t from)
{
	if (from != PT_NULL)
		*to = from;
}

void pt_service_count(struct pt_service_tally *t, const struct pt_service_news *news)
{
	const struct pt_service_figures *f = &news->figures;
	struct pt_sample sample = { .rtt_ns = news->rtt_ns,
		.out_ns = PT_NULL,
		.back_ns = PT_NULL,
		.owd_error_ns = PT_NULL,
		.kernel = news->kernel };

	if (!t->stats.received && !t->stats.lost) { // nothing is known of this window yet
		t->figures.status = t->figures.cert_days = t->figures.bytes = PT_NULL;
		t->figures.answers = t->figures.resent = PT_NULL;
	}
	t->peer = news->peer;
	keep(&t->figures.status, f->status);
	keep(&t->figures.cert_days, f->cert_days);
	keep(&t->figures.bytes, f->bytes);
	keep(&t->figures.answers, f->answers);
	if (f->resent != PT_NULL)
		t->figures.resent = (t->figures.resent == PT_NULL ? 0 : t->figures.resent) +
			f->resent;
	if (news->ok) {
		pt_stats_reply(&t->stats, &sample);
		count_steps(t, f);
		return;
	}
	t->stats.lost += !news->unsent;
	memcpy(t->why, news->why, sizeof(t->why));
}

void pt_service_health(struct pt_service_tally *t, enum pt_probe_kind probe,
	struct pt_service_room *room, struct pt_health *h, struct pt_service_figures *f)
{
	room->target[0] = '\0';
	if (t->peer.family)
		pt_addr_format(&t->peer, room->target);
	*h = (struct pt_health){ .target = room->target,
		.family = t->peer.family == AF_INET6 ? PT_FAMILY_IPV6 : PT_FAMILY_IPV4,
		.probe = (int)probe };
	pt_stats_health(&t->stats, &room->hist, h);
	pt_schema_defaults(&pt_service_schema, f);
	if (t->stats.received || t->stats.lost)
		*f = t->figures;
	for (size_t i = 0; i < PT_ARRAY_LEN(steps); i++)
		*step(f, i) = t->steps[i] ? *step(&t->figures, i) / t->steps[i] : PT_NULL;
	f->asked = NULL;
	f->why = t->why[0] ? t->why : NULL;
}

void pt_service_next_window(struct pt_service_tally *t)
{
	struct pt_addr peer = t->peer;
	struct pt_stats stats = t->stats;

	pt_stats_next_window(&stats);
	*t = (struct pt_service_tally){ .stats = stats, .peer = peer };
}

void pt_service_tally_done(struct pt_service_tally *t)
{
	pt_stats_done(&t->stats);
}

json_t *pt_service_json(const struct pt_health *h, const struct pt_service_figures *f)
{
	json_t *body = pt_json_write(&pt_health_schema, h);
	pt_autojson json_t *more = pt_json_write(&pt_service_schema, f);

	if (body && more)
		(void)json_object_update_missing(body, more);
	return body;
}
