// SPDX-License-Identifier: MIT
// Everything of one configuration or one snapshot lives in one arena and goes in one call. Nothing
// may point from a longer-lived object into a shorter-lived arena. Out of memory aborts.
#pragma once
#include <stddef.h>

struct pt_arena {
	struct pt_arena_block *blocks; // zero-initialised: empty and valid
};

void *pt_arena_alloc(struct pt_arena *a, size_t size); // zeroed, aligned for any type
char *pt_arena_strdup(struct pt_arena *a, const char *s);
char *pt_arena_strndup(struct pt_arena *a, const char *s, size_t n);
char *pt_arena_printf(struct pt_arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void pt_arena_done(struct pt_arena *a);
#define pt_autoarena __attribute__((cleanup(pt_arena_done))) struct pt_arena
