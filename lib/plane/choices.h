// SPDX-License-Identifier: MIT
// Which path each (site, policy) used when last looked at, so that a change can be told; which
// ones, where a weighted policy uses several.
#pragma once
#include "base/err.h"
#include "plane/names.h"

struct pt_choices {
	const struct pt_plane *plane; // borrowed
	const struct pt_names *names; // borrowed: which policies there are
	uint16_t *path;  // by policy * site_cap + site; 0: none; or a set, see choices.c
	uint32_t *moved; // by site: the newest look that saw it move
	uint32_t looks;
};

struct pt_moved {
	uint32_t sites;    // at which at least one policy moved
	uint32_t from, to; // of the first; 0: none
};

// The present choices are the ones that the next look compares with.
int pt_choices_init(struct pt_choices *c, const struct pt_plane *p, const struct pt_names *names,
	struct pt_err *err);
void pt_choices_done(struct pt_choices *c);
struct pt_moved pt_choices_look(struct pt_choices *c);
