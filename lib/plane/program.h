// SPDX-License-Identifier: MIT
// Programs are loaded once: pinned in DIR/links/, they are found again by whoever comes next with
// the same build and the same settings, and only another build, or other settings, loads them anew.
// Each is loaded when the first device wants it.
//
// For holders of PT_PIN_LOCK_WATCH, but for pt_programs_pinned.
#pragma once
#include "base/err.h"
#include "bpf/plane.h"
#include "plane/load.h"

// Programs for the plane in dir, none of them in hand yet: those that are pinned there or, as the
// next generation, others. meta: the plane's; NULL: there is none, and what is pinned is nothing.
int pt_programs_init(const char *dir, const struct pt_meta *meta, const struct pt_sizes *sizes,
	struct pt_programs *out, struct pt_err *err);
// Those of the set that are not in hand: from their pins, else loaded and pinned.
int pt_programs_need(const char *dir, uint32_t set, struct pt_programs *p, struct pt_err *err);
// Removes the pins of other generations and builds.
void pt_programs_retire(const char *dir, const struct pt_programs *p);
// A program as it is pinned, whatever build it is of. A descriptor or -ENOENT.
int pt_programs_pinned(const char *dir, enum pt_program program);
