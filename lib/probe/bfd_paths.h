// SPDX-License-Identifier: MIT
// The BFD sessions of an edge's paths, as the network file has them, and the `session` record of
// each change.
#pragma once
#include <jansson.h>

#include "base/loop.h"
#include "model/config.h"
#include "model/network.h"

#define PT_BFD_PATH_FDS 3 // descriptors that a session takes: socket, timer, ear

struct pt_bfd_paths;

// Takes the record's body.
typedef void pt_bfd_tell_fn(void *ctx, json_t *body);

int pt_bfd_paths_new(
	struct pt_loop *loop, pt_bfd_tell_fn *tell, void *ctx, struct pt_bfd_paths **out);
// Every far end is told AdminDown.
void pt_bfd_paths_free(struct pt_bfd_paths *p);
// Starts, changes and ends sessions until they are what the paths of `self` want. Those that change
// their intervals or code point alone go on. Paths under maintenance are AdminDown.
int pt_bfd_paths_load(struct pt_bfd_paths *p, const struct pt_config *c, const struct pt_network *n,
	const struct pt_site *self, struct pt_err *err);
// For `stats` records: sessions, how many are up, packets, refusals by reason. NULL: no memory.
json_t *pt_bfd_paths_stats(const struct pt_bfd_paths *p);
