// SPDX-License-Identifier: MIT
#include "wire/ntp.h"

#include <errno.h>

#include "wire/stamp_layout.h"

#define NS_PER_S         1000000000LL
#define NTP_UNIX_SECONDS 2208988800LL // 1900-01-01 to 1970-01-01

uint64_t pt_ntp_from_unix_ns(int64_t unix_ns)
{
	int64_t s = unix_ns / NS_PER_S, ns = unix_ns % NS_PER_S;
	if (ns < 0) {
		ns += NS_PER_S;
		s--;
	}
	uint64_t fraction = (((uint64_t)ns << 32) + NS_PER_S / 2) / NS_PER_S;
	return ((uint64_t)(s + NTP_UNIX_SECONDS) << 32) + fraction;
}

int64_t pt_ntp_to_unix_ns(uint64_t ntp)
{
	int64_t s = (int64_t)(ntp >> 32) - NTP_UNIX_SECONDS;
	if (!(ntp >> 63))
		s += 1LL << 32;
	uint64_t ns = ((ntp & 0xffffffff) * NS_PER_S + (1ULL << 31)) >> 32;
	return s * NS_PER_S + (int64_t)ns;
}

int64_t pt_ptp_to_unix_ns(uint64_t ptp)
{
	return (int64_t)(ptp >> 32) * NS_PER_S + (int64_t)(ptp & 0xffffffff);
}

uint16_t pt_clock_error_encode(const struct pt_clock_error *e)
{
	uint64_t ns = e->bound_ns > 0 ? (uint64_t)e->bound_ns : 0;
	unsigned scale = 0;
	uint64_t units; // of 2^scale / 2^32 s
	if (ns < 1ULL << 32) {
		units = ((ns << 32) + NS_PER_S - 1) / NS_PER_S;
	} else { // whole seconds are exact enough and cannot overflow
		units = ns / NS_PER_S + 1;
		scale = 32;
	}
	while (units > 0xff) {
		units = (units + 1) / 2;
		scale++;
	}
	if (!units)
		units = 1;
	return (uint16_t)((e->synced ? PT_STAMP_ERROR_S : 0) | (e->ptp ? PT_STAMP_ERROR_Z : 0) |
		scale << PT_STAMP_ERROR_SCALE_SHIFT | units);
}

int pt_clock_error_decode(uint16_t wire, struct pt_clock_error *out)
{
	uint64_t multiplier = wire & 0xff;
	unsigned scale = wire >> PT_STAMP_ERROR_SCALE_SHIFT & PT_STAMP_ERROR_SCALE_MASK;
	if (!multiplier)
		return -EBADMSG;

	// multiplier * 2^scale / 2^32 s in ns, rounded up; 2^63 ns is multiplier 1 at scale 65
	unsigned __int128 ns = ((unsigned __int128)multiplier << scale) * NS_PER_S;
	ns = (ns + 0xffffffff) >> 32;
	*out = (struct pt_clock_error){
		.synced = wire & PT_STAMP_ERROR_S,
		.ptp = wire & PT_STAMP_ERROR_Z,
		.bound_ns = ns > INT64_MAX ? INT64_MAX : (int64_t)ns,
	};
	return 0;
}
