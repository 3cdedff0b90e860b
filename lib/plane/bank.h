// SPDX-License-Identifier: MIT
// All that decides about a packet changes at once, by one store: a batch works on the banks that no
// packet uses and then flips. Groups and what classifies packets have banks of their own, because
// decisions change groups alone. Whoever begins a batch holds PT_PIN_LOCK_WRITE until it is over.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "plane/plane.h"
#include "plane/trie.h"

struct pt_bank {
	struct pt_plane *plane; // borrowed
	uint32_t flip;          // set of PT_BANK_*: what a commit makes active
};

// Waits until no packet uses the spare banks, if need be (plane/settle.h). They hold anything:
// groups are cleared or copied from the active ones first, and what classifies is filled as a
// whole. A batch that is never committed changes nothing.
int pt_bank_begin(struct pt_plane *p, uint32_t flip, struct pt_bank *out, struct pt_err *err);
// False when the site or the policy is out of range.
const struct pt_group *pt_bank_group(const struct pt_bank *b, uint32_t site, uint32_t policy);
bool pt_bank_put_group(
	const struct pt_bank *b, uint32_t site, uint32_t policy, const struct pt_group *group);
void pt_bank_copy_groups(const struct pt_bank *b);
void pt_bank_clear_groups(const struct pt_bank *b);
struct pt_rule *pt_bank_rule(const struct pt_bank *b);
struct pt_dest *pt_bank_dest(const struct pt_bank *b);
struct pt_trie pt_bank_trie(const struct pt_bank *b); // empty
void pt_bank_commit(struct pt_bank *b);

// What packets use now; NULL when the site or the policy is out of range.
const struct pt_group *pt_group_active(const struct pt_plane *p, uint32_t site, uint32_t policy);
