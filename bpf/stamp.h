// SPDX-License-Identifier: MIT
// STAMP test packets as they stand behind the UDP header: RFC 8762, sections 4.2.1 and 4.3.1
// (unauthenticated), with the session identifier of RFC 8972, section 3. Only what the watchdog
// reads: both packets are 44 bytes long, longer ones carry TLVs or padding.
#pragma once
#include <linux/types.h>

struct pt_stamp_probe {
	__be32 seq;
	__u64 stamp; // compared with its echo, never interpreted
	__be16 error;
	__be16 ssid;
	__u8 zero[28];
} __attribute__((packed));
_Static_assert(sizeof(struct pt_stamp_probe) == 44, "RFC 8762, figure 3");

struct pt_stamp_reply {
	__be32 seq;
	__u64 stamp;
	__be16 error;
	__be16 ssid;
	__u64 received;
	__be32 sender_seq;
	__u64 sender_stamp;
	__be16 sender_error;
	__be16 zero;
	__u8 sender_ttl;
	__u8 zero2[3];
} __attribute__((packed));
_Static_assert(sizeof(struct pt_stamp_reply) == 44, "RFC 8762, figure 5");
