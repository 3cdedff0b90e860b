// SPDX-License-Identifier: MIT
#include "probe/targets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "probe/stream.h"
#include "wire/dns.h"

#define ECHO_BYTES 56
#define ECHO_TTL   64
#define ASKED_LEN  320

// One of them: ICMP has a stream, the others a service.
struct aim {
	struct pt_targets *targets;
	const struct pt_target *o;
	struct pt_stream *stream;
	struct pt_service *service;
	struct pt_timer *timer;
	struct pt_service_tally tally; // of the service
	bool asked;                    // ever
	bool silent;                   // as the last window with a question showed
	char what[ASKED_LEN];
	char why[PT_SERVICE_WHY_LEN];  // it cannot be asked; or what its stream met last
	char told[PT_SERVICE_WHY_LEN]; // in the record that is being made
	char address[PT_ADDR_LEN];
};

struct pt_targets {
	struct pt_arena arena;
	struct pt_path path;
	struct pt_hub *hub;
	int64_t check_ms, timeout_ms; // of targets that do not say
	struct aim *aims;
	struct pt_target_reach *reach;
	struct pt_service_room room;
};

static int64_t interval_ns(const struct aim *a)
{
	int64_t ms = a->o->interval_ms == PT_NULL ? a->targets->check_ms : a->o->interval_ms;
	return ms * PT_NS_PER_MS;
}

static int64_t timeout_ns(const struct aim *a)
{
	int64_t ms = a->o->timeout_ms == PT_NULL ? a->targets->timeout_ms : a->o->timeout_ms;
	return ms * PT_NS_PER_MS;
}

// ---- asking ----

static void on_echo(void *ctx, const struct pt_stream_event *e)
{
	struct aim *a = ctx;

	switch (e->kind) {
	case PT_STREAM_UNSENT:
	case PT_STREAM_ICMP:
		(void)snprintf(a->why, sizeof(a->why), "%s", strerrordesc_np(-e->code));
		break;
	case PT_STREAM_LOST:
		if (!a->why[0])
			(void)snprintf(a->why, sizeof(a->why), "no answer within %lld ms",
				(long long)(timeout_ns(a) / PT_NS_PER_MS));
		break;
	default:
		break;
	}
}

static void on_news(void *ctx, const struct pt_service_news *news)
{
	struct aim *a = ctx;
	pt_service_count(&a->tally, news);
}

static void ask(struct aim *a)
{
	a->asked = true;
	if (a->service)
		(void)pt_service_ask(a->service, on_news, a); // false: the last is still open
	if (!a->stream)
		return;
	pt_stream_send(a->stream);
	pt_hub_flush(a->targets->hub);
}

static void on_timer(void *ctx, uint64_t expirations)
{
	(void)expirations;
	ask(ctx);
}

void pt_targets_ask(struct pt_targets *t)
{
	for (uint32_t i = 0; i < t->path.n_targets; i++)
		ask(&t->aims[i]);
}

// ---- telling ----

static void read_health(struct aim *a, struct pt_health *h, struct pt_service_figures *f)
{
	pt_schema_defaults(&pt_service_schema, f);
	if (a->stream) {
		pt_stream_health(a->stream, 0, h);
		f->why = a->why[0] ? a->why : NULL;
		return;
	}
	// Of one that cannot even be asked this is a window without questions.
	pt_service_health(&a->tally, (enum pt_probe_kind)a->o->probe, &a->targets->room, h, f);
	h->dscp = a->targets->path.dscp;
	if (!a->service)
		f->why = a->why;
}

// Most of what it was asked. In a window without a question it is as it was in the one before; one
// that was never asked yet is not held against the path, unless it cannot be.
static bool answers(const struct aim *a, const struct pt_health *h, const char *why)
{
	if (h->sent)
		return h->received * 2 > h->sent;
	return !why && !a->silent;
}

static void next_window(struct aim *a)
{
	if (a->stream) {
		pt_stream_next_window(a->stream);
		a->why[0] = '\0';
	} else if (a->service) {
		pt_service_next_window(&a->tally);
	}
}

static void reach_of(struct pt_targets *t, uint32_t i, struct pt_target_reach *out)
{
	struct aim *a = &t->aims[i];
	struct pt_service_figures f;
	struct pt_health h;

	read_health(a, &h, &f);
	(void)snprintf(a->address, sizeof(a->address), "%s", h.target);
	(void)snprintf(a->told, sizeof(a->told), "%s", f.why ? f.why : "");
	*out = (struct pt_target_reach){ .asked = a->what,
		.probe = a->o->probe,
		.target = a->address[0] ? a->address : NULL,
		.sent = h.sent,
		.received = h.received,
		.rtt_us = h.rtt_us.mean,
		.status = f.status,
		.cert_days = f.cert_days,
		.answers = answers(a, &h, f.why),
		.why = a->told[0] ? a->told : NULL };
	a->silent = !out->answers;
}

void pt_targets_reach(struct pt_targets *t, int64_t window_ms, struct pt_reach *out)
{
	*out = (struct pt_reach){ .window_ms = window_ms,
		.quorum = t->path.quorum,
		.targets = t->reach,
		.n_targets = t->path.n_targets };
	for (uint32_t i = 0; i < t->path.n_targets; i++) {
		reach_of(t, i, &t->reach[i]);
		out->answering += t->reach[i].answers;
		next_window(&t->aims[i]);
	}
}

void pt_targets_health(struct pt_targets *t, int64_t window_ms, struct pt_health *out)
{
	struct pt_service_figures f;
	uint32_t use = 0;

	for (uint32_t i = t->path.n_targets; i-- > 0;) {
		read_health(&t->aims[i], out, &f);
		if (out->received && answers(&t->aims[i], out, NULL))
			use = i;
	}
	read_health(&t->aims[use], out, &f);
	out->window_ms = window_ms;
}

bool pt_targets_settled(const struct pt_targets *t)
{
	for (uint32_t i = 0; i < t->path.n_targets; i++) {
		const struct aim *a = &t->aims[i];
		if (a->stream)
			pt_stream_expire(a->stream, pt_mono_now());
		if ((a->service || a->stream) && !a->asked)
			return false;
		if (a->service && pt_service_busy(a->service))
			return false;
		if (a->stream && pt_stream_waiting(a->stream))
			return false;
	}
	return true;
}

// ---- life ----

static void describe(struct aim *a)
{
	const struct pt_target *o = a->o;
	bool v6 = o->address.family == AF_INET6;
	char text[PT_ADDR_LEN] = "";

	if (o->address.family)
		pt_addr_format(&o->address, text);
	if (o->probe == PT_PROBE_HTTP)
		(void)snprintf(a->what, sizeof(a->what), "%.255s", o->url);
	else if (o->probe == PT_PROBE_TCP)
		(void)snprintf(a->what, sizeof(a->what), "%s%s%s:%lld", v6 ? "[" : "", text,
			v6 ? "]" : "", (long long)o->port);
	else if (o->probe == PT_PROBE_DNS)
		(void)snprintf(a->what, sizeof(a->what), "%s %.255s", text, o->name);
	else
		(void)snprintf(a->what, sizeof(a->what), "%s", text);
}

static int make_stream(struct aim *a, struct pt_err *err)
{
	const struct pt_path *p = &a->targets->path;
	struct pt_stream_opts so = { .target = a->o->address,
		.device = p->device,
		.dscp = (uint8_t)p->dscp,
		.ttl = ECHO_TTL,
		.icmp_errors = true,
		.probe = PT_PROBE_ICMP,
		.payload = ECHO_BYTES,
		.timeout_ns = timeout_ns(a),
		.period_ns = interval_ns(a) };
	int code = pt_stream_new(&so, a->targets->hub, &a->stream, err);

	if (!code)
		pt_stream_listen(a->stream, on_echo, a);
	return code;
}

static int make_service(struct aim *a, const struct pt_targets_opts *to, struct pt_err *err)
{
	const struct pt_path *p = &a->targets->path;
	const struct pt_target *o = a->o;
	struct pt_service_opts so = { .probe = (enum pt_probe_kind)o->probe,
		.target = o->address,
		.port = o->port == PT_NULL ? PT_DNS_PORT : (uint16_t)o->port,
		.way = { .device = p->device, .dscp = (uint8_t)p->dscp },
		.timeout_ns = timeout_ns(a),
		.http = { .url = o->url,
			.status = o->status,
			.n_status = o->n_status,
			.body = o->body,
			.ca_file = o->ca,
			.insecure = o->insecure,
			.cert_days = o->cert_days == PT_NULL ? 0 : o->cert_days },
		.dns = { .name = o->name, .answer = o->answer } };

	if (o->probe == PT_PROBE_HTTP && !to->http)
		return pt_err_set(err, -ENOENT, "%s", to->no_http);
	(void)pt_dns_type_parse(pt_record_type_names[o->type], &so.dns.type); // one of its words
	return pt_service_new(&so, a->targets->hub->loop, to->http, &a->service, err);
}

// The first question of each comes at a moment of its own, within the interval.
static int start(struct aim *a)
{
	uint64_t period = (uint64_t)interval_ns(a);
	uint64_t phase = pt_noise_u64(&a->targets->hub->noise) % (period < 2 ? 2 : period / 2);
	struct pt_mono first = pt_mono_add(
		pt_mono_now(), PT_HUB_WARM_NS + (int64_t)(phase < period ? phase : 0));

	return pt_loop_timer_add(
		a->targets->hub->loop, first, (int64_t)period, on_timer, a, &a->timer);
}

static int make(struct pt_targets *t, uint32_t i, const struct pt_targets_opts *o)
{
	struct aim *a = &t->aims[i];
	struct pt_err why = { 0 };

	a->targets = t;
	a->o = &t->path.targets[i];
	a->tally.peer = a->o->address;
	describe(a);
	int code = a->o->probe == PT_PROBE_ICMP ? make_stream(a, &why) : make_service(a, o, &why);
	if (code == -ENOMEM)
		return code;
	if (!code)
		return o->by_hand ? 0 : start(a);
	(void)snprintf(a->why, sizeof(a->why), "%.255s", why.msg);
	return 0;
}

// The path's own strings and lists go with the configuration that they were read from: copied by
// way of their JSON, which every field has.
static int copy(struct pt_targets *t, const struct pt_path *p, struct pt_err *err)
{
	pt_autojson json_t *j = pt_json_write(&pt_path_schema, p);
	int code = j ? pt_json_read(j, &pt_path_schema, &t->arena, &t->path, err)
		     : pt_err_set(err, -ENOMEM, "out of memory");

	return code;
}

int pt_targets_new(const struct pt_targets_opts *o, struct pt_targets **out, struct pt_err *err)
{
	struct pt_targets *t = calloc(1, sizeof(*t));

	if (!t)
		return pt_err_set(err, -ENOMEM, "out of memory");
	t->hub = o->hub;
	t->check_ms = pt_config_check_ms(o->config);
	t->timeout_ms = o->config->health.probe_timeout_ms;
	int code = copy(t, o->path, err);
	uint32_t n = t->path.n_targets;
	t->aims = code ? NULL : calloc(n + 1, sizeof(*t->aims));
	t->reach = code ? NULL : calloc(n + 1, sizeof(*t->reach));
	if (!code && (!t->aims || !t->reach))
		code = -ENOMEM;
	for (uint32_t i = 0; !code && i < n; i++)
		code = make(t, i, o);
	if (code) {
		pt_targets_free(t);
		return pt_err_set(err, code, "targets: %s", strerrordesc_np(-code));
	}
	*out = t;
	return 0;
}

void pt_targets_free(struct pt_targets *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; t->aims && i < t->path.n_targets; i++) {
		struct aim *a = &t->aims[i];
		pt_loop_timer_del(a->timer);
		pt_stream_free(a->stream);
		pt_service_free(a->service);
		pt_service_tally_done(&a->tally);
	}
	free(t->aims);
	free(t->reach);
	pt_arena_done(&t->arena);
	free(t);
}

bool pt_targets_same(const struct pt_targets *t, const struct pt_targets_opts *o)
{
	return t->check_ms == pt_config_check_ms(o->config) &&
		t->timeout_ms == o->config->health.probe_timeout_ms &&
		pt_schema_equal(&pt_path_schema, &t->path, o->path);
}

uint32_t pt_targets_fds(const struct pt_path *path)
{
	return path->n_targets * 4; // its timers, its socket, what a request opens beside it
}
