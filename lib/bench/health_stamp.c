// SPDX-License-Identifier: MIT
#include "bench/health_stamp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "base/parse.h"
#include "base/record.h"
#include "bench/proc.h"
#include "bench/rig.h"

#define RUN_NS      (5 * PT_NS_PER_S)
#define INTERVAL_MS 10
#define LATE_US     1024 // the first bucket that is all above a millisecond

#define FEW_PATHS 100
#define FULL_NS   (3 * PT_NS_PER_S) // until all memory of probes has been used

enum { SERIES_CPU, SERIES_LATE, SERIES_MEMORY };

struct stage {
	const struct pt_health_stamp *s;
	char dir[64], config[80], network[80];
	char netns[2][64];
	struct pt_proc reflect;
	int64_t few_rss; // bytes, with FEW_PATHS
	json_t *stats;   // the last record
};

static const struct pt_bench_metric metrics[] = {
	{ .name = "stamp_cpu",
		.unit = "ppm",
		.series = SERIES_CPU,
		.q_ppm = 500000,
		.target = 600000,
		.doc = "Of a core, to send STAMP to all paths 100 times a second" },
	{ .name = "stamp_late",
		.unit = "ppm",
		.series = SERIES_LATE,
		.q_ppm = 500000,
		.target = 9999,
		.doc = "Sends more than a millisecond behind their deadline" },
	{ .name = "path_memory",
		.unit = "bytes",
		.series = SERIES_MEMORY,
		.q_ppm = 500000,
		.target = 4096,
		.doc = "Resident memory of a path, a timeout of a second ahead" },
};
#define ROWS (sizeof(metrics) / sizeof(metrics[0]))
_Static_assert(PT_HEALTH_STAMP_CPU + ROWS == PT_HEALTH_ERROR, "in their order");

static int write_file(const char *path, const struct pt_buf *text, struct pt_err *err)
{
	pt_autofile FILE *f = fopen(path, "we");
	if (f && fwrite(text->data, 1, text->len, f) == text->len && fflush(f) == 0)
		return 0;
	int code = -errno;
	return pt_err_errno(err, code, "%s", path);
}

static int write_settings(const struct stage *g, unsigned paths, struct pt_err *err)
{
	pt_autobuf text = { 0 };
	pt_buf_printf(&text,
		"edge: a\nhealth: { check_interval_secs: 60 }\n"
		"failover: { detection_interval_ms: %d }\nmetrics: { export_interval_secs: 1 }\n",
		INTERVAL_MS);
	int code = write_file(g->config, &text, err);
	pt_buf_clear(&text);
	pt_buf_puts(&text,
		"sites:\n  - { id: a, lan: [lo], prefixes: [10.1.0.0/24] }\n"
		"  - { id: b, lan: [lo], prefixes: [10.2.0.0/24] }\n"
		"uplinks:\n  - { id: u, site: a, device: v0 }\npaths:\n");
	for (unsigned i = 0; i < paths; i++)
		pt_buf_printf(&text,
			"  - { id: p%u, source: a, dest: b, uplink: u, next_hop: 192.0.2.2, "
			"target: 198.18.%u.%u, port: 862 }\n",
			i, i / 250, i % 250 + 1);
	pt_buf_puts(&text, "policies:\n  - { id: all, priority: 1, strategy: ordered }\n");
	return code ? code : write_file(g->network, &text, err);
}

// Resident memory of a process.
static int read_rss(pid_t pid, int64_t *out, struct pt_err *err)
{
	char path[64], line[128];
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	pt_autofile FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		uint64_t kib;
		char *at = line + strcspn(line, "0123456789");
		at[strspn(at, "0123456789")] = '\0';
		if (strncmp(line, "VmRSS:", 6) == 0 && !pt_parse_u64(at, 1, 1ULL << 40, &kib)) {
			*out = (int64_t)kib * 1024;
			return 0;
		}
	}
	return pt_err_set(err, -ESRCH, "%s: no VmRSS", path);
}

static int start_watch(const struct stage *g, int records, struct pt_proc *p, struct pt_err *err)
{
	const char *const argv[] = { "nsenter", g->netns[0], g->s->tool, "watch", "--config",
		g->config, "--network", g->network, NULL };
	return pt_proc_start_into(argv, NULL, records, p, err);
}

// What few paths take; a file of few paths is left behind.
static int measure_few(struct stage *g, struct pt_err *err)
{
	struct pt_proc p = PT_PROC_NONE;
	pt_autofd records = memfd_create("records", MFD_CLOEXEC);
	int code = records < 0 ? pt_err_errno(err, -errno, "records")
			       : write_settings(g, FEW_PATHS, err);
	if (!code)
		code = start_watch(g, records, &p, err);
	if (!code)
		code = pt_rig_nap(FULL_NS, err);
	if (!code)
		code = pt_proc_check(&p, err);
	if (!code)
		code = read_rss(p.pid, &g->few_rss, err);
	pt_proc_stop(&p);
	return code;
}

static int prepare(void *ctx, struct pt_err *err)
{
	struct stage *g = ctx;
	(void)snprintf(g->dir, sizeof(g->dir), "/tmp/pt-bench-%d.XXXXXX", (int)getpid());
	if (!mkdtemp(g->dir))
		return pt_err_errno(err, -errno, "%s", g->dir);
	(void)snprintf(g->config, sizeof(g->config), "%s/config", g->dir);
	(void)snprintf(g->network, sizeof(g->network), "%s/network", g->dir);
	(void)snprintf(g->netns[0], sizeof(g->netns[0]), "--net=/run/netns/%s", g->s->near);
	(void)snprintf(g->netns[1], sizeof(g->netns[1]), "--net=/run/netns/%s", g->s->far);
	const char *const argv[] = { "nsenter", g->netns[1], g->s->tool, "reflect", NULL };
	int code = pt_proc_start(argv, NULL, &g->reflect, err);
	if (!code && g->s->o->targets > FEW_PATHS)
		code = measure_few(g, err);
	return code ? code : write_settings(g, g->s->o->targets, err);
}

static void finish(void *ctx)
{
	struct stage *g = ctx;
	pt_proc_stop(&g->reflect);
	(void)unlink(g->config); // may not be there
	(void)unlink(g->network);
	(void)rmdir(g->dir);
}

static int keep_stats(void *ctx, const json_t *record, const char *type, const char *line)
{
	struct stage *g = ctx;
	(void)line;
	if (strcmp(type, "stats") != 0)
		return 0;
	json_decref(g->stats);
	g->stats = json_deep_copy(record);
	return 0;
}

// The share of sends behind their deadline out of the last record, which `out` is in.
static int judge(struct stage *g, int records, int64_t *late_ppm, struct pt_err *err)
{
	struct pt_record_reader *reader = NULL;
	const struct pt_record_sink sink = { .fn = keep_stats, .ctx = g };
	struct pt_hist late;
	json_decref(g->stats);
	g->stats = NULL;
	if (lseek(records, 0, SEEK_SET) != 0)
		return pt_err_errno(err, -errno, "records");
	int code = pt_record_reader_new(records, NULL, NULL, &sink, &reader, err);
	if (!code)
		code = pt_record_read_all(reader, err);
	pt_record_reader_free(reader);
	if (code)
		return code;
	const json_t *summary = json_object_get(g->stats, "wakeup_late_us");
	json_int_t sent = json_integer_value(json_object_get(g->stats, "sent"));
	json_int_t missed = json_integer_value(json_object_get(g->stats, "missed"));
	if (pt_hist_from_json(json_object_get(summary, "buckets"), &late) || !late.count || !sent)
		return pt_err_set(err, -EBADMSG, "pt-probe watch wrote no statistics");
	uint64_t behind = 0;
	for (unsigned i = pt_hist_index(LATE_US); i < PT_HIST_BUCKETS; i++)
		behind += late.bucket[i];
	*late_ppm = (int64_t)(behind * 1000000 / late.count) + missed * 1000000 / (sent + missed);
	return 0;
}

static int once(void *ctx, int64_t out[PT_BENCH_SERIES], struct pt_err *err)
{
	struct stage *g = ctx;
	struct pt_proc p = PT_PROC_NONE;
	int64_t cpu_us[2] = { 0 }, rss = 0;
	pt_autofd records = memfd_create("records", MFD_CLOEXEC);
	int code = records < 0 ? pt_err_errno(err, -errno, "records")
			       : pt_cgroup_usage_us(g->s->cgroup, &cpu_us[0], err);
	if (!code)
		code = pt_cgroup_enter(g->s->cgroup, err);
	if (code)
		return code;
	struct pt_mono start = pt_mono_now();
	code = start_watch(g, records, &p, err);
	int back = pt_cgroup_leave(g->s->cgroup, code ? NULL : err);
	if (!code)
		code = back ? back : pt_rig_nap(RUN_NS, err);
	if (!code)
		code = pt_proc_check(&p, err);
	if (!code)
		code = read_rss(p.pid, &rss, err);
	pt_proc_stop(&p);
	int64_t took_ns = pt_mono_diff(pt_mono_now(), start);
	if (!code)
		code = pt_cgroup_usage_us(g->s->cgroup, &cpu_us[1], err);
	if (!code)
		code = judge(g, records, &out[SERIES_LATE], err);
	out[SERIES_MEMORY] = g->few_rss
		? (rss - g->few_rss) / (int64_t)(g->s->o->targets - FEW_PATHS)
		: PT_BENCH_NONE;
	out[SERIES_CPU] = (cpu_us[1] - cpu_us[0]) * 1000000 / (took_ns / PT_NS_PER_US);
	return code;
}

int pt_health_stamp(
	const struct pt_health_stamp *s, struct pt_health_report *out, struct pt_err *err)
{
	struct stage g = { .s = s, .reflect = PT_PROC_NONE };
	struct pt_bench_metric *rows = &out->metrics[PT_HEALTH_STAMP_CPU];
	const struct pt_bench_plan plan = {
		.workload = "health-check",
		.metrics = rows,
		.n_metrics = ROWS,
		.subject = { .name = "pt-probe watch",
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
	int code = pt_bench_run(&plan, &out->results[PT_HEALTH_STAMP_CPU], err);
	json_decref(g.stats);
	return code;
}
