// SPDX-License-Identifier: MIT
// From records to the engine. All sources share one time line: CLOCK_MONOTONIC of the first boot
// seen; other boots (a restart, another host) and records without it are placed by their `ts`.
#pragma once
#include <jansson.h>

#include "base/clock.h"
#include "select/select.h"

#define PT_INPUT_BOOTS 8 // remembered at once; past it the oldest is placed anew

struct pt_input {
	struct pt_select *select;
	bool take_decisions; // decision records of the input are the order in force
	int64_t latest_ns;   // later records are refused: one wrong clock must not stop the time of
			     // all others; 0: no limit
	struct {
		char boot[PT_BOOT_ID_LEN];
		int64_t shift_ns; // selection time - CLOCK_MONOTONIC
	} boots[PT_INPUT_BOOTS];
	unsigned n_boots;
	bool placed;          // the one below is set
	int64_t wall_less_ns; // wall clock - selection time
};

// 1: taken; 0: a type that means nothing here; -EINVAL: a known type with bad
// content.
int pt_input_record(
	struct pt_input *in, const json_t *record, const char *type, struct pt_err *err);
// Places a clock reading of a host on the time line. boot or wall_us may be unknown (NULL,
// PT_NULL), not both.
int64_t pt_input_time(struct pt_input *in, const char *boot, int64_t mono_ns, int64_t wall_us);
