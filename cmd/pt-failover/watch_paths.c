// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "plane/block.h"
#include "plane/state.h"
#include "watch.h"

const char *watch_path_id(const struct watch *w, uint32_t path)
{
	return pt_names_id(&w->names, PT_NAME_PATH, path);
}

// ---- transitions ----

static void become(struct watch *w, uint32_t path, enum pt_path_status now, const char *cause,
	int64_t silence_us)
{
	struct guard *g = &w->guard[path];
	struct pt_transition t;

	if (now == PT_STATUS_UNKNOWN || now == g->status || !watch_path_id(w, path))
		return;
	t = (struct pt_transition){
		.path = watch_path_id(w, path),
		.from = (int)g->status,
		.to = (int)now,
		.cause = cause,
		.silence_us = silence_us,
	};
	g->status = now;
	watch_tell(w, "transition", &pt_transition_schema, &t);
}

void watch_note(struct watch *w, uint32_t path, const char *cause, int64_t silence_us)
{
	bool known = w->guard[path].status != PT_STATUS_UNKNOWN;

	become(w, path, pt_state_status(w->plane, path, known), cause, silence_us);
}

// ---- kernel events ----

static int64_t silence_us(const struct pt_event *event)
{
	if (!event->last_reply_ns)
		return PT_NULL;
	return (int64_t)(event->detected_ns - event->last_reply_ns) / PT_NS_PER_US;
}

// What a verdict is called in records.
static const char *cause_of(const struct pt_event *event, const char *of_probes)
{
	switch (event->cause) {
	case PT_CAUSE_BFD_SILENCE:
		return "bfd-timeout";
	case PT_CAUSE_BFD_WORD:
		return event->kind == PT_EVENT_DOWN ? "bfd-down" : "bfd-up";
	default:
		return of_probes;
	}
}

static void on_down(struct watch *w, const struct pt_event *event)
{
	watch_hold_fall(w, event->path, (int64_t)event->detected_ns);
	// As the event says, not as it is now: both may have passed before we read of either.
	if (w->guard[event->path].status != PT_STATUS_MAINTENANCE)
		become(w, event->path, PT_STATUS_DOWN, cause_of(event, "timeout"),
			silence_us(event));
	watch_gather_fall(w, event, cause_of(event, "timeout"));
}

static void on_up(struct watch *w, const struct pt_event *event)
{
	if (w->guard[event->path].status == PT_STATUS_UNKNOWN)
		w->guard[event->path].status = PT_STATUS_DOWN; // the kernel had it down before us
	if (!(pt_state_why(w->plane, event->path) & PT_BLOCK_HARD))
		become(w, event->path, PT_STATUS_UP, cause_of(event, "reply"), silence_us(event));
	watch_hold(w, event->path, (int64_t)event->detected_ns);
}

static void on_late(struct watch *w, const struct pt_event *event)
{
	watch_hold_late(w, event->path, (int64_t)event->detected_ns);
	if (!(pt_state_why(w->plane, event->path) & PT_BLOCK_HARD))
		become(w, event->path, PT_STATUS_UP, "late", silence_us(event));
}

static void on_first_reply(struct watch *w, const struct pt_event *event)
{
	struct guard *g = &w->guard[event->path];

	if (g->status != PT_STATUS_UNKNOWN || w->plane->live->down[event->path])
		return; // known since, or dead from the start and not yet up
	become(w, event->path, PT_STATUS_UP, cause_of(event, "reply"), PT_NULL);
}

void watch_on_event(void *ctx, const struct pt_event *event)
{
	static void (*const handler[PT_EVENT_COUNT])(struct watch *, const struct pt_event *) = {
		[PT_EVENT_DOWN] = on_down,
		[PT_EVENT_UP] = on_up,
		[PT_EVENT_LATE] = on_late,
		[PT_EVENT_FIRST_REPLY] = on_first_reply,
		[PT_EVENT_FIRST_PACKET] = watch_gather_packet,
	};
	struct watch *w = ctx;

	if (watch_path_id(w, event->path))
		handler[event->kind](w, event);
}

// ---- the beginning ----

void watch_reconcile(struct watch *w)
{
	for (uint32_t i = 1; i < w->plane->meta->path_cap; i++) {
		if (!(w->plane->hop[i].flags & PT_HOP_USED))
			continue;
		watch_note(w, i, "lost", PT_NULL);
		if (w->plane->block->path[i] & PT_BLOCK_DAMPED && !w->plane->live->down[i] &&
			!w->plane->penalty[i].hold_until_ns)
			watch_hold(w, i, pt_mono_now().ns);
	}
}

static int adopt_path(struct watch *w, uint32_t path, struct pt_err *err)
{
	struct pt_state s;
	int ret = pt_state_read(w->plane, path, &s, err);

	if (ret)
		return ret;
	w->guard[path].status = s.status;
	w->guard[path].told = s.traffic;
	watch_hold_adopt(w, path);
	return 0;
}

int watch_paths_init(struct watch *w, struct pt_err *err)
{
	uint32_t cap = w->plane->meta->path_cap;
	int ret = 0;

	w->guard = calloc(cap, sizeof(*w->guard));
	w->now.paths = calloc(cap, sizeof(*w->now.paths));
	if (!w->guard || !w->now.paths)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 1; i < cap && !ret; i++)
		if (w->plane->hop[i].flags & PT_HOP_USED)
			ret = adopt_path(w, i, err);
	return ret ? ret : pt_choices_init(&w->choices, w->plane, &w->names, err);
}

void watch_paths_done(struct watch *w)
{
	pt_choices_done(&w->choices);
	free(w->guard);
	free(w->now.paths);
}
