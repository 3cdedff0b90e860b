// SPDX-License-Identifier: MIT
// pt-select classify: which site, policy and paths a packet belongs to, and why.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/emit.h"
#include "base/log.h"
#include "select/classify.h"
#include "verbs.h"

#define MAX_LINE 1000

struct classify {
	struct pt_arena arena;
	struct pt_config config;
	struct pt_network network;
	const struct pt_site *self;
	struct pt_emit *emit;
	unsigned unclassified;
};

static const struct pt_column columns[] = {
	{ .key = "flow", .heading = "FLOW" },
	{ .key = "site", .heading = "SITE" },
	{ .key = "then", .heading = "THEN" },
	{ .key = "prefix", .heading = "BY PREFIX" },
	{ .key = "policy", .heading = "POLICY" },
	{ .key = "rule", .heading = "BY RULE" },
	{ .key = "paths", .heading = "PATHS, FIRST CHOICE FIRST" },
	{ .key = "why_not", .heading = "WHY NOT" },
	{ .key = "passed_over", .heading = "POLICIES PASSED OVER" },
	{ .key = NULL },
};

static void put_prefix(struct pt_emit *e, const struct pt_prefix *prefix)
{
	char text[PT_PREFIX_LEN];

	if (prefix)
		pt_prefix_format(prefix, text);
	pt_emit_str(e, prefix ? text : NULL);
}

static void put_rule(struct pt_emit *e, const struct pt_policy *policy)
{
	pt_autobuf words = { 0 };

	if (policy)
		pt_match_words(&words, &policy->match);
	pt_emit_str(e, policy ? pt_buf_str(&words) : NULL);
}

// Policies that come before the one that matched, each with the field that refused the flow.
static void put_passed_over(
	struct classify *c, const struct pt_flow *flow, const struct pt_class *got)
{
	const struct pt_network *net = &c->network;
	struct pt_buf words[PT_MAX_POLICIES] = { 0 };
	const char *list[PT_MAX_POLICIES];
	unsigned n = 0;

	if (got->policy || got->verdict == PT_CLASS_NO_POLICY) {
		for (uint32_t i = 0; i < net->n_policies && &net->policies[i] != got->policy; i++) {
			const struct pt_policy *p = &net->policies[i];

			pt_buf_printf(
				&words[n], "%s: %s", p->id, pt_match_refuses(&p->match, flow));
			list[n] = pt_buf_str(&words[n]);
			n++;
		}
	}
	pt_emit_strs(c->emit, list, n);
	for (unsigned i = 0; i < n; i++)
		pt_buf_done(&words[i]);
}

static int classify_one(struct classify *c, const char *text, struct pt_err *err)
{
	const char *paths[PT_GROUP_PATHS], *then[PT_SHARED_SITES];
	struct pt_flow flow;
	struct pt_class got;
	int rc = pt_flow_parse(text, &flow, err);

	if (rc < 0)
		return rc;
	pt_classify(&c->network, c->self, &flow, &got);
	for (uint32_t i = 0; i < got.n_paths; i++)
		paths[i] = got.paths[i]->id;
	pt_emit_row(c->emit);
	pt_emit_str(c->emit, text);
	pt_emit_str(c->emit, got.site ? got.site->id : NULL);
	for (uint32_t i = 1; i < got.n_sites; i++)
		then[i - 1] = got.sites[i]->id;
	pt_emit_strs(c->emit, then, got.n_sites ? got.n_sites - 1 : 0);
	put_prefix(c->emit, got.prefix);
	pt_emit_str(c->emit, got.policy ? got.policy->id : NULL);
	put_rule(c->emit, got.policy);
	pt_emit_strs(c->emit, paths, got.n_paths);
	pt_emit_str(c->emit, pt_class_reasons[got.verdict]);
	put_passed_over(c, &flow, &got);
	c->unclassified += got.verdict != PT_CLASS_OK;
	return 0;
}

// A bad line is told by its number, and the rest goes on; the exit status remembers it.
static int classify_stdin(struct classify *c, struct pt_err *err)
{
	pt_autofree char *line = NULL;
	size_t room = 0, lines = 0, bad = 0;
	struct pt_err fault = { 0 };
	ssize_t len;

	while ((len = getline(&line, &room, stdin)) >= 0) {
		lines++;
		if (strlen(line) != (size_t)len || len > MAX_LINE) {
			pt_log(PT_LOG_WARN, "stdin:%zu: no text of at most %d characters: skipped",
				lines, MAX_LINE);
			bad++;
			continue;
		}
		line[strcspn(line, "\r\n")] = '\0';
		if (!line[strspn(line, " \t")] || *line == '#')
			continue;
		if (classify_one(c, line, &fault) < 0) {
			pt_log(PT_LOG_WARN, "stdin:%zu: %s: skipped", lines, fault.msg);
			bad++;
		}
	}
	if (ferror(stdin))
		return pt_err_errno(err, -EIO, "stdin");
	if (bad)
		return pt_err_set(err, -EINVAL, "%zu of %zu lines skipped", bad, lines);
	return 0;
}

static int init(struct classify *c, const struct pt_ctx *ctx, struct pt_err *err)
{
	int rc = select_files_load(ctx, &c->arena, &c->config, &c->network, &c->self, err);

	if (rc == 0)
		rc = pt_emit_new(ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &c->emit);
	if (rc == 0)
		pt_emit_table(c->emit, "flows", columns);
	return rc;
}

int select_classify(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct classify c = { 0 };
	int rc = init(&c, ctx, &ctx->err), end;

	(void)opts;
	if (rc == 0 && argc == 0)
		rc = classify_stdin(&c, &ctx->err);
	for (int i = 0; i < argc && rc == 0; i++) {
		rc = classify_one(&c, argv[i], &ctx->err);
		if (rc < 0)
			(void)pt_err_wrap(&ctx->err, "'%s'", argv[i]);
	}
	end = c.emit ? pt_emit_end(c.emit) : 0;
	pt_arena_done(&c.arena);
	if (rc < 0 || end < 0)
		return PT_EXIT_FAIL;
	return c.unclassified ? PT_EXIT_NO : PT_EXIT_OK;
}
