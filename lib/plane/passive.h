// SPDX-License-Identifier: MIT
// What users' own TCP flows told of a path and a policy (bpf/passive_map.h), read and removed.
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "base/hist.h"
#include "plane/plane.h"

// Of the flows that are followed, since the pair was first used.
struct pt_passive_sum {
	uint64_t segments, again; // that left with data; of these, with data that had left before
	uint64_t crossed;         // answers by another device than the packet's
	struct pt_hist rtt;       // from the LAN device's ingress to the path device's
};

// -ENOENT: no packet of a followed flow has taken this path under this policy.
int pt_passive_read(
	const struct pt_plane *p, const struct pt_rtt_key *key, struct pt_passive_sum *out);
// All pairs that there are, by path, then policy; the caller frees *out.
int pt_passive_list(
	const struct pt_plane *p, struct pt_rtt_key **out, uint32_t *n, struct pt_err *err);
// What came after `before`, read earlier of the same pair; all, where the pair began anew.
void pt_passive_since(const struct pt_passive_sum *now, const struct pt_passive_sum *before,
	struct pt_passive_sum *out);

// The path, or the policy, with this index is not the same any more.
void pt_passive_forget_path(struct pt_plane *p, uint32_t path);
void pt_passive_forget_policy(struct pt_plane *p, uint32_t policy);
