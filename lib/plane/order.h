// SPDX-License-Identifier: MIT
// The order of a group's candidates, by decision or by hand.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/records.h"
#include "plane/names.h"

struct pt_order {
	uint32_t site, policy;
	struct pt_group group;
};

// Turns names into indexes. -ENOENT: a name that this plane does not know; -EINVAL: no path without
// `drop`, a path twice, a path of another site, or too many. err says which.
int pt_order_resolve(const struct pt_names *n, const struct pt_decision *d, struct pt_order *out,
	struct pt_err *err);

// Writes all of them as one batch, visible to packets at once. *changed counts those that were not
// in place already; for 0 nothing is written.
int pt_order_apply(const struct pt_names *names, const struct pt_order *orders, uint32_t n,
	uint32_t *changed, struct pt_err *err);

// Marks it as a person's order, given now.
void pt_order_by_hand(struct pt_order *o);
// A person ordered the group later than then: what was decided before no longer counts. then_ns 0:
// before this boot.
bool pt_order_is_newer_by_hand(
	const struct pt_plane *p, uint32_t site, uint32_t policy, int64_t then_ns);
