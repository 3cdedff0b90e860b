// SPDX-License-Identifier: MIT
#include "select/score.h"

// Where a policy sets no limit: what ITU-T G.114 and G.1010 call comfortable for conversation.
#define USUAL_LOSS_PPM  10000
#define USUAL_RTT_US    150000
#define USUAL_JITTER_US 30000

#define ONE 1000000 // a utility of 1, in parts per million

// value == limit yields half. The ratio is taken in thousandths and bounded, so nothing overflows.
static int64_t utility_ppm(int64_t value, int64_t limit)
{
	int64_t ratio;

	if (value == PT_NULL)
		return ONE;
	if (limit < 1)
		limit = 1;
	ratio = value >= 1000 * limit ? 1000000 : value * 1000 / limit;
	return 1000000LL * ONE / (1000000LL + ratio * ratio);
}

int64_t pt_score_path(const struct pt_sla *sla, const struct pt_measure *m)
{
	int64_t loss = sla->loss_ppm == PT_NULL ? USUAL_LOSS_PPM : sla->loss_ppm;
	int64_t rtt = sla->rtt_ms == PT_NULL ? USUAL_RTT_US : sla->rtt_ms * 1000;
	int64_t jitter = sla->jitter_ms == PT_NULL ? USUAL_JITTER_US : sla->jitter_ms * 1000;
	int64_t u = ONE;

	if (m->samples == 0 || m->sent == 0 || m->lost >= m->sent)
		return 0;
	u = u * utility_ppm(m->loss_ppm, loss) / ONE;
	u = u * utility_ppm(m->rtt_p95_us, rtt) / ONE;
	u = u * utility_ppm(m->jitter_us, jitter) / ONE;
	return u * PT_SCORE_MAX / ONE;
}
