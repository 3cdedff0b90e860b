// SPDX-License-Identifier: MIT
// Parts of pt-bench claims: each measures a group of claims.
#pragma once
#include "bench/claims.h"
#include "bench/turns.h"

#define PT_CLAIM_METRIC(text, of, says)                                                 \
	{                                                                               \
		.name = (text), .unit = (of), .q_ppm = 500000, .target = PT_BENCH_NONE, \
		.of_ratio = true, .higher_better = true, .doc = (says)                  \
	}

// A group takes turns over its sides; claims[i] is what metrics[i] is held against.
struct pt_claims_group {
	struct pt_turns turns;
	const struct pt_claim *claims;
};
// Adds the group's results to out[*n], judged.
int pt_claims_play(const struct pt_claims_group *g, struct pt_claim_result *out, unsigned *n,
	struct pt_err *err);

int pt_claims_db(const struct pt_claims_opts *o, struct pt_claim_result *out, unsigned *n,
	struct pt_err *err);
int pt_claims_malloc(const struct pt_claims_opts *o, struct pt_claim_result *out, unsigned *n,
	struct pt_err *err);
int pt_claims_net(const struct pt_claims_opts *o, struct pt_claim_result *out, unsigned *n,
	struct pt_err *err);
