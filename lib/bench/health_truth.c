// SPDX-License-Identifier: MIT
#include "bench/health_truth.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/record.h"
#include "bench/proc.h"
#include "bench/rig.h"
#include "bench/truth.h"

#define PROBES   "1000"
#define PERIOD   "1ms"
#define LEAST    950 // of these
#define LIMIT_NS (20 * PT_NS_PER_S)
#define HOGS_MAX 64

enum { SERIES_IDLE, SERIES_LOADED, SERIES_BURST };

struct stage {
	const struct pt_health_truth *s;
	char netns[64];
	struct pt_truth *truth, *burst; // by sequence number, and by host
};

static const struct pt_bench_metric metrics[] = {
	{ .name = "rtt_error_p99",
		.unit = "ns",
		.series = SERIES_IDLE,
		.q_ppm = 500000,
		.target = 5000,
		.doc = "Of 99 in 100 round trips, beside a clock at tc egress and ingress" },
	{ .name = "rtt_error_loaded",
		.unit = "ns",
		.series = SERIES_LOADED,
		.q_ppm = 500000,
		.target = 20000,
		.doc = "The same while every processor is busy" },
	{ .name = "rtt_error_burst",
		.unit = "ns",
		.series = SERIES_BURST,
		.q_ppm = 500000,
		.target = 5000,
		.doc = "The same of a probe to each host, all at once" },
};
#define ROWS (sizeof(metrics) / sizeof(metrics[0]))
_Static_assert(PT_HEALTH_ERROR + ROWS == PT_HEALTH_METRICS, "in their order");

static int attach(void *ctx, struct pt_err *err)
{
	struct stage *g = ctx;
	int code = pt_truth_new(if_nametoindex("v0"), false, &g->truth, err);
	return code ? code : pt_truth_new(if_nametoindex("v0"), true, &g->burst, err);
}

static int prepare(void *ctx, struct pt_err *err)
{
	struct stage *g = ctx;
	(void)snprintf(g->netns, sizeof(g->netns), "--net=/run/netns/%s", g->s->nodes->netns[0]);
	return pt_nodes_in(g->s->nodes, 0, attach, g, err);
}

static void finish(void *ctx)
{
	struct stage *g = ctx;
	pt_truth_free(g->truth);
	pt_truth_free(g->burst);
}

// The digits behind a key, its point left out: microseconds of "time=0.046 ms".
static bool read_digits(const char *line, const char *key, uint64_t *out)
{
	char digits[24];
	size_t n = 0;
	const char *at = strstr(line, key);
	if (!at)
		return false;
	for (at += strlen(key); n < sizeof(digits) - 1 && strchr("0123456789.", *at) && *at; at++)
		if (*at != '.' && (n || *at != '0')) // a zero in front would be octal
			digits[n++] = *at;
	if (!n)
		digits[n++] = '0';
	digits[n] = '\0';
	return pt_parse_u64(digits, 0, UINT32_MAX, out) == 0;
}

// "64 bytes from 198.18.0.1: seq=1 ttl=64 time=0.046 ms", against the truth.
static void judge_line(const struct stage *g, const char *line, struct pt_series *errors)
{
	uint64_t seq, told_us;
	if (!read_digits(line, " seq=", &seq) || !read_digits(line, " time=", &told_us))
		return;
	int64_t true_ns = pt_truth_rtt_ns(g->truth, (uint16_t)(seq - 1)); // people count from 1
	if (true_ns >= 0)
		pt_series_add(errors, llabs((int64_t)told_us * PT_NS_PER_US - true_ns));
}

static int measure(struct stage *g, int64_t *p99, struct pt_err *err)
{
	const char *const argv[] = { "nsenter", g->netns, g->s->tool, "ping", "-c", PROBES, "-i",
		PERIOD, "198.18.0.1", NULL };
	struct pt_proc p = PT_PROC_NONE;
	struct pt_series errors = { 0 };
	struct pt_summary sum;
	char line[256];
	pt_autofile FILE *lines = NULL;
	int fd = memfd_create("lines", MFD_CLOEXEC);
	pt_truth_reset(g->truth);
	if (fd < 0 || !(lines = fdopen(fd, "r+")))
		return pt_err_errno(err, -errno, "lines");
	int code = pt_proc_start_into(argv, NULL, fd, &p, err);
	if (!code)
		code = pt_proc_wait(&p, LIMIT_NS, err);
	rewind(lines);
	while (!code && fgets(line, sizeof(line), lines))
		judge_line(g, line, &errors);
	if (!code && (pt_series_summary(&errors, 990000, &sum) || sum.runs < LEAST))
		code = pt_err_set(err, -EBADMSG, "pt-probe and tc saw less than %d of %s probes",
			LEAST, PROBES);
	if (!code)
		*p99 = sum.value;
	pt_series_done(&errors);
	return code;
}

struct bursts {
	const struct stage *g;
	struct pt_series errors;
};

static int judge_record(void *ctx, const json_t *record, const char *type, const char *line)
{
	struct bursts *b = ctx;
	const char *host = json_string_value(json_object_get(record, "target"));
	const json_t *us = json_object_get(json_object_get(record, "rtt_us"), "min");
	struct pt_addr a;

	(void)line;
	if (strcmp(type, "health") != 0 || !host || !json_is_integer(us) ||
		pt_addr_parse(host, &a) || a.family != AF_INET)
		return 0;
	int64_t true_ns = pt_truth_rtt_ns(b->g->burst, (uint16_t)(a.bytes[2] << 8 | a.bytes[3]));
	if (true_ns >= 0)
		pt_series_add(&b->errors, llabs(json_integer_value(us) * PT_NS_PER_US - true_ns));
	return 0;
}

// One probe to each, spread over a second as ever; told as one record each.
static int measure_burst(struct stage *g, int64_t *p99, struct pt_err *err)
{
	const char *const argv[] = { "nsenter", g->netns, g->s->tool, "ping", "--json", "-c", "1",
		"-i", "1s", "-f", "-", NULL };
	struct pt_proc p = PT_PROC_NONE;
	struct bursts b = { .g = g };
	struct pt_record_reader *reader = NULL;
	const struct pt_record_sink sink = { .fn = judge_record, .ctx = &b };
	struct pt_summary sum;
	pt_autofd records = memfd_create("records", MFD_CLOEXEC);

	pt_truth_reset(g->burst);
	if (records < 0)
		return pt_err_errno(err, -errno, "records");
	int code = pt_proc_start_into(argv, g->s->hosts, records, &p, err);
	if (!code)
		code = pt_proc_wait(&p, LIMIT_NS, err);
	if (!code && lseek(records, 0, SEEK_SET) != 0)
		code = pt_err_errno(err, -errno, "records");
	if (!code)
		code = pt_record_reader_new(records, NULL, NULL, &sink, &reader, err);
	if (!code)
		code = pt_record_read_all(reader, err);
	pt_record_reader_free(reader);
	if (!code &&
		(pt_series_summary(&b.errors, 990000, &sum) ||
			sum.runs < g->s->o->targets * 9 / 10))
		code = pt_err_set(err, -EBADMSG, "pt-probe and tc saw less than 9 of 10 probes");
	if (!code)
		*p99 = sum.value;
	pt_series_done(&b.errors);
	return code;
}

static int once(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	static const char *const hog[] = { "yes", NULL };
	struct stage *g = ctx;
	struct pt_proc hogs[HOGS_MAX];
	long n = sysconf(_SC_NPROCESSORS_ONLN), on = 0;
	int code = measure(g, &out[SERIES_IDLE], err);
	if (!code)
		code = measure_burst(g, &out[SERIES_BURST], err);
	for (; !code && on < n && on < HOGS_MAX; on++) {
		hogs[on] = PT_PROC_NONE;
		code = pt_proc_start(hog, NULL, &hogs[on], err);
	}
	if (!code)
		code = measure(g, &out[SERIES_LOADED], err);
	while (on > 0)
		pt_proc_stop(&hogs[--on]);
	return code;
}

int pt_health_truth(
	const struct pt_health_truth *s, struct pt_health_report *out, struct pt_err *err)
{
	struct stage g = { .s = s };
	struct pt_bench_metric *rows = &out->metrics[PT_HEALTH_ERROR];
	const struct pt_bench_plan plan = {
		.workload = "health-check",
		.metrics = rows,
		.n_metrics = ROWS,
		.subject = { .name = "pt-probe ping",
			.prepare = prepare,
			.once = once,
			.finish = finish,
			.ctx = &g },
		.runs = s->o->runs,
		.progress = s->o->progress,
		.progress_ctx = s->o->progress_ctx,
	};
	memcpy(rows, metrics, sizeof(metrics));
	for (size_t i = 0; s->o->targets != PT_HEALTH_TARGETS && i < ROWS; i++)
		rows[i].target = PT_BENCH_NONE;
	return pt_bench_run(&plan, &out->results[PT_HEALTH_ERROR], err);
}
