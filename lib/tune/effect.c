// SPDX-License-Identifier: MIT
#include "tune/effect.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <time.h>

void pt_window_take(const struct pt_host *h, int64_t ms, struct pt_window *out)
{
	struct timespec wait = { ms / 1000, ms % 1000 * 1000000 };

	out->ms = ms;
	if (!ms)
		return;
	pt_facts_read(h, &out->first);
	while (nanosleep(&wait, &wait) < 0 && errno == EINTR)
		continue;
	pt_facts_read(h, &out->last);
}

static double per_second(const struct pt_window *w, enum pt_fact fact)
{
	double moved = pt_facts_moved(&w->first, &w->last, fact);

	return isnan(moved) ? 0 : moved * 1000 / (double)w->ms;
}

void pt_window_effect(
	const struct pt_window *before, const struct pt_window *after, struct pt_buf *out)
{
	for (int i = 1; before->ms && after->ms && i < PT_FACT_COUNT; i++) {
		double was = per_second(before, (enum pt_fact)i);
		double is = per_second(after, (enum pt_fact)i);
		if (pt_fact_rows[i].counter && (was > 0 || is > 0))
			pt_buf_printf(out, "%s%s=%.4g>%.4g", out->len ? " " : "",
				pt_fact_rows[i].name, was, is);
	}
}

int pt_window_guard(const struct pt_profile *p, const struct pt_window *w, struct pt_err *err)
{
	for (uint32_t i = 0; w->ms && i < p->n_guards; i++) {
		const struct pt_profile_guard *g = &p->guards[i];
		double moved = pt_facts_moved(&w->first, &w->last, g->fact);
		if (moved > g->limit)
			return pt_err_set(err, -EREMOTEIO,
				"guard: %s moved by %.0f in %" PRId64 " ms, %.0f is allowed",
				pt_fact_rows[g->fact].name, moved, w->ms, g->limit);
	}
	return 0;
}
