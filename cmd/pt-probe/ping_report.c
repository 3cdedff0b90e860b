// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/emit.h"
#include "base/record.h"
#include "ping.h"

static int64_t window_ms(const struct ping *p)
{
	return pt_mono_diff(pt_mono_now(), p->start) / PT_NS_PER_MS;
}

static bool is_silent(const struct pt_health *h)
{
	return !h->received && !h->late;
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
		p->silent |= is_silent(&h);
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
		p->silent |= is_silent(&h);
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

int ping_report(struct ping *p)
{
	if (p->live)
		printf("\n");
	int code = p->ctx->json ? write_records(p) : write_table(p);
	return code ? code : p->silent ? PT_EXIT_NO : PT_EXIT_OK;
}
