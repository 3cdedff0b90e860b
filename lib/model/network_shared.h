// SPDX-License-Identifier: MIT
// Prefixes that several sites hold: the preferred one is used as long as a path to it is, then the
// next. Sites that share prefixes form a set; each set is a destination of its own.
#pragma once
#include "model/network.h"

#define PT_SHARED_SITES 4 // of one prefix that count: the most preferred ones
#define PT_SHARED_JOINT '+'

struct pt_shared_set {
	char id[64];                    // "east+north", preferred first; no site has such an id
	uint32_t site[PT_SHARED_SITES]; // positions in the network
	uint32_t n;
};

struct pt_shared_prefix {
	struct pt_prefix prefix;
	uint32_t set;
};

struct pt_shared {
	struct pt_arena arena;
	struct pt_shared_set *set;
	uint32_t n_sets;
	struct pt_shared_prefix *prefix; // sorted
	uint32_t n_prefixes;
};

// As self sees it: what it holds itself is not shared. -ENAMETOOLONG: the ids of the sites are too
// long together.
int pt_shared_find(const struct pt_network *net, const struct pt_site *self, struct pt_shared *out,
	struct pt_err *err);
void pt_shared_done(struct pt_shared *s);
#define pt_autoshared __attribute__((cleanup(pt_shared_done))) struct pt_shared

// The set that holds this prefix; NULL: one site alone does.
const struct pt_shared_set *pt_shared_of(const struct pt_shared *s, const struct pt_prefix *prefix);

// Of `room` places, how many each of n lists gets whose lengths are in have: the first ones as many
// as they want, but two for each that follows.
void pt_shared_places(const uint32_t *have, uint32_t n, uint32_t room, uint32_t *places);
