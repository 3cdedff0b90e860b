// SPDX-License-Identifier: MIT
// Fills the tables of a plane from a setup; setup.c decides when.
#pragma once
#include "model/network_shared.h"
#include "plane/names.h"
#include "plane/onward.h"
#include "plane/setup.h"
#include "plane/trie.h"

// Each model object's index in the plane; 0 where it has none (sites, paths, uplinks).
struct pt_table {
	const struct pt_setup *setup; // borrowed
	struct pt_plane *plane;       // borrowed
	struct pt_names names;
	uint32_t *site, *path, *uplink; // by position in the network
	struct pt_shared shared;        // prefixes that several sites hold
	uint32_t *set;                  // by position there: a destination as if it were a site
	struct pt_onward onward;
	uint32_t *old_policy; // index that the policy of this position had before
	int64_t probe_ns;     // between two probes of a path
	uint32_t *like;       // first policy with the same preference of uplinks
};

// Reads what is there and gives every object an index: its old one, or a new one. Nothing changes.
int pt_table_init(
	struct pt_table *t, const struct pt_setup *s, struct pt_plane *p, struct pt_err *err);
void pt_table_done(struct pt_table *t);

// In the order in which they must run. Packets see the new network by the flip in `banks`, all
// of it at once; `retire` removes what no group refers to any longer.
int pt_table_paths(struct pt_table *t, struct pt_err *err);
int pt_table_banks(struct pt_table *t, bool groups, struct pt_err *err);
int pt_table_retire(struct pt_table *t, struct pt_err *err);

// The longest packet: the device's limit or the path's own, 0 when neither is known. link may be
// NULL.
uint32_t pt_table_mtu(const struct pt_path *path, const struct pt_link *link);

// How many chunks and forks the prefixes take in one bank.
int pt_table_need(const struct pt_setup *s, struct pt_trie *need, struct pt_err *err);

// Where this path leaves: device, next hops, watchdog but its interval. Without a device ifindex is
// 0.
void pt_table_hop(const struct pt_setup *s, const struct pt_path *path, struct pt_hop *out);
