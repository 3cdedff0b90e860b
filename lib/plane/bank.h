// SPDX-License-Identifier: MIT
// Groups and rules change together, by one store: a batch works on the bank that no packet uses and
// then flips. Whoever begins a batch holds PT_PIN_LOCK_WRITE until it is over.
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "plane/plane.h"

struct pt_bank {
	struct pt_plane *plane; // borrowed
	uint32_t spare;
};

// Waits until no packet uses the spare bank (a grace period: some milliseconds) and makes it a copy
// of the active one. A batch that is never committed changes nothing.
int pt_bank_begin(struct pt_plane *p, struct pt_bank *out, struct pt_err *err);
struct pt_rule *pt_bank_rule(const struct pt_bank *b);
// NULL when the site or the policy is out of range.
struct pt_group *pt_bank_group(const struct pt_bank *b, uint32_t site, uint32_t policy);
void pt_bank_commit(struct pt_bank *b);

// What packets use now.
const struct pt_group *pt_group_active(const struct pt_plane *p, uint32_t site, uint32_t policy);
