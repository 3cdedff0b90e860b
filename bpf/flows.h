// SPDX-License-Identifier: MIT
// What bpf/flows.bpf.c and its user share.
#pragma once
#include <linux/types.h>

#define PT_FLOWS     131072 // a power of two
#define PT_FLOWS_BAD 99     // returned when the program to measure was not reached

// Network order; IPv4 in the first four bytes.
struct pt_flow_row {
	__u8 src[16], dst[16];
	__u16 sport, dport;
	__u16 check; // of the IPv4 header with TTL 64
	__u16 pad;
};
