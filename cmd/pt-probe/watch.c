// SPDX-License-Identifier: MIT
// pt-probe watch: all paths of this edge, for ever.
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/record.h"
#include "bpf/plane.h"
#include "probe/watch.h"
#include "verbs.h"

enum { KEY_SPOOL = 0x100 };

// Its own: the common pair would offer --from, and there is nothing to read.
const struct argp_option probe_watch_options[] = {
	{ .name = "spool",
		.key = KEY_SPOOL,
		.arg = "DIR",
		.doc = "Write records to this spool, too" },
	{ 0 },
};

int probe_watch_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	(void)opts;
	if (key != KEY_SPOOL)
		return ARGP_ERR_UNKNOWN;
	ctx->spool = arg;
	return 0;
}

struct daemon {
	struct pt_loop *loop;
	struct pt_watch *watch;
};

static void on_signal(void *ctx, int signo)
{
	struct daemon *d = ctx;
	struct pt_err err = { 0 };
	if (signo != SIGHUP)
		pt_loop_stop(d->loop, PT_EXIT_OK);
	else if (pt_watch_reload(d->watch, &err))
		pt_log(PT_LOG_ERROR, "%s: kept what was running", err.msg);
	else
		pt_log(PT_LOG_INFO, "configuration read again");
}

static int run(struct pt_ctx *ctx, struct daemon *d, struct pt_record_writer *out)
{
	static const int signals[] = { SIGHUP, SIGTERM, SIGINT, 0 };
	struct pt_watch_opts o = { .config = ctx->config,
		.network = ctx->network,
		.pin_dir = ctx->pin_dir ? ctx->pin_dir : PT_PIN_DIR,
		.out = out };
	int code = pt_loop_signals(d->loop, signals, on_signal, d);
	if (code)
		return pt_err_errno(&ctx->err, code, "signals");
	probe_realtime();
	code = pt_watch_new(&o, d->loop, &d->watch, &ctx->err);
	if (code)
		return code;
	code = pt_loop_run(d->loop);
	pt_watch_free(d->watch);
	return code;
}

int probe_watch(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct daemon d = { 0 };
	struct pt_record_writer *out = NULL;
	char src[128];
	(void)argc;
	(void)argv;
	(void)opts;
	probe_source(src, sizeof(src), "");
	int code = pt_loop_new(&d.loop, &ctx->err);
	if (!code)
		code = pt_record_writer_new(src, STDOUT_FILENO, ctx->spool, &out, &ctx->err);
	if (!code)
		code = run(ctx, &d, out);
	pt_record_writer_free(out);
	pt_loop_free(d.loop);
	return code < 0 ? PT_EXIT_FAIL : code;
}
