// SPDX-License-Identifier: MIT
// The engine's construction: our paths by destination, one group for each (site, policy).
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "select/engine.h"

static void *table(struct pt_select *s, uint32_t n, size_t size)
{
	return pt_arena_alloc(&s->arena, (n ? n : 1) * size);
}

static int by_dest(const void *a, const void *b)
{
	const struct pt_engine_path *x = a, *y = b;
	int order = strcmp(x->path->dest, y->path->dest);

	return order ? order : strcmp(x->path->id, y->path->id);
}

static int by_id(const void *a, const void *b, void *ctx)
{
	const struct pt_engine_path *paths = ctx;

	return strcmp(paths[*(const uint32_t *)a].path->id, paths[*(const uint32_t *)b].path->id);
}

static void build_paths(struct pt_select *s, const struct pt_site *self)
{
	const struct pt_network *n = s->network;

	s->paths = table(s, n->n_paths, sizeof(*s->paths));
	s->by_id = table(s, n->n_paths, sizeof(*s->by_id));
	for (uint32_t i = 0; i < n->n_paths; i++) {
		const struct pt_path *path = &n->paths[i];

		if (strcmp(path->source, self->id) != 0)
			continue;
		s->by_id[s->n_paths] = s->n_paths;
		s->paths[s->n_paths++] = (struct pt_engine_path){
			.path = path,
			.evidence.status = path->maintenance ? PT_STATUS_MAINTENANCE
							     : PT_STATUS_UNKNOWN,
			.evidence.brief.newest_ns = PT_NULL,
			.evidence.unmeasured = path->quality == PT_QUALITY_NONE && !path->n_targets,
			.status_ns = PT_NULL,
		};
	}
	qsort(s->paths, s->n_paths, sizeof(*s->paths), by_dest);
	qsort_r(s->by_id, s->n_paths, sizeof(*s->by_id), by_id, s->paths);
}

// The candidates of the last uplink that the policy prefers at all; without a list, the last one.
static void mark_backups(struct pt_engine_group *g)
{
	const struct pt_policy *p = g->rules.policy;
	bool any = false;

	for (uint32_t last = p->n_prefer; last-- > 0 && !any;) {
		for (uint32_t i = 0; i < g->standing.n; i++) {
			struct pt_candidate *c = &g->candidates[i];

			c->backup = strcmp(c->path->uplink, p->prefer[last]) == 0;
			any |= c->backup;
		}
	}
	if (!any && g->standing.n > 0)
		g->candidates[g->standing.n - 1].backup = true;
}

static void build_group(struct pt_select *s, struct pt_engine_site *site,
	const struct pt_site *self, const struct pt_policy *policy, struct pt_engine_group *g)
{
	pt_autoarena scratch = { 0 };
	const struct pt_path **order = pt_arena_alloc(
		&scratch, (site->n_paths + 1) * sizeof(*order));
	uint32_t n = pt_network_candidates(
		s->network, self, site->site, policy, order, site->n_paths);

	if (n > site->n_paths)
		n = site->n_paths;
	g->rules.policy = policy;
	g->rules.cooldown_ns = policy->cooldown_secs == PT_NULL
		? s->opts.cooldown_ns
		: policy->cooldown_secs * PT_NS_PER_S;
	g->candidates = table(s, n, sizeof(*g->candidates));
	g->paths = table(s, n, sizeof(*g->paths));
	g->keys = table(s, n, sizeof(*g->keys));
	g->standing.order = table(s, n, sizeof(*g->standing.order));
	g->standing.n = n;
	g->standing.switched_ns = PT_NULL;
	for (uint32_t i = 0; i < n; i++) {
		const struct pt_uplink *uplink = pt_network_uplink(s->network, order[i]->uplink);

		g->paths[i] = pt_engine_find(s, order[i]->id);
		g->candidates[i] = (struct pt_candidate){
			.path = order[i],
			.evidence = &s->paths[g->paths[i]].evidence,
			.place = i,
			.cost = uplink ? uplink->cost : 0,
			.weight = pt_network_weight(s->network, policy, order[i]),
			.shares = true,
		};
		g->standing.order[i] = i;
	}
	mark_backups(g);
}

static int build_sites(struct pt_select *s, const struct pt_site *self, struct pt_err *err)
{
	s->sites = table(s, s->n_paths, sizeof(*s->sites)); // no more sites than paths
	for (uint32_t i = 0; i < s->n_paths;) {
		struct pt_engine_site *site = &s->sites[s->n_sites++];

		site->site = pt_network_site(s->network, s->paths[i].path->dest);
		if (!site->site)
			return pt_err_set(err, -EINVAL, "path %s: no site %s", s->paths[i].path->id,
				s->paths[i].path->dest);
		site->first_path = i;
		site->due_ns = INT64_MAX;
		while (i < s->n_paths && strcmp(s->paths[i].path->dest, site->site->id) == 0)
			s->paths[i++].site = s->n_sites - 1;
		site->n_paths = i - site->first_path;
		site->groups = table(s, s->network->n_policies, sizeof(*site->groups));
		for (uint32_t p = 0; p < s->network->n_policies; p++)
			build_group(s, site, self, &s->network->policies[p], &site->groups[p]);
	}
	return 0;
}

int pt_select_new(const struct pt_network *n, const struct pt_site *self,
	const struct pt_select_opts *opts, const struct pt_select_sink *sink,
	struct pt_select **out, struct pt_err *err)
{
	struct pt_select *s;
	int rc;

	s = calloc(1, sizeof(*s));
	if (!s)
		return pt_err_set(err, -ENOMEM, "out of memory");
	s->network = n;
	s->opts = *opts;
	s->sink = *sink;
	s->now_ns = s->start_ns = PT_NULL;
	pt_schema_hash(&pt_network_schema, n, s->config_hash);
	build_paths(s, self);
	rc = build_sites(s, self, err);
	if (rc < 0) {
		pt_select_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void pt_select_free(struct pt_select *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n_paths; i++) {
		pt_window_done(&s->paths[i].window);
		pt_window_done(&s->paths[i].reach);
	}
	pt_arena_done(&s->arena);
	free(s);
}

uint32_t pt_engine_find(const struct pt_select *s, const char *id)
{
	uint32_t lo = 0, hi = s->n_paths;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int order = strcmp(s->paths[s->by_id[mid]].path->id, id);

		if (order == 0)
			return s->by_id[mid];
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return s->n_paths;
}

static int site_by_id(const void *id, const void *site)
{
	return strcmp(id, ((const struct pt_engine_site *)site)->site->id);
}

struct pt_engine_group *pt_engine_group_of(
	struct pt_select *s, const char *site, const char *policy)
{
	// Sites stand in the order of their paths' destinations.
	struct pt_engine_site *at = bsearch(
		site, s->sites, s->n_sites, sizeof(*s->sites), site_by_id);

	for (uint32_t p = 0; at && p < s->network->n_policies; p++)
		if (strcmp(s->network->policies[p].id, policy) == 0)
			return &at->groups[p];
	return NULL;
}

void pt_engine_order(struct pt_engine_group *g, const char *const *ids, uint32_t n)
{
	struct pt_standing *st = &g->standing;
	uint32_t done = 0;

	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t at = done; at < st->n; at++) {
			uint32_t candidate = st->order[at];

			if (strcmp(g->candidates[candidate].path->id, ids[i]) != 0)
				continue;
			memmove(st->order + done + 1, st->order + done,
				(at - done) * sizeof(*st->order));
			st->order[done++] = candidate;
			break;
		}
	}
}

static void adopt_group(
	struct pt_engine_group *to, const struct pt_engine_group *from, bool changed)
{
	pt_autoarena scratch = { 0 };
	const char **ids = pt_arena_alloc(&scratch, (from->standing.n + 1) * sizeof(*ids));

	for (uint32_t i = 0; i < from->standing.n; i++)
		ids[i] = from->candidates[from->standing.order[i]].path->id;
	for (uint32_t i = 0; i < to->standing.n; i++)
		for (uint32_t k = 0; k < from->standing.n; k++)
			if (strcmp(to->candidates[i].path->id, from->candidates[k].path->id) == 0) {
				to->candidates[i].verdict = from->candidates[k].verdict;
				to->candidates[i].shares = from->candidates[k].shares;
			}
	if (!from->standing.decided)
		return;
	pt_engine_order(to, ids, from->standing.n);
	to->standing.decided = true;
	to->standing.switched_ns = from->standing.switched_ns;
	to->drop = from->drop;
	to->told = from->told;
	// The forwarding stage builds its groups anew from a new file: it has to be told again.
	to->tell = to->from_reload = changed;
}

static void adopt_path(struct pt_engine_path *to, const struct pt_engine_path *from)
{
	pt_window_copy(&to->window, &from->window);
	if (to->path->n_targets)
		pt_window_copy(&to->reach, &from->reach);
	to->stale_noted = from->stale_noted;
	if (from->path->maintenance || to->path->maintenance)
		return;
	to->status_ns = from->status_ns;
	to->status_seq = from->status_seq;
	to->evidence = from->evidence;
	if (!to->path->n_targets)
		to->evidence.quorum = 0;
}

void pt_select_adopt(struct pt_select *s, const struct pt_select *old)
{
	bool changed = strcmp(s->config_hash, old->config_hash) != 0;

	s->now_ns = old->now_ns;
	s->start_ns = old->start_ns;
	for (uint32_t i = 0; i < old->n_paths; i++) {
		uint32_t at = pt_engine_find(s, old->paths[i].path->id);

		if (at < s->n_paths)
			adopt_path(&s->paths[at], &old->paths[i]);
	}
	for (uint32_t i = 0; i < old->n_sites; i++) {
		for (uint32_t p = 0; p < old->network->n_policies; p++) {
			struct pt_engine_group *to = pt_engine_group_of(
				s, old->sites[i].site->id, old->network->policies[p].id);

			if (to)
				adopt_group(to, &old->sites[i].groups[p], changed);
		}
	}
	for (uint32_t i = 0; i < s->n_sites; i++)
		s->sites[i].dirty = true;
	s->any_dirty = s->now_ns != PT_NULL;
}
