// SPDX-License-Identifier: MIT
// The inside of the engine, for lib/select alone.
#pragma once
#include "base/arena.h"
#include "base/clock.h"
#include "select/select.h"

struct pt_engine_path {
	const struct pt_path *path;
	uint32_t site;                  // index of its destination
	struct pt_window window, reach; // reach: a reading's lost is a round short of the quorum
	struct pt_evidence evidence;
	int64_t status_ns, status_seq; // of the newest transition; PT_NULL: none
	bool stale_noted;
};

struct pt_engine_group {
	struct pt_rules rules;
	struct pt_candidate *candidates;
	uint32_t *paths; // candidates[i] is engine path paths[i]
	uint64_t *keys;
	struct pt_standing standing;
	bool drop;
	bool told;        // a decision was handed out
	bool tell;        // hand one out next time, changed or not
	bool from_reload; // and say that the configuration changed
};

struct pt_engine_site {
	const struct pt_site *site;
	uint32_t first_path, n_paths; // range in the engine's paths
	struct pt_engine_group *groups;
	bool dirty;
	int64_t due_ns; // when time alone may change something
};

struct pt_select {
	const struct pt_network *network;
	struct pt_select_opts opts;
	struct pt_select_sink sink;
	struct pt_arena arena;
	char config_hash[17];
	struct pt_engine_path *paths; // ours, by destination
	uint32_t n_paths;
	uint32_t *by_id; // indexes of paths, by path id
	struct pt_engine_site *sites;
	uint32_t n_sites;
	int64_t now_ns;   // time of the newest input or judgement; PT_NULL: none yet
	int64_t start_ns; // first now
	bool muted, any_dirty;
};

// Index of the path of this id; n_paths when it is not ours.
uint32_t pt_engine_find(const struct pt_select *s, const char *id);
struct pt_engine_group *pt_engine_group_of(
	struct pt_select *s, const char *site, const char *policy);
// Puts the named paths first, in that order, and the others behind as they stand.
void pt_engine_order(struct pt_engine_group *g, const char *const *ids, uint32_t n);
// Judges one site at this time, and hands out what changed.
void pt_engine_judge(struct pt_select *s, struct pt_engine_site *site, int64_t now_ns);
