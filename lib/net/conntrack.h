// SPDX-License-Identifier: MIT
// Tracked connections of the calling thread's network namespace, by ctnetlink.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

struct pt_conntrack {
	struct pt_addr src, dst; // as the first packet had them before translation
	struct pt_addr seen;     // what the far end sees as its source
	uint8_t proto;
	uint32_t mark;
	bool snat; // the source is translated
};

typedef bool pt_conntrack_fn(void *ctx, const struct pt_conntrack *c);

// Forgets those for which doomed says so; their next packet is tracked, and translated, anew. A
// kernel without connection tracking has none.
int pt_conntrack_forget(
	pt_conntrack_fn *doomed, void *ctx, uint32_t *forgotten, struct pt_err *err);
