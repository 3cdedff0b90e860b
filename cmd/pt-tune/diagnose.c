// SPDX-License-Identifier: MIT
// pt-tune diagnose: what is the matter with CPU, memory, database or network. Statements with
// evidence and cure; and who takes the CPU and the memory, by thread, function and process.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tune.h"
#include "tune/samples.h"
#include "tune/scan.h"
#include "tune/threads.h"

#define TOP 10

const struct argp_option tune_diagnose_options[] = {
	TUNE_HOST_OPTIONS,
	{ "time", TUNE_OPT_TIME, "TIME", 0,
		"Watch for so long, threads and functions too; without it, counters since boot",
		0 },
	{ "to", TUNE_OPT_TO, "HOST", 0, "net: ping, trace and search the MTU to this host", 0 },
	{ "url", TUNE_OPT_URL, "URL", 0, "net: ask this and time each step", 0 },
	{ 0 },
};

static const struct pt_column thread_columns[] = {
	{ .key = "process", .heading = "PROCESS" },
	{ .key = "pid", .heading = "PID", .right = true },
	{ .key = "thread", .heading = "THREAD" },
	{ .key = "tid", .heading = "TID", .right = true },
	{ .key = "cpu", .heading = "CPU %", .right = true },
	{ .key = "wakes", .heading = "WAKES/s", .right = true },
	{ .key = NULL },
};
static const struct pt_column function_columns[] = {
	{ .key = "process", .heading = "PROCESS" },
	{ .key = "function", .heading = "FUNCTION" },
	{ .key = "share", .heading = "SHARE %", .right = true },
	{ .key = "samples", .heading = "SAMPLES", .right = true },
	{ .key = NULL },
};
static const struct pt_column process_columns[] = {
	{ .key = "process", .heading = "PROCESS" },
	{ .key = "pid", .heading = "PID", .right = true },
	{ .key = "pss", .heading = "MEMORY KB", .right = true },
	{ .key = "own", .heading = "OWN KB", .right = true },
	{ .key = "file", .heading = "FILES KB", .right = true },
	{ .key = "locked", .heading = "LOCKED KB", .right = true },
	{ .key = "swap", .heading = "SWAPPED KB", .right = true },
	{ .key = NULL },
};

struct watch {
	struct pt_threads before, after;
	struct pt_samples *samples; // NULL: none
	struct pt_thread_use top[TOP];
	struct pt_hot hot[2 * TOP];
	unsigned n_top, n_hot;
	uint32_t busy; // samples
};

static double tenths(double v)
{
	return round(v * 10) / 10;
}

static void put_threads(struct pt_emit *e, const struct watch *w)
{
	pt_emit_table(e, "threads", thread_columns);
	for (unsigned i = 0; i < w->n_top; i++) {
		const struct pt_thread *t = w->top[i].thread;
		pt_emit_row(e);
		pt_emit_str(e, t->process);
		pt_emit_i64(e, t->pid);
		pt_emit_str(e, t->name);
		pt_emit_i64(e, t->tid);
		pt_emit_real(e, tenths(w->top[i].busy));
		pt_emit_real(e, tenths(w->top[i].wakes));
	}
}

static void put_functions(struct pt_emit *e, const struct watch *w)
{
	pt_emit_table(e, "functions", function_columns);
	for (unsigned i = 0; i < w->n_hot; i++) {
		pt_emit_row(e);
		pt_emit_str(e, w->hot[i].process);
		pt_emit_str(e, w->hot[i].function);
		pt_emit_real(e, tenths(100.0 * w->hot[i].samples / w->busy));
		pt_emit_i64(e, w->hot[i].samples);
	}
}

static void put_kb(struct pt_emit *e, const char *rollup, const char *label)
{
	double v = pt_scan_after(rollup, label);

	if (isnan(v))
		pt_emit_null(e);
	else
		pt_emit_i64(e, (int64_t)v);
}

static void put_process(struct pt_emit *e, const struct pt_host *h, const char *pid)
{
	pt_autobuf comm = { 0 }, rollup = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/%.16s/comm", pid);
	if (pt_host_read(h, path, &comm) < 0 || !comm.len)
		return;
	comm.data[strcspn(comm.data, "\n")] = '\0';
	(void)snprintf(path, sizeof(path), "proc/%.16s/smaps_rollup", pid);
	if (!pt_process_is_ours(comm.data) || pt_host_read(h, path, &rollup) < 0)
		return;
	const char *s = pt_buf_str(&rollup);
	double pss = pt_scan_after(s, "\nPss:"), own = pt_scan_after(s, "\nAnonymous:");
	pt_emit_row(e);
	pt_emit_str(e, comm.data);
	pt_emit_i64(e, (int64_t)pt_scan_number(pid));
	put_kb(e, s, "\nPss:");
	put_kb(e, s, "\nAnonymous:");
	if (isnan(pss) || isnan(own))
		pt_emit_null(e);
	else
		pt_emit_i64(e, (int64_t)fmax(0, pss - own));
	put_kb(e, s, "\nLocked:");
	put_kb(e, s, "\nSwap:");
}

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static void put_processes(struct pt_emit *e, const struct pt_host *h)
{
	int fd = pt_host_dir(h, "proc");
	__attribute__((cleanup(close_dir))) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (!dir && fd >= 0)
		pt_cleanup_fd(&fd);
	pt_emit_table(e, "processes", process_columns);
	while (dir && (d = readdir(dir))) {
		if (isdigit((unsigned char)d->d_name[0]))
			put_process(e, h, d->d_name);
	}
}

static void tell(const struct pt_ctx *ctx, const struct pt_err *err)
{
	if (!ctx->quiet)
		(void)fprintf(stderr, "pt-tune: %s\n", err->msg);
}

// Threads, functions and counters over the window.
static int watch(
	struct tune_show *s, const struct tune_opts *o, struct tune_job *j, struct watch *w)
{
	struct pt_facts *first = pt_arena_alloc(&j->arena, sizeof(*first));
	struct pt_err why = { 0 };
	bool cpu = s->lists[PT_LIST_CPU];

	*first = j->facts;
	if (cpu && !o->root && pt_samples_start(&w->samples, &why) < 0)
		tell(s->ctx, &why); // the rest can still be told
	if (cpu && pt_threads_read(&j->host, &w->before, &s->ctx->err) < 0)
		return -1;
	tune_sleep(o->window_ns);
	if (cpu && pt_threads_read(&j->host, &w->after, &s->ctx->err) < 0)
		return -1;
	if (w->samples && pt_samples_stop(w->samples, &s->ctx->err) < 0) {
		w->samples = NULL;
		return -1;
	}
	pt_facts_read(&j->host, &j->facts);
	s->r.first = first;
	s->r.seconds = (double)o->window_ns / 1e9;
	if (cpu)
		w->n_top = pt_threads_compare(&w->before, &w->after, w->top, TOP, &j->facts);
	if (w->samples)
		w->n_hot = pt_samples_hottest(w->samples, w->hot, TOP, &w->busy, &j->facts);
	return 0;
}

static void done(struct watch *w)
{
	pt_threads_done(&w->before);
	pt_threads_done(&w->after);
	pt_samples_free(w->samples);
}

static int put_all(
	struct tune_show *s, struct tune_job *j, const struct tune_store *st, const struct watch *w)
{
	struct pt_emit *e;

	if (pt_emit_new(s->ctx->json ? PT_EMIT_JSON : PT_EMIT_TABLE, stdout, &e) < 0)
		return -1;
	pt_emit_table(e, "findings", tune_finding_columns);
	int rc = tune_put_findings(s, pt_findings_diagnose, e);
	if (rc == 0)
		rc = tune_store_rows(s, st, e);
	if (s->lists[PT_LIST_CPU] && s->r.first) {
		put_threads(e, w);
		if (w->samples)
			put_functions(e, w);
	}
	if (s->lists[PT_LIST_MEM] && s->all)
		put_processes(e, &j->host);
	return pt_emit_end(e) < 0 || rc < 0 ? -1 : 0;
}

static int run(struct tune_show *s, const struct tune_opts *o, struct tune_job *j)
{
	struct tune_store st = { 0 };
	struct watch w = { 0 };

	if (tune_job_host(s->ctx, o, j) < 0)
		return PT_EXIT_FAIL;
	s->r.now = &j->facts;
	int rc = o->window_ns ? watch(s, o, j, &w) : 0;
	s->r.scale = tune_scale_of(&j->facts, NULL);
	if (rc == 0) {
		tune_store_open(s->ctx, j, &st);
		tune_store_facts(s->ctx, &st, &j->facts);
		if (s->lists[PT_LIST_NET] && o->to)
			tune_far_facts(s->ctx, o, &j->facts);
		if (s->lists[PT_LIST_NET] && o->url)
			tune_url_facts(s->ctx, o, &j->facts);
		rc = put_all(s, j, &st, &w);
	}
	tune_store_close(&st);
	done(&w);
	return rc < 0 ? PT_EXIT_FAIL : s->bad ? PT_EXIT_NO : PT_EXIT_OK;
}

int tune_diagnose(struct pt_ctx *ctx, int argc, char **argv, void *opts)
{
	struct tune_show s = { .ctx = ctx, .all = ctx->verbose > 0 || ctx->json };
	struct tune_job j = { 0 };

	for (int i = 0; i < argc; i++) {
		int l = PT_LIST_CPU;
		while (l < PT_LIST_COUNT && strcmp(argv[i], pt_finding_list_names[l]) != 0)
			l++;
		if (l == PT_LIST_COUNT) {
			(void)pt_err_set(&ctx->err, -EINVAL,
				"diagnose: '%s' is none of cpu, mem, db, net", argv[i]);
			return PT_EXIT_USAGE;
		}
		s.lists[l] = true;
	}
	for (int l = PT_LIST_CPU; !argc && l < PT_LIST_COUNT; l++)
		s.lists[l] = true;
	int code = run(&s, opts, &j);
	tune_job_done(&j);
	return code;
}
