// SPDX-License-Identifier: MIT
// A steady one-way UDP stream, as a user would send it, and the truth about what arrived. Arrivals
// carry the kernel's receive stamps, so that a slow reader does not look like a slow network.
#pragma once
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/err.h"

struct pt_feed_opts {
	const char *from_netns, *to_netns;
	struct pt_addr from, to; // IPv4
	unsigned targets;        // that packets go to in turn, all of them `to` at first; 0: one
	uint16_t port;
	int64_t interval_ns; // one packet; absolute deadlines
};

struct pt_feed;

// Starts both threads, real-time where that is allowed; they end with pt_feed_free. The calling
// thread's namespace is left as it was.
int pt_feed_new(const struct pt_feed_opts *o, struct pt_feed **out, struct pt_err *err);
void pt_feed_free(struct pt_feed *s);

struct pt_feed_look {
	int64_t gap_ns; // longest silence between two arrivals
	uint64_t sent, lost, duplicated, reordered;
};

#define PT_FEED_TARGETS 16
// From the next packet on this target is another address of the receiving namespace.
void pt_feed_aim(struct pt_feed *s, unsigned target, const struct pt_addr *to);

// What became of the packets sent from `from` to `to`, as far as remembered.
#define PT_FEED_MEMORY (1u << 17) // packets; half of them can be looked at
struct pt_feed_look pt_feed_look(const struct pt_feed *s, struct pt_mono from, struct pt_mono to);
// How many packets that were sent at or after `since` have arrived.
uint64_t pt_feed_arrived(const struct pt_feed *s, struct pt_mono since);
// Of the packets that were sent at or after `since`, the first that arrived.
struct pt_feed_first {
	struct pt_mono sent, got; // 0: none did
};
struct pt_feed_first pt_feed_first(const struct pt_feed *s, struct pt_mono since);
// When the packet was sent with which the last target was reached: of each, the first that was sent
// at or after `since` and arrived. 0: not yet.
struct pt_mono pt_feed_reached(const struct pt_feed *s, struct pt_mono since);
// When the last of the packets was sent that were sent since `from`, before `to`, and did not
// arrive. 0: all did.
struct pt_mono pt_feed_last_lost(const struct pt_feed *s, struct pt_mono from, struct pt_mono to);
