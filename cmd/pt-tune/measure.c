// SPDX-License-Identifier: MIT
// pt-tune measure, advise: counters over a window, and the knobs that they ask for.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tune.h"
#include "tune/progstat.h"

#define DEFAULT_WINDOW (30 * PT_NS_PER_S)

const struct argp_option tune_measure_options[] = {
	TUNE_HOST_OPTIONS,
	{ "time", TUNE_OPT_TIME, "TIME", 0, "How long (default 30s)", 0 },
	{ "label", TUNE_OPT_LABEL, "TEXT", 0, "What this measurement is called", 0 },
	{ "bpf", TUNE_OPT_BPF, NULL, 0, "Count the run time of BPF programs meanwhile", 0 },
	{ 0 },
};
const struct argp_option tune_advise_options[] = {
	TUNE_HOST_OPTIONS,
	{ "time", TUNE_OPT_TIME, "TIME", 0, "Watch for so long; without it, counters since boot",
		0 },
	{ 0 },
};

static const struct pt_column measure_columns[] = {
	{ .key = "label", .heading = "LABEL" },
	{ .key = "counter", .heading = "COUNTER" },
	{ .key = "before", .heading = "BEFORE", .right = true },
	{ .key = "after", .heading = "AFTER", .right = true },
	{ .key = "moved", .heading = "MOVED", .right = true },
	{ .key = "per_second", .heading = "PER SECOND", .right = true },
	{ .key = "unit", .heading = "UNIT" },
	{ .key = "doc", .heading = "WHAT" },
	{ .key = NULL },
};
static const struct pt_column program_columns[] = {
	{ .key = "program", .heading = "PROGRAM" },
	{ .key = "id", .heading = "ID", .right = true },
	{ .key = "runs", .heading = "RUNS", .right = true },
	{ .key = "ns_per_run", .heading = "ns PER RUN", .right = true },
	{ .key = NULL },
};
static const struct pt_column advise_columns[] = {
	{ .key = "key", .heading = "KEY" },
	{ .key = "now", .heading = "NOW" },
	{ .key = "counter", .heading = "COUNTER" },
	{ .key = "moved", .heading = "MOVED", .right = true },
	{ .key = "means", .heading = "WHICH MEANS" },
	{ .key = "advice", .heading = "WHAT pt-tune DOES" },
	{ .key = NULL },
};

static void put_real(struct pt_emit *e, double v)
{
	char text[32];

	if (isnan(v)) {
		pt_emit_null(e);
	} else if (v == floor(v)) {
		(void)snprintf(text, sizeof(text), "%.0f", v);
		pt_emit_i64_as(e, (int64_t)v, text);
	} else {
		pt_emit_real(e, v);
	}
}

static void put_counters(struct pt_emit *e, const struct tune_opts *o, const struct pt_facts *a,
	const struct pt_facts *b, double seconds)
{
	pt_emit_table(e, "counters", measure_columns);
	for (int i = 1; i < PT_FACT_COUNT; i++) {
		double moved = pt_facts_moved(a, b, (enum pt_fact)i);
		if (!pt_fact_rows[i].counter || isnan(moved))
			continue;
		pt_emit_row(e);
		pt_emit_str(e, o->label);
		pt_emit_str(e, pt_fact_rows[i].name);
		put_real(e, a->value[i]);
		put_real(e, b->value[i]);
		put_real(e, moved);
		put_real(e, round(moved / seconds * 10) / 10);
		pt_emit_str(e, pt_fact_rows[i].unit);
		pt_emit_str(e, pt_fact_rows[i].doc);
	}
}

static void put_programs(struct pt_emit *e, const struct pt_progstat *a, unsigned n_a,
	const struct pt_progstat *b, unsigned n_b)
{
	pt_emit_table(e, "programs", program_columns);
	for (unsigned i = 0; i < n_b; i++) {
		uint64_t runs = b[i].runs, ns = b[i].run_ns;
		for (unsigned k = 0; k < n_a; k++) {
			if (a[k].id == b[i].id) {
				runs -= a[k].runs;
				ns -= a[k].run_ns;
			}
		}
		if (!runs)
			continue;
		pt_emit_row(e);
		pt_emit_str(e, b[i].name);
		pt_emit_i64(e, b[i].id);
		pt_emit_i64(e, (int64_t)runs);
		pt_emit_i64(e, (int64_t)(ns / runs));
	}
}

static int measure(struct pt_ctx *ctx, const struct tune_opts *o, struct tune_job *j)
{
	struct pt_progstat before[PT_PROGSTAT_MAX], after[PT_PROGSTAT_MAX];
	unsigned n_before = 0, n_after = 0;
	int64_t window = o->window_ns ? o->window_ns : DEFAULT_WINDOW;
	struct pt_facts first;
	struct pt_emit *e;

	if (tune_job_host(ctx, o, j) < 0)
		return PT_EXIT_FAIL;
	pt_autofd counting = o->bpf ? pt_progstat_open(&ctx->err) : -1; // until this returns
	if (o->bpf && counting < 0)
		return TUNE_MISSING;
	n_before = o->bpf ? pt_progstat_read(before) : 0;
	pt_facts_read(&j->host, &first);
	tune_sleep(window);
	pt_facts_read(&j->host, &j->facts);
	n_after = o->bpf ? pt_progstat_read(after) : 0;
	if (pt_emit_new(ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e) < 0)
		return PT_EXIT_FAIL;
	put_counters(e, o, &first, &j->facts, (double)window / 1e9);
	if (o->bpf)
		put_programs(e, before, n_before, after, n_after);
	return pt_emit_end(e) < 0 ? PT_EXIT_FAIL : PT_EXIT_OK;
}

int tune_measure(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct tune_job j;

	(void)argc;
	(void)argv;
	int code = measure(ctx, opts, &j);
	tune_job_done(&j);
	return code;
}

// A counter that asks for a knob. Pressure is a state: it asks while it is above a fifth.
static bool asks(enum pt_fact fact, double moved)
{
	bool counter = pt_fact_rows[fact].counter;

	return counter ? moved > 0 : moved > 20 && strncmp(pt_fact_rows[fact].name, "psi_", 4) == 0;
}

static unsigned put_advice(
	struct pt_emit *e, const struct tune_job *j, const struct pt_facts *first)
{
	unsigned n = 0;

	pt_emit_table(e, "advice", advise_columns);
	for (const struct pt_knob_table *const *t = pt_knob_tables; *t; t++) {
		for (size_t i = 0; i < (*t)->n; i++) {
			const struct pt_knob *k = &(*t)->rows[i];
			char now[PT_KNOB_VALUE];
			enum pt_fact f = k->evidence;
			if (!f)
				continue;
			double moved = first && pt_fact_rows[f].counter
				? pt_facts_moved(first, &j->facts, f)
				: j->facts.value[f];
			if (!asks(f, moved))
				continue;
			bool known = pt_tuning_current(&j->host, &j->facts, NULL, k, now) == 0;
			pt_emit_row(e);
			pt_emit_str(e, k->key);
			pt_emit_str(e, known ? now : NULL);
			pt_emit_str(e, pt_fact_rows[f].name);
			put_real(e, moved);
			pt_emit_str(e, pt_fact_rows[f].doc);
			pt_emit_str(e, k->rule);
			n++;
		}
	}
	return n;
}

static int advise(struct pt_ctx *ctx, const struct tune_opts *o, struct tune_job *j)
{
	struct pt_facts first;
	struct pt_emit *e;

	if (tune_job_host(ctx, o, j) < 0)
		return PT_EXIT_FAIL;
	first = j->facts;
	if (o->window_ns) {
		tune_sleep(o->window_ns);
		pt_facts_read(&j->host, &j->facts);
	}
	if (pt_emit_new(ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e) < 0)
		return PT_EXIT_FAIL;
	unsigned n = put_advice(e, j, o->window_ns ? &first : NULL);
	if (pt_emit_end(e) < 0)
		return PT_EXIT_FAIL;
	return n ? PT_EXIT_NO : PT_EXIT_OK;
}

int tune_advise(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct tune_job j;

	(void)argc;
	(void)argv;
	int code = advise(ctx, opts, &j);
	tune_job_done(&j);
	return code;
}
