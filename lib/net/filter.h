// SPDX-License-Identifier: MIT
// Filters of traffic control.
#pragma once
#include <stdint.h>

// How many filters the clsact qdisc of a device has, both ways; 0 without one. -errno.
int pt_filter_count(uint32_t ifindex);
