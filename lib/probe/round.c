// SPDX-License-Identifier: MIT
#include "probe/round.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "probe/signing.h"
#include "probe/stream.h"
#include "probe/targets.h"
#include "wire/stamp_layout.h"

#define MAX_GAP_NS (200 * PT_NS_PER_MS) // nobody waits for a whole check interval
#define TICK_NS    (20 * PT_NS_PER_MS)
#define STAMP_TTL  255 // RFC 8762 section 4.2
#define ECHO_TTL   64
#define ECHO_BYTES 56

struct one {
	const struct pt_path *path;
	struct pt_stream *stream;   // NULL: its quality is none
	struct pt_targets *targets; // NULL: it has none
	uint32_t sent;
};

struct pt_round {
	struct pt_hub hub;
	struct pt_http *http;
	struct pt_stamp_key *key; // of signed streams; NULL: none is
	const struct pt_config *config;
	struct one *ones;
	uint32_t n, probes;
	uint32_t from, to; // paths at turn: all, or one after the other
	int64_t gap_ns, timeout_ns;
	struct pt_mono start;
	struct pt_timer *send, *look;
};

static void on_send(void *ctx, uint64_t expirations)
{
	struct pt_round *r = ctx;

	(void)expirations;
	for (uint32_t i = r->from; i < r->to; i++) {
		struct one *o = &r->ones[i];
		bool first = !o->sent;
		if (o->sent == r->probes)
			continue;
		o->sent++;
		if (o->stream)
			pt_stream_send(o->stream);
		if (first && o->targets)
			pt_targets_ask(o->targets);
	}
	pt_hub_flush(&r->hub);
}

static bool settled(struct pt_round *r, struct one *o)
{
	if (o->sent < r->probes)
		return false;
	if (o->stream)
		pt_stream_expire(o->stream, pt_mono_now());
	return !(o->stream && pt_stream_waiting(o->stream)) &&
		!(o->targets && !pt_targets_settled(o->targets));
}

static void on_look(void *ctx, uint64_t expirations)
{
	struct pt_round *r = ctx;

	(void)expirations;
	pt_hub_drain(&r->hub);
	for (uint32_t i = r->from; i < r->to; i++)
		if (!settled(r, &r->ones[i]))
			return;
	if (r->to == r->n) {
		pt_loop_stop(r->hub.loop, 0);
		return;
	}
	r->from = r->to++;
}

// ---- what came of it ----

static int64_t window_ms(const struct pt_round *r)
{
	return pt_mono_diff(pt_mono_now(), r->start) / PT_NS_PER_MS;
}

bool pt_round_health(struct pt_round *r, uint32_t i, struct pt_health *out)
{
	struct one *o = &r->ones[i];

	if (o->stream)
		pt_stream_health(o->stream, window_ms(r), out);
	else if (o->targets)
		pt_targets_health(o->targets, window_ms(r), out);
	out->path = o->path->id;
	return o->stream || o->targets;
}

bool pt_round_reach(struct pt_round *r, uint32_t i, struct pt_reach *out)
{
	struct one *o = &r->ones[i];

	if (!o->targets)
		return false;
	pt_targets_reach(o->targets, window_ms(r), out);
	out->path = o->path->id;
	return true;
}

const char *pt_round_fault(const struct pt_round *r, uint32_t i)
{
	const struct pt_stream *s = r->ones[i].stream;
	int fault = s ? pt_stream_fault(s) : 0;

	return fault ? strerrordesc_np(-fault) : NULL;
}

// ---- life ----

// A session of its own: the kernel's watchdog counts the probes of the path's.
static uint16_t other_session(struct pt_round *r, const struct pt_path *p)
{
	uint16_t ssid;

	do
		ssid = (uint16_t)pt_noise_u64(&r->hub.noise);
	while (!ssid || ssid == p->ssid);
	return ssid;
}

static int make_stream(struct pt_round *r, struct one *o, struct pt_err *err)
{
	const struct pt_path *p = o->path;
	bool stamp = p->quality == PT_QUALITY_STAMP;
	struct pt_stream_opts so = {
		.target = p->target,
		.port = (uint16_t)p->port,
		.device = p->device,
		.dscp = (uint8_t)p->dscp,
		.ttl = stamp ? STAMP_TTL : ECHO_TTL,
		.probe = stamp ? PT_PROBE_STAMP : PT_PROBE_ICMP,
		.ssid = other_session(r, p),
		.payload = stamp ? PT_STAMP_LEN : ECHO_BYTES,
		.counts_every = stamp,
		.key = pt_signing_covers(p, r->config) ? r->key : NULL,
		.timeout_ns = r->timeout_ns,
		.period_ns = r->gap_ns,
	};

	return p->quality == PT_QUALITY_NONE ? 0 : pt_stream_new(&so, &r->hub, &o->stream, err);
}

static int make_targets(
	struct pt_round *r, struct one *o, const struct pt_config *c, struct pt_err *err)
{
	struct pt_err why = { 0 };
	struct pt_targets_opts to = {
		.path = o->path, .config = c, .hub = &r->hub, .no_http = why.msg, .by_hand = true
	};

	if (!o->path->n_targets)
		return 0;
	for (uint32_t i = 0; i < o->path->n_targets && !r->http; i++)
		if (o->path->targets[i].probe == PT_PROBE_HTTP)
			(void)pt_http_new(r->hub.loop, &r->http, &why); // its targets tell
	to.http = r->http;
	return pt_targets_new(&to, &o->targets, err);
}

static int fill(struct pt_round *r, const struct pt_round_opts *o, struct pt_err *err)
{
	uint32_t fds = 0;
	int code;

	for (uint32_t i = 0; i < o->n; i++)
		fds += 1 + pt_targets_fds(o->paths[i]);
	code = pt_fd_limit_raise(fds, err);
	for (; !code && r->n < o->n; r->n++) {
		struct pt_err why = { 0 };
		struct one *one = &r->ones[r->n];
		one->path = o->paths[r->n];
		code = make_stream(r, one, &why);
		if (!code)
			code = make_targets(r, one, o->config, &why);
		if (code)
			(void)pt_err_set(err, code, "path %s: %s", one->path->id, why.msg);
	}
	return code;
}

static int start(struct pt_round *r, const struct pt_config *c, struct pt_err *err)
{
	r->start = pt_mono_add(pt_mono_now(), PT_HUB_WARM_NS);
	r->to = c->failover.parallel_checks ? r->n : r->n > 0;
	int code = pt_loop_timer_add(r->hub.loop, r->start, r->gap_ns, on_send, r, &r->send);
	if (!code)
		code = pt_loop_timer_add(
			r->hub.loop, pt_mono_add(r->start, TICK_NS), TICK_NS, on_look, r, &r->look);
	return code ? pt_err_errno(err, code, "cannot start the timers") : 0;
}

int pt_round_new(const struct pt_round_opts *o, struct pt_loop *loop, struct pt_round **out,
	struct pt_err *err)
{
	const struct pt_config *c = o->config;
	struct pt_round *r = calloc(1, sizeof(*r));

	if (!r)
		return pt_err_set(err, -ENOMEM, "out of memory");
	pt_hub_init(&r->hub, loop);
	r->hub.patient = true;
	r->config = c;
	r->probes = (uint32_t)c->health.probes_per_check;
	if (r->probes < PT_ROUND_LEAST)
		r->probes = PT_ROUND_LEAST;
	r->gap_ns = pt_config_probe_ns(c) < MAX_GAP_NS ? pt_config_probe_ns(c) : MAX_GAP_NS;
	r->timeout_ns = c->health.probe_timeout_ms * PT_NS_PER_MS;
	r->ones = calloc(o->n + 1, sizeof(*r->ones));
	int code = r->ones ? 0 : pt_err_set(err, -ENOMEM, "out of memory");
	if (!code && c->health.auth_key)
		code = pt_stamp_key_load(c->health.auth_key, &r->key, err);
	if (!code)
		code = fill(r, o, err);
	if (!code)
		code = start(r, c, err);
	if (code)
		pt_round_free(r);
	else
		*out = r;
	return code;
}

void pt_round_free(struct pt_round *r)
{
	if (!r)
		return;
	pt_loop_timer_del(r->send);
	pt_loop_timer_del(r->look);
	for (uint32_t i = 0; i < r->n + 1 && r->ones; i++) { // the last one may be half made
		pt_stream_free(r->ones[i].stream);
		pt_targets_free(r->ones[i].targets);
	}
	free(r->ones);
	pt_stamp_key_free(r->key);
	pt_http_free(r->http);
	pt_hub_done(&r->hub);
	free(r);
}
