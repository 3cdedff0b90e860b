// SPDX-License-Identifier: MIT
// What the verbs of pt-tune begin with, and how they show settings.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/record.h"
#include "tune.h"

#define GB (1024.0 * 1024 * 1024)

int tune_job_host(struct pt_ctx *ctx, const struct tune_opts *o, struct tune_job *j)
{
	*j = (struct tune_job){ .host = PT_HOST_NONE };
	int rc = pt_host_open(o->root, &j->host, &ctx->err);

	if (rc == 0)
		pt_facts_read(&j->host, &j->facts);
	return rc;
}

const char *tune_scale_profile(const struct pt_facts *f, const char *scale)
{
	double sites = f->value[PT_FACT_sites];

	if (scale && strcmp(scale, "auto") != 0)
		return strcmp(scale, "small") == 0     ? "sdwan-small"
			: strcmp(scale, "medium") == 0 ? "sdwan-medium"
						       : "sdwan-large";
	if (!isnan(sites))
		return sites <= 50 ? "sdwan-small" : sites <= 500 ? "sdwan-medium" : "sdwan-large";
	if (f->value[PT_FACT_cpus] >= 8 && f->value[PT_FACT_ram] >= 15 * GB)
		return "sdwan-large";
	return f->value[PT_FACT_cpus] >= 4 && f->value[PT_FACT_ram] >= 7 * GB ? "sdwan-medium"
									      : "sdwan-small";
}

int tune_job_profile(
	struct pt_ctx *ctx, const struct tune_opts *o, const char *name, struct tune_job *j)
{
	if (!name)
		name = o->profile ? o->profile : tune_scale_profile(&j->facts, o->scale);
	int rc = pt_profile_load(&j->host, name, &j->arena, &j->profile, &ctx->err);

	if (rc < 0)
		return rc;
	pt_profile_set_facts(&j->profile, &j->facts);
	rc = pt_nics_read(&j->host, &j->nics, &ctx->err);
	if (rc < 0)
		return rc;
	if (o->device && !pt_nics_find(&j->nics, o->device))
		return pt_err_set(&ctx->err, -ENODEV, "--if %s: no such device", o->device);
	j->ask = (struct pt_tuning_ask){ .host = &j->host,
		.facts = &j->facts,
		.profile = &j->profile,
		.nics = &j->nics,
		.only = o->only,
		.n_only = o->n_only,
		.skip = o->skip,
		.n_skip = o->n_skip,
		.device = o->device,
		.allow = o->allow,
		.n_allow = o->n_allow,
		.netns = o->netns_only };
	return 0;
}

void tune_job_done(struct tune_job *j)
{
	pt_nics_done(&j->nics);
	pt_host_close(&j->host);
	pt_arena_done(&j->arena);
}

static const struct pt_column columns[] = {
	{ .key = "action", .heading = "" },
	{ .key = "key", .heading = "KEY" },
	{ .key = "device", .heading = "DEVICE" },
	{ .key = "before", .heading = "NOW" },
	{ .key = "guide", .heading = "PROFILE" },
	{ .key = "want", .heading = "WANT" },
	{ .key = "rule", .heading = "RULE" },
	{ .key = "why", .heading = "WHY" },
	{ .key = NULL },
};

static void put_row(struct pt_emit *e, const struct pt_item *it)
{
	pt_emit_row(e);
	pt_emit_str(e, pt_action_signs[it->action]);
	pt_emit_str(e, it->knob->key);
	pt_emit_str(e, it->device);
	pt_emit_str(e, it->before);
	pt_emit_str(e, it->guide);
	pt_emit_str(e, it->want);
	pt_emit_str(e, it->rule);
	pt_emit_str(e, it->why);
}

static int put_totals(const struct pt_item *items, unsigned n)
{
	unsigned count[PT_TUNE_WARN + 1] = { 0 };
	const char *sep = "";

	for (unsigned i = 0; i < n; i++)
		count[items[i].action]++;
	for (int i = 0; i <= PT_TUNE_WARN; i++) {
		if (count[i]) {
			printf("%s%u %s (%s)", sep, count[i], pt_tune_action_names[i],
				pt_action_signs[i]);
			sep = ", ";
		}
	}
	printf("%s\n", *sep ? "" : "nothing");
	return 0;
}

static int put_records(struct pt_ctx *ctx, const struct pt_item *items, unsigned n)
{
	struct pt_record_writer *w = NULL;
	char host[64] = "localhost", src[80];

	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(src, sizeof(src), "%s/%s", host, ctx->tool);
	int rc = pt_record_writer_new(src, STDOUT_FILENO, NULL, &w, &ctx->err);

	for (unsigned i = 0; rc == 0 && i < n; i++) {
		const struct pt_item *it = &items[i];
		const struct pt_tune t = { .key = it->knob->key,
			.device = it->device,
			.before = it->before,
			.guide = it->guide,
			.want = it->want,
			.after = it->after,
			.action = (int)it->action,
			.rule = it->rule,
			.why = it->why };
		rc = pt_record_write(w, "tune", pt_json_write(&pt_tune_schema, &t), &ctx->err);
	}
	pt_record_writer_free(w);
	return rc == -EPIPE ? 0 : rc;
}

int tune_put_items(struct pt_ctx *ctx, const struct pt_item *items, unsigned n, bool all)
{
	struct pt_emit *e;
	int rc;

	if (ctx->json)
		return put_records(ctx, items, n);
	rc = pt_emit_new(PT_EMIT_TABLE, stdout, &e);
	if (rc < 0)
		return rc;
	pt_emit_table(e, "items", columns);
	for (unsigned i = 0; i < n; i++) {
		if (all || items[i].action != PT_TUNE_SAME)
			put_row(e, &items[i]);
	}
	rc = pt_emit_end(e);
	return rc < 0 ? rc : put_totals(items, n);
}
