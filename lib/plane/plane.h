// SPDX-License-Identifier: MIT
// The maps of a pin directory, opened and checked: what every reader and writer starts from.
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "bpf/passive_map.h"
#include "bpf/plane.h"
#include "bpf/reply_map.h"
#include "plane/pin.h"

enum pt_map {
	PT_MAP_META,
	PT_MAP_LIVE,
	PT_MAP_BLOCK,
	PT_MAP_PENALTY,
	PT_MAP_RULE,
	PT_MAP_PORT,
	PT_MAP_GROUP,
	PT_MAP_FIRST,
	PT_MAP_HOP,
	PT_MAP_WATCH,
	PT_MAP_TRACE,
	PT_MAP_CLOCK,
	PT_MAP_BFD,
	PT_MAP_PEER,
	PT_MAP_DEST,
	PT_MAP_CHUNK,
	PT_MAP_FORK,
	PT_MAP_FLOW,
	PT_MAP_SESSION,
	PT_MAP_RX,
	PT_MAP_NAME,
	PT_MAP_HOOK,
	PT_MAP_GATE,
	PT_MAP_TRAFFIC,
	PT_MAP_PASSIVE,
	PT_MAP_RTT,
	PT_MAP_STAT,
	PT_MAP_EVENT,
	PT_MAP_TRIP,
	PT_MAP_HEARD,
	PT_MAP_READER,
	PT_MAP_COUNT
};

enum pt_plane_mode {
	PT_PLANE_READ,
	PT_PLANE_WRITE,
	PT_PLANE_NEW, // as WRITE, right after pt_load: pt_meta is still empty
};

struct pt_plane {
	char dir[PT_PIN_PATH];
	int fd[PT_MAP_COUNT];
	uint32_t entries[PT_MAP_COUNT];
	// Mapped; read-only under PT_PLANE_READ, and `live` always.
	struct pt_meta *meta;
	const struct pt_live *live;
	struct pt_block *block;
	struct pt_penalty *penalty; // meta->path_cap
	struct pt_rule *rule;       // two banks, as all that classifies
	struct pt_dest *dest;
	struct pt_chunk *chunk;
	struct pt_fork *fork;
	struct pt_port *port;
	struct pt_group *group; // by PT_GROUP_KEY
	struct pt_first *first;
	struct pt_hop *hop;   // meta->path_cap
	struct pt_gate *gate; // by PT_CPU_KEY, as traffic
	struct pt_volume *traffic;
	struct pt_settle *settle; // plane/settle.h's
};

// Checks type, key and value size of every map, the ABI and the boot before anything is believed.
// The error of a mismatch names the cure. What a plane of an earlier version lacks, though its ABI
// is the same, has the descriptor -1.
int pt_plane_open(
	const char *dir, enum pt_plane_mode mode, struct pt_plane **out, struct pt_err *err);
// Once newer programs were loaded into its directory: opens what they have brought.
int pt_plane_complete(struct pt_plane *p, struct pt_err *err);
void pt_plane_free(struct pt_plane *p);

// Around every change of what packets use: its moment, and that the first packet after it on each
// path is to be stamped.
void pt_plane_changing(struct pt_plane *p);
void pt_plane_changed(struct pt_plane *p);
