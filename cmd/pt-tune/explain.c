// SPDX-License-Identifier: MIT
// pt-tune explain: what a knob is, whom it touches, what is done with it and why.
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tune.h"
#include "tune/knob.h"

const struct argp_option tune_explain_options[] = {
	{ "man", TUNE_OPT_MAN, NULL, OPTION_HIDDEN, "The catalogue as the body of pt-tunables(7)",
		0 },
	{ 0 },
};

static const struct pt_column columns[] = {
	{ .key = "key", .heading = "KEY" },
	{ .key = "type", .heading = "TYPE" },
	{ .key = "unit", .heading = "UNIT" },
	{ .key = "min", .heading = "MIN", .right = true },
	{ .key = "max", .heading = "MAX", .right = true },
	{ .key = "scope", .heading = "SCOPE" },
	{ .key = "plane", .heading = "ACTS ON" },
	{ .key = "canonical", .heading = "COMPARED AS" },
	{ .key = "op", .heading = "OP" },
	{ .key = "guide", .heading = "GUIDE" },
	{ .key = "evidence", .heading = "EVIDENCE" },
	{ .key = "module", .heading = "MODULE" },
	{ .key = "rule", .heading = "WHAT pt-tune DOES" },
	{ .key = "reason", .heading = "WHY" },
	{ .key = "source", .heading = "SOURCE" },
	{ .key = NULL },
};

static const char *evidence(const struct pt_knob *k)
{
	return k->evidence ? pt_fact_rows[k->evidence].name : NULL;
}

static void put_row(struct pt_emit *e, const struct pt_knob *k)
{
	bool bounded = k->min || k->max;

	pt_emit_row(e);
	pt_emit_str(e, k->key);
	pt_emit_str(e, pt_knob_type_names[k->type]);
	pt_emit_str(e, k->unit);
	if (bounded)
		pt_emit_i64(e, k->min);
	else
		pt_emit_null(e);
	if (bounded)
		pt_emit_i64(e, k->max);
	else
		pt_emit_null(e);
	pt_emit_str(e, pt_knob_scope_names[k->scope]);
	pt_emit_str(e, pt_knob_plane_names[k->plane]);
	pt_emit_str(e, pt_knob_canon_names[k->canon]);
	pt_emit_str(e, pt_knob_op_names[k->op]);
	pt_emit_str(e, k->guide);
	pt_emit_str(e, evidence(k));
	pt_emit_str(e, k->module);
	pt_emit_str(e, k->rule);
	pt_emit_str(e, k->reason);
	pt_emit_str(e, k->source);
}

static void say(const char *heading, const char *text)
{
	if (text)
		printf("  %-10s %s\n", heading, text);
}

static void put_text(const struct pt_knob *k)
{
	printf("%s\n", k->key);
	printf("  %-10s %s", "type", pt_knob_type_names[k->type]);
	if (k->fields)
		printf(" of %u", k->fields);
	if (k->unit)
		printf(", %s", k->unit);
	if (k->min || k->max) {
		printf(k->max == INT64_MAX ? ", from %" PRId64 : ", %" PRId64 " to %" PRId64,
			k->min, k->max);
	}
	printf("\n");
	say("scope", pt_knob_scope_names[k->scope]);
	say("acts on", pt_knob_plane_names[k->plane]);
	say("compared", pt_knob_canon_names[k->canon]);
	say("guide", k->guide ? k->guide : "absent");
	say("module", k->module);
	if (k->evidence)
		printf("  %-10s %s: %s\n", "evidence", pt_fact_rows[k->evidence].name,
			pt_fact_rows[k->evidence].doc);
	say("pt-tune", k->rule);
	say("why", k->reason);
	say("source", k->source);
}

static void put_roff(const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			(void)fputs("\\e", stdout);
		else if (*text == '-')
			(void)fputs("\\-", stdout);
		else
			(void)fputc(*text, stdout);
	}
}

static void put_man(const struct pt_knob *k)
{
	printf(".It Va %s\n", k->key);
	printf("Type: %s", pt_knob_type_names[k->type]);
	if (k->unit)
		printf(", %s", k->unit);
	printf("; %s; acts on %s.\n", pt_knob_scope_names[k->scope], pt_knob_plane_names[k->plane]);
	if (k->guide) {
		printf("Guide: ");
		put_roff(k->guide);
		printf(".\n");
	}
	printf("Here: ");
	put_roff(k->rule);
	printf(".\nWhy: ");
	put_roff(k->reason);
	printf(".\n");
}

static void put_all_man(void)
{
	for (const struct pt_knob_table *const *t = pt_knob_tables; *t; t++) {
		printf(".Ss %s\n.Bl -tag -width Ds\n", (*t)->doc);
		for (size_t i = 0; i < (*t)->n; i++)
			put_man(&(*t)->rows[i]);
		printf(".El\n");
	}
}

static bool wanted(const struct pt_knob *k, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (fnmatch(argv[i], k->key, 0) == 0)
			return true;
	}
	return !argc;
}

int tune_explain(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	const struct tune_opts *o = opts;
	struct pt_emit *e = NULL;
	unsigned n = 0;

	if (o->man) {
		put_all_man();
		return PT_EXIT_OK;
	}
	if (ctx->json && pt_emit_new(PT_EMIT_JSON, stdout, &e) < 0)
		return pt_err_set(&ctx->err, -ENOMEM, "out of memory");
	if (e)
		pt_emit_table(e, "knobs", columns);
	for (const struct pt_knob_table *const *t = pt_knob_tables; *t; t++) {
		for (size_t i = 0; i < (*t)->n; i++) {
			const struct pt_knob *k = &(*t)->rows[i];
			if (!wanted(k, argc, argv))
				continue;
			if (e)
				put_row(e, k);
			else
				put_text(k);
			n++;
		}
	}
	if (e && pt_emit_end(e) < 0)
		return PT_EXIT_FAIL;
	if (n)
		return PT_EXIT_OK;
	(void)pt_err_set(
		&ctx->err, -ENOENT, "no knob is called '%s'; `pt-tune explain' lists all", argv[0]);
	return PT_EXIT_NO;
}
