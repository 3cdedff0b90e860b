// SPDX-License-Identifier: MIT
// One end of a BFD session (RFC 5880 section 6, asynchronous mode, active role): the state machine
// and its timers, without sockets. Time comes from outside, packets go in and out as structs.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "wire/bfd.h"

#define PT_BFD_SLOW_US 1000000u // least interval while the session is not up, section 6.8.3
#define PT_BFD_WHOLE   0x10000u // an interval without jitter

struct pt_bfd_params {
	uint32_t min_tx_us, min_rx_us;
	uint8_t mult;
};

struct pt_bfd {
	struct pt_bfd_params want;
	// The variables of section 6.8.1.
	uint8_t state, remote_state;   // enum pt_bfd_state
	uint8_t diag, remote_diag;     // enum pt_bfd_diag
	uint32_t mine, theirs;         // discriminators; theirs 0: not known
	uint32_t min_tx_us, min_rx_us; // as we announce them
	uint32_t remote_min_tx_us, remote_min_rx_us;
	uint8_t remote_mult;
	bool remote_demand;

	// What holds until the far end has confirmed what we announce, section 6.8.3.
	uint32_t used_tx_us, used_rx_us;
	bool polling, poll_again;

	bool news;                  // the next packet says something new: it is due at once
	uint32_t jitter;            // of the interval to the next packet, of PT_BFD_WHOLE
	struct pt_mono sent, heard; // 0: never, or not since the session was lost
	uint64_t n_sent, n_heard;
};

// Down, and its first packet due at once. The discriminator is not 0 and no other session's.
void pt_bfd_init(struct pt_bfd *b, const struct pt_bfd_params *p, uint32_t discriminator);
// Other parameters: announced at once, used when the far end knows.
void pt_bfd_tune(struct pt_bfd *b, const struct pt_bfd_params *p);
// AdminDown, and back from there to Down.
void pt_bfd_enable(struct pt_bfd *b, bool on);

// A sound packet of this session. True: an answer with the Final bit is due at once (AdminDown
// gives none, section 6.8.6).
bool pt_bfd_receive(struct pt_bfd *b, const struct pt_bfd_control *c, struct pt_mono now);
// The session's state after a packet of the far end, section 6.8.6.
enum pt_bfd_state pt_bfd_next_state(enum pt_bfd_state local, enum pt_bfd_state received);
// True: nothing was heard for the detection time, and the session had begun.
bool pt_bfd_expire(struct pt_bfd *b, struct pt_mono now);
// For how long the far end may be silent; 0: it has not been heard.
int64_t pt_bfd_detect_ns(const struct pt_bfd *b);

// When the next periodic packet is due, and when the far end is overdue; 0: never.
struct pt_mono pt_bfd_tx_due(const struct pt_bfd *b);
struct pt_mono pt_bfd_rx_due(const struct pt_bfd *b);
// The packet to send now; final: the answer to a poll.
void pt_bfd_compose(const struct pt_bfd *b, bool final, struct pt_bfd_control *out);
// It has left. random: for the jitter of the next.
void pt_bfd_sent(struct pt_bfd *b, bool final, struct pt_mono now, uint64_t random);
