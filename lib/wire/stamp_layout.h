// SPDX-License-Identifier: MIT
// STAMP on the wire (RFC 8762 section 4.2.1 and 4.3.1, unauthenticated; session id of RFC 8972
// section 3). UAPI types only: the BPF programs include this header, too. All fields are in network
// order; timestamps are in the 64-bit NTP format of RFC 5905 unless the error estimate's Z bit says
// PTP.
#pragma once
#include <linux/types.h>

#define PT_STAMP_LEN 44

struct pt_stamp_time {
	__be32 seconds; // since 1900-01-01, UTC
	__be32 fraction;
};

struct pt_stamp_request {
	__be32 seq;
	struct pt_stamp_time sent;
	__be16 error;
	__be16 ssid;
	__u8 mbz[28];
};

struct pt_stamp_reply {
	__be32 seq;
	struct pt_stamp_time sent;
	__be16 error;
	__be16 ssid;
	struct pt_stamp_time received;
	__be32 sender_seq;
	struct pt_stamp_time sender_sent;
	__be16 sender_error;
	__be16 mbz1;
	__u8 sender_ttl;
	__u8 mbz2[3];
};

_Static_assert(sizeof(struct pt_stamp_request) == PT_STAMP_LEN, "RFC 8762 figure 2");
_Static_assert(sizeof(struct pt_stamp_reply) == PT_STAMP_LEN, "RFC 8762 figure 5");
_Static_assert(__builtin_offsetof(struct pt_stamp_request, ssid) == 14, "RFC 8972 figure 1");
_Static_assert(__builtin_offsetof(struct pt_stamp_reply, ssid) == 14, "RFC 8972 figure 2");
_Static_assert(__builtin_offsetof(struct pt_stamp_reply, sender_ttl) == 40, "RFC 8762 figure 5");

// Error estimate (RFC 4656 section 4.1.2, RFC 8762 section 4.2.1), host order:
// multiplier * 2^scale / 2^32 seconds.
#define PT_STAMP_ERROR_S           0x8000 // clock synchronised to UTC by an outside source
#define PT_STAMP_ERROR_Z           0x4000 // timestamps in truncated PTP format, else NTP
#define PT_STAMP_ERROR_SCALE_SHIFT 8
#define PT_STAMP_ERROR_SCALE_MASK  0x3f

// Extension TLVs (RFC 8972 section 4) may follow the base packet.
#define PT_STAMP_TLV_UNRECOGNISED 0x80
#define PT_STAMP_TLV_MALFORMED    0x40
#define PT_STAMP_TLV_INTEGRITY    0x20
#define PT_STAMP_TLV_PADDING      1
#define PT_STAMP_TLV_CLASS        4 // RFC 8972 section 4.4
#define PT_STAMP_TLV_DIRECT       5 // RFC 8972 section 4.5
#define PT_STAMP_TLV_HMAC         8 // RFC 8972 section 4.8

struct pt_stamp_tlv {
	__u8 flags;
	__u8 type;
	__be16 length; // of what follows
};

// Class of service: from the highest bit DSCP1 (for the answer), DSCP2 (as it arrived), ECN (as it
// arrived), RP (1: DSCP1 was not to be had), reserved.
struct pt_stamp_class {
	__be16 bits;
	__be16 reserved;
};

// Direct measurement: how many test packets of the session have gone by.
struct pt_stamp_direct {
	__be32 sent;      // by the sender, this one included
	__be32 received;  // by the reflector, this one included
	__be32 reflected; // by the reflector, this one included
};

// HMAC-SHA-256, cut, of the sequence number and of all extensions in front.
struct pt_stamp_hmac {
	__u8 bytes[16];
};

_Static_assert(sizeof(struct pt_stamp_hmac) == 16, "RFC 8972 section 4.8");
_Static_assert(sizeof(struct pt_stamp_class) == 4, "RFC 8972 figure 8");
_Static_assert(sizeof(struct pt_stamp_direct) == 12, "RFC 8972 figure 9");
