// SPDX-License-Identifier: MIT
// Groups of destinations that several sites share: the candidates of the preferred site, then those
// of the next. The kernel thus moves on by itself when the last path to a site dies.
#pragma once
#include "plane/bank.h"
#include "plane/names.h"

// True for the name of such a destination.
bool pt_shared_name(const char *id);
// Makes the groups of one of them in the batch from those of its sites there.
void pt_shared_put(const struct pt_bank *bank, const struct pt_names *names, uint32_t index);
// The same for all that names knows.
void pt_shared_put_all(const struct pt_bank *bank, const struct pt_names *names);
