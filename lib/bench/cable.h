// SPDX-License-Identifier: MIT
// Cables between pairs of devices in the calling thread's network namespace, which can be cut
// without anybody being told: carriers stay, packets vanish.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define PT_CABLE_ENDS 64 // interface indexes below this

struct pt_cables;

int pt_cables_new(struct pt_cables **out, struct pt_err *err);
void pt_cables_free(struct pt_cables *c);
// Joins the devices with these indexes, both ways.
int pt_cables_join(struct pt_cables *c, uint32_t a, uint32_t b, struct pt_err *err);
// Cuts or heals the way from this device on; one store.
void pt_cables_cut(struct pt_cables *c, uint32_t from, bool cut);
uint64_t pt_cables_lost(const struct pt_cables *c, uint32_t from); // packets
