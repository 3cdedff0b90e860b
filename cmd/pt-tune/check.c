// SPDX-License-Identifier: MIT
// pt-tune check: statements about the host, each with its evidence and a cure.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "tune.h"
#include "tune/finding.h"

#define VERY_LARGE_SITES 2000

const struct argp_option tune_check_options[] = {
	TUNE_HOST_OPTIONS,
	{ "scale", TUNE_OPT_SCALE, "SCALE", 0, "auto (default), small, medium, large or very-large",
		0 },
	{ "time", TUNE_OPT_TIME, "TIME", 0, "Watch for so long; without it, counters since boot",
		0 },
	{ 0 },
};

const struct pt_column tune_finding_columns[] = {
	{ .key = "good", .heading = "GOOD" },
	{ .key = "id", .heading = "ID" },
	{ .key = "list", .heading = "LIST" },
	{ .key = "what", .heading = "WHAT" },
	{ .key = "evidence", .heading = "EVIDENCE" },
	{ .key = "cure", .heading = "CURE" },
	{ .key = NULL },
};

enum pt_scale tune_scale_of(const struct pt_facts *f, const char *scale)
{
	const char *p = tune_scale_profile(f, scale);
	bool told = scale && strcmp(scale, "auto") != 0;

	if (told ? strcmp(scale, "very-large") == 0 : f->value[PT_FACT_sites] > VERY_LARGE_SITES)
		return PT_SCALE_VERY_LARGE;

	return strcmp(p, "sdwan-small") == 0     ? PT_SCALE_SMALL
		: strcmp(p, "sdwan-medium") == 0 ? PT_SCALE_MEDIUM
						 : PT_SCALE_LARGE;
}

static void put_evidence(struct pt_emit *e, const struct pt_finding *f, const struct pt_reading *r)
{
	struct pt_reading own = *r;
	pt_autobuf b = { 0 };

	for (unsigned i = 0; i < PT_ARRAY_LEN(f->evidence) && f->evidence[i]; i++) {
		double v = NAN;
		(void)pt_reading_lookup(&own, f->evidence[i], &v); // unknown names show as such
		pt_buf_printf(&b, "%s%s=", i ? " " : "", f->evidence[i]);
		if (isnan(v))
			pt_buf_puts(&b, "?");
		else
			pt_buf_printf(&b, v == floor(v) ? "%.0f" : "%.1f", v);
	}
	pt_emit_str(e, b.len ? b.data : NULL);
}

int tune_put_findings(struct tune_show *s, const struct pt_finding *f, struct pt_emit *e)
{
	for (; f->id; f++) {
		enum pt_state state;
		if (!s->lists[f->list])
			continue;
		int rc = pt_finding_judge(f, &s->r, &state, &s->ctx->err);
		if (rc < 0)
			return rc;
		s->bad += state == PT_STATE_BAD;
		if (!s->all && state != PT_STATE_BAD)
			continue;
		pt_emit_row(e);
		pt_emit_str(e, pt_state_names[state]);
		pt_emit_str(e, f->id);
		pt_emit_str(e, pt_finding_list_names[f->list]);
		pt_emit_str(e, f->what);
		put_evidence(e, f, &s->r);
		pt_emit_str(e, state == PT_STATE_GOOD ? NULL : f->cure);
	}
	return 0;
}

void tune_sleep(int64_t ns)
{
	struct timespec left = { .tv_sec = ns / PT_NS_PER_S, .tv_nsec = ns % PT_NS_PER_S };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		continue;
}

static int run(struct tune_show *s, const struct tune_opts *o, struct tune_job *j)
{
	struct pt_emit *e;

	if (tune_job_host(s->ctx, o, j) < 0)
		return PT_EXIT_FAIL;
	s->r.now = &j->facts;
	if (o->window_ns) {
		struct pt_facts *first = pt_arena_alloc(&j->arena, sizeof(*first));
		*first = j->facts;
		tune_sleep(o->window_ns);
		pt_facts_read(&j->host, &j->facts);
		s->r.first = first;
		s->r.seconds = (double)o->window_ns / 1e9;
	}
	s->r.scale = tune_scale_of(&j->facts, o->scale);
	s->lists[PT_LIST_VERY_LARGE] &= s->r.scale == PT_SCALE_VERY_LARGE;
	if (pt_emit_new(s->ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e) < 0)
		return PT_EXIT_FAIL;
	pt_emit_table(e, "findings", tune_finding_columns);
	int rc = tune_put_findings(s, pt_findings_check, e);
	if (pt_emit_end(e) < 0 || rc < 0)
		return PT_EXIT_FAIL;
	return s->bad ? PT_EXIT_NO : PT_EXIT_OK;
}

int tune_check(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct tune_show s = { .ctx = ctx, .all = true };
	struct tune_job j;

	(void)argc;
	(void)argv;
	for (int l = PT_LIST_REQUIREMENT; l <= PT_LIST_VERY_LARGE; l++)
		s.lists[l] = true;
	int code = run(&s, opts, &j);
	tune_job_done(&j);
	return code;
}
