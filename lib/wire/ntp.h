// SPDX-License-Identifier: MIT
// Time as test packets carry it: 64-bit NTP (RFC 5905: seconds since 1900 and a 32-bit fraction),
// truncated PTP (seconds since 1970 and nanoseconds) and the error estimate of RFC 4656.
#pragma once
#include <stdbool.h>
#include <stdint.h>

uint64_t pt_ntp_from_unix_ns(int64_t unix_ns);
// Eras as in RFC 4330 section 3: the top bit set means 1968 to 2036, clear 2036 to 2104.
int64_t pt_ntp_to_unix_ns(uint64_t ntp);
int64_t pt_ptp_to_unix_ns(uint64_t ptp); // leap seconds not applied: use for differences only

struct pt_clock_error {
	bool synced;      // S: to UTC, by an outside source
	bool ptp;         // Z
	int64_t bound_ns; // largest error; at most INT64_MAX
};

// Rounds the bound up, so that it stays one; never yields the forbidden multiplier 0.
uint16_t pt_clock_error_encode(const struct pt_clock_error *e);
// -EBADMSG: multiplier 0, which RFC 4656 calls corrupt.
int pt_clock_error_decode(uint16_t wire, struct pt_clock_error *out);
