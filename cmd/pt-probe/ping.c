// SPDX-License-Identifier: MIT
// pt-probe ping: loss, delay and jitter to any hosts, all at once.
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/emit.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/record.h"
#include "probe/schedule.h"
#include "probe/stream.h"
#include "verbs.h"
#include "wire/stamp_layout.h"

#define MAX_TARGETS     4096
#define DEFAULT_SIZE    56
#define DEFAULT_TTL     64
#define STAMP_TTL       255 // RFC 8762 section 4.2
#define MIN_INTERVAL_NS (100 * PT_NS_PER_US)
#define MAX_DURATION_NS (3600 * PT_NS_PER_S)
#define TICK_NS         (20 * PT_NS_PER_MS)  // between two looks for answers and overdue probes
#define TICK_MANY_NS    (100 * PT_NS_PER_MS) // of many targets, each of which every probe looks at
#define MANY            64
#define BURST           16 // probes of many targets leave together: a wake-up costs as much as they
#define POLL_NS         (20 * PT_NS_PER_MS) // probes less apart than that need no wake-up for answers

enum { KEY_STAMP = 0x100, KEY_DSCP, KEY_TTL };

const struct argp_option probe_ping_options[] = {
	{ .name = "ipv4", .key = '4', .doc = "IPv4 addresses of the hosts only" },
	{ .name = "ipv6", .key = '6', .doc = "IPv6 addresses of the hosts only" },
	{ .name = "count",
		.key = 'c',
		.arg = "N",
		.doc = "Stop after N probes to each host (default: when interrupted)" },
	{ .name = "interval",
		.key = 'i',
		.arg = "TIME",
		.doc = "Between two probes to a host: 10ms, 2s (default 1s)" },
	{ .name = "timeout",
		.key = 'W',
		.arg = "TIME",
		.doc = "Later answers count as lost (default 1s)" },
	{ .name = "size",
		.key = 's',
		.arg = "BYTES",
		.doc = "Of ICMP payload (default 56), or of the STAMP packet (44)" },
	{ .name = "dscp", .key = KEY_DSCP, .arg = "CLASS", .doc = "ef, af41, cs6, 0 to 63" },
	{ .name = "ttl", .key = KEY_TTL, .arg = "HOPS", .doc = "Time to live, hop limit" },
	{ .name = "device", .key = 'I', .arg = "DEVICE", .doc = "Send by this device only" },
	{ .name = "stamp",
		.key = KEY_STAMP,
		.arg = "PORT",
		.doc = "STAMP (RFC 8762) to this UDP port instead of ICMP echo" },
	{ 0 },
};

struct ping;
struct target {
	struct ping *ping;
	const char *name; // as given
	char text[PT_ADDR_LEN];
	struct pt_stream *stream;
	uint64_t tried;
	bool finished;
	int fault; // last one told
};

struct ping {
	struct pt_ctx *ctx;
	const struct probe_ping_opts *o;
	struct pt_hub hub;
	struct target *targets;
	uint32_t n;
	uint32_t sending;    // targets that still want probes
	uint32_t unfinished; // targets that still want probes or answers
	uint32_t look;       // at this target next for overdue probes
	struct pt_schedule schedule;
	struct pt_timer *tick;
	struct pt_mono start;
	bool live; // a line for each answer
};

// ---- options ----

static int parse_time(struct pt_ctx *ctx, const char *name, const char *arg, int64_t *out)
{
	int64_t ns;
	if (pt_parse_duration_ns(arg, PT_NS_PER_S, &ns) || ns < MIN_INTERVAL_NS ||
		ns > MAX_DURATION_NS)
		return pt_err_set(&ctx->err, -EINVAL, "--%s: '%s' is no time between 100us and 1h",
			name, arg);
	*out = ns;
	return 0;
}

static int parse_number(struct pt_ctx *ctx, const char *name, const char *arg, uint32_t min,
	uint32_t max, uint32_t *out)
{
	if (pt_parse_u32(arg, min, max, out))
		return pt_err_set(&ctx->err, -EINVAL, "--%s: '%s' is not within %u to %u", name,
			arg, min, max);
	return 0;
}

int probe_ping_parse(struct pt_ctx *ctx, int key, char *arg, void *opts)
{
	struct probe_ping_opts *o = opts;
	switch (key) {
	case '4':
		o->family = AF_INET;
		return 0;
	case '6':
		o->family = AF_INET6;
		return 0;
	case 'c':
		if (pt_parse_u64(arg, 1, UINT32_MAX, &o->count))
			return pt_err_set(&ctx->err, -EINVAL, "--count: '%s' is no count", arg);
		return 0;
	case 'i':
		return parse_time(ctx, "interval", arg, &o->interval_ns);
	case 'W':
		return parse_time(ctx, "timeout", arg, &o->timeout_ns);
	case 's':
		o->size_given = true;
		return parse_number(ctx, "size", arg, 0, PT_PORT_MAX_PAYLOAD, &o->size);
	case KEY_DSCP:
		if (pt_parse_dscp(arg, &o->dscp))
			return pt_err_set(&ctx->err, -EINVAL, "--dscp: '%s' is no class", arg);
		return 0;
	case KEY_TTL:
		return parse_number(ctx, "ttl", arg, 1, 255, &o->ttl);
	case 'I':
		o->device = arg;
		return 0;
	case KEY_STAMP:
		return parse_number(ctx, "stamp", arg, 1, UINT16_MAX, &o->stamp_port);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int complete_options(struct pt_ctx *ctx, struct probe_ping_opts *o)
{
	if (!o->interval_ns)
		o->interval_ns = PT_NS_PER_S;
	if (!o->timeout_ns)
		o->timeout_ns = PT_NS_PER_S;
	if (!o->ttl)
		o->ttl = o->stamp_port ? STAMP_TTL : DEFAULT_TTL;
	if (!o->size_given)
		o->size = o->stamp_port ? PT_STAMP_LEN : DEFAULT_SIZE;
	if (o->stamp_port && o->size < PT_STAMP_LEN)
		return pt_err_set(&ctx->err, -EINVAL,
			"--size: a STAMP packet has at least %d bytes", PT_STAMP_LEN);
	return 0;
}

// ---- what is seen ----

// Faults that no later attempt can mend.
static bool hopeless(int code)
{
	return code == -EPERM || code == -EACCES || code == -ENODEV || code == -EMFILE ||
		code == -EAFNOSUPPORT;
}

static void on_unsent(struct target *t, int code)
{
	struct ping *p = t->ping;
	if (code == t->fault)
		return;
	t->fault = code;
	if (!hopeless(code) || t->tried > 1) {
		pt_log(PT_LOG_WARN, "%s: cannot send: %s", t->name, strerrordesc_np(-code));
		return;
	}
	(void)pt_err_errno(&p->ctx->err, code, "%s: cannot send", t->name);
	pt_loop_stop(p->hub.loop, PT_EXIT_FAIL);
}

static void on_event(void *ctx, const struct pt_stream_event *e)
{
	struct target *t = ctx;
	char rtt[32], from[PT_ADDR_LEN];
	if (e->kind == PT_STREAM_UNSENT)
		on_unsent(t, e->code);
	if (!t->ping->live)
		return;
	pt_duration_format(e->sample.rtt_ns, rtt, sizeof(rtt));
	switch (e->kind) {
	case PT_STREAM_ANSWER:
	case PT_STREAM_LATE:
		printf("%zu bytes from %s: seq=%u ttl=%d time=%s%s\n", e->len, t->text, e->seq + 1,
			e->ttl, rtt, e->kind == PT_STREAM_LATE ? " (late)" : "");
		break;
	case PT_STREAM_DUPLICATE:
		printf("duplicate from %s: seq=%u\n", t->text, e->seq + 1);
		break;
	case PT_STREAM_LOST:
		printf("no answer from %s: seq=%u\n", t->text, e->seq + 1);
		break;
	case PT_STREAM_ICMP:
		pt_addr_format(&e->from, from);
		printf("from %s: %s\n", e->from.family ? from : t->text,
			e->code == -ETIME ? "hops ran out" : strerrordesc_np(-e->code));
		break;
	case PT_STREAM_UNSENT: // has been told
		break;
	}
	(void)fflush(stdout); // the dispatcher looks at the stream's error flag at the end
}

static void send_one(void *ctx, uint32_t item)
{
	struct ping *p = ctx;
	struct target *t = &p->targets[item];
	if (p->o->count && t->tried == p->o->count)
		return;
	t->tried++;
	p->sending -= p->o->count && t->tried == p->o->count;
	pt_stream_send(t->stream);
	if (!pt_stream_fault(t->stream))
		t->fault = 0;
}

static void flush(void *ctx)
{
	struct ping *p = ctx;
	pt_hub_flush(&p->hub);
}

static void look_at(struct ping *p, struct target *t, struct pt_mono now)
{
	if (t->finished)
		return;
	pt_stream_expire(t->stream, now);
	t->finished = p->o->count && t->tried == p->o->count && !pt_stream_waiting(t->stream);
	p->unfinished -= t->finished;
}

static void on_tick(void *ctx, uint64_t expirations)
{
	struct ping *p = ctx;
	struct pt_mono now = pt_mono_now();
	(void)expirations;
	pt_hub_drain(&p->hub);
	// All of few; a tenth of many, until the last are waited for.
	uint32_t look = p->n > MANY && p->sending ? p->n / 10 : p->n;
	for (; look > 0; look--, p->look = (p->look + 1) % p->n)
		look_at(p, &p->targets[p->look], now);
	if (!p->unfinished)
		pt_loop_stop(p->hub.loop, PT_EXIT_OK);
}

static void on_signal(void *ctx, int signo)
{
	(void)signo;
	pt_loop_stop(ctx, PT_EXIT_OK);
}

// ---- targets ----

static int resolve(struct ping *p, const char *name, struct pt_stream_opts *out)
{
	struct addrinfo hints = { .ai_family = p->o->family, .ai_socktype = SOCK_DGRAM }, *found;
	if (pt_addr_parse(name, &out->target) == 0 && out->target.family == AF_INET &&
		p->o->family != AF_INET6)
		return 0;
	int code = getaddrinfo(name, NULL, &hints, &found);
	if (code)
		return pt_err_set(&p->ctx->err, -ENOENT, "%s: %s", name,
			code == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(code));
	code = pt_addr_from_sockaddr(found->ai_addr, &out->target, NULL);
	if (found->ai_family == AF_INET6) {
		struct sockaddr_in6 sin6;
		memcpy(&sin6, found->ai_addr, sizeof(sin6));
		out->scope = sin6.sin6_scope_id;
		if (!out->scope && p->o->device)
			out->scope = if_nametoindex(p->o->device);
	}
	freeaddrinfo(found);
	return code;
}

static int add_target(struct ping *p, const char *name)
{
	const struct probe_ping_opts *o = p->o;
	struct target *t = &p->targets[p->n];
	struct pt_stream_opts so = {
		.port = (uint16_t)o->stamp_port,
		.device = o->device,
		.dscp = o->dscp,
		.ttl = (uint8_t)o->ttl,
		.icmp_errors = true,
		.probe = o->stamp_port ? PT_PROBE_STAMP : PT_PROBE_ICMP,
		.ssid = (uint16_t)(pt_noise_u64(&p->hub.noise) | 1), // RFC 8972: not zero
		.payload = o->size,
		.timeout_ns = o->timeout_ns,
		.period_ns = o->interval_ns,
	};
	int code = resolve(p, name, &so);
	if (code)
		return code;
	*t = (struct target){ .ping = p, .name = name };
	pt_addr_format(&so.target, t->text);
	code = pt_stream_new(&so, &p->hub, &t->stream, &p->ctx->err);
	if (code)
		return code;
	pt_stream_listen(t->stream, on_event, t);
	p->n++;
	return 0;
}

static int add_targets(struct ping *p, int argc, char **argv)
{
	if (argc > MAX_TARGETS)
		return pt_err_set(&p->ctx->err, -E2BIG, "at most %d hosts", MAX_TARGETS);
	p->targets = calloc((size_t)argc, sizeof(*p->targets));
	if (!p->targets)
		return pt_err_set(&p->ctx->err, -ENOMEM, "out of memory");
	for (int i = 0; i < argc; i++) {
		int code = add_target(p, argv[i]);
		if (code)
			return code;
	}
	p->unfinished = p->sending = p->n;
	return 0;
}

// ---- results ----

static int64_t window_ms(const struct ping *p)
{
	return pt_mono_diff(pt_mono_now(), p->start) / PT_NS_PER_MS;
}

static int write_records(struct ping *p)
{
	char src[128];
	struct pt_record_writer *w = NULL;
	probe_source(src, sizeof(src), "");
	int code = pt_record_writer_new(src, STDOUT_FILENO, NULL, &w, &p->ctx->err);
	for (uint32_t i = 0; !code && i < p->n; i++) {
		struct pt_health h;
		pt_stream_health(p->targets[i].stream, window_ms(p), &h);
		code = pt_record_write(
			w, "health", pt_json_write(&pt_health_schema, &h), &p->ctx->err);
	}
	pt_record_writer_free(w);
	return code;
}

static void emit_ms(struct pt_emit *e, int64_t us)
{
	if (us == PT_NULL)
		pt_emit_null(e);
	else
		pt_emit_milli(e, us);
}

static int write_table(struct ping *p)
{
	static const struct pt_column columns[] = {
		{ "target", "host", false },
		{ "sent", "sent", true },
		{ "received", "answered", true },
		{ "loss", "loss %", true },
		{ "min", "min ms", true },
		{ "p50", "p50 ms", true },
		{ "p95", "p95 ms", true },
		{ "p99", "p99 ms", true },
		{ "max", "max ms", true },
		{ "jitter", "jitter ms", true },
		{ "timestamps", "stamps", false },
		{ NULL, NULL, false },
	};
	struct pt_emit *e = NULL;
	int code = pt_emit_new(PT_EMIT_TABLE, stdout, &e);
	if (code)
		return pt_err_errno(&p->ctx->err, code, "standard output");
	pt_emit_table(e, "targets", columns);
	for (uint32_t i = 0; i < p->n; i++) {
		struct pt_health h;
		pt_stream_health(p->targets[i].stream, window_ms(p), &h);
		pt_emit_row(e);
		pt_emit_str(e, p->targets[i].name);
		pt_emit_i64(e, h.sent);
		pt_emit_i64(e, h.received);
		emit_ms(e, h.loss_ppm == PT_NULL ? PT_NULL : h.loss_ppm / 10);
		emit_ms(e, h.rtt_us.min);
		emit_ms(e, h.rtt_us.p50);
		emit_ms(e, h.rtt_us.p95);
		emit_ms(e, h.rtt_us.p99);
		emit_ms(e, h.rtt_us.max);
		emit_ms(e, h.jitter_us);
		pt_emit_str(e, h.timestamps);
	}
	code = pt_emit_end(e);
	return code ? pt_err_errno(&p->ctx->err, code, "standard output") : 0;
}

static int finish(struct ping *p)
{
	if (p->live)
		printf("\n");
	int code = p->ctx->json ? write_records(p) : write_table(p);
	if (code)
		return code;
	for (uint32_t i = 0; i < p->n; i++) {
		struct pt_health h;
		pt_stream_health(p->targets[i].stream, 0, &h);
		if (!h.received && !h.late)
			return PT_EXIT_NO;
	}
	return PT_EXIT_OK;
}

// ---- the run ----

static int start_schedule(struct ping *p)
{
	static const struct pt_schedule_ops ops = { .item = send_one, .batch = flush };
	int64_t period_ns = p->o->interval_ns;
	int64_t slot_ns = period_ns / p->n * BURST;
	struct pt_slots slots = pt_slots_make(p->n, period_ns, period_ns,
		slot_ns > PT_SCHEDULE_SLOT_NS ? slot_ns : PT_SCHEDULE_SLOT_NS);
	int code = pt_hub_poll(&p->hub, period_ns / slots.count <= POLL_NS);
	return code ? code : pt_schedule_start(&p->schedule, p->hub.loop, slots, p->start, &ops, p);
}

static int measure(struct ping *p)
{
	static const int signals[] = { SIGINT, SIGTERM, 0 };
	struct pt_loop *loop = p->hub.loop;
	int64_t tick_ns = p->n > MANY ? TICK_MANY_NS : TICK_NS;
	p->start = pt_mono_add(pt_mono_now(), PT_HUB_WARM_NS);
	int code = pt_loop_signals(loop, signals, on_signal, loop);
	if (!code)
		code = pt_loop_timer_add(
			loop, pt_mono_add(p->start, tick_ns), tick_ns, on_tick, p, &p->tick);
	if (!code)
		code = start_schedule(p);
	if (code)
		return pt_err_errno(&p->ctx->err, code, "event loop");
	probe_realtime();
	code = pt_loop_run(loop);
	pt_schedule_done(&p->schedule);
	pt_loop_timer_del(p->tick);
	return code ? code : finish(p);
}

int probe_ping(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct probe_ping_opts *o = opts;
	struct ping p = { .ctx = ctx, .o = o, .live = argc == 1 && !ctx->json && !ctx->quiet };
	if (complete_options(ctx, o))
		return PT_EXIT_USAGE;
	struct pt_loop *loop = NULL;
	int code = pt_loop_new(&loop, &ctx->err);
	if (code)
		return PT_EXIT_FAIL;
	pt_hub_init(&p.hub, loop);
	code = add_targets(&p, argc, argv);
	if (!code)
		code = measure(&p);
	for (uint32_t i = 0; i < p.n; i++)
		pt_stream_free(p.targets[i].stream);
	free(p.targets);
	pt_hub_done(&p.hub);
	pt_loop_free(loop);
	return code < 0 ? PT_EXIT_FAIL : code;
}
