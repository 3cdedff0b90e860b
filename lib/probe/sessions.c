// SPDX-License-Identifier: MIT
#include "probe/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAYS   4 // places that a session may have
#define WINDOW 64

struct pt_sessions {
	uint64_t touches;
	struct pt_session at[PT_SESSIONS_MAX];
};

int pt_sessions_new(struct pt_sessions **out)
{
	struct pt_sessions *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*out = s;
	return 0;
}

void pt_sessions_free(struct pt_sessions *s)
{
	free(s);
}

static uint32_t mix(uint32_t h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u; // FNV-1a
	return h;
}

static uint32_t hash(const struct pt_session_id *id)
{
	uint32_t h = mix(2166136261u, id->peer.bytes, sizeof(id->peer.bytes));
	h = mix(h, id->local.bytes, sizeof(id->local.bytes));
	h = mix(h, &id->port, sizeof(id->port));
	return mix(h, &id->ssid, sizeof(id->ssid));
}

static bool same(const struct pt_session_id *a, const struct pt_session_id *b)
{
	return a->port == b->port && a->ssid == b->ssid && pt_addr_eq(&a->peer, &b->peer) &&
		pt_addr_eq(&a->local, &b->local);
}

struct pt_session *pt_sessions_get(struct pt_sessions *s, const struct pt_session_id *id)
{
	uint32_t h = hash(id);
	struct pt_session *set = &s->at[((h ^ h >> 15) % (PT_SESSIONS_MAX / WAYS)) * WAYS];
	struct pt_session *oldest = set;
	for (struct pt_session *p = set; p < set + WAYS; p++) {
		if (p->used && same(&p->id, id)) {
			p->touched = ++s->touches;
			return p;
		}
		if (p->touched < oldest->touched)
			oldest = p;
	}
	*oldest = (struct pt_session){ .id = *id, .used = true, .touched = ++s->touches };
	return oldest;
}

bool pt_session_fresh(struct pt_session *s, uint32_t seq, uint64_t ntp)
{
	uint32_t ahead = seq - s->newest, behind = s->newest - seq;
	// Of one run what has a lower number has an earlier stamp: else another run began.
	if (!s->seen || ((int32_t)ahead <= 0 && ntp > s->newest_ntp)) {
		s->newest = seq;
		s->newest_ntp = ntp;
		s->seen = 1;
		return true;
	}
	if ((int32_t)ahead > 0) {
		s->seen = ahead < WINDOW ? s->seen << ahead | 1 : 1;
		s->newest = seq;
		s->newest_ntp = ntp;
		return true;
	}
	if (behind >= WINDOW || s->seen >> behind & 1)
		return false;
	s->seen |= 1ULL << behind;
	return true;
}
