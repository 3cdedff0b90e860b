// SPDX-License-Identifier: MIT
#include "probe/quality.h"

#include <math.h>

#define LOSS_ALL_PPM 1000000

static double delay_impairment(double ta_ms)
{
	if (ta_ms <= 100)
		return 0;
	double x = log2(ta_ms / 100);
	return 25 * (pow(1 + pow(x, 6), 1.0 / 6) - 3 * pow(1 + pow(x / 3, 6), 1.0 / 6) + 2);
}

int64_t pt_mos_milli(int64_t rtt_us, int64_t jitter_us, int64_t loss_ppm)
{
	static const double bpl = 25.1;
	if (loss_ppm == PT_NULL)
		return PT_NULL;
	if (loss_ppm >= LOSS_ALL_PPM || rtt_us == PT_NULL)
		return 1000;

	double jitter = jitter_us == PT_NULL ? 0 : (double)jitter_us;
	double ta_ms = ((double)rtt_us / 2 + 2 * jitter) / 1000 + 20;
	double loss = (double)loss_ppm / 10000; // per cent
	double r = 93.2 - delay_impairment(ta_ms) - 95 * loss / (loss + bpl);
	if (r <= 0)
		return 1000;
	double mos = 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r);
	return mos < 1 ? 1000 : (int64_t)lround(mos * 1000);
}

static double utility(int64_t x, double half)
{
	if (x == PT_NULL)
		return 1;
	double ratio = (double)x / half;
	return 1 / (1 + ratio * ratio);
}

int64_t pt_score(int64_t rtt_us, int64_t jitter_us, int64_t loss_ppm)
{
	if (loss_ppm == PT_NULL)
		return PT_NULL;
	if (loss_ppm >= LOSS_ALL_PPM)
		return 0;
	return lround(100 * utility(loss_ppm, 20000) * utility(rtt_us, 300000) *
		utility(jitter_us, 50000));
}
