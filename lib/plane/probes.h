// SPDX-License-Identifier: MIT
// The last probes of a path, as its slot remembers them: the black box of a switch.
#pragma once
#include <stdint.h>

#include "base/arena.h"
#include "bpf/plane.h"
#include "model/records.h"

// Oldest first, at most PT_RING; in the arena. NULL when there is none, or no memory.
struct pt_probe_mark *pt_probes_of(const struct pt_watch *w, struct pt_arena *a, uint32_t *n);

// When the first probe since then was answered; PT_NULL: none yet.
int64_t pt_probes_reply_after(const struct pt_watch *w, int64_t from_ns);
