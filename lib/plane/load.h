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
	PT_PROGRAM_XDP,
	PT_PROGRAM_COUNT
};

#define PT_PROGRAM_BIT(program) (1u << (program)) // in sets of them

struct pt_programs {
	int fd[PT_PROGRAM_COUNT]; // -1: not loaded
	// What they were, or will be, loaded with.
	struct pt_sizes sizes;
	uint32_t generation;
	uint32_t seed;     // by which they choose flows to measure
	uint64_t identity; // plane/program.h's
};

#define PT_NAT_FLOWS 65536 // remembered where there is NAT: 7 MB

#define PT_PROGRAMS_NONE                                    \
	(struct pt_programs)                                \
	{                                                   \
		.fd = { [0 ... PT_PROGRAM_COUNT - 1] = -1 } \
	}

// Loads a set of programs, which takes the verifier some 20 ms each, against the maps pinned in
// dir. Maps that these programs need and that are not there yet are pinned there, with room for
// twice p->sizes; others keep their sizes. The caller closes the programs, after an error, too.
int pt_load_some(const char *dir, uint32_t set, struct pt_programs *p, struct pt_err *err);
// All but XDP's, with another seed.
int pt_load(const char *dir, const struct pt_sizes *sizes, uint32_t generation,
	struct pt_programs *out, struct pt_err *err);
void pt_programs_done(struct pt_programs *p);

// As the kernel knows it.
const char *pt_program_name(enum pt_program program);
// Fingerprint of what all programs are loaded from.
uint64_t pt_load_hash(void);

// Sends libbpf's own words to the log's debug level; without it they go to stderr.
void pt_libbpf_to_log(void);
