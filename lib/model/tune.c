// SPDX-License-Identifier: MIT
#include "model/tune.h"

#include "base/cleanup.h"

const char *const pt_tune_action_names[] = {
	[PT_TUNE_SAME] = "same",
	[PT_TUNE_SET] = "set",
	[PT_TUNE_ADAPT] = "adapt",
	[PT_TUNE_SKIP] = "skip",
	[PT_TUNE_REFUSE] = "refuse",
	[PT_TUNE_UNKNOWN] = "unknown",
	[PT_TUNE_HAND] = "hand",
	[PT_TUNE_SHADOWED] = "shadowed",
	[PT_TUNE_WARN] = "warn",
	NULL,
};

#define TEXT(key_, text)                                                              \
	{                                                                             \
		.key = #key_, .kind = PT_KIND_STR, PT_FIELD_AT(struct pt_tune, key_), \
		.doc = (text)                                                         \
	}

static const struct pt_field fields[] = {
	{ .key = "key",
		.kind = PT_KIND_STR,
		PT_FIELD_AT(struct pt_tune, key),
		.flags = PT_FIELD_REQUIRED,
		.doc = "Setting, as pt-tunables(7) has it" },
	TEXT(device, "Device; null for what is no device's"),
	TEXT(before, "Value in force, in canonical form; null where there is none"),
	TEXT(guide, "Value as the profile writes it"),
	TEXT(want, "Value that is wanted here; null: none"),
	TEXT(after, "Value that was read back after it was written; null: not written"),
	{ .key = "action",
		.kind = PT_KIND_ENUM,
		PT_FIELD_AT(struct pt_tune, action),
		.names = pt_tune_action_names,
		.flags = PT_FIELD_REQUIRED,
		.doc = "What is done with it" },
	TEXT(rule, "Rule that decided, or warned"),
	TEXT(why, "Its reason"),
};

const struct pt_schema pt_tune_schema = {
	.name = "tune",
	.size = sizeof(struct pt_tune),
	.fields = fields,
	.n = PT_ARRAY_LEN(fields),
};
