// SPDX-License-Identifier: MIT
// What follows the base packet of STAMP: the extensions of RFC 8972 section 4, one after the other,
// each behind a header that says how long it is. Lengths are checked at both ends.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/stamp_layout.h"

#define PT_STAMP_TLV_HEADER sizeof(struct pt_stamp_tlv)
#define PT_STAMP_DIRECT_LEN (PT_STAMP_TLV_HEADER + sizeof(struct pt_stamp_direct))
#define PT_STAMP_HMAC_LEN   (PT_STAMP_TLV_HEADER + sizeof(struct pt_stamp_hmac))
#define PT_STAMP_CLASS_LEN  (PT_STAMP_TLV_HEADER + sizeof(struct pt_stamp_class))

// One of them, inside the packet that is read.
struct pt_stamp_ext {
	uint8_t *flags; // in the packet
	uint8_t type;
	uint8_t *value;
	size_t len;
	bool malformed; // it does not fit into the packet; value is NULL
};

// The extension at *at, which moves behind it. False: there is none; trailing bytes that have no
// room for a header, or begin with type 0, are plain padding.
bool pt_stamp_ext_next(void *packet, size_t len, size_t *at, struct pt_stamp_ext *out);

struct pt_stamp_counts {
	uint32_t sent, received, reflected;
};
// A sender's extension into `out`, which has room for PT_STAMP_DIRECT_LEN.
void pt_stamp_direct_write(void *out, uint32_t sent);
// A sender's padding of len bytes, at least PT_STAMP_TLV_HEADER, all of them zero.
void pt_stamp_padding_write(void *out, size_t len);
// A sender's, with the class that the answer shall have, into PT_STAMP_CLASS_LEN.
void pt_stamp_class_write(void *out, uint8_t dscp);

// What came back. -ENOENT: not there, or the reflector does not know it.
int pt_stamp_direct_read(void *packet, size_t base, size_t len, struct pt_stamp_counts *out);
struct pt_stamp_class_seen {
	uint8_t dscp, ecn; // as they arrived at the reflector
	bool refused;      // the answer has not the class that was asked for
};
int pt_stamp_class_read(void *packet, size_t base, size_t len, struct pt_stamp_class_seen *out);

// What a reflector needs to know to answer the extensions, and what they ask of it.
struct pt_stamp_reflect {
	uint8_t tos;                    // of the request: DSCP and ECN
	struct pt_stamp_counts *direct; // of its session, which count it already; NULL: not counted
	int dscp;                       // wanted for the answer; -1: as the request's
	bool counts;                    // a direct measurement is in it
	bool trusted;                   // there is a signature, and it is right
};
// Looks only: is there a direct measurement?
bool pt_stamp_wants_counts(void *packet, size_t base, size_t len);
// Answers them in place: those known are filled in and their flags cleared, U is set on others, M
// on one that does not fit.
void pt_stamp_tlvs_reflect(void *packet, size_t base, size_t len, struct pt_stamp_reflect *r);
// Answers them where the signature is not right: none is looked at, and all say so.
void pt_stamp_tlvs_distrust(void *packet, size_t base, size_t len);
