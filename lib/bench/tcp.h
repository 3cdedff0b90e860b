// SPDX-License-Identifier: MIT
// One TCP connection through a lane, as fast as it goes.
#pragma once
#include "bench/lane.h"

// Sends for so long, after a short while to get going. *rate_bps: what arrived.
int pt_tcp_run(const struct pt_lane *l, int64_t ns, int64_t *rate_bps, struct pt_err *err);
