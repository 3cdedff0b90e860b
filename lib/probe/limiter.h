// SPDX-License-Identifier: MIT
// Rates of packets, by the generic cell rate algorithm (ITU-T I.371, virtual scheduling): one
// instant is all the state. For all, and for each sender; the senders that were quiet longest are
// forgotten first.
#pragma once
#include <stdbool.h>

#include "base/addr.h"
#include "base/clock.h"

struct pt_limiter;

// Each 0: no limit. A tenth of a second's packets may come at once. NULL: out of memory.
struct pt_limiter *pt_limiter_new(uint64_t rate_pps, uint64_t source_rate_pps, uint64_t seed);
void pt_limiter_free(struct pt_limiter *l);
// Whether this packet is within both.
bool pt_limiter_take(struct pt_limiter *l, const struct pt_addr *from, struct pt_mono now);
