// SPDX-License-Identifier: MIT
// What a stateful reflector remembers of its senders (RFC 8762 section 4, RFC 8972 section 4.5):
// how many packets came and went, and which were seen. Bounded: the one unused for longest gives
// way.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "wire/stamp_tlv.h"

#define PT_SESSIONS_MAX 8192

struct pt_session_id {
	struct pt_addr peer, local;
	uint16_t port, ssid;
};

struct pt_session {
	struct pt_session_id id;
	bool used;
	uint64_t touched;              // a count of all touches: larger is later
	struct pt_stamp_counts counts; // of packets with direct measurement
	uint32_t newest;               // sequence number
	uint64_t seen;                 // bit n: newest - n was answered
	uint64_t newest_ntp;           // sender's stamp of it
};

struct pt_sessions;

int pt_sessions_new(struct pt_sessions **out); // memory is touched as sessions come
void pt_sessions_free(struct pt_sessions *s);
// The session, made where there is none. It is valid until the next call.
struct pt_session *pt_sessions_get(struct pt_sessions *s, const struct pt_session_id *id);

// False for a packet that was answered before, or is older than the 64 newest: a replay. A sender
// that begins again does so with later stamps.
bool pt_session_fresh(struct pt_session *s, uint32_t seq, uint64_t ntp);
