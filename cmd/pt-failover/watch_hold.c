// SPDX-License-Identifier: MIT
// Paths that came back are held back for a while, longer after each fall; and what pt-failover
// holds is leased, so that it does not outlive it.
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "plane/block.h"
#include "plane/keep.h"
#include "plane/penalty.h"
#include "watch.h"

// An event that is read later than this found users on the path already: nothing is taken from
// them.
#define PROMPT_NS (500 * PT_NS_PER_MS)

static bool is_prompt(int64_t at_ns)
{
	return pt_mono_now().ns - at_ns < PROMPT_NS;
}

static struct pt_penalty *penalty_of(const struct watch *w, uint32_t path)
{
	return &w->plane->penalty[path];
}

static bool holds_back(const struct watch *w)
{
	return pt_config_hold_ms(&w->in->cfg) > 0;
}

static bool is_damped(const struct watch *w, uint32_t path)
{
	return w->plane->block->path[path] & PT_BLOCK_DAMPED;
}

static void arm(struct watch *w, int64_t at_ns)
{
	if (w->hold_at_ns && w->hold_at_ns <= at_ns)
		return;
	w->hold_at_ns = at_ns;
	(void)pt_loop_timer_set(w->hold, (struct pt_mono){ at_ns }, 0);
}

static void release(struct watch *w, uint32_t path)
{
	penalty_of(w, path)->hold_until_ns = 0;
	(void)pt_block_path(w->plane, path, PT_BLOCK_DAMPED, false);
	w->keep_dirty = true;
}

// ---- what events do ----

void watch_hold_fall(struct watch *w, uint32_t path, int64_t at_ns)
{
	pt_penalty_add(penalty_of(w, path), &w->in->cfg, PT_PENALTY_FALL, at_ns);
	penalty_of(w, path)->hold_until_ns = 0;
	w->keep_dirty = true;
	if (w->plane->live->down[path] || is_prompt(at_ns))
		(void)pt_block_path(w->plane, path, PT_BLOCK_DAMPED, holds_back(w));
}

void watch_hold(struct watch *w, uint32_t path, int64_t at_ns)
{
	struct pt_penalty *p = penalty_of(w, path);
	int64_t hold_ns = pt_penalty_hold_ns(p, &w->in->cfg, at_ns);

	w->keep_dirty = true;
	if (!hold_ns || (!is_damped(w, path) && !is_prompt(at_ns))) {
		release(w, path);
		return;
	}
	p->hold_until_ns = (uint64_t)(at_ns + hold_ns);
	(void)pt_block_path(w->plane, path, PT_BLOCK_DAMPED, true);
	arm(w, at_ns + hold_ns);
}

// It was slow, not dead: nothing is held back for that, unless it is so again and again.
void watch_hold_late(struct watch *w, uint32_t path, int64_t at_ns)
{
	struct pt_penalty *p = penalty_of(w, path);
	uint32_t figure = pt_penalty_figure(p, &w->in->cfg, at_ns);
	const uint32_t back = PT_PENALTY_FALL - PT_PENALTY_LATE;

	p->figure = figure > back ? figure - back : 0;
	p->figure_ns = (uint64_t)at_ns;
	if (p->figure >= 2 * PT_PENALTY_FALL)
		watch_hold(w, path, at_ns);
	else
		release(w, path);
}

void watch_on_hold(void *ctx, uint64_t expirations)
{
	struct watch *w = ctx;
	int64_t now = pt_mono_now().ns, next = INT64_MAX;

	(void)expirations;
	watch_look_waiting(w);
	w->hold_at_ns = 0;
	for (uint32_t i = 1; i < w->plane->meta->path_cap; i++) {
		int64_t until = (int64_t)penalty_of(w, i)->hold_until_ns;

		if (until > now && until < next)
			next = until;
		if (!until || until > now)
			continue;
		release(w, i);
		if (!w->now.open)
			watch_gather_path(w, i);
	}
	watch_look(w, "recovered");
	if (next < watch_look_next_ns(w)) // thousands come back one after the other
		next = watch_look_next_ns(w);
	if (next != INT64_MAX)
		arm(w, next);
	if (!w->now.open)
		w->now.n_paths = 0; // back, but no traffic wanted them
}

// What an earlier daemon held goes on being held.
void watch_hold_adopt(struct watch *w, uint32_t path)
{
	int64_t until = (int64_t)penalty_of(w, path)->hold_until_ns;

	if (w->plane->live->down[path])
		(void)pt_block_path(w->plane, path, PT_BLOCK_DAMPED, holds_back(w));
	else if (is_damped(w, path) && (!until || !holds_back(w) || pt_block_lapsed(w->plane)))
		release(w, path);
	else if (until)
		arm(w, until);
}

// ---- the lease ----

// Nobody renewed it for long: what it held has been in use since, and stays so.
static void let_lapsed_go(struct watch *w)
{
	pt_log(PT_LOG_INFO, "stood still for long: what was held is released");
	for (uint32_t i = 1; i < w->plane->meta->path_cap; i++)
		if (is_damped(w, i) && !w->plane->live->down[i])
			release(w, i);
	watch_on_settle(w, 1); // carriers, as they are now
}

void watch_renew(struct watch *w)
{
	if (pt_block_lapsed(w->plane))
		let_lapsed_go(w);
	pt_block_renew(w->plane);
}

void watch_keep(struct watch *w)
{
	struct pt_err err = {};

	if (!w->keep_dirty || !pt_state_dir(w->ctx))
		return;
	w->keep_dirty = pt_keep_save(pt_state_dir(w->ctx), w->plane, &w->names, &err) != 0;
	if (w->keep_dirty && strcmp(err.msg, w->keep_complaint) != 0) {
		pt_log(PT_LOG_WARN, "what is held would not outlive a reboot: %s", err.msg);
		(void)snprintf(w->keep_complaint, sizeof(w->keep_complaint), "%s", err.msg);
	}
}

void watch_on_renew(void *ctx, uint64_t expirations)
{
	(void)expirations;
	watch_renew(ctx);
	watch_keep(ctx);
}
