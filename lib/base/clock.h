// SPDX-License-Identifier: MIT
// Monotonic time is its own type, so that it never mixes with wall time.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define PT_NS_PER_US 1000LL
#define PT_NS_PER_MS 1000000LL
#define PT_NS_PER_S  1000000000LL

struct pt_mono {
	int64_t ns; // CLOCK_MONOTONIC
};

struct pt_mono pt_mono_now(void);
static inline struct pt_mono pt_mono_add(struct pt_mono t, int64_t ns)
{
	return (struct pt_mono){ t.ns + ns };
}
static inline int64_t pt_mono_diff(struct pt_mono later, struct pt_mono earlier)
{
	return later.ns - earlier.ns;
}

int64_t pt_wall_us(void); // microseconds since the epoch, CLOCK_REALTIME
int64_t pt_wall_ns(void);
int64_t pt_cpu_us(void); // CPU time that this process has used, user and system

#define PT_RFC3339_LEN 28
// "2026-01-31T12:00:00.123456Z" with its NUL is exactly PT_RFC3339_LEN bytes.
void pt_rfc3339_format(int64_t wall_us, char out[PT_RFC3339_LEN]);
int pt_rfc3339_parse(const char *s, int64_t *wall_us);

// "/proc/sys/kernel/random/boot_id", 36 characters and NUL. 0 or -errno.
#define PT_BOOT_ID_LEN 37
int pt_boot_id(char out[PT_BOOT_ID_LEN]);

// "1.2 ms", "35 us", "4.1 s": for people.
void pt_duration_format(int64_t ns, char *out, size_t len);
