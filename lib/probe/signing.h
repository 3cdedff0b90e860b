// SPDX-License-Identifier: MIT
// Which paths' STAMP health.auth_key signs, and the key out of its file. What the kernel judges a
// path's life by has to be open: it cannot check a signature, nor sign what it sends itself when
// traffic clocks the probes.
#pragma once
#include "model/config.h"
#include "model/network.h"
#include "wire/stamp_auth.h"

bool pt_signing_covers(const struct pt_path *p, const struct pt_config *c);
// Says in one line that some paths stay open, where that is so.
void pt_signing_tell(
	const struct pt_config *c, const struct pt_network *n, const struct pt_site *self);
// The key in the file, NULL without one. *key stays what it is when it is the same; else *old is
// what it was, to be freed after its streams. Nothing changes on an error.
int pt_signing_load(const struct pt_config *c, struct pt_stamp_key **key, struct pt_stamp_key **old,
	struct pt_err *err);
