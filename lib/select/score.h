// SPDX-License-Identifier: MIT
// One number for people and for the strategy `best`: the product of one utility for each metric,
// so that a single awful metric sinks it. SLA verdicts, not scores, decide who is fit.
#pragma once
#include "model/network.h"
#include "select/window.h"

#define PT_SCORE_MAX 100000 // thousandths of a point, 0 to 100

// A metric at its limit has half the utility, at twice the limit a fifth:
// limit^2/(limit^2+value^2). Metrics for which the SLA has no limit use common ones (1 % loss, 150
// ms, 30 ms). A metric that is not known takes no part; with nothing known the score is 0.
int64_t pt_score_path(const struct pt_sla *sla, const struct pt_measure *m);
