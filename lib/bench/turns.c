// SPDX-License-Identifier: MIT
#include "bench/turns.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

struct board {
	int64_t *value[PT_TURNS_MAX]; // by round
};

static int play(const struct pt_turns *t, struct board *b, struct pt_err *err)
{
	int ret = 0;

	for (unsigned round = 0; round <= t->rounds && !ret; round++) {
		for (unsigned i = 0; i < t->n_sides && !ret; i++) {
			int64_t value = 0;

			if (t->sides[i].skipped)
				continue;
			if (t->progress)
				t->progress(t->progress_ctx, t->sides[i].name, round, t->rounds);
			ret = t->once(t->ctx, i, &value, err);
			if (round)
				b->value[i][round - 1] = value;
		}
	}
	return ret;
}

static void sum_up(const struct pt_turns *t, const struct board *b, const struct pt_turns_metric *m,
	struct pt_bench_result *out)
{
	const int64_t *own = b->value[m->subject], *base = b->value[m->baseline];
	bool compared = !t->sides[m->baseline].skipped;
	struct pt_series subject = { 0 }, baseline = { 0 }, ratio = { 0 };

	*out = (struct pt_bench_result){ .workload = t->workload, .metric = &m->metric };
	out->baseline_name = t->sides[m->baseline].name;
	out->skipped = t->sides[m->subject].skipped;
	if (!compared && !out->skipped)
		out->skipped = t->sides[m->baseline].skipped;
	for (unsigned i = 0; i < t->rounds && !out->skipped; i++) {
		pt_series_add(&subject, own[i]);
		pt_series_add(&baseline, base[i]);
		if (base[i])
			pt_series_add(
				&ratio, (int64_t)((double)own[i] * 1e6 / (double)base[i] + 0.5));
	}
	if (!out->skipped && pt_series_summary(&subject, m->metric.q_ppm, &out->subject))
		out->skipped = "no run gave a sample";
	out->has_baseline = !pt_series_summary(&baseline, m->metric.q_ppm, &out->baseline);
	(void)pt_series_summary(&ratio, 500000, &out->ratio_ppm); // without: runs is 0
	pt_series_done(&subject);
	pt_series_done(&baseline);
	pt_series_done(&ratio);
}

int pt_turns_run(const struct pt_turns *t, struct pt_bench_result *results, struct pt_err *err)
{
	struct board board = { 0 };
	int ret = t->n_sides > PT_TURNS_MAX ? pt_err_set(err, -E2BIG, "too many contenders") : 0;

	for (unsigned i = 0; i < t->n_sides && !ret; i++) {
		board.value[i] = calloc(t->rounds + 1, sizeof(*board.value[i]));
		if (!board.value[i])
			ret = pt_err_errno(err, -ENOMEM, "samples");
	}
	if (!ret)
		ret = play(t, &board, err);
	for (size_t i = 0; i < t->n_metrics && !ret; i++)
		sum_up(t, &board, &t->metrics[i], &results[i]);
	for (unsigned i = 0; i < t->n_sides && i < PT_TURNS_MAX; i++)
		free(board.value[i]);
	return ret;
}
