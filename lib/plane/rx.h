// SPDX-License-Identifier: MIT
// What a device tells of the packets that arrive by it: their path, and the edge that sent them.
#pragma once
#include "base/err.h"
#include "plane/plane.h"

// Brings pt_rx up to date with pt_hop. What stays is never missing meanwhile.
int pt_rx_put(struct pt_plane *p, struct pt_err *err);
