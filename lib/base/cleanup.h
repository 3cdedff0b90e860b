// SPDX-License-Identifier: MIT
// Scope-bound ownership: one resource per declaration, initialised on its line.
#pragma once
#include <stddef.h>

void pt_cleanup_free(void *slot);
void pt_cleanup_fd(int *fd);
void pt_cleanup_file(void *slot);
void pt_cleanup_json(void *slot);

#define pt_autofree __attribute__((cleanup(pt_cleanup_free)))
#define pt_autofd   __attribute__((cleanup(pt_cleanup_fd))) int
#define pt_autofile __attribute__((cleanup(pt_cleanup_file)))
#define pt_autojson __attribute__((cleanup(pt_cleanup_json)))

// Hands ownership on: yields the value and leaves NULL (or -1 for descriptors) behind.
#define pt_take(p)                              \
	({                                      \
		__typeof__(*(p)) taken_ = *(p); \
		*(p) = NULL;                    \
		taken_;                         \
	})
static inline int pt_take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

#define PT_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
