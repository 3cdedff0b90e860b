// SPDX-License-Identifier: MIT
// The shaper of a device as one setting, "qos" (tune/joined.h):
//   default KIND                  the kernel's own queueing discipline
//   other KIND HANDLE             somebody else's, which could not be put back
//   part KIND HANDLE              a shaper of ours that is not whole: a write was broken off
//   htb RATE default CLASS control RATE data RATE bulk RATE quantum BYTES|auto leaf KIND
// Rates are bit/s of whole bytes. The knobs qos.* are its words. Fixtures have it in ROOT/tc/DEVICE
// and the queueing disciplines that the kernel has in ROOT/tc/kinds.
#pragma once
#include "tune/joined.h"

// The first of the kinds, joined by ';', that the kernel has; "auto" tries all that serve. -ENOENT:
// none of them. -EPERM: cannot be found out without privilege.
int pt_qos_leaf(
	const struct pt_host *h, const char *kinds, char out[PT_KNOB_VALUE], struct pt_err *err);
