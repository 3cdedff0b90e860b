// SPDX-License-Identifier: MIT
// One quality round of some paths, and no more: health.probes_per_check probes each (at least
// PT_ROUND_LEAST), every target asked once. For cron and for people; pt_watch measures for ever.
#pragma once
#include "model/config.h"
#include "model/network.h"
#include "model/records.h"
#include "base/loop.h"

#define PT_ROUND_LEAST 3 // fewer unanswered probes are no verdict (select/verdict.h)

struct pt_round;

struct pt_round_opts {
	const struct pt_config *config;
	const struct pt_path *const *paths; // all borrowed
	uint32_t n;
};

// The loop stops with 0 when every probe has met its fate.
int pt_round_new(const struct pt_round_opts *o, struct pt_loop *loop, struct pt_round **out,
	struct pt_err *err);
void pt_round_free(struct pt_round *r);

// Of path i: what was measured; false: nothing measures it. Everything borrows r, until the next
// call for any path.
bool pt_round_health(struct pt_round *r, uint32_t i, struct pt_health *out);
bool pt_round_reach(struct pt_round *r, uint32_t i, struct pt_reach *out); // false: no targets
const char *pt_round_fault(const struct pt_round *r, uint32_t i); // why no probe left; NULL
