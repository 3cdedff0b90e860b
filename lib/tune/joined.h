// SPDX-License-Identifier: MIT
// Knobs that make one setting together, so that a transaction writes and takes back all of it or
// nothing. Its text is pairs of words and values, the first pair being a mark of ours; else
//   none, default ...       nothing of ours is there
//   other ...               somebody else's, which could not be put back
//   part ...                one of ours that is not whole: a write was broken off
#pragma once
#include <stdbool.h>

#include "tune/host.h"
#include "tune/tuning.h"

struct pt_joined_word {
	const char *key, *word, *otherwise; // otherwise: where nobody asks for it; NULL: left out
};

struct pt_joined {
	const char *key; // of the setting; its knobs are KEY.*
	const char *mark;
	const struct pt_joined_word *words;
	size_t n;
	bool per_device;
	bool steps; // written in several steps: one that was broken off is neither old nor new
	// The words brought into the form that is read back; -EINVAL: they do not go together.
	int (*settle)(const char *text, char out[PT_KNOB_VALUE], struct pt_err *err);
	int (*read)(const struct pt_host *h, const char *device, char out[PT_KNOB_VALUE],
		struct pt_err *err);
	int (*write)(
		const struct pt_host *h, const char *device, const char *text, struct pt_err *err);
};
extern const struct pt_joined pt_joined_qos, pt_joined_marking;

// The setting that a key is, or is a knob of; NULL: none.
const struct pt_joined *pt_joined_of(const char *key);
// The value of a knob's word; "none" where nothing of ours is there. -ENOENT: no word of it.
int pt_joined_get(
	const struct pt_joined *j, const char *text, const char *key, char out[PT_KNOB_VALUE]);
bool pt_joined_is_other(const char *text); // somebody else's, or broken off

// The setting that the items of one device (NULL: of none) come to, where one of them is to be
// written: 1 and an item of the setting's own knob in *out. 0: none is. -EINVAL: they do not go
// together.
int pt_joined_make(const struct pt_joined *j, const struct pt_tuning *plan, const char *device,
	struct pt_arena *a, struct pt_item *out, struct pt_err *err);
