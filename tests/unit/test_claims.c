// SPDX-License-Identifier: MIT
#include "bench/claims.h"

#include <string.h>

#include "test.h"

static const struct {
	int64_t low, high, ratio, spread; // in thousandths
	enum pt_claim_verdict verdict;
	const char *why;
} rows[] = {
	{ 1100, 1200, 1150, 20, PT_CLAIM_TRUE, "as claimed" },
	{ 1100, 1200, 1100, 0, PT_CLAIM_TRUE, "as claimed" },
	{ 1100, 1200, 5000, 200, PT_CLAIM_TRUE, "more than claimed" },
	{ 1100, 1200, 1060, 20, PT_CLAIM_FALSE, "less than claimed" },
	{ 1100, 1200, 1005, 20, PT_CLAIM_FALSE, "no difference beyond the spread" },
	{ 1100, 1200, 900, 20, PT_CLAIM_FALSE, "it is worse" },
	{ 1100, 1200, 1110, 40, PT_CLAIM_UNCLEAR, "within the spread of what decides" },
	{ 1100, 1200, 1090, 40, PT_CLAIM_UNCLEAR, "within the spread of what decides" },
	{ 0, 0, 1300, 20, PT_CLAIM_TRUE, "as claimed" },
	{ 0, 0, 1000, 0, PT_CLAIM_FALSE, "no difference beyond the spread" },
	{ 0, 0, 1010, 40, PT_CLAIM_UNCLEAR, "within the spread of what decides" },
	{ 0, 0, 27000, 80000, PT_CLAIM_TRUE, "as claimed" }, // all runs above
	{ 0, 0, 800, 40, PT_CLAIM_FALSE, "it is worse" },
};

static void verdicts(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pt_claim_result r = { .claim = { "x", rows[i].low * 1000,
						     rows[i].high * 1000 } };
		r.bench.ratio_ppm = (struct pt_summary){
			.runs = 5,
			.median = rows[i].ratio * 1000,
			.spread = rows[i].spread * 1000,
			.min = rows[i].spread < rows[i].ratio
				? (rows[i].ratio - rows[i].spread) * 1000
				: 2000000,
			.max = (rows[i].ratio + rows[i].spread) * 1000,
		};
		pt_claim_judge(&r);
		T_EQ(r.verdict, rows[i].verdict);
		T_OK(strcmp(r.why, rows[i].why) == 0);
	}
}

static void unmeasured(void)
{
	struct pt_claim_result r = { .bench = { .skipped = "no such thing here" } };

	pt_claim_judge(&r);
	T_EQ(r.verdict, PT_CLAIM_UNMEASURED);
	T_OK(r.why == r.bench.skipped);
	r.bench.skipped = NULL;
	pt_claim_judge(&r);
	T_EQ(r.verdict, PT_CLAIM_UNMEASURED);
}

T_MAIN({ "verdicts follow from ratio and spread", verdicts },
	{ "what was not measured has its reason", unmeasured })
