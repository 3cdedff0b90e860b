// SPDX-License-Identifier: MIT
// Run times of BPF programs, counted only for as long as a counter is open: nothing is left on.
#pragma once
#include <stdint.h>

#include "base/err.h"

#define PT_PROGSTAT_MAX 64

struct pt_progstat {
	uint32_t id;
	char name[16];
	uint64_t run_ns, runs;
};

// A descriptor that switches counting on until it is closed. -EPERM, -EINVAL: not possible here.
int pt_progstat_open(struct pt_err *err);
// Programs that are loaded now; how many.
unsigned pt_progstat_read(struct pt_progstat out[PT_PROGSTAT_MAX]);
