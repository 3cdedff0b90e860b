// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/tally.h"
#include "test.h"

// The same as the histogram it stands for, bucket by bucket.
static void same_as_hist(void)
{
	static struct pt_hist want, got;
	struct pt_tally t = { 0 };
	uint64_t x = 88172645463325252u;
	for (int window = 0; window < 3; window++) {
		memset(&want, 0, sizeof(want));
		for (int i = 0; i < 5000; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			uint64_t value = x >> (x % 64);
			if (window == 1)
				value = 4000 + value % 900;
			pt_hist_add(&want, value);
			pt_tally_add(&t, value);
		}
		pt_tally_read(&t, &got);
		T_EQ(memcmp(&got, &want, sizeof(got)), 0);
		T_OK(window == 1 ? t.used == 2 : t.used > 16); // of 32 octaves
		pt_tally_clear(&t);
	}
	pt_tally_read(&t, &got);
	T_EQ(got.count, 0);
	T_EQ(t.room, 0); // what was unusual is given back
	pt_tally_done(&t);
}

static void small(void)
{
	struct pt_tally t = { 0 };
	static struct pt_hist got;
	pt_tally_add(&t, 5000);
	pt_tally_add(&t, UINT64_MAX);
	T_EQ(t.used, 2);
	pt_tally_clear(&t);
	T_EQ(t.room, 2);
	pt_tally_add(&t, 5000);
	T_EQ(t.used, 1);
	pt_tally_read(&t, &got);
	T_EQ(got.count, 1);
	T_EQ(got.sum_us, 5000);
	T_EQ(got.bucket[pt_hist_index(5000)], 1);
	pt_tally_done(&t);
	pt_tally_done(&t);
}

T_MAIN({ "the same as a histogram", same_as_hist }, { "room", small })
