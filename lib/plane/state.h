// SPDX-License-Identifier: MIT
// Reading a plane: the state of paths, the present choice of groups, counters. Needs the pins only.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/network.h"
#include "plane/plane.h"

struct pt_count {
	uint64_t tx_packets, tx_bytes, rx_packets, rx_bytes;
};

struct pt_state {
	enum pt_path_status status;
	bool down;   // as the watchdog says
	uint8_t why; // set of enum pt_block_why: the path's own reasons and its uplink's
	struct pt_watch watch;
	struct pt_count traffic;
	bool rx_known; // the device carries this path alone
};

// The path must be PT_HOP_USED. Consistent in itself: taken under the slot's lock.
int pt_state_read(
	const struct pt_plane *p, uint32_t path, struct pt_state *out, struct pt_err *err);
// The status alone, without a system call.
enum pt_path_status pt_state_status(const struct pt_plane *p, uint32_t path, bool replied);

// It has its device, and a next hop for one family at least.
bool pt_state_leads(const struct pt_plane *p, uint32_t path);

// The path's own reasons and its uplink's: a set of enum pt_block_why.
uint8_t pt_state_why(const struct pt_plane *p, uint32_t path);

// Appends "carrier,damped"; nothing for 0.
void pt_block_format(uint8_t why, struct pt_buf *out);

// What a packet of this group would be sent on now, as the kernel decides it (pt_choose in
// bpf/steer.bpf.c), if each path has a next hop for the packet's family.
enum pt_choice_rank {
	PT_CHOICE_USABLE,
	PT_CHOICE_DAMPED,
	PT_CHOICE_DOWN,    // last resort
	PT_CHOICE_BLOCKED, // last resort
	PT_CHOICE_NONE,    // the kernel's routes, or dropped if the group says so
};
extern const char *const pt_choice_names[];

struct pt_choice {
	uint32_t path; // 0: none
	enum pt_choice_rank rank;
};

enum pt_choice_rank pt_choice_rank_of(const struct pt_plane *p, uint32_t path);
struct pt_choice pt_choice_of(const struct pt_plane *p, const struct pt_group *g);

// Sums over all processors.
void pt_count_read(const struct pt_plane *p, uint32_t path, struct pt_count *out);
void pt_count_clear(struct pt_plane *p, uint32_t path);
// -errno.
int pt_stat_read(const struct pt_plane *p, uint64_t out[PT_STAT_COUNT]);

struct pt_stat_doc {
	const char *key, *doc;
};
extern const struct pt_stat_doc pt_stat_docs[PT_STAT_COUNT];
