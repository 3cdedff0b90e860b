// SPDX-License-Identifier: MIT
// pt-probe reflect: the far end of STAMP.
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/record.h"
#include "base/arena.h"
#include "model/config.h"
#include "model/network.h"
#include "probe/reflect.h"
#include "verbs.h"

enum {
	KEY_PORT = 'p',
	KEY_BIND = 'b',
	KEY_DEVICE = 'I',
	KEY_ALLOW = 'a',
	KEY_RATE = 'r',
	KEY_SPOOL = 0x100,
	KEY_SOURCE_RATE,
	KEY_TC,
	KEY_XDP,
	KEY_AUTH
};

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
	{ .name = "source-rate",
		.key = KEY_SOURCE_RATE,
		.arg = "PPS",
		.doc = "At most this many answers a second to each sender" },
	{ .name = "tc",
		.key = KEY_TC,
		.arg = "DEVICE",
		.doc = "Answer in the kernel what comes by this device; may be repeated" },
	{ .name = "xdp",
		.key = KEY_XDP,
		.arg = "DEVICE",
		.doc = "The same in its driver, by native XDP" },
	{ .name = "auth-key",
		.key = KEY_AUTH,
		.arg = "FILE",
		.doc = "Authenticated mode: answer only what is signed with this key" },
	{ .name = "spool",
		.key = KEY_SPOOL,
		.arg = "DIR",
		.doc = "Write records to this spool, too" },
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

static int add_device(struct pt_ctx *ctx, int key, const char *arg, struct probe_reflect_opts *o)
{
	const char *option = key == KEY_XDP ? "--xdp" : "--tc";
	if (o->n_kernel == PROBE_REFLECT_MAX)
		return pt_err_set(
			&ctx->err, -E2BIG, "--tc, --xdp: at most %d devices", PROBE_REFLECT_MAX);
	if (!arg[0] || strlen(arg) >= IF_NAMESIZE)
		return pt_err_set(&ctx->err, -EINVAL, "%s: '%s' is no device", option, arg);
	o->kernel[o->n_kernel++] = (struct pt_reflect_device){ .name = arg, .xdp = key == KEY_XDP };
	return 0;
}

static int parse_rate(struct pt_ctx *ctx, const char *option, const char *arg, uint64_t *out)
{
	if (pt_parse_u64(arg, 1, 100000000, out))
		return pt_err_set(&ctx->err, -EINVAL, "%s: '%s' is no rate a second", option, arg);
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
		return parse_rate(ctx, "--rate", arg, &o->rate_pps);
	case KEY_SOURCE_RATE:
		return parse_rate(ctx, "--source-rate", arg, &o->source_rate_pps);
	case KEY_TC:
	case KEY_XDP:
		return add_device(ctx, key, arg, o);
	case KEY_AUTH:
		o->auth_key = arg;
		return 0;
	case KEY_SPOOL:
		o->spool = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

struct service {
	struct pt_ctx *ctx;
	struct pt_loop *loop;
	struct pt_reflector *reflector;
	struct pt_kreflector *kernel; // NULL: none
	struct pt_record_writer *out;
	struct pt_timer *export;
	const char *key_file; // NULL: open mode
	struct pt_stamp_key *key, *former_key;
};

// What both together have done. What only the kernel can tell apart is left out.
static struct pt_reflect_counters all_counters(
	const struct service *s, struct pt_kreflect_counters *kernel)
{
	struct pt_reflect_counters n = *pt_reflector_counters(s->reflector);
	if (!s->kernel)
		return n;
	*kernel = pt_kreflector_counters(s->kernel);
	n.received += kernel->answered + kernel->refused + kernel->limited;
	n.answered += kernel->answered;
	n.refused += kernel->refused;
	n.limited += kernel->limited;
	return n;
}

static void tell_totals(const struct service *s)
{
	struct pt_kreflect_counters kernel = { 0 };
	const struct pt_reflect_counters all = all_counters(s, &kernel), *n = &all;
	pt_log(PT_LOG_INFO,
		"%" PRIu64 " requests, %" PRIu64 " answered; not answered: %" PRIu64
		" malformed, %" PRIu64 " not allowed, %" PRIu64 " could loop, %" PRIu64
		" above the rate, %" PRIu64 " not signed, %" PRIu64 " replayed, %" PRIu64
		" not sent",
		n->received, n->answered, n->malformed, n->refused, n->looped, n->limited,
		n->forged, n->replayed, n->failed);
	if (n->tampered)
		pt_log(PT_LOG_INFO, "%" PRIu64 " had extensions that were not signed", n->tampered);
	if (n->user_stamps)
		pt_log(PT_LOG_INFO, "%" PRIu64 " requests came without a kernel time stamp",
			n->user_stamps);
	if (s->kernel)
		pt_log(PT_LOG_INFO, "%" PRIu64 " were answered in the kernel", kernel.answered);
}

// ---- statistics ----

static json_t *counters_json(const struct service *s)
{
	struct pt_kreflect_counters kernel = { 0 };
	const struct pt_reflect_counters all = all_counters(s, &kernel), *n = &all;
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "received", n->received },
		{ "answered", n->answered },
		{ "answered_kernel", kernel.answered },
		{ "malformed", n->malformed },
		{ "refused", n->refused },
		{ "looped", n->looped },
		{ "limited", n->limited },
		{ "forged", n->forged },
		{ "replayed", n->replayed },
		{ "tampered", n->tampered },
		{ "failed", n->failed },
		{ "user_stamps", n->user_stamps },
		{ "cpu_us", (uint64_t)pt_cpu_us() },
	};
	json_t *body = json_object();
	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++)
		(void)json_object_set_new(
			body, rows[i].name, json_integer((json_int_t)rows[i].value));
	(void)json_object_set_new(body, "held_us", pt_hist_summary(&n->held));
	return body;
}

static void export_stats(void *ctx, uint64_t expirations)
{
	struct service *s = ctx;
	struct pt_err err = { 0 };
	json_t *body = counters_json(s);
	(void)expirations;
	int code = pt_record_write(s->out, "stats", body, &err);
	if (code && code != -EPIPE) // who reads standard output may leave, answering goes on
		pt_log(PT_LOG_WARN, "statistics: %s", err.msg);
}

// Reads the settings; the timer runs by them from then on. A far end needs no settings file.
static int apply_settings(struct service *s, struct pt_err *err)
{
	pt_autoarena a = { 0 };
	struct pt_config c;
	bool load = s->ctx->config_given || access(s->ctx->config, F_OK) == 0;
	int code = pt_config_load(load ? s->ctx->config : NULL, &a, &c, err);
	if (code)
		return code;
	int64_t period_ns = c.metrics.export_interval_secs * PT_NS_PER_S;
	struct pt_mono first = c.metrics.enabled && s->out ? pt_mono_add(pt_mono_now(), period_ns)
							   : (struct pt_mono){ 0 };
	code = pt_loop_timer_set(s->export, first, period_ns);
	return code ? pt_err_errno(err, code, "statistics") : 0;
}

// Records would only disturb somebody who watches a terminal.
static int open_records(struct service *s, const struct probe_reflect_opts *o, struct pt_err *err)
{
	char src[128];
	int fd = isatty(STDOUT_FILENO) ? -1 : STDOUT_FILENO;
	probe_source(src, sizeof(src), "-reflect");
	int code = pt_loop_timer_add(
		s->loop, (struct pt_mono){ 0 }, 0, export_stats, s, &s->export);
	if (code)
		return pt_err_errno(err, code, "statistics");
	if (fd < 0 && !o->spool)
		return 0;
	return pt_record_writer_new(src, fd, o->spool, &s->out, err);
}

// ---- the run ----

// The key that is in the file now; the one before still serves, so that senders need not change at
// the same moment.
static int change_key(struct service *s, struct pt_err *err)
{
	struct pt_stamp_key *key = NULL;
	int code = s->key_file ? pt_stamp_key_load(s->key_file, &key, err) : 0;

	if (code || !key || pt_stamp_key_same(key, s->key)) {
		pt_stamp_key_free(key);
		return code;
	}
	pt_reflector_key(s->reflector, key);
	pt_stamp_key_free(s->former_key);
	s->former_key = s->key;
	s->key = key;
	pt_log(PT_LOG_INFO, "another key; the one before is answered, too");
	return 0;
}

static void on_signal(void *ctx, int signo)
{
	struct service *s = ctx;
	struct pt_err err = { 0 };
	if (signo != SIGHUP)
		pt_loop_stop(s->loop, PT_EXIT_OK);
	else if (change_key(s, &err) || apply_settings(s, &err))
		pt_log(PT_LOG_ERROR, "%s: kept what was running", err.msg);
	else
		pt_log(PT_LOG_INFO, "configuration read again");
}

// Without it everything is answered all the same, only later.
static void start_kernel(
	struct service *s, const struct pt_reflect_opts *ro, const struct probe_reflect_opts *o)
{
	struct pt_err err = { 0 };
	if (o->n_kernel && pt_kreflector_new(ro, o->kernel, o->n_kernel, s->loop, &s->kernel, &err))
		pt_log(PT_LOG_WARN, "%s: user space answers", err.msg);
}

static int run(struct service *s, const struct probe_reflect_opts *o)
{
	static const int signals[] = { SIGHUP, SIGTERM, SIGINT, 0 };
	struct pt_err *err = &s->ctx->err;
	struct pt_reflect_opts ro = {
		.port = o->port ? (uint16_t)o->port : PT_STAMP_PORT,
		.bind = o->bind,
		.n_bind = o->n_bind,
		.device = o->device,
		.allow = o->allow,
		.n_allow = o->n_allow,
		.rate_pps = o->rate_pps,
		.source_rate_pps = o->source_rate_pps,
	};
	if (o->auth_key && o->n_kernel)
		return pt_err_set(err, -EINVAL,
			"--auth-key: the kernel cannot sign, so without --tc and --xdp");
	if (o->auth_key && pt_stamp_key_load(o->auth_key, &s->key, err))
		return -EINVAL;
	ro.key = s->key;
	s->key_file = o->auth_key;
	int code = pt_loop_signals(s->loop, signals, on_signal, s);
	if (code)
		return pt_err_errno(err, code, "signals");
	code = open_records(s, o, err);
	if (!code)
		code = apply_settings(s, err);
	if (code)
		return code;
	start_kernel(s, &ro, o); // first: who finds the port open finds it answered as asked
	code = pt_reflector_new(&ro, s->loop, &s->reflector, err);
	if (code)
		return code;
	probe_realtime();
	pt_notify("READY=1");
	code = pt_loop_run(s->loop);
	tell_totals(s);
	return code;
}

int probe_reflect(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct service s = { .ctx = ctx };
	(void)argc;
	(void)argv;
	int code = pt_loop_new(&s.loop, &ctx->err);
	if (!code)
		code = run(&s, opts);
	pt_kreflector_free(s.kernel);
	pt_reflector_free(s.reflector);
	pt_record_writer_free(s.out);
	pt_stamp_key_free(s.key);
	pt_stamp_key_free(s.former_key);
	pt_loop_free(s.loop);
	return code < 0 ? PT_EXIT_FAIL : code;
}
