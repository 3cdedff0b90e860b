// SPDX-License-Identifier: MIT
// A tuning profile: what is asked for, as YAML. Keys are the catalogue's, unknown ones are errors;
// values are literals or expressions over the facts and the host's own values.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "tune/facts.h"
#include "tune/knob.h"

#define PT_PROFILE_DIR "etc/patronus/tune" // NAME.yaml here goes before the shipped ones

struct pt_host;

// Which devices an entry of `nic` or `qos`, or which unit one of `unit`, is for; NULL: any.
struct pt_profile_match {
	const char *role;   // wan: has a default route; lan: has none
	const char *name;   // pattern
	const char *driver; // pattern
	const char *unit;   // "patronus-probe.service"; NULL: PT_UNIT_DEFAULT
};

struct pt_profile_item {
	const struct pt_knob *knob;
	const char *text;   // as written; fields of a list joined by ';'
	bool list;          // it was a list
	bool comment;       // a comment stood behind the value and is cut off
	enum pt_knob_op op; // the knob's unless the profile says otherwise
	const char *why;    // the profile's own reason; NULL: none
	struct pt_profile_match match;
	uint32_t line;
	const char *file;
};

// A counter may move by at most `limit` while the effect is measured.
struct pt_profile_guard {
	enum pt_fact fact;
	double limit;
};

struct pt_profile {
	const char *name, *doc, *file;
	const char *match; // condition over the facts; NULL: any host
	struct pt_profile_item *items;
	size_t n_items;
	double vars[PT_FACT_COUNT]; // NaN: not given
	const char *const *probes;
	uint32_t n_probes;
	struct pt_profile_guard *guards;
	uint32_t n_guards;
};

// By name (etc/patronus/tune under the host's root, then shipped) or, where it holds a '/', by
// path. Bases named by `extends` come first. Everything lives in the arena.
int pt_profile_load(const struct pt_host *h, const char *name, struct pt_arena *a,
	struct pt_profile *out, struct pt_err *err);
void pt_profile_set_facts(const struct pt_profile *p, struct pt_facts *f);

// The item's value in canonical form where it is a literal; -EINVAL: it is an expression, or bad.
int pt_profile_item_literal(
	const struct pt_profile_item *it, char out[PT_KNOB_VALUE], struct pt_err *err);

struct pt_shipped_profile {
	const char *name;
	const char *text, *end;
};
extern const struct pt_shipped_profile pt_shipped_profiles[]; // ends with name NULL
