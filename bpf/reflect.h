// SPDX-License-Identifier: MIT
// What the reflector in the kernel (reflect.bpf.c) and its owner (lib/probe/reflect_kernel.c)
// share.
#pragma once
#include <linux/types.h>

#define PT_REFLECT_ADDRESSES 1024 // of this host
#define PT_REFLECT_PREFIXES  64   // that are answered
#define PT_REFLECT_SOURCES   4096 // whose rate is remembered

// Written by the owner only, read for every request.
struct pt_reflect_conf {
	__s64 wall_offset_ns;   // CLOCK_REALTIME less CLOCK_MONOTONIC
	__u64 gap_ns, burst_ns; // between two answers, and how far ahead of that one may be; 0: any
	__u64 source_gap_ns;    // the same for each sender, with the same burst
	__u16 port;             // host order
	__be16 error;           // estimate of our clock's, as on the wire
	__u32 allow_all;
};

// IPv4 addresses as ::ffff:a.b.c.d, so that one table serves both families.
struct pt_reflect_addr {
	__u8 bytes[16];
};

struct pt_reflect_prefix {
	__u32 len; // of 128
	struct pt_reflect_addr addr;
};

// Outcomes, counted per processor. What is passed on, user space answers, refuses and counts.
enum pt_reflect_stat {
	PT_REFLECT_ANSWERED,
	PT_REFLECT_REFUSED, // not allowed
	PT_REFLECT_LIMITED, // above a rate
	PT_REFLECT_PASSED,  // to the port, but not for the fast path
	PT_REFLECT_STATS
};
