// SPDX-License-Identifier: MIT
// STAMP Session-Reflector (RFC 8762 section 4.3; RFC 8972: class of service, direct measurement,
// HMAC): answers each request out of the device it came by, from the address it was sent to, in its
// traffic class, never with more bytes than it got. One process serves every device of a network
// namespace.
#pragma once
#include <stdint.h>

#include "base/addr.h"
#include "base/hist.h"
#include "base/loop.h"
#include "wire/stamp_auth.h"

struct pt_reflect_opts {
	uint16_t port;
	const struct pt_addr *bind; // none: every address of both families
	uint32_t n_bind;
	const char *device;            // NULL: every device
	const struct pt_prefix *allow; // who is answered; none: everybody
	uint32_t n_allow;
	uint64_t rate_pps;        // most answers a second; 0: no limit
	uint64_t source_rate_pps; // the same for each sender
	// Authenticated mode: nothing else is answered. Borrowed; NULL: open mode.
	struct pt_stamp_key *key;
};

struct pt_reflector;
// Authenticated mode goes on with another key; what is signed with the one before is answered, by
// that, until the next change. Both are borrowed.
void pt_reflector_key(struct pt_reflector *r, struct pt_stamp_key *key);

struct pt_reflect_counters {
	uint64_t received, answered;
	uint64_t malformed; // too short, too long
	uint64_t refused;   // not allowed
	uint64_t looped;    // from a reflector's own port, or to a group: an answer could go round
	uint64_t limited;   // above a rate
	uint64_t forged;    // authenticated mode: not signed with our key
	uint64_t replayed;  // authenticated mode: answered before, or too old
	uint64_t tampered;  // authenticated mode: answered, but their extensions were not signed
	uint64_t failed;    // the kernel would not send
	uint64_t user_stamps; // received without a kernel time stamp
	struct pt_hist held;  // from the kernel's stamp of a request to the stamp of its answer
};

// Opens and registers the sockets. A family that the kernel lacks is left out when no bind names
// it.
int pt_reflector_new(const struct pt_reflect_opts *o, struct pt_loop *loop,
	struct pt_reflector **out, struct pt_err *err);
void pt_reflector_free(struct pt_reflector *r);
const struct pt_reflect_counters *pt_reflector_counters(const struct pt_reflector *r);
