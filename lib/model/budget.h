// SPDX-License-Identifier: MIT
// How often paths are probed when health.budget_* allow less than was asked for: all intervals of
// an edge are stretched by the same factor, so that no path is seen worse than another. What sends
// the probes (pt-probe) and what waits for them (the kernel's watchdog) both ask here.
#pragma once
#include "base/buf.h"
#include "model/config.h"
#include "model/network.h"

struct pt_budget {
	int64_t wanted_ns, period_ns; // time between two probes of a path, asked for and allowed
	uint32_t paths;               // that are probed
	const char *cap;              // key that stretches most; NULL: nothing is stretched
	const char *uplink;           // with health.budget_percent
	int64_t needed, allowed;      // packets or bits a second, by that cap
};

// Of the paths that start at `self`; NULL: of none. Bits are those on the wire, with the headers of
// IP and Ethernet, one way. Targets are not counted: they are asked seldom.
void pt_budget_make(const struct pt_config *c, const struct pt_network *n,
	const struct pt_site *self, struct pt_budget *out);
// One line for the log: what is stretched, to what, and why.
void pt_budget_explain(const struct pt_budget *b, const struct pt_config *c, struct pt_buf *out);
