// SPDX-License-Identifier: MIT
// Policies as rule vectors: the kernel's classifier in four loads.
#pragma once
#include "bpf/plane.h"
#include "model/network.h"

// Policy n of the network becomes bit n of every value that its match accepts.
void pt_rule_fill(const struct pt_network *net, struct pt_rule *out);
