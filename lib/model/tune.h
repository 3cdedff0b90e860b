// SPDX-License-Identifier: MIT
// The body of a `tune` record: one setting of a host, before and after (pt-records(5)).
#pragma once
#include "model/schema.h"

enum pt_tune_action {
	PT_TUNE_SAME,
	PT_TUNE_SET,
	PT_TUNE_ADAPT,
	PT_TUNE_SKIP,
	PT_TUNE_REFUSE,
	PT_TUNE_UNKNOWN,
	PT_TUNE_HAND,
	PT_TUNE_SHADOWED,
	PT_TUNE_WARN,
};
extern const char *const pt_tune_action_names[];

struct pt_tune {
	const char *key;    // of the catalogue
	const char *device; // NULL: no device's
	const char *before, *guide, *want, *after;
	int action; // enum pt_tune_action
	const char *rule, *why;
};

extern const struct pt_schema pt_tune_schema;
