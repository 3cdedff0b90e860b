// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/db_parts.h"
#include "bench/turns.h"
#include "store/ingest.h"
#include "store/scan.h"
#include "store/sql.h"

enum { SIDE_BARE, SIDE_PARSED, SIDE_NDJSON, SIDE_TREE, SIDES };
static const struct pt_turns_side sides[SIDES] = {
	[SIDE_BARE] = { .name = "bare inserts" },
	[SIDE_PARSED] = { .name = "parsed" },
	[SIDE_NDJSON] = { .name = "ndjson" },
	[SIDE_TREE] = { .name = "tree" },
};

#define ROW(text, own, least, ratio, says)              \
	{                                               \
		.metric = { .name = (text),             \
			.unit = "rows/s",               \
			.q_ppm = 500000,                \
			.target = (least),              \
			.of_ratio = (ratio),            \
			.higher_better = true,          \
			.doc = (says) },                \
		.subject = (own), .baseline = SIDE_BARE \
	}
static const struct pt_turns_metric metrics[PT_DB_INGEST_METRICS] = {
	[PT_DB_PARSED] = ROW(
		"ingest_parsed", SIDE_PARSED, 800000, true, "Rows taken apart already"),
	[PT_DB_PARSED_RATE] = ROW(
		"ingest_parsed_rate", SIDE_PARSED, 60000, false, "The same, by its rate"),
	[PT_DB_NDJSON] = ROW("ingest_ndjson", SIDE_NDJSON, 500000, true, "Lines of a file"),
	[PT_DB_TREE] = ROW("ingest_tree", SIDE_TREE, PT_BENCH_NONE, false,
		"Lines that only the JSON parser understands"),
};

struct feed {
	const struct pt_config *config;
	struct pt_db_span span;
	char path[PT_DB_PATH_LEN], ndjson[PT_DB_PATH_LEN];
	char **lines;
	struct pt_store_record *records; // of the lines
	struct pt_ingest *ingest;
	struct pt_err *err;
	bool tree;
};

static json_t *make_record(const struct pt_db_span *span, unsigned i)
{
	char path[32], ts[PT_RFC3339_LEN];

	(void)snprintf(path, sizeof(path), "west-site%03u-fiber", i % PT_DB_PATHS);
	pt_rfc3339_format(span->start_us + (int64_t)i * span->spacing_us, ts);
	return json_pack("{ss si ss sI ss ss sI  ss ss ss si ss si si si si si si si "
			 "s{si si si si si si} s[[ii][ii][ii]] si si sn si si si si si sf si ss}",
		"type", "health", "v", 1, "ts", ts, "mono_ns", (json_int_t)(i + 1) * 1000, "boot",
		"00000000-0000-4000-8000-000000000000", "src", "west/pt-probe", "seq",
		(json_int_t)i + 1, "path", path, "target", "192.0.2.130", "family", "ipv4", "dscp",
		0, "probe", "stamp", "window_ms", 10000, "sent", 10, "received", 9, "late", 0,
		"loss_ppm", 100000, "loss_out_ppm", 0, "loss_back_ppm", 0, "rtt_us", "min", 100,
		"p50", 120, "p95", 200, "p99", 250, "max", 300, "mean", 130, "rtt_hist", 80, 3, 81,
		4, 90, 2, "owd_out_us", 60, "owd_back_us", 60, "owd_error_us", "jitter_us", 5,
		"pdv_us", 100, "reordered", 0, "duplicates", 0, "mtu", 1500, "mos", 4.409, "score",
		98, "timestamps", "kernel");
}

static int make_input(struct feed *f, struct pt_err *err)
{
	pt_autofile FILE *out = fopen(f->ndjson, "we");
	struct pt_scan *scan = NULL;
	int code = out ? 0 : pt_err_errno(err, -errno, "%s", f->ndjson);

	f->lines = calloc(f->span.rows, sizeof(*f->lines));
	f->records = calloc(f->span.rows, sizeof(*f->records));
	if (!code && (!f->lines || !f->records))
		code = pt_err_errno(err, -ENOMEM, "records");
	if (!code)
		code = pt_scan_new(&scan, err);
	for (unsigned i = 0; !code && i < f->span.rows; i++) {
		pt_autojson json_t *r = make_record(&f->span, i);
		f->lines[i] = json_dumps(r, PT_JSON_DUMP);
		if (!f->lines[i] || fprintf(out, "%s\n", f->lines[i]) < 0)
			code = pt_err_errno(err, -EIO, "%s", f->ndjson);
		else if (!pt_scan_line(scan, f->lines[i], strlen(f->lines[i]), &f->records[i]))
			code = pt_err_set(err, -EINVAL, "a line of ours is odd to our scanner");
	}
	if (!code && fflush(out))
		code = pt_err_errno(err, -errno, "%s", f->ndjson);
	pt_scan_free(scan);
	return code;
}

static int next_batch(struct feed *f)
{
	if (pt_ingest_pending(f->ingest) < PT_DB_BATCH)
		return 0;
	int code = pt_ingest_commit(f->ingest, f->err);
	return code ? code : pt_ingest_begin(f->ingest, f->err);
}

static int on_record(void *ctx, const json_t *r, const char *type, const char *line)
{
	struct feed *f = ctx;
	int code = pt_ingest_record(f->ingest, r, type, line, f->err);

	return code ? code : next_batch(f);
}

static int on_line(void *ctx, const char *line, size_t len)
{
	struct feed *f = ctx;
	int code = f->tree ? 0 : pt_ingest_line(f->ingest, line, len, f->err);

	if (code <= 0)
		return code;
	code = next_batch(f);
	return code ? code : 1;
}

static int feed_file(struct feed *f)
{
	const struct pt_record_sink sink = { .fn = on_record, .raw = on_line, .ctx = f };
	struct pt_record_reader *reader = NULL;
	pt_autofd fd = open(f->ndjson, O_RDONLY | O_CLOEXEC);
	int code = fd < 0 ? pt_err_errno(f->err, -errno, "%s", f->ndjson)
			  : pt_record_reader_new(fd, NULL, NULL, &sink, &reader, f->err);

	if (!code)
		code = pt_record_read_all(reader, f->err);
	pt_record_reader_free(reader);
	return code;
}

static int feed_rows(struct feed *f)
{
	int code = 0;

	for (unsigned i = 0; !code && i < f->span.rows; i++) {
		code = pt_ingest_row(f->ingest, &f->records[i], f->err);
		if (!code)
			code = next_batch(f);
	}
	return code;
}

static int run_ours(struct feed *f, unsigned side)
{
	pt_autosql db = NULL;
	int code = pt_db_fresh(f->path, f->config, &db, f->err);

	f->tree = side == SIDE_TREE;
	if (!code)
		code = pt_ingest_new(db, f->config, &f->ingest, f->err);
	if (!code)
		code = pt_ingest_begin(f->ingest, f->err);
	if (!code)
		code = side == SIDE_PARSED ? feed_rows(f) : feed_file(f);
	if (!code)
		code = pt_ingest_commit(f->ingest, f->err);
	if (!code && pt_ingest_counts(f->ingest)->rows != f->span.rows)
		code = pt_err_set(f->err, -EPROTO, "not every record became a row");
	pt_ingest_free(f->ingest);
	f->ingest = NULL;
	return code;
}

static int once(void *ctx, unsigned side, int64_t *value, struct pt_err *err)
{
	struct feed *f = ctx;
	struct pt_mono start = pt_mono_now();

	f->err = err;
	int code = side == SIDE_BARE ? pt_db_bare(f->path, f->config, &f->span, err)
				     : run_ours(f, side);
	int64_t took = pt_mono_diff(pt_mono_now(), start);
	*value = took > 0 ? (int64_t)((double)f->span.rows * 1e9 / (double)took) : 0;
	return code;
}

int pt_db_ingest_bench(const struct pt_db_opts *o, const struct pt_config *c,
	struct pt_bench_result *out, struct pt_err *err)
{
	struct feed f = { .config = c,
		.span = { .start_us = 1795428000000000,
			.spacing_us = 10000,
			.rows = PT_DB_INGEST_ROWS } };
	const struct pt_turns turns = { .workload = "db",
		.sides = sides,
		.n_sides = SIDES,
		.metrics = metrics,
		.n_metrics = PT_DB_INGEST_METRICS,
		.rounds = o->rounds,
		.once = once,
		.ctx = &f,
		.progress = o->progress,
		.progress_ctx = o->ctx };

	(void)snprintf(f.path, sizeof(f.path), "%s/ingest.db", o->dir);
	(void)snprintf(f.ndjson, sizeof(f.ndjson), "%s/ingest.ndjson", o->dir);
	int code = make_input(&f, err);
	if (!code)
		code = pt_turns_run(&turns, out, err);
	for (unsigned i = 0; f.lines && i < f.span.rows; i++)
		free(f.lines[i]);
	free(f.lines);
	free(f.records);
	pt_db_remove(f.path);
	(void)remove(f.ndjson); // the directory goes, too
	return code;
}
