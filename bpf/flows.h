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

// 256 KB, about what the groups, paths and counters of 2,000 sites take that packets use.
#define PT_TOUCH_LINES 4096
#define PT_TOUCHES     4 // destination, first candidate, path, counters

struct pt_touch_line {
	__u32 word[16];
};
