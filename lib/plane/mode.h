// SPDX-License-Identifier: MIT
// How packets of a path reach its device: straight (redirect), or through the kernel (mark).
#pragma once
#include "plane/setup.h"

// The path's own mode, else its uplink's, else what is right here: mark behind NAT. Never auto.
enum pt_mode pt_mode_of(const struct pt_setup *s, const struct pt_path *path);
