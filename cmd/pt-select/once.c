// SPDX-License-Identifier: MIT
// pt-select once: the records there are, the decisions they give.
#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "verbs.h"

struct once {
	struct pt_record_writer *out;
	int rc;
	struct pt_err err;
};

static void on_decision(void *ctx, const struct pt_decision *d, int64_t at_ns)
{
	struct once *o = ctx;

	(void)at_ns;
	if (o->rc == 0)
		o->rc = pt_record_write(o->out, "decision", select_decision_json(d), &o->err);
}

static int decide(struct pt_ctx *ctx, struct once *o, struct select_setup *setup,
	struct select_sources *sources)
{
	pt_autobuf first = { 0 };
	unsigned all, unfit;
	int rc = select_sources_drain(sources, &ctx->err);

	if (rc < 0)
		return PT_EXIT_FAIL;
	pt_select_finish(setup->select, true);
	if (o->rc < 0 && o->rc != -EPIPE) {
		ctx->err = o->err;
		return PT_EXIT_FAIL;
	}
	unfit = select_unfit_groups(setup->select, &all, &first);
	if (unfit == 0)
		return PT_EXIT_OK;
	pt_log(PT_LOG_WARN, "%u of %u decisions have no path inside the SLA, such as %s", unfit,
		all, pt_buf_str(&first));
	return PT_EXIT_NO;
}

int select_once(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct once o = { 0 };
	const struct pt_select_sink sink = { .decision = on_decision, .ctx = &o };
	struct select_setup setup;
	struct select_sources sources;
	struct pt_input input = { .take_decisions = true };
	char name[128];
	int code = PT_EXIT_FAIL;

	if (select_setup_init(&setup, ctx, opts, &sink, &ctx->err) < 0)
		return PT_EXIT_FAIL;
	input.select = setup.select;
	pt_select_mute(setup.select, true);
	if (select_sources_open(&sources, ctx, argc, argv, &input, &ctx->err) < 0) {
		select_setup_done(&setup);
		return PT_EXIT_FAIL;
	}
	select_source_name(name, sizeof(name));
	if (pt_record_writer_new(name, STDOUT_FILENO, ctx->spool, &o.out, &ctx->err) == 0)
		code = decide(ctx, &o, &setup, &sources);
	pt_record_writer_free(o.out);
	select_sources_close(&sources);
	select_setup_done(&setup);
	return code;
}
