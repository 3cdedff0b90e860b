// SPDX-License-Identifier: MIT
// Small packets through a lane, as many as one CPU carries: the kernel's live frames where it has
// them (5.18), packet sockets otherwise. Generator, router and sink share the CPU, so that a rate
// is the price of one packet, all of it.
#pragma once
#include "bench/flows.h"
#include "bench/lane.h"

struct pt_blast;

// flows: a power of two, at most PT_FLOWS. The lane and the fleet must outlive it.
int pt_blast_new(const struct pt_lane *l, const struct pt_fleet *f, unsigned flows,
	struct pt_blast **out, struct pt_err *err);
void pt_blast_free(struct pt_blast *b);
bool pt_blast_is_live(const struct pt_blast *b); // no packet socket

// The program at the far end that counts and drops; without it the stack gets the packets.
int pt_blast_sink(struct pt_blast *b, bool on, struct pt_err *err);
// Sends, from a process of its own, until pt_blast_stop. Returns when the first packets arrive.
int pt_blast_start(struct pt_blast *b, struct pt_err *err);
void pt_blast_stop(struct pt_blast *b);
// Both with so long between them. *rate: packets that arrived, per second.
int pt_blast_run(struct pt_blast *b, int64_t ns, int64_t *rate, struct pt_err *err);
uint64_t pt_blast_sunk(const struct pt_blast *b);

// Programs that do the least: rewrite the MACs, send on by wan0; or leave the MACs to the kernel.
int pt_blast_bare_tc(const struct pt_blast *b);
int pt_blast_bare_neigh(const struct pt_blast *b);
int pt_blast_bare_xdp(const struct pt_blast *b);
