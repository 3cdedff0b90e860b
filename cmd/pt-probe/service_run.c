// SPDX-License-Identifier: MIT
// pt-probe tcp, http, dns: asks, and tells.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/emit.h"
#include "base/log.h"
#include "base/record.h"
#include "service.h"

struct run {
	struct pt_ctx *ctx;
	const struct probe_service_opts *o;
	const struct pt_service_opts *so;
	const char *asked;
	struct pt_loop *loop;
	struct pt_service *service;
	struct pt_timer *timer;
	struct pt_service_tally tally;
	struct pt_mono start;
	uint64_t asked_n, failed, unsent;
	bool live;
};

static void put_step(const char *name, int64_t us, int64_t *before)
{
	char text[32];

	if (us == PT_NULL)
		return;
	pt_duration_format((us - *before) * PT_NS_PER_US, text, sizeof(text));
	printf(" %s=%s", name, text);
	*before = us;
}

// Each step's own time: what it adds to the one before.
static void put_news(const struct run *r, const struct pt_service_news *news)
{
	const struct pt_service_figures *f = &news->figures;
	char from[PT_ADDR_LEN] = "?", rtt[32];
	int64_t before = 0;

	if (news->peer.family)
		pt_addr_format(&news->peer, from);
	if (!news->ok) {
		printf("%s%s%s: seq=%llu: %s\n", news->word, *news->word ? " " : "",
			news->peer.family ? from : r->asked, (unsigned long long)r->asked_n,
			news->why);
		(void)fflush(stdout); // the dispatcher looks at the stream's error flag at the end
		return;
	}
	pt_duration_format(news->rtt_ns, rtt, sizeof(rtt));
	printf("%s from %s: seq=%llu time=%s", news->word, from, (unsigned long long)r->asked_n,
		rtt);
	if (r->so->probe == PT_PROBE_HTTP) {
		put_step("lookup", f->steps_us.lookup, &before);
		put_step("connect", f->steps_us.connect, &before);
		put_step("tls", f->steps_us.tls, &before);
		put_step("wait", f->steps_us.first_byte, &before);
		put_step("transfer", f->steps_us.total, &before);
	}
	if (f->cert_days != PT_NULL)
		printf(" cert=%lld days", (long long)f->cert_days);
	printf("\n");
	(void)fflush(stdout);
}

static void finish(struct run *r)
{
	if (r->o->count && r->asked_n == r->o->count && !pt_service_busy(r->service))
		pt_loop_stop(r->loop, PT_EXIT_OK);
}

static void on_news(void *ctx, const struct pt_service_news *news)
{
	struct run *r = ctx;

	pt_service_count(&r->tally, news);
	r->failed += !news->ok;
	r->unsent += news->unsent;
	if (r->live)
		put_news(r, news);
	if (r->o->count && r->asked_n == r->o->count)
		pt_loop_stop(r->loop, PT_EXIT_OK);
}

// The next one, unless the last still waits for its answer.
static void on_timer(void *ctx, uint64_t expirations)
{
	struct run *r = ctx;

	(void)expirations;
	if (r->o->count && r->asked_n == r->o->count)
		return;
	if (pt_service_busy(r->service))
		return;
	r->asked_n++;
	(void)pt_service_ask(r->service, on_news, r); // it is not busy
	finish(r);
}

static void on_signal(void *ctx, int signo)
{
	(void)signo;
	pt_loop_stop(ctx, PT_EXIT_OK);
}

static void emit_ms(struct pt_emit *e, int64_t us)
{
	if (us == PT_NULL)
		pt_emit_null(e);
	else
		pt_emit_milli(e, us);
}

static int write_table(
	const struct run *r, const struct pt_health *h, const struct pt_service_figures *f)
{
	static const struct pt_column columns[] = {
		{ "asked", "service", false },
		{ "sent", "asked", true },
		{ "received", "right", true },
		{ "loss", "failed %", true },
		{ "min", "min ms", true },
		{ "p50", "p50 ms", true },
		{ "p95", "p95 ms", true },
		{ "max", "max ms", true },
		{ "lookup", "lookup ms", true },
		{ "connect", "connect ms", true },
		{ "tls", "tls ms", true },
		{ "first_byte", "first byte ms", true },
		{ NULL, NULL, false },
	};
	struct pt_column some[PT_ARRAY_LEN(columns)];
	bool http = r->so->probe == PT_PROBE_HTTP;
	struct pt_emit *e = NULL;
	int code = pt_emit_new(PT_EMIT_TABLE, stdout, &e);

	if (code)
		return pt_err_errno(&r->ctx->err, code, "standard output");
	memcpy(some, columns, sizeof(some));
	if (!http)
		some[8] = columns[PT_ARRAY_LEN(columns) - 1];
	pt_emit_table(e, "services", some);
	pt_emit_row(e);
	pt_emit_str(e, r->asked);
	pt_emit_i64(e, h->sent);
	pt_emit_i64(e, h->received);
	emit_ms(e, h->loss_ppm == PT_NULL ? PT_NULL : h->loss_ppm / 10);
	emit_ms(e, h->rtt_us.min);
	emit_ms(e, h->rtt_us.p50);
	emit_ms(e, h->rtt_us.p95);
	emit_ms(e, h->rtt_us.max);
	if (http) {
		emit_ms(e, f->steps_us.lookup);
		emit_ms(e, f->steps_us.connect);
		emit_ms(e, f->steps_us.tls);
		emit_ms(e, f->steps_us.first_byte);
	}
	code = pt_emit_end(e);
	return code ? pt_err_errno(&r->ctx->err, code, "standard output") : 0;
}

static int write_record(
	const struct run *r, const struct pt_health *h, const struct pt_service_figures *f)
{
	char src[128];
	struct pt_record_writer *w = NULL;

	probe_source(src, sizeof(src), "");
	int code = pt_record_writer_new(src, STDOUT_FILENO, NULL, &w, &r->ctx->err);
	if (!code)
		code = pt_record_write(w, "health", pt_service_json(h, f), &r->ctx->err);
	pt_record_writer_free(w);
	return code;
}

static int report(struct run *r)
{
	struct pt_health h;
	struct pt_service_figures f;
	struct pt_service_room room;

	pt_service_health(&r->tally, r->so->probe, &room, &h, &f);
	h.window_ms = pt_mono_diff(pt_mono_now(), r->start) / PT_NS_PER_MS;
	h.dscp = r->so->way.dscp;
	f.asked = r->asked;
	if (r->live)
		printf("\n");
	int code = r->ctx->json ? write_record(r, &h, &f) : write_table(r, &h, &f);
	if (code)
		return code;
	if (r->unsent && !h.sent)
		return pt_err_set(&r->ctx->err, -EIO, "%s: %s", r->asked, r->tally.why);
	return h.received ? PT_EXIT_OK : PT_EXIT_NO;
}

static int ask(struct run *r)
{
	static const int signals[] = { SIGINT, SIGTERM, 0 };
	struct pt_err *err = &r->ctx->err;
	int code = pt_loop_signals(r->loop, signals, on_signal, r->loop);

	r->start = pt_mono_now();
	if (!code)
		code = pt_loop_timer_add(r->loop, pt_mono_add(r->start, 1), r->o->interval_ns,
			on_timer, r, &r->timer);
	if (code)
		return pt_err_errno(err, code, "event loop");
	code = pt_loop_run(r->loop);
	pt_loop_timer_del(r->timer);
	return code ? code : report(r);
}

int probe_service_run(struct pt_ctx *ctx, const struct probe_service_opts *o,
	const struct pt_service_opts *so, const char *asked)
{
	struct run r = {
		.ctx = ctx, .o = o, .so = so, .asked = asked, .live = !ctx->json && !ctx->quiet
	};
	struct pt_http *http = NULL;
	int code = pt_loop_new(&r.loop, &ctx->err);

	if (!code && so->probe == PT_PROBE_HTTP)
		code = pt_http_new(r.loop, &http, &ctx->err);
	if (!code)
		code = pt_service_new(so, r.loop, http, &r.service, &ctx->err);
	bool usage = code == -EINVAL;
	if (!code)
		code = ask(&r);
	pt_service_tally_done(&r.tally);
	pt_service_free(r.service);
	pt_http_free(http);
	pt_loop_free(r.loop);
	return usage ? PT_EXIT_USAGE : code;
}
