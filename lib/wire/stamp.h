// SPDX-License-Identifier: MIT
// STAMP packets (RFC 8762, unauthenticated, with the session id of RFC 8972) to and from host
// order. Lengths are checked at both ends: what is too short is refused, what follows the base
// packet is TLVs.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "wire/stamp_layout.h"

struct pt_stamp_sent {
	uint32_t seq;
	uint64_t ntp; // or PTP, by the Z bit of error
	uint16_t error;
	uint16_t ssid;
};

struct pt_stamp_reflected {
	uint32_t seq;
	uint64_t ntp;
	uint16_t error;
	uint16_t ssid;
	uint64_t received_ntp;
	struct pt_stamp_sent sender; // ssid unused: the packet holds one
	uint8_t sender_ttl;
};

// All return the packet's length or -ENOSPC (size) or -EBADMSG (len).
int pt_stamp_request_write(const struct pt_stamp_sent *p, void *buf, size_t size);
int pt_stamp_request_read(const void *buf, size_t len, struct pt_stamp_sent *out);
int pt_stamp_reply_write(const struct pt_stamp_reflected *p, void *buf, size_t size);
int pt_stamp_reply_read(const void *buf, size_t len, struct pt_stamp_reflected *out);

// Sets the time at which a packet is sent, of either kind, and nothing else. It has room for it.
void pt_stamp_sent_set(void *buf, uint64_t ntp);
// The session identifier of any STAMP packet, for finding whom it is for. -EBADMSG: too short.
int pt_stamp_ssid(const void *buf, size_t len, uint16_t *out);
