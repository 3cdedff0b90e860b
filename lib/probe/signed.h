// SPDX-License-Identifier: MIT
// Which paths' STAMP health.auth_key signs. What the kernel judges a path's life by has to be open:
// it cannot check a signature, nor sign what it sends itself when traffic clocks the probes.
#pragma once
#include "model/config.h"
#include "model/network.h"

static inline bool pt_path_is_signed(const struct pt_path *p, const struct pt_config *c)
{
	return c->health.auth_key && p->liveness == PT_LIVENESS_BFD;
}
