// SPDX-License-Identifier: MIT
// Ethernet addresses of devices of the calling thread's network namespace.
#pragma once
#include <linux/if_ether.h>
#include <stdint.h>

#include "base/err.h"

int pt_mac_read(const char *device, uint8_t out[ETH_ALEN], struct pt_err *err);
