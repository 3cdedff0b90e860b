// SPDX-License-Identifier: MIT
// The second half of health-check: pt-probe watch of many paths, a hundred probes a second each.
#pragma once
#include "bench/cgroup.h"
#include "bench/health.h"

struct pt_health_stamp {
	const char *near, *far; // namespaces, 198.18.0.0/15 is in the far one, behind device v0
	const char *tool;       // pt-probe
	const struct pt_cgroup *cgroup;
	const struct pt_health_opts *o;
};

// Fills the rows from PT_HEALTH_STAMP_CPU to PT_HEALTH_MEMORY.
int pt_health_stamp(
	const struct pt_health_stamp *s, struct pt_health_report *out, struct pt_err *err);
