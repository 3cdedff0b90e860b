// SPDX-License-Identifier: MIT
// The probes of one stream that are on their way, and the verdict on each answer. Sequence numbers
// are 32 bits and wrap. Times are CLOCK_MONOTONIC unless they say "real".
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define PT_TRACK_MAX 65536u

enum pt_probe_state { PT_PROBE_NONE, PT_PROBE_WAITING, PT_PROBE_ANSWERED, PT_PROBE_LOST };

struct pt_sent_probe {
	uint64_t cookie; // what only the receiver of the probe can know
	struct pt_mono at;
	int64_t real_ns;   // user's stamp of the sending
	int64_t kernel_ns; // kernel's, CLOCK_REALTIME; 0: none (yet)
	uint32_t seq;
	uint8_t state; // enum pt_probe_state
};

enum pt_answer {
	PT_ANSWER_FRESH,
	PT_ANSWER_LATE,      // lost until now
	PT_ANSWER_DUPLICATE, // answered before
	PT_ANSWER_FOREIGN,   // no such probe, too old, or forged
};

struct pt_track {
	struct pt_sent_probe *ring; // size is a power of two
	uint32_t mask;
	int64_t timeout_ns;
	uint32_t next_seq, oldest_seq; // oldest that may still be waiting
	uint32_t expected;             // RFC 4737 NextExp
	bool any_answer;
};

// `slots` probes are remembered; rounded up to a power of two, at most PT_TRACK_MAX.
int pt_track_init(struct pt_track *t, uint32_t slots, int64_t timeout_ns);
void pt_track_done(struct pt_track *t);

// The slot of the next probe, to fill in before it is sent. *lost is the number of waiting probes
// that it pushes out unanswered (a ring smaller than timeout / period).
struct pt_sent_probe *pt_track_next(struct pt_track *t, unsigned *lost);
// Takes back the latest pt_track_next: that probe could not be sent.
void pt_track_unsend(struct pt_track *t);

// NULL: not remembered.
struct pt_sent_probe *pt_track_find(struct pt_track *t, uint32_t seq);
// *probe is the probe answered (not on FOREIGN), *reordered as of RFC 4737 (FRESH only).
enum pt_answer pt_track_answer(struct pt_track *t, uint32_t seq, uint64_t cookie,
	struct pt_sent_probe **probe, bool *reordered);

// The next probe now overdue, which becomes lost; NULL: none is.
struct pt_sent_probe *pt_track_expire(struct pt_track *t, struct pt_mono now);
bool pt_track_waiting(const struct pt_track *t); // any
