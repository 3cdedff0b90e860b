// SPDX-License-Identifier: MIT
// What the inventory (run/patronus/network.json) declares of the devices of this host.
#pragma once
#include "tune/nic.h"

// rate_bps of each device. NaN: no uplink has that device and a rate, or two do that disagree (they
// are of two sites, and which of them this host is, the inventory does not say).
void pt_nics_declare(struct pt_nics *nics);
