// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include "test.h"

static void zeroed_and_aligned(void)
{
	pt_autoarena a = { 0 };

	for (size_t size = 0; size < 300; size++) {
		unsigned char *p = pt_arena_alloc(&a, size);
		T_EQ((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			T_OK(p[i] == 0);
		memset(p, 0xff, size); // a neighbour's memory would show up non-zero
	}
}

static void larger_than_a_block(void)
{
	pt_autoarena a = { 0 };
	char *small = pt_arena_strdup(&a, "kept");
	char *big = pt_arena_alloc(&a, 1 << 20);

	memset(big, 1, 1 << 20);
	T_STR(small, "kept");
	T_OK(pt_arena_alloc(&a, 0) != pt_arena_alloc(&a, 0));
}

static void strings(void)
{
	pt_autoarena a = { 0 };

	T_STR(pt_arena_strdup(&a, ""), "");
	T_STR(pt_arena_strndup(&a, "abcdef", 3), "abc");
	T_STR(pt_arena_strndup(&a, "ab", 3), "ab");
	T_STR(pt_arena_printf(&a, "%s-%d", "x", 7), "x-7");
	char *wide = pt_arena_printf(&a, "%040000d", 5);
	T_EQ(strlen(wide), 40000);
}

static void done_twice(void)
{
	struct pt_arena a = { 0 };

	pt_arena_alloc(&a, 10);
	pt_arena_done(&a);
	pt_arena_done(&a);
	T_STR(pt_arena_strdup(&a, "again"), "again");
	pt_arena_done(&a);
}

T_MAIN({ "memory is zeroed, aligned and apart", zeroed_and_aligned },
	{ "objects larger than a block", larger_than_a_block }, { "strings", strings },
	{ "done leaves an empty arena", done_twice })
