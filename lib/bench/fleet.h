// SPDX-License-Identifier: MIT
// A network of any size in memory, as a benchmark or a test of the data plane needs it: every site
// has five IPv4 prefixes and one of IPv6, two paths lead to it, policies use every key of a match.
#pragma once
#include "base/arena.h"
#include "plane/setup.h"

#define PT_FLEET_PREFIXES 5

struct pt_fleet {
	struct pt_arena arena;
	struct pt_network net;
	struct pt_config cfg;
	struct pt_link link; // lo stands for every device
	struct pt_links links;
	struct pt_setup setup;
};

// Sites 2 to 8000 with the own one, policies 1 to 64; the last matches everything.
int pt_fleet_init(struct pt_fleet *f, unsigned sites, unsigned policies, struct pt_err *err);
void pt_fleet_done(struct pt_fleet *f);

// An address of this site in network order; `which` is any number.
void pt_fleet_addr(
	const struct pt_fleet *f, uint32_t site, int family, uint32_t which, uint8_t out[16]);

// Programs and tables of this network, pinned in dir: attached to nothing yet. What was made stays
// after an error, too.
int pt_fleet_load(struct pt_fleet *f, const char *dir, struct pt_programs *progs,
	struct pt_plane **plane, struct pt_err *err);
// All tables anew.
int pt_fleet_reload(struct pt_fleet *f, struct pt_plane *plane, struct pt_err *err);
