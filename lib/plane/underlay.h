// SPDX-License-Identifier: MIT
// What rides on an uplink that is out of use is out of use: PT_BLOCK_UNDERLAY of uplinks and paths.
#pragma once
#include <stdbool.h>

#include "model/network.h"
#include "plane/names.h"

struct pt_underlay {
	struct pt_plane *plane;
	const struct pt_names *names;
	const struct pt_network *net;
	const struct pt_site *self;
	void (*before_free)(void *ctx, uint32_t path); // may be NULL
	void *ctx;
};

// Brings the blocks up to date with those of the uplinks beneath. True when any changed.
bool pt_underlay_follow(const struct pt_underlay *u);
