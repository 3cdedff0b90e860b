// SPDX-License-Identifier: MIT
// STAMP's time field to and from host order: NTP or PTP, seconds in the upper half.
#pragma once
#include <arpa/inet.h>
#include <stdint.h>

#include "wire/stamp_layout.h"

static inline struct pt_stamp_time pt_stamp_time_out(uint64_t t)
{
	return (struct pt_stamp_time){ htonl((uint32_t)(t >> 32)), htonl((uint32_t)t) };
}

static inline uint64_t pt_stamp_time_in(struct pt_stamp_time t)
{
	return (uint64_t)ntohl(t.seconds) << 32 | ntohl(t.fraction);
}
