// SPDX-License-Identifier: MIT
// pt-probe ping: loss, delay and jitter to any hosts, all at once.
#include "ping.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "probe/ahead.h"

#define TICK_NS      (20 * PT_NS_PER_MS)  // between two looks for overdue probes, at least
#define TICK_MOST_NS (100 * PT_NS_PER_MS) // and at most
#define MANY         64
// Probes of many targets leave together, since a wake-up costs as much as ten of them: so many, but
// no more bytes than TCP begins with (RFC 6928), and no more than wait so long for each other. The
// kernel's stamps keep their round trips true.
#define BURST       128
#define BURST_BYTES 15000
#define BURST_NS    (150 * PT_NS_PER_MS)
#define HEADERS     48                  // bytes of IP and ICMP or UDP, the longer of each
#define POLL_NS     (20 * PT_NS_PER_MS) // probes less apart than that need no wake-up for answers

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

static void settle(struct target *t)
{
	struct ping *p = t->ping;
	if (t->finished || !p->o->count || t->tried < p->o->count || pt_stream_waiting(t->stream))
		return;
	t->finished = true;
	if (--p->unfinished == 0)
		pt_loop_stop(p->hub.loop, PT_EXIT_OK);
}

static void on_event(void *ctx, const struct pt_stream_event *e)
{
	struct target *t = ctx;
	if (e->kind == PT_STREAM_ANSWER)
		settle(t);
	char from[PT_ADDR_LEN];
	if (e->kind == PT_STREAM_UNSENT)
		on_unsent(t, e->code);
	ping_board_event(t, e);
	if (!t->ping->live)
		return;
	const int64_t rtt_us = (e->sample.rtt_ns + PT_NS_PER_US / 2) / PT_NS_PER_US;
	switch (e->kind) {
	case PT_STREAM_ANSWER:
	case PT_STREAM_LATE:
		printf("%zu bytes from %s: seq=%u ttl=%d time=%lld.%03d ms%s\n", e->len, t->text,
			e->seq + 1, e->ttl, (long long)(rtt_us / 1000), (int)(rtt_us % 1000),
			e->kind == PT_STREAM_LATE ? " (late)" : "");
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

static void soon(void *ctx, uint32_t item, unsigned stage)
{
	struct ping *p = ctx;
	const struct target *t = &p->targets[item];
	if (!stage)
		pt_ahead_fetch(t);
	else
		pt_stream_soon(t->stream, stage - 1);
}

static void flush(void *ctx)
{
	struct ping *p = ctx;
	pt_hub_flush(&p->hub);
}

static void look_at(struct target *t, struct pt_mono now)
{
	if (t->finished)
		return;
	pt_stream_expire(t->stream, now);
	settle(t);
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
		look_at(&p->targets[p->look], now);
}

static void on_signal(void *ctx, int signo)
{
	(void)signo;
	pt_loop_stop(ctx, PT_EXIT_OK);
}

// ---- the run ----

static struct pt_slots make_slots(const struct ping *p)
{
	int64_t period_ns = p->o->interval_ns, burst = BURST_BYTES / (p->o->size + HEADERS);
	int64_t each_ns = period_ns / (p->n ? p->n : 1); // there is one, which analyzers do not see
	int64_t slot_ns = each_ns * (burst < 1 ? 1 : burst < BURST ? burst : BURST);
	if (slot_ns > BURST_NS)
		slot_ns = BURST_NS;
	return pt_slots_make(p->n, period_ns, period_ns,
		slot_ns > PT_SCHEDULE_SLOT_NS ? slot_ns : PT_SCHEDULE_SLOT_NS);
}

// Each probe looks for overdue ones of its own target: where they come often, and answers wait for
// them, it takes a timer for the last ones alone.
static int start_ticks(struct ping *p, bool polled)
{
	int64_t tick_ns = p->o->timeout_ns / 10, sending_ns = 0;
	tick_ns = tick_ns < TICK_NS ? TICK_NS : tick_ns < TICK_MOST_NS ? tick_ns : TICK_MOST_NS;
	if (p->n > MANY && polled) {
		if (!p->o->count)
			return 0;
		if (__builtin_mul_overflow(p->o->count, p->o->interval_ns, &sending_ns) ||
			sending_ns > INT64_MAX / 2) // there is a start to add
			sending_ns = INT64_MAX / 2;
		tick_ns = TICK_NS;
	}
	return pt_loop_timer_add(p->hub.loop, pt_mono_add(p->start, sending_ns + tick_ns), tick_ns,
		on_tick, p, &p->tick);
}

static int start_schedule(struct ping *p)
{
	static const struct pt_schedule_ops ops = {
		.item = send_one, .batch = flush, .soon = soon
	};
	struct pt_slots slots = make_slots(p);
	bool polled = p->o->interval_ns / slots.count <= (p->n > MANY ? BURST_NS : POLL_NS);
	int code = pt_hub_poll(&p->hub, polled);
	if (!code)
		code = start_ticks(p, polled);
	return code ? code : pt_schedule_start(&p->schedule, p->hub.loop, slots, p->start, &ops, p);
}

static int measure(struct ping *p)
{
	static const int signals[] = { SIGINT, SIGTERM, 0 };
	struct pt_loop *loop = p->hub.loop;
	p->start = pt_mono_add(pt_mono_now(), PT_HUB_WARM_NS);
	int code = pt_loop_signals(loop, signals, on_signal, loop);
	if (!code)
		code = start_schedule(p);
	if (code)
		return pt_err_errno(&p->ctx->err, code, "event loop");
	probe_realtime();
	code = pt_loop_run(loop);
	pt_schedule_done(&p->schedule);
	pt_loop_timer_del(p->tick);
	ping_board_free(p); // its last lines stand above the table
	return code ? code : ping_report(p);
}

int probe_ping(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct probe_ping_opts *o = opts;
	struct ping p = { .ctx = ctx, .o = o };
	bool talk = !ctx->json && !ctx->quiet;
	if (ping_options_complete(ctx, o))
		return PT_EXIT_USAGE;
	struct pt_loop *loop = NULL;
	int code = pt_loop_new(&loop, &ctx->err);
	if (code)
		return PT_EXIT_FAIL;
	pt_hub_init(&p.hub, loop);
	if (o->auth_key)
		code = pt_stamp_key_load(o->auth_key, &p.key, &ctx->err);
	if (!code)
		code = ping_targets_add(&p, argc, argv);
	bool usage = code == -EINVAL && !p.n && (p.key || !o->auth_key);
	p.live = talk && p.n == 1;
	for (uint32_t i = 0; i < p.n; i++)
		pt_stream_listen(p.targets[i].stream, on_event, &p.targets[i]);
	if (!code && talk && p.n > 1)
		code = ping_board_new(&p, &ctx->err);
	if (!code)
		code = measure(&p);
	ping_board_free(&p);
	for (uint32_t i = 0; i < p.n; i++)
		pt_stream_free(p.targets[i].stream);
	free(p.targets);
	free(p.listed);
	pt_stamp_key_free(p.key);
	pt_hub_done(&p.hub);
	pt_loop_free(loop);
	return usage ? PT_EXIT_USAGE : code < 0 ? PT_EXIT_FAIL : code;
}
