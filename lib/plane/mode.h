// SPDX-License-Identifier: MIT
// How packets of a path reach its device: straight (redirect), or through the kernel (mark).
#pragma once
#include "plane/setup.h"

// The path's own mode, else its uplink's, else what is right here: mark behind NAT and beside a
// firewall. PT_HOP_MARK, PT_HOP_GUARD or none, and
// PT_HOP_NAT.
uint32_t pt_mode_flags(const struct pt_setup *s, const struct pt_path *path);

// The own site has a NATed uplink.
bool pt_mode_any_nat(const struct pt_setup *s);

// Redirect asked for beside a firewall that some policy obeys is refused.
int pt_mode_check(const struct pt_setup *s, const struct pt_path *path, struct pt_err *err);
