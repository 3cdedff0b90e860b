// SPDX-License-Identifier: MIT
#include "select/select.h"

#include <stdio.h>
#include <string.h>

#include "select/engine.h"
#include "select/explain.h"

// The start of the step in which this time lies; times before the first boot are negative.
static int64_t step_start(int64_t ns)
{
	int64_t into = ns % PT_SELECT_STEP_NS;

	return ns - into - (into < 0 ? PT_SELECT_STEP_NS : 0);
}

static int64_t step_end(int64_t ns)
{
	return step_start(ns) + PT_SELECT_STEP_NS;
}

static void note_time(struct pt_select *s, int64_t at_ns)
{
	if (s->now_ns == PT_NULL) {
		s->now_ns = at_ns;
		s->start_ns = step_start(at_ns);
	}
	if (at_ns > s->now_ns)
		s->now_ns = at_ns;
}

static void touch(struct pt_select *s, uint32_t path)
{
	s->sites[s->paths[path].site].dirty = true;
	s->any_dirty = true;
}

void pt_select_health(struct pt_select *s, int64_t at_ns, int64_t seq, const struct pt_health *h)
{
	struct pt_reading sample;
	uint32_t path = h->path ? pt_engine_find(s, h->path) : s->n_paths;

	// Also a record that is not ours moves the time: all sources share it.
	pt_select_advance(s, at_ns);
	note_time(s, at_ns);
	if (path == s->n_paths || !pt_reading_from_health(h, at_ns, seq, &sample))
		return;
	pt_window_add(&s->paths[path].window, &sample);
	s->paths[path].stale_noted = false;
	touch(s, path);
}

void pt_select_reach(struct pt_select *s, int64_t at_ns, int64_t seq, const struct pt_reach *r)
{
	uint32_t path = pt_engine_find(s, r->path);

	pt_select_advance(s, at_ns);
	note_time(s, at_ns);
	if (path == s->n_paths || !s->paths[path].path->n_targets)
		return;
	struct pt_engine_path *p = &s->paths[path];
	struct pt_window *w = &p->reach;
	bool met = r->answering >= r->quorum;
	pt_window_add(w,
		&(struct pt_reading){ .end_ns = at_ns,
			.seq = seq,
			.span_ms = r->window_ms < INT32_MAX ? (int32_t)r->window_ms : 0,
			.sent = 1,
			.received = met,
			.lost = !met,
			.rtt_p95_us = -1,
			.jitter_us = -1 });
	if (w->samples[w->n - 1].end_ns == at_ns) { // not older than another
		p->evidence.answering = (uint32_t)r->answering;
		p->evidence.quorum = (uint32_t)r->quorum;
	}
	touch(s, path);
}

void pt_select_transition(
	struct pt_select *s, int64_t at_ns, int64_t seq, const struct pt_transition *t)
{
	uint32_t path = t->path ? pt_engine_find(s, t->path) : s->n_paths;
	struct pt_engine_path *p;

	pt_select_advance(s, at_ns);
	note_time(s, at_ns);
	if (path == s->n_paths)
		return;
	p = &s->paths[path];
	if (p->path->maintenance)
		return; // the file says so, and stays above what the kernel sees
	if (p->status_ns != PT_NULL &&
		(at_ns < p->status_ns || (at_ns == p->status_ns && seq < p->status_seq)))
		return;
	p->status_ns = at_ns;
	p->status_seq = seq;
	p->evidence.status = (enum pt_path_status)t->to;
	snprintf(p->evidence.cause, sizeof(p->evidence.cause), "%s", t->cause ? t->cause : "");
	touch(s, path);
}

static void restore_shares(struct pt_engine_group *g, const struct pt_decision *d)
{
	for (uint32_t i = 0; i < g->standing.n && d->n_weights == d->n_paths; i++)
		for (uint32_t k = 0; k < d->n_paths; k++)
			if (strcmp(g->candidates[i].path->id, d->paths[k]) == 0)
				g->candidates[i].shares = d->weights[k] > 0;
}

void pt_select_restore(struct pt_select *s, int64_t at_ns, const struct pt_decision *d)
{
	struct pt_engine_group *g = pt_engine_group_of(s, d->site, d->policy);

	note_time(s, at_ns);
	if (!g || d->n_paths == 0)
		return;
	if (d->n_previous > 0 && strcmp(d->paths[0], d->previous[0]) != 0)
		g->standing.switched_ns = at_ns;
	pt_engine_order(g, d->paths, d->n_paths);
	restore_shares(g, d);
	g->standing.decided = true;
	g->drop = d->drop;
	g->tell = g->from_reload = d->config && strcmp(d->config, s->config_hash) != 0;
}

void pt_select_mute(struct pt_select *s, bool muted)
{
	s->muted = muted;
	for (uint32_t i = 0; !muted && i < s->n_sites; i++)
		s->sites[i].dirty = true;
	s->any_dirty = !muted && s->now_ns != PT_NULL;
}

int64_t pt_select_due(const struct pt_select *s)
{
	int64_t due = INT64_MAX;

	if (s->muted || s->now_ns == PT_NULL)
		return INT64_MAX;
	if (s->any_dirty)
		return step_end(s->now_ns);
	for (uint32_t i = 0; i < s->n_sites; i++)
		if (s->sites[i].due_ns < due)
			due = s->sites[i].due_ns;
	// A deadline in the past is due at the end of the running step, not before.
	if (due == INT64_MAX)
		return due;
	return step_end((due > s->now_ns ? due : s->now_ns) - 1);
}

static void judge_all(struct pt_select *s, int64_t now_ns, bool every)
{
	s->now_ns = now_ns;
	s->any_dirty = false;
	for (uint32_t i = 0; i < s->n_sites; i++)
		if (every || s->sites[i].dirty || s->sites[i].due_ns <= now_ns)
			pt_engine_judge(s, &s->sites[i], now_ns);
}

void pt_select_advance(struct pt_select *s, int64_t now_ns)
{
	int64_t due;

	if (s->muted)
		return;
	if (s->now_ns == PT_NULL) {
		// The clock starts: groups without any data get their order after a while.
		note_time(s, now_ns);
		for (uint32_t i = 0; i < s->n_sites; i++)
			s->sites[i].dirty = s->any_dirty = true;
	}
	while ((due = pt_select_due(s)) <= now_ns)
		judge_all(s, due, false);
}

void pt_select_finish(struct pt_select *s, bool all)
{
	s->muted = false;
	if (s->now_ns == PT_NULL)
		s->now_ns = s->start_ns = 0;
	s->start_ns = INT64_MIN / 2; // nobody waits for more data now
	for (uint32_t i = 0; all && i < s->n_sites; i++)
		for (uint32_t p = 0; p < s->network->n_policies; p++)
			s->sites[i].groups[p].tell |= !s->sites[i].groups[p].told;
	judge_all(s, step_end(s->now_ns), true);
}

bool pt_select_group(const struct pt_select *s, uint32_t i, struct pt_select_view *out)
{
	uint32_t per_site = s->network->n_policies;
	const struct pt_engine_group *g;

	if (per_site == 0 || i / per_site >= s->n_sites)
		return false;
	g = &s->sites[i / per_site].groups[i % per_site];
	*out = (struct pt_select_view){
		.site = s->sites[i / per_site].site,
		.rules = &g->rules,
		.candidates = g->candidates,
		.standing = &g->standing,
		.drop = g->drop,
		.now_ns = s->now_ns,
	};
	return true;
}

const char *pt_select_config_hash(const struct pt_select *s)
{
	return s->config_hash;
}
