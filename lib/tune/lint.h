// SPDX-License-Identifier: MIT
// Every rule that a profile's values break, on this host or on the machine that the guide itself
// recommends for a medium deployment: then the same everywhere.
#pragma once
#include "base/arena.h"
#include "tune/tuning.h"

// For each finding; `it` holds key, guide, want (ADAPT), action, rule and why.
typedef void pt_lint_fn(void *ctx, const struct pt_item *it);

// The guide's machine: 4 CPUs, 8 GB, Linux 5.15 at 250 Hz, a router with two WANs on virtio, and
// the kernel's own values.
void pt_lint_reference(struct pt_facts *out);

// ask->host NULL: the reference machine's values.
int pt_lint(const struct pt_tuning_ask *ask, pt_lint_fn *fn, void *ctx, struct pt_arena *a,
	struct pt_err *err);
