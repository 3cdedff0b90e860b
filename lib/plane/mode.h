// SPDX-License-Identifier: MIT
// How packets of a path reach its device: straight (redirect), or through the kernel (mark).
#pragma once
#include "plane/setup.h"

// The path's own mode, else its uplink's, else what is right here: mark behind NAT and beside a
// firewall. PT_HOP_MARK, PT_HOP_GUARD or 0.
uint32_t pt_mode_flags(const struct pt_setup *s, const struct pt_path *path);

// Redirect asked for beside a firewall that some policy obeys is refused.
int pt_mode_check(const struct pt_setup *s, const struct pt_path *path, struct pt_err *err);
