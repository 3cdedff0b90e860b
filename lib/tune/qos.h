// SPDX-License-Identifier: MIT
// The shaper of a device as one setting, "qos", so that a transaction writes and takes back all of
// it or nothing:
//   default KIND                  the kernel's own queueing discipline
//   other KIND HANDLE             somebody else's, which could not be put back
//   part KIND HANDLE              a shaper of ours that is not whole: a write was broken off
//   htb RATE default CLASS control RATE data RATE bulk RATE quantum BYTES|auto leaf KIND
// Rates are bit/s of whole bytes. The knobs qos.* are its words. Fixtures have it in ROOT/tc/DEVICE
// and the queueing disciplines that the kernel has in ROOT/tc/kinds.
#pragma once
#include <stdbool.h>

#include "tune/host.h"
#include "tune/tuning.h"

#define PT_QOS_KEY "qos"

bool pt_qos_is(const char *key); // "qos" or a knob of it

int pt_qos_read(
	const struct pt_host *h, const char *device, char out[PT_KNOB_VALUE], struct pt_err *err);
int pt_qos_write(const struct pt_host *h, const char *device, const char *text, struct pt_err *err);

// The word of a knob ("qos.rate") in the setting; "none" where nothing of ours is there. -ENOENT:
// the knob is no word of it.
int pt_qos_get(const char *text, const char *key, char out[PT_KNOB_VALUE]);
bool pt_qos_is_other(const char *text); // somebody else's, or broken off

// The first of the kinds, joined by ';', that the kernel has; "auto" tries all that serve. -ENOENT:
// none of them. -EPERM: cannot be found out without privilege.
int pt_qos_leaf(
	const struct pt_host *h, const char *kinds, char out[PT_KNOB_VALUE], struct pt_err *err);

// The setting that the items of one device come to, where one of them is to be written: 1 and an
// item of the knob "qos" in *out. 0: none is. -EINVAL: they do not go together.
int pt_qos_join(const struct pt_tuning *plan, const char *device, struct pt_arena *a,
	struct pt_item *out, struct pt_err *err);
