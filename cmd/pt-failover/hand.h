// SPDX-License-Identifier: MIT
// What the verbs by hand share: the plane, and the paths that the command line names.
#pragma once
#include "failover.h"
#include "plane/names.h"

#define HAND_PATHS 64

struct hand {
	struct pt_ctx *ctx; // borrowed; its err says what went wrong
	struct pt_plane *plane;
	struct pt_names names;
	uint32_t path[HAND_PATHS]; // in the order given
	uint32_t n;
};

// Opens the plane for writing and looks the paths up. hand_end in any case.
int hand_begin(struct hand *h, struct pt_ctx *ctx, int argc, char **argv);
void hand_end(struct hand *h);
bool hand_has(const struct hand *h, uint32_t path);
const char *hand_id(const struct hand *h, uint32_t path);
// What was done outlives a reboot.
int hand_keep(const struct hand *h);
