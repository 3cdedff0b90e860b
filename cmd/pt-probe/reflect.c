// SPDX-License-Identifier: MIT
// pt-probe reflect: the far end of STAMP.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>

#include "base/log.h"
#include "base/parse.h"
#include "model/network.h"
#include "probe/reflect.h"
#include "verbs.h"

enum { KEY_PORT = 'p', KEY_BIND = 'b', KEY_DEVICE = 'I', KEY_ALLOW = 'a', KEY_RATE = 'r' };

const struct argp_option probe_reflect_options[] = {
	{ .name = "port", .key = KEY_PORT, .arg = "PORT", .doc = "UDP port (default 862)" },
	{ .name = "bind",
		.key = KEY_BIND,
		.arg = "ADDRESS",
		.doc = "Listen on this address only; may be repeated" },
	{ .name = "device",
		.key = KEY_DEVICE,
		.arg = "DEVICE",
		.doc = "Listen on this device only" },
	{ .name = "allow",
		.key = KEY_ALLOW,
		.arg = "PREFIX",
		.doc = "Answer these senders only; may be repeated" },
	{ .name = "rate",
		.key = KEY_RATE,
		.arg = "PPS",
		.doc = "At most this many answers a second" },
	{ 0 },
};

static int add_bind(struct pt_ctx *ctx, const char *arg, struct probe_reflect_opts *o)
{
	if (o->n_bind == PROBE_REFLECT_MAX)
		return pt_err_set(
			&ctx->err, -E2BIG, "--bind: at most %d addresses", PROBE_REFLECT_MAX);
	if (pt_addr_parse(arg, &o->bind[o->n_bind]))
		return pt_err_set(&ctx->err, -EINVAL, "--bind: '%s' is no address", arg);
	o->n_bind++;
	return 0;
}

static int add_allow(struct pt_ctx *ctx, const char *arg, struct probe_reflect_opts *o)
{
	if (o->n_allow == PROBE_REFLECT_MAX)
		return pt_err_set(
			&ctx->err, -E2BIG, "--allow: at most %d prefixes", PROBE_REFLECT_MAX);
	int code = pt_prefix_parse(arg, &o->allow[o->n_allow]);
	if (code)
		return pt_err_set(&ctx->err, -EINVAL, "--allow: '%s' %s", arg,
			code == -EDOM ? "has host bits set" : "is no prefix");
	o->n_allow++;
	return 0;
}

int probe_reflect_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct probe_reflect_opts *o = opts;
	switch (key) {
	case KEY_PORT:
		if (pt_parse_u32(arg, 1, UINT16_MAX, &o->port))
			return pt_err_set(&ctx->err, -EINVAL, "--port: '%s' is no port", arg);
		return 0;
	case KEY_BIND:
		return add_bind(ctx, arg, o);
	case KEY_DEVICE:
		o->device = arg;
		return 0;
	case KEY_ALLOW:
		return add_allow(ctx, arg, o);
	case KEY_RATE:
		if (pt_parse_u64(arg, 1, 100000000, &o->rate_pps))
			return pt_err_set(
				&ctx->err, -EINVAL, "--rate: '%s' is no rate a second", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void on_signal(void *ctx, int signo)
{
	(void)signo;
	pt_loop_stop(ctx, PT_EXIT_OK);
}

static void tell(const struct pt_reflect_counters *n)
{
	pt_log(PT_LOG_INFO,
		"%" PRIu64 " requests, %" PRIu64 " answered; not answered: %" PRIu64
		" malformed, %" PRIu64 " not allowed, %" PRIu64 " could loop, %" PRIu64
		" above the rate, %" PRIu64 " not sent",
		n->received, n->answered, n->malformed, n->refused, n->looped, n->limited,
		n->failed);
	if (n->user_stamps)
		pt_log(PT_LOG_INFO, "%" PRIu64 " requests came without a kernel time stamp",
			n->user_stamps);
}

static int run(struct pt_ctx *ctx, struct pt_loop *loop, const struct probe_reflect_opts *o)
{
	static const int signals[] = { SIGTERM, SIGINT, 0 };
	struct pt_reflect_opts ro = {
		.port = o->port ? (uint16_t)o->port : PT_STAMP_PORT,
		.bind = o->bind,
		.n_bind = o->n_bind,
		.device = o->device,
		.allow = o->allow,
		.n_allow = o->n_allow,
		.rate_pps = o->rate_pps,
	};
	struct pt_reflector *r = NULL;
	int code = pt_loop_signals(loop, signals, on_signal, loop);
	if (code)
		return pt_err_errno(&ctx->err, code, "signals");
	code = pt_reflector_new(&ro, loop, &r, &ctx->err);
	if (code)
		return code;
	probe_realtime();
	pt_notify("READY=1");
	code = pt_loop_run(loop);
	tell(pt_reflector_counters(r));
	pt_reflector_free(r);
	return code;
}

int probe_reflect(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct probe_reflect_opts *o = opts;
	struct pt_loop *loop = NULL;
	(void)argc;
	(void)argv;
	int code = pt_loop_new(&loop, &ctx->err);
	if (!code)
		code = run(ctx, loop, o);
	pt_loop_free(loop);
	return code < 0 ? PT_EXIT_FAIL : code;
}
