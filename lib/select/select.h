// SPDX-License-Identifier: MIT
// The engine: health and transitions in, decisions out. It has no clock. Time is what the caller
// hands in with each record or through pt_select_advance; whatever happened within one step of
// PT_SELECT_STEP_NS is judged together at the step's end, so that the order of arrival within it
// does not matter and a replay decides what the live run decided.
#pragma once
#include "base/err.h"
#include "model/network.h"
#include "model/records.h"
#include "select/damping.h"

#define PT_SELECT_STEP_NS (100 * 1000000LL)

// Rounds of health checks in the short and the long window.
#define PT_SELECT_SHORT_ROUNDS 3
#define PT_SELECT_LONG_ROUNDS  10

struct pt_select_opts {
	int64_t short_ns, long_ns;
	int64_t cooldown_ns; // of policies that name none
};

struct pt_select_sink {
	// Everything in the decision is borrowed for the call.
	void (*decision)(void *ctx, const struct pt_decision *d, int64_t at_ns);
	void (*note)(void *ctx, const char *text); // for people; NULL: nobody reads it
	void *ctx;
};

struct pt_select;

// The network must outlive the engine.
int pt_select_new(const struct pt_network *n, const struct pt_site *self,
	const struct pt_select_opts *opts, const struct pt_select_sink *sink,
	struct pt_select **out, struct pt_err *err);
void pt_select_free(struct pt_select *s);

// seq tells records of one instant apart. Paths that are not ours are passed over.
void pt_select_health(struct pt_select *s, int64_t at_ns, int64_t seq, const struct pt_health *h);
void pt_select_reach(struct pt_select *s, int64_t at_ns, int64_t seq, const struct pt_reach *r);
void pt_select_transition(
	struct pt_select *s, int64_t at_ns, int64_t seq, const struct pt_transition *t);
// The order in force before this engine was born: its first becomes the incumbent.
void pt_select_restore(struct pt_select *s, int64_t at_ns, const struct pt_decision *d);
// The same across a reload: windows, states and orders of what exists in both.
void pt_select_adopt(struct pt_select *s, const struct pt_select *old);

// While muted the engine only takes data in (history at the start, one-shot runs).
void pt_select_mute(struct pt_select *s, bool muted);
// Judges every step that has ended by now.
void pt_select_advance(struct pt_select *s, int64_t now_ns);
// When the next judgement is due without further records; INT64_MAX: never.
int64_t pt_select_due(const struct pt_select *s);
// End of input: judges what is pending, and decides with the data there is. `all`: also hands out
// the orders that are in force and were not handed out yet.
void pt_select_finish(struct pt_select *s, bool all);

// A look at one (site, policy), valid until the next call on the engine.
struct pt_select_view {
	const struct pt_site *site;
	const struct pt_rules *rules;
	const struct pt_candidate *candidates;
	const struct pt_standing *standing;
	bool drop;
	int64_t now_ns;
};
// i counts from 0; false past the last. Each site that has a path, by each policy.
bool pt_select_group(const struct pt_select *s, uint32_t i, struct pt_select_view *out);
const char *pt_select_config_hash(const struct pt_select *s);
