// SPDX-License-Identifier: MIT
// When packets left, by the kernel's stamps. A stamp costs as much as a third of sending, so of a
// burst only some packets ask for theirs: the first, the last, and every few between, other ones
// each time. Those that did not left between two that did, one after the other: their times are
// drawn between these, as long as what lies between took about as long as it does. What was held up
// makes the next burst ask more often. For port.c.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PT_DEPARTURES      512 // packets that are remembered
#define PT_DEPARTURES_RARE 8   // of so many packets in a row one asks at least

typedef void pt_departed_fn(void *owner, uint32_t tag, int64_t kernel_ns); // when it left

struct pt_departure {
	void *owner; // NULL: nobody any more
	uint32_t tag, key;
	uint16_t burst;
	bool asked;
};

struct pt_departures {
	bool always;             // every packet asks
	uint32_t n;              // packets so far
	uint32_t next_key;       // as the kernel counts those that ask, from 0
	uint32_t seen_key;       // the newest that was told, and one
	uint32_t rare, phase;    // one in so many asks
	uint16_t burst;          // the current one
	unsigned tight, held_up; // stretches between two stamps, of late
	int64_t each_ns;         // that a packet takes
	uint32_t last;           // packet that was told last
	int64_t last_ns;         // when it left; 0: none
	uint32_t by_key[PT_DEPARTURES];
	struct pt_departure at[PT_DEPARTURES];
};

// Zeroed or used: everything is forgotten, the kernel counts from 0 again.
void pt_departures_reset(struct pt_departures *d, bool always);
// Before a burst.
void pt_departures_begin(struct pt_departures *d);
// Whether packet i of the n of this burst asks.
bool pt_departures_asks(const struct pt_departures *d, unsigned i, unsigned n);
// The next packet of the burst has left.
void pt_departures_left(struct pt_departures *d, void *owner, uint32_t tag, bool asked);
// What the kernel says of packet `key`: tells of it, and of those between it and the one before.
void pt_departures_stamp(
	struct pt_departures *d, uint32_t key, int64_t kernel_ns, pt_departed_fn *fn);
bool pt_departures_awaited(const struct pt_departures *d); // there may be stamps to read
void pt_departures_forget(struct pt_departures *d, const void *owner);
