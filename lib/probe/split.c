// SPDX-License-Identifier: MIT
#include "probe/split.h"

#define ALL_PPM   1000000
#define REORDERED 64 // probes that may have overtaken the newest

void pt_split_answer(struct pt_split *s, const struct pt_stamp_counts *c)
{
	struct pt_split_point now = { c->sent, c->received, ++s->answers };
	if (!s->based) {
		s->based = true;
		s->base = s->newest = now;
	} else if ((int32_t)(c->sent - s->newest.sent) > 0) {
		s->newest = now;
	} else {
		s->newest.answers = s->answers; // one that was overtaken
	}
	// Fewer than before: the reflector has forgotten us.
	if ((int32_t)(s->newest.received - s->base.received) < 0)
		s->base = s->newest;
}

void pt_split_next_window(struct pt_split *s)
{
	s->base = s->newest;
}

bool pt_split_loss(const struct pt_split *s, int64_t *out_ppm, int64_t *back_ppm)
{
	uint32_t sent = s->newest.sent - s->base.sent;
	uint32_t received = s->newest.received - s->base.received;
	uint32_t answers = s->newest.answers - s->base.answers;
	if (!s->based || !sent || received > sent + REORDERED)
		return false;
	if (received > sent)
		received = sent;
	if (answers > received)
		answers = received;
	*out_ppm = (int64_t)(sent - received) * ALL_PPM / sent;
	*back_ppm = (int64_t)(received - answers) * ALL_PPM / sent;
	return true;
}
