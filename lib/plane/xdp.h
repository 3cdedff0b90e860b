// SPDX-License-Identifier: MIT
// XDP of LAN devices, in front of the tc hooks: refused where something would be lost by it, and
// kept in step with the devices.
#pragma once
#include "plane/setup.h"

// Checks a setup whose hook is XDP: no shaping on path devices, which redirects would pass by; no
// LAN device whose frames come with unfinished checksums, which XDP forgets; drivers that can; and
// paths' devices that take redirected frames.
int pt_xdp_check(const struct pt_setup *s, struct pt_err *err);

// Attaches to the LAN devices of a plane that wants XDP (PT_META_XDP), and takes it away from all
// others. Devices that would be refused go without when the setup is not strict: tc has all
// packets.
int pt_xdp_put(struct pt_plane *p, const struct pt_setup *s, struct pt_programs *progs,
	struct pt_err *err);
