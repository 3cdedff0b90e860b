// SPDX-License-Identifier: MIT
#include "tune/threads.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "tune/host.h"
#include "tune/scan.h"

#define UTIME      11 // words behind the name in a stat file
#define STARTTIME  19
#define SPIN_SLEEP 10 // a thread that sleeps less often than this in a second does not wait

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static DIR *open_dir(const struct pt_host *h, const char *path)
{
	int fd = pt_host_dir(h, path);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		pt_cleanup_fd(&fd);
	return dir;
}

static int read_comm(const struct pt_host *h, const char *dir, char out[16])
{
	pt_autobuf text = { 0 };
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/comm", dir);
	int rc = pt_host_read(h, path, &text);
	if (rc == 0)
		(void)snprintf(
			out, 16, "%.*s", (int)strcspn(pt_buf_str(&text), "\n"), pt_buf_str(&text));
	return rc;
}

static const char *word_of(const char *stat, int n)
{
	const char *p = strrchr(stat, ')');

	for (int i = 0; p && i <= n; i++)
		p = strchr(p + 1, ' ');
	return p ? p + 1 : "";
}

static bool read_thread(const struct pt_host *h, const char *dir, struct pt_thread *t)
{
	pt_autobuf stat = { 0 }, status = { 0 };
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/stat", dir);
	if (pt_host_read(h, path, &stat) < 0 || read_comm(h, dir, t->name) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/status", dir);
	if (pt_host_read(h, path, &status) < 0)
		return false;
	const char *s = pt_buf_str(&stat);
	t->ticks = pt_scan_number(word_of(s, UTIME)) + pt_scan_number(word_of(s, UTIME + 1));
	t->start = (uint64_t)fmax(0, pt_scan_number(word_of(s, STARTTIME)));
	t->sleeps = pt_scan_after(pt_buf_str(&status), "\nvoluntary_ctxt_switches:");
	t->wanted_ns = NAN;
	(void)snprintf(path, sizeof(path), "%s/schedstat", dir);
	if (pt_host_read(h, path, &status) == 0) // "ran waited times"
		t->wanted_ns = pt_scan_number(pt_buf_str(&status)) +
			pt_scan_after(pt_buf_str(&status), " ");
	return true;
}

static int add(struct pt_threads *all, const struct pt_thread *t)
{
	if (!(all->n & (all->n - 1))) { // room for twice as many at each power of two
		struct pt_thread *more = realloc(
			all->row, (all->n ? 2 * (size_t)all->n : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		all->row = more;
	}
	all->row[all->n++] = *t;
	return 0;
}

static int read_process(const struct pt_host *h, const char *pid, struct pt_threads *all)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "proc/%.16s", pid);
	struct pt_thread t = { 0 };

	if (read_comm(h, path, t.process) < 0 || !pt_process_is_ours(t.process))
		return 0;
	(void)snprintf(path, sizeof(path), "proc/%.16s/task", pid);
	__attribute__((cleanup(close_dir))) DIR *dir = open_dir(h, path);
	const struct dirent *d;
	uint32_t number;
	int rc = 0;
	while (dir && !rc && (d = readdir(dir))) {
		if (pt_parse_u32(pid, 1, INT32_MAX, &number))
			continue;
		t.pid = (int)number;
		if (pt_parse_u32(d->d_name, 1, INT32_MAX, &number))
			continue;
		t.tid = (int)number;
		(void)snprintf(path, sizeof(path), "proc/%.16s/task/%.16s", pid, d->d_name);
		if (read_thread(h, path, &t))
			rc = add(all, &t);
	}
	return rc;
}

int pt_threads_read(const struct pt_host *h, struct pt_threads *out, struct pt_err *err)
{
	struct pt_threads all = { .at_ns = pt_mono_now().ns };
	__attribute__((cleanup(close_dir))) DIR *dir = open_dir(h, "proc");
	const struct dirent *d;
	int rc = 0;

	while (dir && !rc && (d = readdir(dir))) {
		if (isdigit((unsigned char)d->d_name[0]))
			rc = read_process(h, d->d_name, &all);
	}
	if (rc) {
		pt_threads_done(&all);
		return pt_err_errno(err, rc, "threads");
	}
	*out = all;
	return 0;
}

void pt_threads_done(struct pt_threads *t)
{
	free(t->row);
	*t = (struct pt_threads){ 0 };
}

static const struct pt_thread *find(const struct pt_threads *t, const struct pt_thread *like)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (t->row[i].pid == like->pid && t->row[i].tid == like->tid &&
			t->row[i].start == like->start)
			return &t->row[i];
	}
	return NULL;
}

static void insert(
	struct pt_thread_use *out, unsigned *have, unsigned n, const struct pt_thread_use *u)
{
	unsigned at = *have;

	if (!(u->busy > 0 || u->wakes > 0))
		return;
	while (at && out[at - 1].busy < u->busy)
		at--;
	if (at == n)
		return;
	if (*have < n)
		(*have)++;
	memmove(&out[at + 1], &out[at], (*have - at - 1) * sizeof(*out));
	out[at] = *u;
}

unsigned pt_threads_compare(const struct pt_threads *a, const struct pt_threads *b,
	struct pt_thread_use *out, unsigned n, struct pt_facts *facts)
{
	double seconds = (double)(b->at_ns - a->at_ns) / 1e9, *v = facts->value;
	double tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
	unsigned have = 0;

	if (seconds <= 0)
		return 0;
	v[PT_FACT_thread_busy] = v[PT_FACT_thread_spin] = v[PT_FACT_thread_wakes] = 0;
	for (unsigned i = 0; i < b->n; i++) {
		const struct pt_thread *now = &b->row[i], *then = find(a, now);
		if (!then)
			continue; // younger than the window
		double sleeps = (now->sleeps - then->sleeps) / seconds;
		struct pt_thread_use u = { .thread = now, .wakes = sleeps };
		u.busy = 100 * (now->ticks - then->ticks) * tick_s / seconds;
		v[PT_FACT_thread_busy] = fmax(v[PT_FACT_thread_busy], u.busy);
		v[PT_FACT_thread_wakes] = fmax(v[PT_FACT_thread_wakes], u.wakes);
		// On a busy machine one that never sleeps waits for its CPU, too.
		double wanted = (now->wanted_ns - then->wanted_ns) / seconds / 1e7;
		if (sleeps < SPIN_SLEEP)
			v[PT_FACT_thread_spin] = fmax(
				v[PT_FACT_thread_spin], isnan(wanted) ? u.busy : wanted);
		insert(out, &have, n, &u);
	}
	return have;
}
