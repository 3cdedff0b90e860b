// SPDX-License-Identifier: MIT
// pt-bench claims: the tuning guide's quick wins with the percentages it gives for them, measured:
// each as the guide has it (treated) beside what was there before (baseline), taking turns. What
// cannot be changed for a network namespace alone is not changed, and told as not measurable.
#pragma once
#include "bench/runner.h"

#define PT_CLAIMS_MAX 20

enum pt_claim_verdict { PT_CLAIM_TRUE, PT_CLAIM_FALSE, PT_CLAIM_UNCLEAR, PT_CLAIM_UNMEASURED };
extern const char *const pt_claim_verdicts[]; // "true", "false", "unclear", "unmeasured"

// What the guide promises: treated over baseline, in millionths. 0: it gives no figure, and any
// gain makes it true.
struct pt_claim {
	const char *says; // the guide's words
	int64_t low_ppm, high_ppm;
};

struct pt_claim_result {
	struct pt_claim claim;
	struct pt_bench_result bench; // subject: treated
	enum pt_claim_verdict verdict;
	const char *why; // static
};

struct pt_claims_opts {
	const char *dir;   // where databases go meanwhile: the disk is measured, too
	const char *tools; // NULL: beside the running program
	unsigned rounds;
	int64_t turn_ns; // how long each works in each round
	void (*progress)(void *ctx, const char *side, unsigned run, unsigned runs); // may be NULL
};

// At most PT_CLAIMS_MAX, *n of them. Needs root and `ip` for those of the network.
int pt_claims_bench(const struct pt_claims_opts *o, struct pt_claim_result out[PT_CLAIMS_MAX],
	unsigned *n, struct pt_err *err);

// True: at least the least that is claimed. Unclear: that is within half the spread of the median,
// and runs are on both sides of it.
void pt_claim_judge(struct pt_claim_result *r);
json_t *pt_claim_to_json(const struct pt_claim_result *r);
void pt_claims_print(struct pt_emit *e, const struct pt_claim_result *r, unsigned n);
