// SPDX-License-Identifier: MIT
// Passive measurement, the part that both sides share: what real TCP flows tell of each path and
// policy. Only some flows are followed (failover.passive_share): all packets of those, none of the
// others.
#pragma once
#include <linux/types.h>

#include "bpf/plane.h"

#define PT_PASSIVE_SLOTS   4096  // flows followed at once
#define PT_PASSIVE_SHARE   65536 // parts of all flows that pt_passive_below counts
#define PT_PASSIVE_BUCKETS 336   // those of lib/base/hist.h that lie below 16.7 s
#define PT_PASSIVE_CLASSES 8     // policies of a path that pt_rtt has room for, on average

// What the oldest unanswered packet of a flow waits for, in the upper half of `want`.
#define PT_PASSIVE_STAMP (1ull << 32) // this TSval to be echoed, RFC 7323
#define PT_PASSIVE_ACK   (2ull << 32) // the byte with this sequence number to be acknowledged

// pt_passive[index]: one flow, in one cache line. Written by the kernel only. One processor may
// overwrite what another reads: `want` is cleared before, and set after, all that belongs to it.
struct pt_passive_flow {
	__u64 want;    // PT_PASSIVE_* and the number; 0 nothing
	__u64 sent_ns; // when that left
	__u32 hash;    // of the far host and both ports: all that an address translation leaves
	__u32 key;     // of the near host, too
	__u32 seen;    // when its newest packet passed, in 2^30 ns
	__u32 stamp;   // TSval of that
	__u32 high;    // sequence number behind the last byte that ever left
	__u32 moved;   // `high` when the flow took its path
	__u32 path, before; // which that is, and which it was before; 0 none
	__u32 policy;
	__u32 pad;
	__u64 pad2;
};
PT_ASSERT_SIZE(pt_passive_flow, 64);

struct pt_rtt_key {
	__u32 path, policy;
};
PT_ASSERT_SIZE(pt_rtt_key, 8);

// pt_rtt: made on first use. Written by the kernel only, but for paths and policies that go.
struct pt_rtt {
	__u64 segments; // with data, that left
	__u64 again;    // of these with data that had left before
	__u64 crossed;  // answers that came back by another device: not in the histogram
	__u64 count, sum_us;
	__u32 bucket[PT_PASSIVE_BUCKETS]; // pt_hist_index
};
PT_ASSERT_SIZE(pt_rtt, 40 + 4 * PT_PASSIVE_BUCKETS);
