// SPDX-License-Identifier: MIT
// Switches: what moved, why, and when each step of it happened. A record waits until the new path
// has shown that it works, so that it tells the whole story.
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "plane/probes.h"
#include "plane/state.h"
#include "watch.h"

#define GATHER_NS   (100 * PT_NS_PER_MS) // paths of one uplink fall within a probe interval or two
#define LONGEST_NS  (15 * PT_NS_PER_S)   // that a record waits for stamps, whatever the interval
#define LOOK_MIN_NS PT_NS_PER_MS         // between two looks for them
#define LOOK_MAX_NS (100 * PT_NS_PER_MS)
#define PACE        9                   // of ten parts of time looking takes one
#define PACE_MAX_NS (50 * PT_NS_PER_MS) // the kernel's routes shall not wait for longer

static int64_t none_if_0(uint64_t ns)
{
	return ns ? (int64_t)ns : PT_NULL;
}

// ---- the record ----

// A time that came out negative was stamped by another processor at the same moment.
static void add_time(struct pt_hist *h, int64_t from_ns, int64_t to_ns, int64_t unit_ns)
{
	if (from_ns != PT_NULL && to_ns != PT_NULL)
		pt_hist_add(h, to_ns > from_ns ? (uint64_t)((to_ns - from_ns) / unit_ns) : 0);
}

static void remember(struct watch *w)
{
	const struct gathering *n = &w->now;

	if (n->detected_ns == PT_NULL)
		return;
	add_time(&w->detection_us, n->last_reply_ns, n->detected_ns, PT_NS_PER_US);
	add_time(&w->switch_ns, n->detected_ns, n->committed_ns, 1);
	add_time(&w->outage_us, n->last_reply_ns, n->first_packet_ns, PT_NS_PER_US);
}

static void tell(struct watch *w)
{
	struct gathering *n = &w->now;
	const char *paths[PT_GROUP_PATHS * 8]; // more of them are counted by `sites`, not named
	pt_autoarena arena = {};
	uint32_t count = 0;
	struct pt_switch s;

	for (uint32_t i = 0; i < n->n_paths && count < PT_ARRAY_LEN(paths); i++) {
		paths[count] = watch_path_id(w, n->paths[i]);
		count += paths[count] != NULL;
	}
	s = (struct pt_switch){
		.paths = paths,
		.n_paths = count,
		.sites = n->moved.sites,
		.from = watch_path_id(w, n->moved.from),
		.to = watch_path_id(w, n->moved.to),
		.cause = n->cause,
		.last_reply_ns = n->last_reply_ns,
		.detected_ns = n->detected_ns,
		.committed_ns = n->committed_ns,
		.first_packet_ns = n->first_packet_ns,
		.first_reply_ns = n->first_reply_ns,
	};
	if (n->boxed)
		s.probes = pt_probes_of(&n->box, &arena, &s.n_probes);
	n->open = false;
	n->n_paths = 0;
	remember(w);
	watch_tell(w, "switch", &pt_switch_schema, &s);
}

// ---- stamps ----

// What the kernel has stamped on the new path since the commit. True when nothing is missing.
static bool look_for_stamps(struct watch *w, bool last)
{
	struct gathering *n = &w->now;
	int64_t from = n->committed_ns;
	struct pt_state to;

	if (!n->moved.to || pt_state_read(w->plane, n->moved.to, &to, NULL))
		return true;
	// Of a fall the packet itself tells that it avoided the path: others may use the new one,
	// too.
	if (n->first_packet_ns == PT_NULL && (n->detected_ns == PT_NULL || last) &&
		(int64_t)to.watch.epoch_packet_ns >= from)
		n->first_packet_ns = (int64_t)to.watch.epoch_packet_ns;
	if (n->first_packet_ns == PT_NULL && !last)
		return false;
	if (n->first_packet_ns > from) // PT_NULL is less than any time
		from = n->first_packet_ns;
	n->first_reply_ns = pt_probes_reply_after(&to.watch, from);
	return n->first_reply_ns != PT_NULL;
}

static int64_t look_again_ns(const struct watch *w)
{
	int64_t ns = (int64_t)w->plane->hop[w->now.moved.to].interval_ns / 2;

	if (ns < LOOK_MIN_NS)
		return LOOK_MIN_NS;
	return ns > LOOK_MAX_NS ? LOOK_MAX_NS : ns;
}

// Tells what is complete, or will not be; else looks again soon.
static void go_on(struct watch *w)
{
	struct gathering *n = &w->now;
	int64_t now = pt_mono_now().ns, next;
	bool last = now >= n->deadline_ns, complete = look_for_stamps(w, last);

	if (now >= n->gather_until_ns && (complete || last)) {
		tell(w);
		return;
	}
	next = now + look_again_ns(w);
	if (complete && next < n->gather_until_ns)
		next = n->gather_until_ns;
	(void)pt_loop_timer_set(w->gather, (struct pt_mono){ next }, 0);
}

void watch_gather_end(struct watch *w)
{
	if (!w->now.open)
		return;
	(void)look_for_stamps(w, true);
	tell(w);
}

void watch_on_gather(void *ctx, uint64_t expirations)
{
	struct watch *w = ctx;

	(void)expirations;
	if (w->now.open)
		go_on(w);
}

// ---- gathering ----

static int64_t patience_ns(const struct watch *w, uint32_t path)
{
	int64_t ns = 2 * (int64_t)w->plane->hop[path].interval_ns + GATHER_NS;

	return ns > LONGEST_NS ? LONGEST_NS : ns;
}

static void begin(struct watch *w, const char *cause)
{
	struct gathering *n = &w->now;

	n->open = true;
	n->boxed = false;
	n->moved = (struct pt_moved){};
	n->cause = cause;
	n->last_reply_ns = PT_NULL;
	n->detected_ns = PT_NULL;
	n->committed_ns = (int64_t)w->plane->meta->committed_ns;
	n->first_packet_ns = PT_NULL;
	n->first_reply_ns = PT_NULL;
	n->gather_until_ns = 0;
	n->deadline_ns = pt_mono_now().ns + GATHER_NS;
}

void watch_gather_path(struct watch *w, uint32_t path)
{
	struct gathering *n = &w->now;

	for (uint32_t i = 0; i < n->n_paths; i++)
		if (n->paths[i] == path)
			return;
	n->paths[n->n_paths++] = path;
}

// Paths that fall together are one switch; anything else that still waits is told before.
void watch_gather_fall(struct watch *w, const struct pt_event *event, const char *cause)
{
	struct gathering *n = &w->now;
	struct pt_state s;

	if (n->open &&
		(n->detected_ns == PT_NULL ||
			(int64_t)event->detected_ns - n->detected_ns > GATHER_NS))
		watch_gather_end(w);
	if (!n->open) {
		begin(w, cause);
		n->last_reply_ns = none_if_0(event->last_reply_ns);
		n->detected_ns = (int64_t)event->detected_ns;
		n->committed_ns = (int64_t)event->committed_ns;
		n->gather_until_ns = pt_mono_now().ns + GATHER_NS;
		n->boxed = !pt_state_read(w->plane, event->path, &s, NULL);
		if (n->boxed)
			n->box = s.watch;
	}
	watch_gather_path(w, event->path);
}

void watch_gather_packet(struct watch *w, const struct pt_event *event)
{
	struct gathering *n = &w->now;

	if (!n->open || (int64_t)event->detected_ns < n->committed_ns)
		return;
	for (uint32_t i = 0; i < n->n_paths; i++)
		if (n->paths[i] == event->path && n->first_packet_ns == PT_NULL)
			n->first_packet_ns = (int64_t)event->detected_ns;
}

static void add_moved(struct pt_moved *sum, const struct pt_moved *more)
{
	if (!sum->sites)
		*sum = *more;
	else
		sum->sites += more->sites;
}

static struct pt_moved look(struct watch *w)
{
	const struct pt_plane *p = w->plane;
	struct pt_moved moved;

	w->looked_ns = pt_mono_now().ns;
	w->epoch = PT_EPOCH(p->meta, p->live); // before: what changes meanwhile is looked at again
	moved = pt_choices_look(&w->choices);
	watch_ways_follow(w);
	w->look_cost_ns = pt_mono_now().ns - w->looked_ns;
	return moved;
}

int64_t watch_look_next_ns(const struct watch *w)
{
	int64_t pause_ns = PACE * w->look_cost_ns;

	return w->looked_ns + w->look_cost_ns + (pause_ns < PACE_MAX_NS ? pause_ns : PACE_MAX_NS);
}

void watch_look_paced(struct watch *w)
{
	const struct pt_plane *p = w->plane;
	int64_t next = watch_look_next_ns(w);

	if (PT_EPOCH(p->meta, p->live) == w->epoch) {
		if (w->now.open)
			go_on(w);
	} else if (pt_mono_now().ns >= next) {
		w->look_waits = false;
		watch_look(w, "timeout");
	} else {
		w->look_waits = true;
		(void)pt_loop_timer_set(w->look, (struct pt_mono){ next }, 0);
	}
}

void watch_look_waiting(struct watch *w)
{
	if (!w->look_waits)
		return;
	w->look_waits = false;
	watch_look(w, "timeout");
}

void watch_on_look(void *ctx, uint64_t expirations)
{
	(void)expirations;
	watch_look_waiting(ctx);
}

void watch_look(struct watch *w, const char *cause)
{
	struct gathering *n = &w->now;
	struct pt_moved moved;

	watch_look_waiting(w);
	moved = look(w);
	if (moved.sites) {
		// Of another cause, or long after: another switch.
		if (n->open &&
			(strcmp(n->cause, cause) != 0 || pt_mono_now().ns > n->gather_until_ns) &&
			n->moved.sites)
			watch_gather_end(w);
		if (!n->open)
			begin(w, cause);
		add_moved(&n->moved, &moved);
		n->deadline_ns = pt_mono_now().ns + patience_ns(w, n->moved.to);
	}
	if (n->open)
		go_on(w);
}
