// SPDX-License-Identifier: MIT
// Which path each (site, policy) used when last looked at, so that a change can be told; which
// ones, where a weighted policy uses several.
#pragma once
#include "base/err.h"
#include "plane/plane.h"

struct pt_choices {
	const struct pt_plane *plane; // borrowed
	uint16_t *path; // by site * PT_MAX_POLICY + policy; 0: none; or a set, see choices.c
};

struct pt_moved {
	uint32_t sites;    // at which at least one policy moved
	uint32_t from, to; // of the first; 0: none
};

// The present choices are the ones that the next look compares with.
int pt_choices_init(struct pt_choices *c, const struct pt_plane *p, struct pt_err *err);
void pt_choices_done(struct pt_choices *c);
struct pt_moved pt_choices_look(struct pt_choices *c);
