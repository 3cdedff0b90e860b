// SPDX-License-Identifier: MIT
// A baseline that somebody else wrote: a program (bench/bird, bench/frr) runs routing daemons on
// both edges of the two sites. What they do shows in the first edge's kernel routes.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/sites.h"

struct pt_peer_opts {
	const char *program; // its path
	const struct pt_sites *sites;
	int64_t interval_ms;
	unsigned threshold;
	unsigned prefixes;
};

struct pt_peer;

// Starts `PROGRAM EDGE-A EDGE-B DIR INTERVAL-MS THRESHOLD`: names of the network namespaces and a
// scratch directory. The far site's prefixes are its standard input, one a line. It runs until
// SIGTERM and takes its daemons with it. wan0 is to be preferred to wan1 (lib/bench/sites.h).
int pt_peer_new(const struct pt_peer_opts *o, struct pt_peer **out, struct pt_err *err);
void pt_peer_free(struct pt_peer *p);
// 0 while it runs; else what it said last.
int pt_peer_check(struct pt_peer *p, struct pt_err *err);
// The routes to all prefixes leave by wan0.
bool pt_peer_is_settled(const struct pt_peer *p);
// "bird" of "bench/bird"; lives as long as the name it is a part of.
const char *pt_peer_name(const char *program);
