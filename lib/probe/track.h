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
	uint16_t window; // in which it was counted as lost
	uint8_t state;   // enum pt_probe_state
};

enum pt_answer {
	PT_ANSWER_FRESH,
	PT_ANSWER_LATE,      // overdue when it arrived, counted as lost or not yet
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

// `slots` probes are remembered; rounded up to a power of two, at most PT_TRACK_MAX. The ring is
// the caller's, zeroed, of as many probes as pt_track_slots says.
uint32_t pt_track_slots(uint64_t slots);
void pt_track_init(
	struct pt_track *t, struct pt_sent_probe *ring, uint32_t slots, int64_t timeout_ns);

// The slot of the next probe, to fill in before it is sent. *lost is the number of waiting probes
// that it pushes out unanswered (a ring smaller than timeout / period).
struct pt_sent_probe *pt_track_next(struct pt_track *t, unsigned *lost);
// Takes back the latest pt_track_next: that probe could not be sent.
void pt_track_unsend(struct pt_track *t);

// NULL: not remembered.
struct pt_sent_probe *pt_track_find(struct pt_track *t, uint32_t seq);
struct pt_echo {
	uint32_t seq;
	uint64_t cookie;
	struct pt_mono arrived; // at the kernel, however late we come to see it
};
struct pt_verdict {
	enum pt_answer answer;
	struct pt_sent_probe *probe; // NULL on FOREIGN
	bool reordered;              // RFC 4737; FRESH only
	bool was_lost;               // LATE: counted as lost before
};
// Judged by when it arrived, not by whether pt_track_expire has run in between.
struct pt_verdict pt_track_answer(struct pt_track *t, const struct pt_echo *e);

// True when pt_track_expire would find one.
bool pt_track_overdue(const struct pt_track *t, struct pt_mono now);
// The next probe now overdue, which becomes lost; NULL: none is. First read what has arrived: of an
// answer that lies unread in a socket this knows nothing.
struct pt_sent_probe *pt_track_expire(struct pt_track *t, struct pt_mono now);
bool pt_track_waiting(const struct pt_track *t); // any
