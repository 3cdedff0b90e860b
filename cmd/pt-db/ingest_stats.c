// SPDX-License-Identifier: MIT
#include "ingest_stats.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/record.h"

static void on_export(void *ctx, uint64_t expirations)
{
	struct db_ingest_stats *s = ctx;
	const struct pt_ingest_counts *c = pt_ingest_counts(s->ingest);
	struct pt_err err = { 0 };

	(void)expirations;
	json_t *body = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "stored", (json_int_t)c->rows,
		"duplicates", (json_int_t)c->duplicates, "not_due", (json_int_t)c->not_due,
		"unknown", (json_int_t)c->unknown, "malformed", (json_int_t)*s->malformed, "busy",
		(json_int_t)s->busy, "cpu_us", (json_int_t)pt_cpu_us(), "write_us",
		pt_hist_summary(&s->write_us));
	int code = pt_record_write(s->out, "stats", body, &err);
	if (code && code != -EPIPE) // who reads standard output may leave, storing goes on
		pt_log(PT_LOG_WARN, "statistics: %s", err.msg);
}

int db_ingest_stats_start(struct db_ingest_stats *s, struct pt_loop *loop,
	const struct pt_config *config, const char *spool, struct pt_err *err)
{
	int64_t period = config->metrics.export_interval_secs * PT_NS_PER_S;
	char host[HOST_NAME_MAX + 1] = "", src[HOST_NAME_MAX + 16];
	struct pt_timer *timer; // the loop's

	if (!config->metrics.enabled)
		return 0;
	if (gethostname(host, sizeof(host) - 1) || !host[0])
		(void)snprintf(host, sizeof(host), "localhost");
	(void)snprintf(src, sizeof(src), "%s/pt-db", host);
	int code = pt_record_writer_new(src, STDOUT_FILENO, spool, &s->out, err);
	if (code)
		return code;
	code = pt_loop_timer_add(
		loop, pt_mono_add(pt_mono_now(), period), period, on_export, s, &timer);
	return code ? pt_err_errno(err, code, "statistics") : 0;
}

void db_ingest_stats_pass(struct db_ingest_stats *s, struct pt_mono since)
{
	pt_hist_add(&s->write_us, (uint64_t)(pt_mono_diff(pt_mono_now(), since) / PT_NS_PER_US));
}

void db_ingest_stats_done(struct db_ingest_stats *s)
{
	pt_record_writer_free(s->out);
	s->out = NULL;
}
