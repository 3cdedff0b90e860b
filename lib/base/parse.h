// SPDX-License-Identifier: MIT
// Numbers from text: the whole string or nothing, no sign where none is meant, no octal.
// All return 0, -EINVAL (not a number) or -ERANGE, and write *out only on success.
#pragma once
#include <stdint.h>

int pt_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out);
int pt_parse_i64(const char *s, int64_t min, int64_t max, int64_t *out);
int pt_parse_u32(const char *s, uint32_t min, uint32_t max, uint32_t *out);

// "10ms", "2s", "500us", "1m", "3h"; a bare number takes the unit `ns_per_unit`.
int pt_parse_duration_ns(const char *s, int64_t ns_per_unit, int64_t *out);

// "22", "1000-2000": an inclusive port range.
int pt_parse_ports(const char *s, uint16_t *lo, uint16_t *hi);

// "ef", "af41", "cs6", "be" or 0 to 63.
int pt_parse_dscp(const char *s, uint8_t *out);
const char *pt_dscp_name(uint8_t dscp); // NULL where the code point has no name
