// SPDX-License-Identifier: MIT
// When no packet goes by a bank any more that was active before: a packet reads the bank's number
// once, within one RCU read-side section, and the kernel's barrier returns when all such sections
// have ended. That takes some milliseconds, which a thread waits for after each flip, so that the
// next change need not, unless it follows at once. The state is pt_meta's, for whichever process
// comes next; one that dies leaves it such that the next one waits.
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "plane/plane.h"

// Waits for the barrier itself.
int pt_settle_wait(struct pt_err *err);
// Returns when no packet uses the spare banks. For holders of PT_PIN_LOCK_WRITE, as what follows.
int pt_settle_spare(struct pt_plane *p, struct pt_err *err);
// Makes other banks active (a set of PT_BANK_*), and waits in the background.
void pt_settle_flip(struct pt_plane *p, uint32_t flip);
// Before the plane's maps go.
void pt_settle_done(struct pt_plane *p);
