// SPDX-License-Identifier: MIT
#include "probe/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "model/budget.h"
#include "model/config.h"
#include "model/network.h"
#include "probe/ahead.h"
#include "probe/bfd_paths.h"
#include "probe/harvest.h"
#include "probe/schedule.h"
#include "probe/signing.h"
#include "probe/stream.h"
#include "probe/targets.h"
#include "probe/turns.h"
#include "wire/stamp_layout.h"

#define STAMP_TTL 255 // RFC 8762 section 4.2
// Records leave this far apart, which is ten times what one costs: probes in between stay on time.
// Direct measurement costs 16 bytes and the reflector's answer in user space: of many probes some.
#define COUNTED_NS     (100 * PT_NS_PER_MS)
#define COUNTS_EVERY   8
#define POLL_NS        (20 * PT_NS_PER_MS)
#define REPORT_EACH_NS (200 * PT_NS_PER_US)

struct watched {
	struct pt_watch *watch;
	char *id;
	struct pt_stream *stream;   // NULL: its quality is none, its targets serve
	struct pt_targets *targets; // NULL: it has none
	struct pt_mono window_start;
	int fault;              // why the last probe could not leave, as it was told
	uint32_t every, passed; // rounds to a probe, and since the last one
};

// What a reload replaces as a whole.
struct plan {
	struct watched *paths;
	uint32_t n;
	int64_t wanted_ns;             // period without health.budget_*
	int64_t period_ns, quality_ns; // between probes, and between those that quality needs
	int64_t check_ns, timeout_ns, export_ns; // export_ns 0: no statistics
	struct pt_stamp_key *key;                // borrowed
	bool parallel;                           // else one path after the other
};

struct pt_watch {
	struct pt_watch_opts o;
	struct pt_loop *loop;
	struct pt_hub hub;
	struct pt_bfd_paths *bfd;
	struct plan plan;
	struct pt_http *http;     // of targets; NULL until one asks for it
	int cpu;                  // that we keep to; -1: any
	struct pt_stamp_key *key; // of signed streams; NULL: none is
	struct pt_schedule probes, reports;
	struct pt_turns turns;
	struct pt_timer *export;
	struct pt_stream_counters retired; // of streams that a reload ended
	uint64_t missed;                   // of schedules that a reload ended
	struct pt_hist late;
	uint32_t unprobed; // paths that wait for their first probe
	bool ready;        // none does, which nobody has been told yet
	uint64_t dropped;  // records that could not be written
};

// ---- probes and records ----

static void send_probe(struct pt_watch *w, struct watched *p)
{
	if (!p->stream)
		return;
	if (p->fault && !pt_stream_fault(p->stream)) {
		pt_log(PT_LOG_WARN, "path %s: probes leave again", p->id);
		p->fault = 0;
	}
	if (p->passed++ % p->every)
		return; // another session tells whether it lives
	pt_stream_send(p->stream);
	if (p->passed == 1 && w->unprobed && --w->unprobed == 0)
		w->ready = true;
}

static void flush(void *ctx)
{
	struct pt_watch *w = ctx;
	pt_hub_flush(&w->hub);
	if (w->ready)
		pt_notify("READY=1");
	w->ready = false;
}

static void probe_path(void *ctx, uint32_t item)
{
	struct pt_watch *w = ctx;
	send_probe(w, &w->plan.paths[item]);
}

static void probe_soon(void *ctx, uint32_t item, unsigned stage)
{
	struct pt_watch *w = ctx;
	const struct watched *p = &w->plan.paths[item];
	if (!stage)
		pt_ahead_fetch(p);
	else if (p->stream)
		pt_stream_soon(p->stream, stage - 1);
}

static int probe_now(void *ctx, uint32_t item)
{
	struct pt_watch *w = ctx;
	struct watched *p = &w->plan.paths[item];
	if (!p->stream)
		return -ENOENT;
	send_probe(w, p);
	flush(w);
	return pt_stream_fault(p->stream);
}

static bool probe_waiting(void *ctx, uint32_t item)
{
	struct pt_watch *w = ctx;
	struct pt_stream *s = w->plan.paths[item].stream;
	if (!s)
		return false; // nothing was sent: its targets are asked meanwhile
	pt_stream_expire(s, pt_mono_now());
	return pt_stream_waiting(s);
}

static void probe_in_turn(void *ctx, uint32_t item)
{
	struct pt_watch *w = ctx;
	(void)item; // the only one
	pt_turns_round(&w->turns);
}

static void on_event(void *ctx, const struct pt_stream_event *e)
{
	struct watched *p = ctx;
	if (e->kind == PT_STREAM_ANSWER || e->kind == PT_STREAM_LOST)
		pt_turns_settled(&p->watch->turns);
	if (e->kind != PT_STREAM_UNSENT || e->code == p->fault)
		return;
	p->fault = e->code;
	pt_log(PT_LOG_WARN, "path %s: no way to %s by %s: %s: no probes until that is mended",
		p->id, pt_stream_target(p->stream), pt_stream_opts(p->stream)->device,
		strerrordesc_np(-e->code));
}

static void write_record(struct pt_watch *w, const char *type, json_t *body)
{
	struct pt_err err = { 0 };
	int code = pt_record_write(w->o.out, type, body, &err);
	if (code == -EPIPE) {
		pt_loop_stop(w->loop, 0); // the reader has gone
		return;
	}
	if (code && !w->dropped++)
		pt_log(PT_LOG_ERROR, "record lost: %s", err.msg);
	if (!code && w->dropped) {
		pt_log(PT_LOG_WARN, "%llu records were lost", (unsigned long long)w->dropped);
		w->dropped = 0;
	}
}

static void report_targets(struct pt_watch *w, struct watched *p, int64_t window_ms)
{
	struct pt_reach r;
	pt_targets_reach(p->targets, window_ms, &r);
	r.path = p->id;
	write_record(w, "reach", pt_json_write(&pt_reach_schema, &r));
}

static void on_session(void *ctx, json_t *body)
{
	write_record(ctx, "session", body);
}

static void report_path(void *ctx, uint32_t item)
{
	struct pt_watch *w = ctx;
	struct watched *p = &w->plan.paths[item];
	struct pt_mono now = pt_mono_now();
	int64_t window_ns = pt_mono_diff(now, p->window_start);
	struct pt_health h;
	int64_t window_ms = (window_ns + PT_NS_PER_MS / 2) / PT_NS_PER_MS;
	if (p->stream)
		pt_stream_health(p->stream, window_ms, &h);
	else
		pt_targets_health(p->targets, window_ms, &h);
	h.path = p->id;
	write_record(w, "health", pt_json_write(&pt_health_schema, &h));
	if (p->stream)
		pt_stream_next_window(p->stream);
	p->window_start = now;
	if (p->targets)
		report_targets(w, p, window_ms);
}

static void add_counters(struct pt_stream_counters *sum, const struct pt_stream_counters *n)
{
	sum->sent += n->sent;
	sum->failed += n->failed;
	sum->foreign += n->foreign;
}

static void export_stats(void *ctx, uint64_t expirations)
{
	struct pt_watch *w = ctx;
	struct pt_stream_counters sum = w->retired;
	struct pt_port_counters sockets;
	struct pt_hist late = w->late;
	uint64_t missed = w->missed + w->probes.missed, foreign;
	(void)expirations;
	for (uint32_t i = 0; i < w->plan.n; i++)
		if (w->plan.paths[i].stream)
			add_counters(&sum, pt_stream_counters(w->plan.paths[i].stream));
	pt_hist_merge(&late, &w->probes.late);
	pt_hub_counters(&w->hub, &sockets);
	foreign = sum.foreign + w->hub.foreign;
	json_t *body = json_pack("{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "paths",
		(int)w->plan.n, "period_us", (json_int_t)(w->plan.period_ns / PT_NS_PER_US),
		"wanted_period_us", (json_int_t)(w->plan.wanted_ns / PT_NS_PER_US), "sent",
		(json_int_t)sum.sent, "failed", (json_int_t)sum.failed, "foreign",
		(json_int_t)foreign, "sockets_opened", (json_int_t)sockets.opened, "overflown",
		(json_int_t)sockets.overflown, "kept", (json_int_t)pt_harvest_count(w->hub.harvest),
		"missed", (json_int_t)missed, "cpu_us", (json_int_t)pt_cpu_us(), "wakeup_late_us",
		pt_hist_summary(&late));
	if (body)
		(void)json_object_set_new(body, "bfd", pt_bfd_paths_stats(w->bfd)); // no memory
	if (body)
		write_record(w, "stats", body);
}

// ---- plans ----

static void watched_free(struct watched *p)
{
	pt_stream_free(p->stream);
	pt_targets_free(p->targets);
	free(p->id);
}

static void plan_done(struct plan *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		watched_free(&p->paths[i]);
	free(p->paths);
	*p = (struct plan){ 0 };
}

static struct pt_stream_opts stream_opts(const struct pt_path *p, const struct pt_config *c,
	int64_t period_ns, struct pt_stamp_key *key)
{
	bool icmp = p->quality == PT_QUALITY_ICMP;

	return (struct pt_stream_opts){
		.target = p->target,
		.port = (uint16_t)p->port,
		.device = p->device,
		.dscp = (uint8_t)p->dscp,
		.ttl = STAMP_TTL,
		.probe = icmp ? PT_PROBE_ICMP : PT_PROBE_STAMP,
		.ssid = (uint16_t)p->ssid,
		.payload = PT_STAMP_LEN,
		.counts_every = period_ns < COUNTED_NS ? COUNTS_EVERY : 1,
		.key = pt_signing_covers(p, c) ? key : NULL,
		.timeout_ns = c->health.probe_timeout_ms * PT_NS_PER_MS,
		.period_ns = period_ns,
	};
}

static bool same_stream(const struct pt_stream_opts *a, const struct pt_stream_opts *b)
{
	return a->probe == b->probe && pt_addr_eq(&a->target, &b->target) && a->port == b->port &&
		a->dscp == b->dscp && strcmp(a->device, b->device) == 0 && a->ssid == b->ssid &&
		a->key == b->key && a->timeout_ns == b->timeout_ns && a->period_ns == b->period_ns;
}

// The stream that measures this path already, taken out of the old plan; NULL: there is none.
static struct pt_stream *take_stream(
	struct plan *old, const char *id, const struct pt_stream_opts *o, struct watched *out)
{
	for (uint32_t i = 0; i < old->n; i++) {
		struct watched *p = &old->paths[i];
		if (!p->stream || strcmp(p->id, id) != 0 ||
			!same_stream(pt_stream_opts(p->stream), o))
			continue;
		out->window_start = p->window_start;
		out->fault = p->fault;
		return pt_take(&p->stream);
	}
	return NULL;
}

// The targets of a path that has some: those it had before where they are the same.
static int watch_targets(struct pt_watch *w, const struct pt_path *p, const struct pt_config *c,
	struct watched *out, struct pt_err *err)
{
	struct pt_targets_opts o = { .path = p, .config = c, .hub = &w->hub };
	struct pt_err why = { 0 };

	if (!p->n_targets)
		return 0;
	for (uint32_t i = 0; i < p->n_targets && !w->http; i++)
		if (p->targets[i].probe == PT_PROBE_HTTP)
			(void)pt_http_new(w->loop, &w->http, &why); // its targets tell
	for (uint32_t i = 0; i < w->plan.n; i++) {
		struct watched *old = &w->plan.paths[i];
		if (old->targets && strcmp(old->id, p->id) == 0 &&
			pt_targets_same(old->targets, &o)) {
			out->targets = pt_take(&old->targets);
			return 0;
		}
	}
	o.http = w->http;
	o.no_http = why.msg;
	return pt_targets_new(&o, &out->targets, err);
}

// Where BFD tells whether a path lives, probes are for its quality alone.
static uint32_t rounds(const struct pt_path *p, const struct plan *plan)
{
	int64_t n = plan->quality_ns / plan->period_ns;

	return p->liveness == PT_LIVENESS_BFD && n > 1 ? (uint32_t)n : 1;
}

static int watch_path(struct pt_watch *w, struct plan *plan, const struct pt_path *p,
	const struct pt_config *c, struct pt_err *err)
{
	uint32_t every = rounds(p, plan);
	struct pt_stream_opts o = stream_opts(p, c, plan->period_ns * every, plan->key);
	struct watched *new = &plan->paths[plan->n];
	struct pt_err why = { 0 };
	char *id = strdup(p->id);

	if (!id)
		return pt_err_set(err, -ENOMEM, "out of memory");
	*new = (struct watched){
		.watch = w, .id = id, .window_start = pt_mono_now(), .every = every
	};
	plan->n++;
	if (p->quality == PT_QUALITY_NONE)
		return watch_targets(w, p, c, new, err);
	new->stream = take_stream(&w->plan, p->id, &o, new);
	int code = new->stream ? 0 : pt_stream_new(&o, &w->hub, &new->stream, &why);
	if (code)
		return pt_err_set(err, code, "path %s: %s", p->id, why.msg);
	pt_stream_listen(new->stream, on_event, new);
	return watch_targets(w, p, c, new, err);
}

// Told once, not at every reload.
static void read_budget(struct pt_watch *w, const struct pt_config *c, const struct pt_network *n,
	const struct pt_site *self, struct plan *out)
{
	struct pt_budget b;
	pt_autobuf text = { 0 };

	pt_budget_make(c, n, self, &b);
	out->wanted_ns = b.wanted_ns;
	out->period_ns = b.period_ns;
	if (!b.cap || (w->plan.wanted_ns == b.wanted_ns && w->plan.period_ns == b.period_ns))
		return;
	pt_budget_explain(&b, c, &text);
	pt_log(PT_LOG_WARN, "%s", text.data);
}

// One line where the kernel does not let us. Without the key the service manager's choice stands.
static void choose_cpu(struct pt_watch *w, const struct pt_config *c)
{
	struct pt_err err = { 0 };
	int cpu = c->health.cpu == PT_NULL ? -1 : (int)c->health.cpu;

	if (cpu == w->cpu)
		return;
	if (pt_cpu_keep(cpu, &err))
		pt_log(PT_LOG_WARN, "health.cpu: %s", err.msg);
	w->cpu = cpu;
}

static void read_intervals(const struct pt_config *c, struct plan *out)
{
	out->check_ns = pt_config_check_ms(c) * PT_NS_PER_MS;
	out->quality_ns = out->check_ns / c->health.probes_per_check;
	out->timeout_ns = c->health.probe_timeout_ms * PT_NS_PER_MS;
	out->parallel = c->failover.parallel_checks;
	out->export_ns = c->metrics.enabled ? c->metrics.export_interval_secs * PT_NS_PER_S : 0;
}

static bool is_measured(const struct pt_path *p, const struct pt_site *self)
{
	return (p->quality != PT_QUALITY_NONE || p->n_targets) && strcmp(p->source, self->id) == 0;
}

// From here on the old plan is taken apart: only memory can fail.
static int make_plan(struct pt_watch *w, const struct pt_config *c, const struct pt_network *n,
	const struct pt_site *self, struct pt_err *err)
{
	struct plan plan = { .key = w->key };
	int code = 0;
	read_intervals(c, &plan);
	read_budget(w, c, n, self, &plan);
	choose_cpu(w, c);
	plan.paths = calloc(n->n_paths + 1, sizeof(*plan.paths));
	if (!plan.paths)
		return pt_err_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; !code && i < n->n_paths; i++)
		if (is_measured(&n->paths[i], self))
			code = watch_path(w, &plan, &n->paths[i], c, err);
	for (uint32_t i = 0; i < w->plan.n; i++)
		if (w->plan.paths[i].stream) // else it lives on in the new plan
			add_counters(&w->retired, pt_stream_counters(w->plan.paths[i].stream));
	plan_done(&w->plan);
	w->plan = plan;
	return code;
}

static int load(struct pt_watch *w, struct pt_err *err)
{
	pt_autoarena a = { 0 };
	struct pt_config c;
	struct pt_network n;
	int code = pt_config_load(w->o.config, &a, &c, err);
	if (!code)
		code = pt_network_load(w->o.network, &a, &n, err);
	if (code)
		return code;
	const struct pt_site *self = pt_network_self(&n, c.edge);
	if (!self)
		return pt_err_set(err, -ENOENT,
			"%s: no site has the edge '%s' (`edge` of config.yaml)", w->o.network,
			c.edge ? c.edge : "this host");
	uint32_t mine = 0, fds = 0;
	for (uint32_t i = 0; i < n.n_paths; i++)
		if (strcmp(n.paths[i].source, self->id) == 0) {
			mine++;
			fds += 1 + pt_targets_fds(&n.paths[i]);
			fds += n.paths[i].liveness == PT_LIVENESS_BFD ? PT_BFD_PATH_FDS : 0;
		}
	code = pt_fd_limit_raise(fds, err);
	if (code)
		return code;
	if (!mine)
		pt_log(PT_LOG_WARN, "%s: no path starts at site %s: nothing to measure",
			w->o.network, self->id);
	struct pt_stamp_key *old = NULL;
	bool first = !w->key;
	code = pt_signing_load(&c, &w->key, &old, err);
	if (code)
		return code;
	if (first && w->key)
		pt_signing_tell(&c, &n, self);
	code = make_plan(w, &c, &n, self, err);
	if (code && w->plan.key == old) { // the plan stayed, and so does its key
		struct pt_stamp_key *unused = w->key;
		w->key = old;
		old = unused;
	}
	pt_stamp_key_free(old);
	return code ? code : pt_bfd_paths_load(w->bfd, &c, &n, self, err);
}

// ---- life ----

static bool same_schedule(const struct plan *a, const struct plan *b)
{
	return a->n == b->n && a->period_ns == b->period_ns && a->check_ns == b->check_ns &&
		a->export_ns == b->export_ns && a->timeout_ns == b->timeout_ns &&
		a->parallel == b->parallel;
}

static void stop(struct pt_watch *w)
{
	w->missed += w->probes.missed;
	pt_hist_merge(&w->late, &w->probes.late);
	pt_schedule_done(&w->probes);
	pt_schedule_done(&w->reports);
	pt_turns_done(&w->turns);
	pt_loop_timer_del(w->export);
	w->export = NULL;
}

static int start(struct pt_watch *w, struct pt_err *err)
{
	const struct plan *p = &w->plan;
	struct pt_mono now = pt_mono_add(pt_mono_now(), PT_HUB_WARM_NS);
	int64_t spread = p->n * REPORT_EACH_NS;
	static const struct pt_turns_ops turns = { .send = probe_now, .waiting = probe_waiting };
	static const struct pt_schedule_ops parallel = {
		.item = probe_path, .batch = flush, .soon = probe_soon
	};
	static const struct pt_schedule_ops in_turn = { .item = probe_in_turn };
	static const struct pt_schedule_ops reports = { .item = report_path };
	uint32_t starts = p->parallel ? p->n : p->n > 0;
	struct pt_slots slots = pt_slots_make(
		starts, p->period_ns, p->period_ns, PT_SCHEDULE_SLOT_NS);
	// Answers wait for the next probes, unless that is long, or who is next waits for them.
	bool polled = p->parallel && p->period_ns / slots.count <= POLL_NS;
	int code = pt_hub_poll(&w->hub, polled);
	if (w->hub.harvest)
		pt_harvest_allow(w->hub.harvest, p->parallel);
	if (!code)
		code = pt_schedule_start(
			&w->probes, w->loop, slots, now, p->parallel ? &parallel : &in_turn, w);
	if (!code && !p->parallel)
		code = pt_turns_start(&w->turns, w->loop, p->n, p->timeout_ns, &turns, w);
	if (!code)
		code = pt_schedule_start(&w->reports, w->loop,
			pt_slots_make(p->n, p->check_ns, spread, PT_SCHEDULE_SLOT_NS),
			pt_mono_add(now, p->check_ns), &reports, w);
	if (!code && p->export_ns)
		code = pt_loop_timer_add(w->loop, pt_mono_add(now, p->export_ns), p->export_ns,
			export_stats, w, &w->export);
	return code ? pt_err_errno(err, code, "cannot start the timers") : 0;
}

int pt_watch_new(const struct pt_watch_opts *o, struct pt_loop *loop, struct pt_watch **out,
	struct pt_err *err)
{
	struct pt_watch *w = calloc(1, sizeof(*w));
	if (!w)
		return pt_err_set(err, -ENOMEM, "out of memory");
	w->o = *o;
	w->loop = loop;
	pt_hub_init(&w->hub, loop);
	w->hub.patient = true;
	w->cpu = -1;
	if (o->pin_dir && pt_harvest_new(o->pin_dir, &w->hub.harvest)) {
		pt_watch_free(w);
		return pt_err_set(err, -ENOMEM, "out of memory");
	}
	int code = pt_bfd_paths_new(loop, on_session, w, &w->bfd);
	if (code)
		(void)pt_err_errno(err, code, "cannot start the BFD sessions");
	if (!code)
		code = load(w, err);
	if (!code)
		code = start(w, err);
	if (code) {
		pt_watch_free(w);
		return code;
	}
	for (uint32_t i = 0; i < w->plan.n; i++)
		w->unprobed += w->plan.paths[i].stream != NULL;
	if (!w->unprobed)
		pt_notify("READY=1");
	*out = w;
	return 0;
}

int pt_watch_reload(struct pt_watch *w, struct pt_err *err)
{
	struct plan before = w->plan; // its numbers only: the paths move
	int code = load(w, err);
	if (same_schedule(&before, &w->plan))
		return code;
	stop(w); // also when memory ran out half way: the timers must fit the plan
	w->unprobed = 0;
	int restart = start(w, err);
	return code ? code : restart;
}

void pt_watch_free(struct pt_watch *w)
{
	if (!w)
		return;
	stop(w);
	pt_bfd_paths_free(w->bfd);
	plan_done(&w->plan);
	pt_stamp_key_free(w->key);
	pt_http_free(w->http);
	pt_hub_done(&w->hub);
	free(w);
}
