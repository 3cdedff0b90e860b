// SPDX-License-Identifier: MIT
// BFD control packets (RFC 5880 section 4.1, version 1, unauthenticated) to and from host order.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "wire/bfd_layout.h"

#define PT_BFD_DIAGS(X)                               \
	X(NONE, "none")                               \
	X(EXPIRED, "detection time expired")          \
	X(ECHO, "echo failed")                        \
	X(NEIGHBOR, "neighbor signaled session down") \
	X(RESET, "forwarding plane reset")            \
	X(PATH, "path down")                          \
	X(CONCATENATED, "concatenated path down")     \
	X(ADMIN, "administratively down")             \
	X(REVERSE, "reverse concatenated path down")

enum pt_bfd_diag {
#define X(name, text) PT_BFD_DIAG_##name,
	PT_BFD_DIAGS(X)
#undef X
		PT_BFD_DIAG_COUNT,
};

// What a packet is discarded for, RFC 5880 section 6.8.6, in the order of its checks.
#define PT_BFD_FAULTS(X)                                                     \
	X(NONE, "sound")                                                     \
	X(SHORT, "short")                                                    \
	X(VERSION, "version")                                                \
	X(LENGTH, "length")                                                  \
	X(MULT, "detect_mult")                                               \
	X(MULTIPOINT, "multipoint")                                          \
	X(DISCRIMINATOR, "discriminator") /* none, or of no session */       \
	X(AUTH, "auth")                   /* it is signed, we know no key */ \
	X(POLL, "poll_and_final")         /* RFC 5880 section 6.5 */         \
	X(HOPS, "hops")                   /* RFC 5881 section 5 */           \
	X(PEER, "peer")                   /* from nobody with a session */

enum pt_bfd_fault {
#define X(name, text) PT_BFD_FAULT_##name,
	PT_BFD_FAULTS(X)
#undef X
		PT_BFD_FAULT_COUNT,
};

struct pt_bfd_control {
	uint8_t state; // enum pt_bfd_state
	uint8_t diag;  // enum pt_bfd_diag, or one that is none yet
	uint8_t flags; // PT_BFD_FLAGS
	uint8_t mult;
	uint32_t mine, yours; // discriminators, as the sender sees them
	uint32_t min_tx_us, min_rx_us, min_echo_us;
};

// PT_BFD_LEN or -ENOSPC.
int pt_bfd_write(const struct pt_bfd_control *c, void *buf, size_t size);
// What the packet alone can show; HOPS and PEER are the caller's. *out only with NONE.
enum pt_bfd_fault pt_bfd_read(const void *buf, size_t len, struct pt_bfd_control *out);

const char *pt_bfd_state_name(unsigned state); // "?" where there is none
const char *pt_bfd_diag_name(unsigned diag);
const char *pt_bfd_fault_name(unsigned fault);
