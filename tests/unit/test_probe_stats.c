// SPDX-License-Identifier: MIT
#include <string.h>

#include "probe/quality.h"
#include "probe/stats.h"
#include "test.h"

#define MS 1000000LL
#define US 1000LL

static void reply(struct pt_stats *s, int64_t rtt_ns)
{
	pt_stats_reply(s,
		&(struct pt_sample){ .rtt_ns = rtt_ns,
			.out_ns = PT_NULL,
			.back_ns = PT_NULL,
			.owd_error_ns = PT_NULL,
			.kernel = true });
}

static void health(const struct pt_stats *s, struct pt_health *out)
{
	static struct pt_hist hist;
	pt_stats_health(s, &hist, out);
}

static void empty_window(void)
{
	struct pt_stats s = { 0 };
	struct pt_health h;
	memset(&h, 0x55, sizeof(h));
	health(&s, &h);
	T_EQ(h.sent, 0);
	T_EQ(h.received, 0);
	T_EQ(h.loss_ppm, PT_NULL); // no data is not "no loss"
	T_EQ(h.rtt_us.min, PT_NULL);
	T_EQ(h.rtt_us.p99, PT_NULL);
	T_EQ(h.rtt_us.mean, PT_NULL);
	T_EQ(h.jitter_us, PT_NULL);
	T_EQ(h.pdv_us, PT_NULL);
	T_EQ(h.owd_out_us, PT_NULL);
	T_EQ(h.loss_out_ppm, PT_NULL);
	T_EQ(h.loss_back_ppm, PT_NULL);
	T_EQ(h.mos, PT_NULL);
	T_EQ(h.score, PT_NULL);
	T_OK(!h.timestamps);
}

static void all_lost(void)
{
	struct pt_stats s = { .lost = 7 };
	struct pt_health h = { 0 };
	health(&s, &h);
	T_EQ(h.sent, 7);
	T_EQ(h.loss_ppm, 1000000);
	T_EQ(h.rtt_us.p50, PT_NULL);
	T_EQ(h.mos, 1000);
	T_EQ(h.score, 0);
}

static void delays_and_loss(void)
{
	struct pt_stats s = { .lost = 1, .late = 1, .duplicates = 2, .reordered = 3 };
	struct pt_health h = { 0 };
	for (int i = 1; i <= 99; i++)
		reply(&s, i * MS);
	health(&s, &h);
	T_EQ(h.sent, 100);
	T_EQ(h.received, 99);
	T_EQ(h.loss_ppm, 10000);
	T_EQ(h.late, 1);
	T_EQ(h.duplicates, 2);
	T_EQ(h.reordered, 3);
	T_EQ(h.rtt_us.min, 1000);
	T_EQ(h.rtt_us.max, 99000);
	T_EQ(h.rtt_us.mean, 50000);
	T_OK(h.rtt_us.p50 > 47000 && h.rtt_us.p50 < 53000); // 6.25% wide buckets
	T_OK(h.rtt_us.p95 > 91000 && h.rtt_us.p95 <= 99000);
	T_OK(h.rtt_us.p99 >= h.rtt_us.p95 && h.rtt_us.p99 <= 99000);
	T_EQ(h.pdv_us, h.rtt_us.p95 - 1000);
	T_EQ(h.rtt_hist->count, 99);
	T_STR(h.timestamps, "kernel");
	pt_stats_done(&s);
}

static void one_reply(void)
{
	struct pt_stats s = { 0 };
	struct pt_health h = { 0 };
	reply(&s, 12345678);
	health(&s, &h);
	T_EQ(h.rtt_us.min, 12346); // to the nearest
	T_EQ(h.rtt_us.p50, 12346); // clamped to what was measured
	T_EQ(h.rtt_us.p99, 12346);
	T_EQ(h.pdv_us, 0);
	T_EQ(h.jitter_us, PT_NULL); // takes two
	pt_stats_done(&s);
}

// RFC 3550 section 6.4.1: J = J + (|D| - J) / 16, worked out by hand.
static void jitter_of_rfc_3550(void)
{
	struct pt_stats s = { 0 };
	struct pt_health h = { 0 };
	reply(&s, 20 * MS);
	reply(&s, 36 * MS); // |D| = 16 ms: J = 1 ms
	health(&s, &h);
	T_EQ(h.jitter_us, 1000);
	reply(&s, 20 * MS); // |D| = 16 ms: J = 1 + 15/16 = 1.9375 ms
	health(&s, &h);
	T_EQ(h.jitter_us, 1938);
	reply(&s, 20 * MS); // |D| = 0: J = 1.9375 * 15/16 = 1.81640625 ms
	health(&s, &h);
	T_EQ(h.jitter_us, 1816);
	for (int i = 0; i < 400; i++) // steady |D| = 2 ms: converges there
		reply(&s, (20 + 2 * (i % 2)) * MS);
	health(&s, &h);
	T_EQ(h.jitter_us, 2000);
	pt_stats_done(&s);
}

static void windows(void)
{
	struct pt_stats s = { .lost = 3, .late = 1 };
	struct pt_health h = { 0 };
	reply(&s, 20 * MS);
	reply(&s, 36 * MS);
	pt_stats_next_window(&s);
	health(&s, &h);
	T_EQ(h.sent, 0);
	T_EQ(h.late, 0);
	T_EQ(h.rtt_hist->count, 0);
	reply(&s, 36 * MS); // the estimator ran on: 1 ms * 15/16
	health(&s, &h);
	T_EQ(h.jitter_us, 938); // 937.5
	T_EQ(h.rtt_us.min, 36000);
	pt_stats_done(&s);
}

// A late answer turns its loss back while nobody has been told of it, and is counted in any case.
static void revoked(void)
{
	struct pt_sample sample = { .rtt_ns = 1500 * MS,
		.out_ns = PT_NULL,
		.back_ns = PT_NULL,
		.owd_error_ns = PT_NULL,
		.kernel = true };
	struct pt_stats s = { .lost = 3 };
	struct pt_health h = { 0 };
	reply(&s, 20 * MS);
	pt_stats_late(&s, &sample, s.window);
	health(&s, &h);
	T_EQ(h.sent, 4);
	T_EQ(h.received, 2);
	T_EQ(h.late, 1);
	T_EQ(h.loss_ppm, 500000);
	T_EQ(h.rtt_us.max, 1500000);
	uint16_t before = s.window;
	pt_stats_next_window(&s);
	s.lost = 1; // another one
	pt_stats_late(&s, &sample, before);
	health(&s, &h);
	T_EQ(h.sent, 1);
	T_EQ(h.received, 0);
	T_EQ(h.late, 1);
	T_EQ(h.loss_ppm, 1000000);
	T_EQ(h.rtt_us.max, PT_NULL);
	pt_stats_done(&s);
}

static void one_way_and_user_stamps(void)
{
	struct pt_stats s = { 0 };
	struct pt_health h = { 0 };
	pt_stats_reply(&s, &(struct pt_sample){ 10 * MS, 4 * MS, 6 * MS, 300 * US, true });
	pt_stats_reply(&s, &(struct pt_sample){ 12 * MS, 4 * MS, 8 * MS, 200 * US, true });
	reply(&s, 50 * MS); // one without: the means leave it out
	health(&s, &h);
	T_EQ(h.owd_out_us, 4000);
	T_EQ(h.owd_back_us, 7000);
	T_EQ(h.owd_error_us, 300);
	T_STR(h.timestamps, "kernel");
	pt_stats_reply(&s, &(struct pt_sample){ MS, PT_NULL, PT_NULL, PT_NULL, false });
	health(&s, &h);
	T_STR(h.timestamps, "user");
	pt_stats_done(&s);
}

// By hand from the formulas of G.107 in quality.h.
static void mos(void)
{
	T_EQ(pt_mos_milli(0, 0, 0), 4409);          // R = 93.2
	T_EQ(pt_mos_milli(160000, 0, 0), 4409);     // Ta = 100 ms: no impairment yet
	T_EQ(pt_mos_milli(0, 0, 10000), 4328);      // 1%: Ie,eff = 3.640, R = 89.56
	T_EQ(pt_mos_milli(0, 0, 50000), 3923);      // 5%: 15.781, R = 77.42
	T_EQ(pt_mos_milli(360000, 0, 0), 4343);     // Ta = 200: Idd = 3.044, R = 90.16
	T_EQ(pt_mos_milli(760000, 0, 0), 3556);     // Ta = 400: Idd = 24.07, R = 69.13
	T_EQ(pt_mos_milli(160000, 50000, 0), 4343); // 50 ms jitter: 100 ms of buffer
	T_EQ(pt_mos_milli(PT_NULL, PT_NULL, 1000000), 1000);
	T_EQ(pt_mos_milli(100, PT_NULL, PT_NULL), PT_NULL);
	T_OK(pt_mos_milli(5000000, 1000000, 900000) >= 1000);
}

static void score(void)
{
	T_EQ(pt_score(0, 0, 0), 100);
	T_EQ(pt_score(0, 0, 20000), 50);
	T_EQ(pt_score(300000, 0, 0), 50);
	T_EQ(pt_score(0, 50000, 0), 50);
	T_EQ(pt_score(300000, 50000, 20000), 13); // 12.5
	T_EQ(pt_score(0, PT_NULL, 0), 100);
	T_EQ(pt_score(10000, 1000, 999999), 0); // one awful metric sinks it
	T_EQ(pt_score(0, 0, PT_NULL), PT_NULL);
}

T_MAIN({ "an empty window knows nothing", empty_window }, { "all lost", all_lost },
	{ "delays and loss", delays_and_loss }, { "one reply", one_reply },
	{ "losses revoked", revoked }, { "jitter of RFC 3550", jitter_of_rfc_3550 },
	{ "windows", windows }, { "one-way delays and user stamps", one_way_and_user_stamps },
	{ "MOS", mos }, { "score", score })
