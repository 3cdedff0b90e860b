// SPDX-License-Identifier: MIT
#include "probe/stats.h"

#include <stdlib.h>

#include "base/clock.h"
#include "probe/quality.h"

static int64_t to_us(int64_t ns)
{
	return (ns + (ns < 0 ? -PT_NS_PER_US : PT_NS_PER_US) / 2) / PT_NS_PER_US;
}

// RFC 3550 appendix A.8, its integer form: J += (|D| - J) / 16, rounded.
static void jitter_add(struct pt_stats *s, int64_t rtt_ns)
{
	if (s->samples++) {
		int64_t d = llabs(rtt_ns - s->last_rtt_ns);
		s->jitter_x16 += d - ((s->jitter_x16 + 8) >> 4);
	}
	s->last_rtt_ns = rtt_ns;
}

void pt_stats_reply(struct pt_stats *s, const struct pt_sample *sample)
{
	int64_t rtt = sample->rtt_ns;
	if (!s->received || rtt < s->min_ns)
		s->min_ns = rtt;
	if (!s->received || rtt > s->max_ns)
		s->max_ns = rtt;
	s->received++;
	s->sum_ns += rtt;
	s->user_stamps += !sample->kernel;
	pt_tally_add(&s->rtt, (uint64_t)to_us(rtt));
	jitter_add(s, rtt);
	if (sample->out_ns == PT_NULL || sample->back_ns == PT_NULL)
		return;
	s->owd_count++;
	s->out_sum_ns += sample->out_ns;
	s->back_sum_ns += sample->back_ns;
	if (sample->owd_error_ns > s->owd_error_ns)
		s->owd_error_ns = sample->owd_error_ns;
}

void pt_stats_late(struct pt_stats *s, const struct pt_sample *sample, uint16_t window)
{
	s->late++;
	if (window != s->window || !s->lost)
		return; // its loss has been told
	s->lost--;
	pt_stats_reply(s, sample);
}

void pt_stats_next_window(struct pt_stats *s)
{
	pt_split_next_window(&s->split);
	pt_tally_clear(&s->rtt);
	*s = (struct pt_stats){
		.split = s->split,
		.rtt = s->rtt,
		.jitter_x16 = s->jitter_x16,
		.last_rtt_ns = s->last_rtt_ns,
		.samples = s->samples,
		.window = (uint16_t)(s->window + 1),
	};
}

static int64_t quantile(const struct pt_stats *s, const struct pt_hist *hist, uint32_t q_ppm)
{
	int64_t q = pt_hist_quantile(hist, q_ppm);
	int64_t min = to_us(s->min_ns), max = to_us(s->max_ns);
	return q < min ? min : q > max ? max : q;
}

static void fill_delays(const struct pt_stats *s, const struct pt_hist *hist, struct pt_health *out)
{
	out->rtt_us.min = to_us(s->min_ns);
	out->rtt_us.p50 = quantile(s, hist, 500000);
	out->rtt_us.p95 = quantile(s, hist, 950000);
	out->rtt_us.p99 = quantile(s, hist, 990000);
	out->rtt_us.max = to_us(s->max_ns);
	out->rtt_us.mean = to_us(s->sum_ns / s->received);
	out->pdv_us = out->rtt_us.p95 - out->rtt_us.min;
	out->timestamps = s->user_stamps ? "user" : "kernel";
	if (s->samples > 1)
		out->jitter_us = to_us(s->jitter_x16 / 16);
	if (!s->owd_count)
		return;
	out->owd_out_us = to_us(s->out_sum_ns / s->owd_count);
	out->owd_back_us = to_us(s->back_sum_ns / s->owd_count);
	out->owd_error_us = to_us(s->owd_error_ns);
}

void pt_stats_health(const struct pt_stats *s, struct pt_hist *hist, struct pt_health *out)
{
	int64_t sent = s->received + s->lost;
	out->sent = sent;
	out->received = s->received;
	out->late = s->late;
	out->duplicates = s->duplicates;
	out->reordered = s->reordered;
	out->loss_ppm = sent ? s->lost * 1000000 / sent : PT_NULL;
	out->loss_out_ppm = out->loss_back_ppm = PT_NULL; // unless the reflector counts
	(void)pt_split_loss(&s->split, &out->loss_out_ppm, &out->loss_back_ppm);
	out->rtt_us.min = out->rtt_us.p50 = out->rtt_us.p95 = out->rtt_us.p99 = PT_NULL;
	out->rtt_us.max = out->rtt_us.mean = PT_NULL;
	out->owd_out_us = out->owd_back_us = out->owd_error_us = PT_NULL;
	out->jitter_us = out->pdv_us = out->mtu = PT_NULL;
	out->timestamps = NULL;
	pt_tally_read(&s->rtt, hist);
	out->rtt_hist = hist;
	if (s->received)
		fill_delays(s, hist, out);
	out->mos = pt_mos_milli(out->rtt_us.mean, out->jitter_us, out->loss_ppm);
	out->score = pt_score(out->rtt_us.mean, out->jitter_us, out->loss_ppm);
}

void pt_stats_done(struct pt_stats *s)
{
	pt_tally_done(&s->rtt);
}
