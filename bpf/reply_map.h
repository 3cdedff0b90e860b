// SPDX-License-Identifier: MIT
// What the kernel keeps of accepted replies, the part that both sides share: a histogram for each
// path, and a ring that pt-probe reads them out of, many at a time, instead of a socket.
#pragma once
#include <linux/types.h>

#include "bpf/plane.h"

#define PT_TRIP_BUCKETS 336 // those of lib/base/hist.h that lie below 16.7 s

// pt_trip[path]: round trips from the egress hook to the ingress hook. Changes under the lock of
// pt_watch[path]. Written by the kernel only, but for paths that go.
struct pt_trip {
	__u64 sum_us;
	__u32 bucket[PT_TRIP_BUCKETS]; // pt_hist_index; a full one stays as it is
};
PT_ASSERT_SIZE(pt_trip, 8 + 4 * PT_TRIP_BUCKETS);

#define PT_HEARD_PLAIN 44 // bytes: STAMP's base packet
#define PT_HEARD_MOST  60 // the same with direct measurement behind it, RFC 8972 section 4.5

// pt_heard: ring buffer. One accepted reply.
struct pt_heard {
	__u64 arrived_ns; // CLOCK_REALTIME, the stack's own stamp; 0: it makes none
	__u64 heard_ns;   // at the ingress hook
	__u32 path;
	__u8 ttl; // or hop limit
	__u8 len; // PT_HEARD_PLAIN or PT_HEARD_MOST
	__u16 pad;
	__u8 bytes[PT_HEARD_MOST]; // UDP's payload
	__u32 pad2;
};
PT_ASSERT_SIZE(pt_heard, 88);

// pt_reader[0], memory-mapped: whose replies go into the ring. Written by pt-probe only.
struct pt_reader {
	__u64 until_ns;          // nobody reads the ring after that, unless it is put off
	__u64 owner;             // a number of that process's own; 0 none
	__u16 port[PT_MAX_PATH]; // that it sends by; 0: replies of this path are not for the ring
};
PT_ASSERT_SIZE(pt_reader, 16 + 2 * PT_MAX_PATH);
