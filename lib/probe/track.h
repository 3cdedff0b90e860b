// SPDX-License-Identifier: MIT
// The probes of one stream that are on their way, and the verdict on each answer. Sequence numbers
// are 32 bits and wrap. Times are CLOCK_MONOTONIC unless they say "real". A fast prober remembers
// hundreds of probes for each of thousands of paths: a slot takes 16 bytes, and what it says comes
// out of pt_track_read.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define PT_TRACK_MAX 65536u

// What CLOCK_REALTIME is ahead of CLOCK_MONOTONIC: constant but for steps, so one for all probes.
// The newest is offset[epoch % PT_STEPS]; those before serve the probes that left before a step.
#define PT_STEPS 4u
struct pt_steps {
	int64_t offset_ns[PT_STEPS];
	uint32_t epoch;
};
// CLOCK_REALTIME of a moment, after a look at both clocks: a step begins an epoch.
int64_t pt_steps_look(struct pt_steps *s, struct pt_mono now);

enum pt_probe_state { PT_PROBE_NONE, PT_PROBE_WAITING, PT_PROBE_ANSWERED, PT_PROBE_LOST };

struct pt_sent_probe {
	struct pt_mono at;
	int64_t real_ns;   // user's stamp of the sending
	int64_t kernel_ns; // kernel's, CLOCK_REALTIME, to 16 ns; 0: none (yet)
	uint16_t window;   // in which it was counted as lost
	enum pt_probe_state state;
};

struct pt_track_slot {
	uint64_t at : 48, window : 16;            // ns, counted back from the newest probe's
	uint32_t cookie;                          // what only the receiver of the probe can know
	uint32_t held : 28, state : 2, epoch : 2; // until the kernel sent it, 16 ns; 0: not told
};
_Static_assert(sizeof(struct pt_track_slot) == 16, "many of them");

enum pt_answer {
	PT_ANSWER_FRESH,
	PT_ANSWER_LATE,      // overdue when it arrived, counted as lost or not yet
	PT_ANSWER_DUPLICATE, // answered before
	PT_ANSWER_FOREIGN,   // no such probe, too old, or forged
};

struct pt_track {
	struct pt_track_slot *ring;
	const struct pt_steps *steps;
	uint32_t slots, head; // where next_seq goes
	int64_t timeout_ns;
	struct pt_mono newest;         // when the newest probe left
	uint32_t next_seq, oldest_seq; // oldest that may still be waiting
	uint32_t expected;             // RFC 4737 NextExp
	bool any_answer;
};

// The slots that remember what is on its way at a time, and later answers for as long again, or for
// as many as make some sense.
uint32_t pt_track_slots(uint64_t on_their_way);
// The ring is the caller's, zeroed, of as many slots as he says; so are the steps.
void pt_track_init(struct pt_track *t, struct pt_track_slot *ring, uint32_t slots,
	const struct pt_steps *steps, int64_t timeout_ns);

// The probe that is sent next, numbered. *lost is the number of waiting probes that it pushes out
// unanswered (a ring smaller than timeout / period).
uint32_t pt_track_next(struct pt_track *t, struct pt_mono at, uint32_t cookie, unsigned *lost);
// Takes back the latest pt_track_next: that probe could not be sent.
void pt_track_unsend(struct pt_track *t);

// NULL: not remembered.
struct pt_track_slot *pt_track_find(const struct pt_track *t, uint32_t seq);
void pt_track_read(
	const struct pt_track *t, const struct pt_track_slot *slot, struct pt_sent_probe *out);
// The kernel's stamp of it.
void pt_track_stamp(const struct pt_track *t, struct pt_track_slot *slot, int64_t kernel_ns);

struct pt_echo {
	uint32_t seq;
	uint32_t cookie;
	struct pt_mono arrived; // at the kernel, however late we come to see it
};
struct pt_verdict {
	enum pt_answer answer;
	bool reordered; // RFC 4737; FRESH only
	bool was_lost;  // LATE: counted as lost before
};
// Judged by when it arrived, not by whether pt_track_expire has run in between.
struct pt_verdict pt_track_answer(struct pt_track *t, const struct pt_echo *e);

// True when pt_track_expire would find one.
bool pt_track_overdue(const struct pt_track *t, struct pt_mono now);
// The next probe now overdue becomes lost, in this window; false: none is. First read what has
// arrived: of an answer that lies unread in a socket this knows nothing.
bool pt_track_expire(struct pt_track *t, struct pt_mono now, uint16_t window, uint32_t *seq);
bool pt_track_waiting(const struct pt_track *t); // any
