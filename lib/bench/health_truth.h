// SPDX-License-Identifier: MIT
// The last part of health-check: round trips as pt-probe tells them, beside those of programs at tc
// egress and ingress that see the very same packets.
#pragma once
#include "bench/health.h"
#include "bench/nodes.h"

struct pt_health_truth {
	const struct pt_nodes *nodes; // 198.18.0.0/15 is in the second one, behind device v0
	const char *tool;             // pt-probe
	const char *hosts;            // one a line, all of 198.18.0.0/16
	const struct pt_health_opts *o;
};

// Fills the rows from PT_HEALTH_ERROR on.
int pt_health_truth(
	const struct pt_health_truth *s, struct pt_health_report *out, struct pt_err *err);
