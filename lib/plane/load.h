// SPDX-License-Identifier: MIT
// Loads the kernel programs: the only module that knows the generated skeletons.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pt_sizes {
	uint32_t paths, sites, chunks, forks; // what the network needs; head room is added here
	uint32_t lans;                        // devices
	bool nat;                             // a NATed uplink: flows are remembered
	uint32_t passive;                     // one TCP flow in so many is measured; 0 none
};

enum pt_program {
	PT_PROGRAM_STEER,
	PT_PROGRAM_IN,
	PT_PROGRAM_OUT,
	PT_PROGRAM_IN_L3,
	PT_PROGRAM_OUT_L3,
	PT_PROGRAM_ONWARD,
	PT_PROGRAM_ONWARD_L3,
	PT_PROGRAM_XDP, // pt_load_xdp
	PT_PROGRAM_COUNT
};

struct pt_programs {
	int fd[PT_PROGRAM_COUNT];
	uint32_t seed; // by which they choose flows to measure
};

#define PT_NAT_FLOWS 65536 // remembered where there is NAT: 7 MB

#define PT_PROGRAMS_NONE                                    \
	(struct pt_programs)                                \
	{                                                   \
		.fd = { [0 ... PT_PROGRAM_COUNT - 1] = -1 } \
	}

// Loads all programs against the maps pinned in dir, and pins the maps that are not there yet with
// room for twice `sizes`. Maps that are there keep their sizes. The caller closes the programs.
int pt_load(const char *dir, const struct pt_sizes *sizes, uint32_t generation,
	struct pt_programs *out, struct pt_err *err);
// The XDP program beside those in *out; where nobody wants it, it is not there.
int pt_load_xdp(
	const char *dir, const struct pt_sizes *sizes, struct pt_programs *out, struct pt_err *err);
void pt_programs_done(struct pt_programs *p);

// Sends libbpf's own words to the log's debug level; without it they go to stderr.
void pt_libbpf_to_log(void);
