// SPDX-License-Identifier: MIT
// A control group (version 2) that counts the processor time of what is started inside, the
// kernel's work for it included, and that of the whole machine.
#pragma once
#include <limits.h>
#include <stdint.h>

#include "base/err.h"

struct pt_cgroup {
	char dir[PATH_MAX];  // ours
	char home[PATH_MAX]; // where this process belongs
};

// -ENOENT: there is no such hierarchy here.
int pt_cgroup_open(struct pt_cgroup *g, struct pt_err *err);
void pt_cgroup_close(struct pt_cgroup *g); // zeroed or open
// What this process starts in between belongs to the group, and stays there.
int pt_cgroup_enter(const struct pt_cgroup *g, struct pt_err *err);
int pt_cgroup_leave(const struct pt_cgroup *g, struct pt_err *err);
int pt_cgroup_usage_us(const struct pt_cgroup *g, int64_t *out, struct pt_err *err);

// Time that no processor of this machine was idle, summed, to 10 ms.
int pt_machine_busy_us(int64_t *out, struct pt_err *err);
