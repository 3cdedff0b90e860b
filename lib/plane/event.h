// SPDX-License-Identifier: MIT
// The kernel's events, oldest first. The ring is pinned: what happened while nobody read waits
// there.
#pragma once
#include "base/err.h"
#include "plane/plane.h"

struct pt_events;

typedef void pt_event_fn(void *ctx, const struct pt_event *event);

int pt_events_new(const struct pt_plane *p, pt_event_fn *fn, void *ctx, struct pt_events **out,
	struct pt_err *err);
void pt_events_free(struct pt_events *e);
int pt_events_fd(const struct pt_events *e); // readable when an event waits
// Hands over all that waits. -errno.
int pt_events_read(struct pt_events *e);
