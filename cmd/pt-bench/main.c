// SPDX-License-Identifier: MIT
// pt-bench: measures the promises, each with its baseline in the same run.
#include <errno.h>
#include <unistd.h>

#include "base/parse.h"
#include "bench.h"

static const struct pt_verb verbs[] = {
	{ .name = "failover",
		.run = bench_failover,
		.options = bench_failover_options,
		.parse = bench_failover_parse,
		.opts_size = sizeof(struct bench_failover_args),
		.args = "",
		.need = PT_NEED_ROOT | PT_NEED_JSON,
		.doc = "Cut a WAN silently, again and again: how long does the traffic stop?" },
	{ .name = "health-check",
		.run = bench_health,
		.options = bench_health_options,
		.parse = bench_health_parse,
		.opts_size = sizeof(struct bench_health_args),
		.args = "",
		.need = PT_NEED_ROOT | PT_NEED_JSON,
		.doc = "Probe a thousand hosts and paths: what does a probe cost?" },
	{ .name = "path-selection",
		.run = bench_selection,
		.options = bench_selection_options,
		.parse = bench_selection_parse,
		.opts_size = sizeof(struct bench_selection_args),
		.args = "",
		.need = PT_NEED_JSON,
		.doc = "Change the verdict of one path: how long until the best of all is known?" },
	{ .name = "dataplane",
		.run = bench_dataplane,
		.options = bench_dataplane_options,
		.parse = bench_dataplane_parse,
		.opts_size = sizeof(struct bench_dataplane_args),
		.args = "",
		.need = PT_NEED_ROOT | PT_NEED_JSON,
		.doc = "Decide about packets in a large network: how long for each? And a "
		       "reload?" },
	{ .name = "db",
		.run = bench_db,
		.options = bench_db_options,
		.parse = bench_db_parse,
		.opts_size = sizeof(struct bench_db_args),
		.args = "",
		.need = PT_NEED_CONFIG | PT_NEED_JSON,
		.doc = "Store records and ask about a long history: how fast is the database?" },
	{ .name = "tune",
		.run = bench_tune,
		.options = bench_tune_options,
		.parse = bench_tune_parse,
		.opts_size = sizeof(struct bench_tune_args),
		.args = "",
		.need = PT_NEED_ROOT | PT_NEED_JSON,
		.doc = "Plan the tuning of a host with many devices: how long does it take?" },
	{ .name = "claims",
		.run = bench_claims,
		.options = bench_claims_options,
		.parse = bench_claims_parse,
		.opts_size = sizeof(struct bench_claims_args),
		.args = "",
		.need = PT_NEED_ROOT | PT_NEED_JSON,
		.doc = "Do what the tuning guide promises percentages for: is it so?" },
	{ .name = NULL },
};

static const struct pt_tool tool = {
	.name = "pt-bench",
	.doc = "Measures what Patronus promises, each time beside a baseline.",
	.verbs = verbs,
};

int bench_count(
	struct pt_ctx *ctx, const struct bench_bounds *bounds, const char *arg, uint32_t *out)
{
	if (pt_parse_u32(arg, bounds->min, bounds->max, out))
		return pt_err_set(&ctx->err, -EINVAL, "--%s: %u to %u, not '%s'", bounds->option,
			bounds->min, bounds->max, arg);
	return 0;
}

static int open_writer(struct pt_record_writer **out, struct pt_err *err)
{
	char host[64] = "", src[96];

	if (gethostname(host, sizeof(host) - 1))
		return pt_err_errno(err, -errno, "host name");
	(void)snprintf(src, sizeof(src), "%s/pt-bench", host);
	return pt_record_writer_new(src, STDOUT_FILENO, NULL, out, err);
}

static int write_records(const struct bench_rows *rows, unsigned n, struct pt_err *err)
{
	struct pt_record_writer *w = NULL;
	int code = open_writer(&w, err);

	for (unsigned i = 0; !code && i < n; i++) {
		for (size_t k = 0; !code && k < rows[i].n; k++)
			code = pt_record_write(
				w, "bench", pt_bench_to_json(&rows[i].results[k]), err);
	}
	pt_record_writer_free(w);
	return code;
}

int bench_write(struct pt_ctx *ctx, json_t *const bodies[], unsigned n)
{
	struct pt_record_writer *w = NULL;
	int code = open_writer(&w, &ctx->err);

	for (unsigned i = 0; i < n; i++) {
		if (code)
			json_decref(bodies[i]);
		else
			code = pt_record_write(w, "bench", bodies[i], &ctx->err);
	}
	pt_record_writer_free(w);
	return code == -EPIPE ? 0 : code; // a reader that has had enough is no fault
}

static int print_tables(const struct bench_rows *rows, unsigned n, struct pt_err *err)
{
	struct pt_emit *e = NULL;
	int code = pt_emit_new(PT_EMIT_TABLE, stdout, &e);

	if (code)
		return pt_err_errno(err, code, "output");
	for (unsigned i = 0; i < n; i++)
		(void)pt_bench_print(e, rows[i].results, rows[i].n);
	code = pt_emit_end(e);
	return code ? pt_err_errno(err, code, "standard output") : 0;
}

int bench_show(struct pt_ctx *ctx, const struct bench_rows *rows, unsigned n)
{
	ctx->err = (struct pt_err){ 0 }; // of what was tried on the way and did not matter
	int code = ctx->json ? write_records(rows, n, &ctx->err) : print_tables(rows, n, &ctx->err);

	if (code && code != -EPIPE) // a reader that has had enough is no fault
		return PT_EXIT_FAIL;
	for (unsigned i = 0; i < n; i++) {
		for (size_t k = 0; k < rows[i].n; k++) {
			if (pt_bench_judge(&rows[i].results[k]) == PT_BENCH_FAIL)
				return PT_EXIT_NO;
		}
	}
	return PT_EXIT_OK;
}

int main(int argc, char **argv)
{
	return pt_cli_main(&tool, argc, argv);
}
