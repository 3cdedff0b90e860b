// SPDX-License-Identifier: MIT
// What a profile comes to on this host: one item a key and device, with what is there, what is
// asked for, what is wanted, and the rule that decided. Reads only.
#pragma once
#include "base/arena.h"
#include "model/tune.h"
#include "tune/facts.h"
#include "tune/host.h"
#include "tune/nic.h"
#include "tune/profile.h"
#include "tune/rule.h"

extern const char *const pt_action_signs[]; // of enum pt_tune_action: "=", "+", ...

struct pt_item {
	const struct pt_knob *knob;
	const char *device; // NULL: no device's
	const char *before; // canonical; NULL: not there
	const char *guide;  // as the profile writes it
	const char *want;   // canonical; NULL: nothing is wanted
	const char *after;  // what apply read back; NULL: not applied
	enum pt_tune_action action;
	const char *rule; // NULL: none spoke
	const char *why;  // NULL: nothing to say
};

struct pt_tuning {
	struct pt_item *item;
	unsigned n;
	unsigned count[PT_TUNE_WARN + 1];
};

struct pt_tuning_ask {
	const struct pt_host *host;
	const struct pt_facts *facts; // the profile's variables are in already
	const struct pt_profile *profile;
	const struct pt_nics *nics;
	const char *const *only; // patterns of keys; n_only 0: all
	unsigned n_only;
	const char *const *skip;
	unsigned n_skip;
	const char *device;       // this one alone, whatever the profile's match says; NULL: any
	const char *const *allow; // ids of rules that may not refuse
	unsigned n_allow;
	bool netns; // only what each network namespace has for itself
};

int pt_tuning_make(const struct pt_tuning_ask *ask, struct pt_arena *a, struct pt_tuning *out,
	struct pt_err *err);
bool pt_tuning_wanted(const struct pt_tuning_ask *ask, const char *key);

// The value in force, canonical. -ENOENT: not there; -ENODATA: this program cannot read it.
int pt_tuning_current(const struct pt_host *h, const struct pt_facts *f, const struct pt_nic *nic,
	const struct pt_knob *k, char out[PT_KNOB_VALUE]);
