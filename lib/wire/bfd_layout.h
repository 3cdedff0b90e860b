// SPDX-License-Identifier: MIT
// A BFD control packet as it stands on the wire (RFC 5880 section 4.1), for both sides of the
// kernel.
#pragma once
#include <linux/types.h>

#define PT_BFD_PORT      3784 // RFC 5881: one hop
#define PT_BFD_PORT_HOPS 4784 // RFC 5883: several
#define PT_BFD_TTL       255  // RFC 5881 section 5: what has less came from farther away
#define PT_BFD_VERSION   1
#define PT_BFD_LEN       24 // without an authentication section

enum pt_bfd_state {
	PT_BFD_ADMIN_DOWN,
	PT_BFD_DOWN,
	PT_BFD_INIT,
	PT_BFD_UP,
	PT_BFD_STATES,
};

#define PT_BFD_STATE(second) ((second) >> 6)
#define PT_BFD_POLL          0x20
#define PT_BFD_FINAL         0x10
#define PT_BFD_INDEPENDENT   0x08
#define PT_BFD_AUTH          0x04
#define PT_BFD_DEMAND        0x02
#define PT_BFD_MULTIPOINT    0x01
#define PT_BFD_FLAGS         0x3f

struct pt_bfd_packet {
	__u8 first;  // version << 5 | diagnostic
	__u8 second; // state << 6 | PT_BFD_FLAGS
	__u8 mult;
	__u8 len;
	__be32 mine, yours;
	__be32 min_tx_us, min_rx_us, min_echo_us;
};
_Static_assert(sizeof(struct pt_bfd_packet) == PT_BFD_LEN, "RFC 5880 section 4.1");
