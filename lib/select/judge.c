// SPDX-License-Identifier: MIT
// One site's groups, judged at one instant: measures, verdicts, keys, order, decision.
#include <stdio.h>
#include <string.h>

#include "select/engine.h"
#include "select/explain.h"

static void measure(const struct pt_select *s, struct pt_engine_path *p, int64_t now_ns)
{
	pt_window_measure(&p->window, now_ns, s->opts.short_ns, &p->evidence.brief);
	pt_window_measure(&p->window, now_ns, s->opts.long_ns, &p->evidence.lasting);
	if (!p->reach.n)
		return;
	pt_window_measure(&p->reach, now_ns, s->opts.short_ns, &p->evidence.reach_brief);
	pt_window_measure(&p->reach, now_ns, s->opts.long_ns, &p->evidence.reach_lasting);
}

static void weigh(struct pt_engine_group *g, int64_t now_ns)
{
	struct pt_rules rules = g->rules;

	// Nobody has been inside for long at the start: the first decision waits for nothing.
	if (!g->standing.decided)
		rules.cooldown_ns = 0;
	for (uint32_t i = 0; i < g->standing.n; i++) {
		struct pt_candidate *c = &g->candidates[i];

		pt_verdict_update(&c->verdict, &g->rules.policy->sla, c->evidence, now_ns);
		g->keys[i] = pt_strategy_key(&rules, c, pt_strategy_tier(&rules, c, now_ns));
	}
}

static uint32_t count(const struct pt_engine_group *g, enum pt_verdict_state state)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->standing.n; i++)
		n += g->candidates[i].verdict.state == state;
	return n;
}

// Only what is known to be unfit is a reason to drop.
static bool nothing_fit(const struct pt_engine_group *g)
{
	return g->rules.policy->none_inside == PT_NONE_DROP &&
		count(g, PT_VERDICT_INSIDE) + count(g, PT_VERDICT_UNKNOWN) +
			count(g, PT_VERDICT_STALE) ==
		0;
}

static const char **ids_of(
	struct pt_arena *a, const struct pt_engine_group *g, const uint32_t *order, uint32_t n)
{
	const char **ids = pt_arena_alloc(a, (n + 1) * sizeof(*ids));

	for (uint32_t i = 0; i < n; i++)
		ids[i] = g->candidates[order[i]].path->id;
	return ids;
}

// Of a weighted policy; whoever takes no part has 0.
static const int64_t *weights_of(struct pt_arena *a, const struct pt_engine_group *g, uint32_t *n)
{
	const struct pt_standing *st = &g->standing;
	int64_t *weights = pt_arena_alloc(a, st->n * sizeof(*weights));

	*n = g->rules.policy->strategy == PT_STRATEGY_WEIGHTED ? st->n : 0;
	for (uint32_t i = 0; i < *n; i++) {
		const struct pt_candidate *c = &g->candidates[st->order[i]];

		weights[i] = c->shares ? c->weight : 0;
	}
	return weights;
}

static struct pt_rejected *rejected_of(
	struct pt_arena *a, const struct pt_engine_group *g, int64_t now_ns)
{
	const struct pt_standing *st = &g->standing;
	struct pt_rejected *rows = pt_arena_alloc(a, st->n * sizeof(*rows));
	pt_autobuf why = { 0 };

	for (uint32_t i = 1; i < st->n; i++) {
		const struct pt_candidate *c = &g->candidates[st->order[i]];

		pt_buf_clear(&why);
		pt_explain_rejection(&why, &g->rules, c, &g->candidates[st->order[0]], now_ns);
		rows[i - 1].path = c->path->id;
		rows[i - 1].why = pt_arena_strdup(a, pt_buf_str(&why));
	}
	return rows;
}

struct change {
	struct pt_explain_move move;
	const uint32_t *before; // the order until now
	bool first;             // there was no decision before
};

static void hand_out(struct pt_select *s, const struct pt_engine_site *site,
	const struct pt_engine_group *g, const struct change *change, int64_t now_ns)
{
	pt_autoarena a = { 0 };
	pt_autobuf reason = { 0 };
	uint32_t n = g->standing.n;
	struct pt_decision d = {
		.site = site->site->id,
		.policy = g->rules.policy->id,
		.paths = ids_of(&a, g, g->standing.order, n),
		.n_paths = n,
		.previous = ids_of(&a, g, change->before, change->first ? 0 : n),
		.n_previous = change->first ? 0 : n,
		.rejected = rejected_of(&a, g, now_ns),
		.n_rejected = n - 1,
		.drop = g->drop,
		.config = s->config_hash,
	};

	d.weights = weights_of(&a, g, &d.n_weights);
	pt_explain_reason(&reason, &g->rules, &change->move, now_ns);
	d.reason = pt_buf_str(&reason);
	s->sink.decision(s->sink.ctx, &d, now_ns);
}

static bool complete(const struct pt_select *s, const struct pt_engine_group *g, int64_t now_ns)
{
	return g->standing.decided || count(g, PT_VERDICT_UNKNOWN) == 0 ||
		now_ns - s->start_ns >= s->opts.short_ns;
}

static void judge_group(struct pt_select *s, const struct pt_engine_site *site,
	struct pt_engine_group *g, int64_t now_ns)
{
	struct pt_standing *st = &g->standing;
	pt_autoarena a = { 0 };
	uint32_t *before = pt_arena_alloc(&a, st->n * sizeof(*before));
	struct change change = { .before = before, .first = !st->decided };
	bool drop;

	weigh(g, now_ns);
	if (st->n == 0 || !complete(s, g, now_ns))
		return;
	memcpy(before, st->order, st->n * sizeof(*before));
	drop = nothing_fit(g);
	change.move = (struct pt_explain_move){
		.move = pt_damping_apply(&g->rules, g->candidates, g->keys, st, now_ns),
		.first_decision = change.first,
		.no_data = change.first && count(g, PT_VERDICT_UNKNOWN) == st->n,
		.config_changed = g->from_reload,
		.drop = drop,
		.from = &g->candidates[before[0]],
		.to = &g->candidates[st->order[0]],
	};
	change.move.part = pt_strategy_share(&g->rules, g->candidates, st->n, change.first, now_ns);
	if (change.move.part &&
		(change.move.move == PT_MOVE_NONE || change.move.move == PT_MOVE_TAIL))
		change.move.move = PT_MOVE_SHARES;
	st->decided = true;
	if (!change.first && !g->tell && drop == g->drop && change.move.move == PT_MOVE_NONE)
		return;
	g->drop = drop;
	g->told = true;
	g->tell = g->from_reload = false;
	hand_out(s, site, g, &change, now_ns);
}

static int64_t next_of(const struct pt_select *s, const struct pt_engine_group *g, int64_t now_ns)
{
	int64_t next = pt_damping_next(&g->rules, g->candidates, &g->standing, now_ns);
	int64_t patience = s->start_ns + s->opts.short_ns;

	if (!g->standing.decided && patience > now_ns && patience < next)
		next = patience;
	for (uint32_t i = 0; i < g->standing.n; i++) {
		int64_t at = pt_verdict_stale_at(&g->rules.policy->sla, g->candidates[i].evidence);

		if (at > now_ns && at < next)
			next = at;
	}
	return next;
}

// Says once for each path that its data stopped; many at once share a line.
static void note_stale(struct pt_select *s, const struct pt_engine_site *site)
{
	char text[256];
	const char *one = NULL;
	unsigned n = 0;

	for (uint32_t p = 0; p < s->network->n_policies; p++) {
		const struct pt_engine_group *g = &site->groups[p];

		for (uint32_t i = 0; i < g->standing.n; i++) {
			struct pt_engine_path *path = &s->paths[g->paths[i]];

			if (g->candidates[i].verdict.state != PT_VERDICT_STALE || path->stale_noted)
				continue;
			path->stale_noted = true;
			one = path->path->id;
			n++;
		}
	}
	if (n == 0 || !s->sink.note)
		return;
	if (n == 1)
		snprintf(
			text, sizeof(text), "%s: no fresh health records: it keeps its place", one);
	else
		snprintf(text, sizeof(text),
			"%s and %u more paths to %s: no fresh health records: they keep their "
			"places",
			one, n - 1, site->site->id);
	s->sink.note(s->sink.ctx, text);
}

void pt_engine_judge(struct pt_select *s, struct pt_engine_site *site, int64_t now_ns)
{
	int64_t due = INT64_MAX;

	site->dirty = false;
	for (uint32_t i = 0; i < site->n_paths; i++)
		measure(s, &s->paths[site->first_path + i], now_ns);
	for (uint32_t p = 0; p < s->network->n_policies; p++) {
		int64_t next;

		judge_group(s, site, &site->groups[p], now_ns);
		next = next_of(s, &site->groups[p], now_ns);
		due = next < due ? next : due;
	}
	site->due_ns = due;
	note_stale(s, site);
}
