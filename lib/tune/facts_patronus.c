// SPDX-License-Identifier: MIT
// Patronus' own processes: what they take, and how they were started.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tune/facts_read.h"
#include "tune/scan.h"

#define STAT_UTIME 11 // words behind the name in /proc/PID/stat

static void add(struct pt_facts *f, enum pt_fact fact, double v)
{
	if (isnan(v))
		return;
	if (isnan(f->value[fact]))
		f->value[fact] = 0;
	f->value[fact] += v;
}

static int read_of(const struct pt_host *h, const char *pid, const char *name, struct pt_buf *out)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/%.16s/%.32s", pid, name);
	return pt_host_read(h, path, out);
}

static double ticks_of(const struct pt_host *h, const char *pid)
{
	pt_autobuf text = { 0 };

	if (read_of(h, pid, "stat", &text) < 0)
		return NAN;
	const char *p = strrchr(pt_buf_str(&text), ')'); // a name may hold anything
	for (int word = 0; p && word <= STAT_UTIME; word++)
		p = strchr(p + 1, ' ');
	return p ? pt_scan_number(p) + pt_scan_after(p + 1, " ") : (double)NAN;
}

static const struct {
	const char *name;
	enum pt_fact ticks; // beside pt_ticks
} ours[] = {
	{ "pt-probe", PT_FACT_probe_ticks },
	{ "pt-select", PT_FACT_decide_ticks },
	{ "pt-failover", PT_FACT_decide_ticks },
	{ "pt-db", PT_FACT_store_ticks },
	{ "pt-serve", PT_FACT_store_ticks },
};
static const char *const loggers[] = { "systemd-journal", "systemd-journald", "rsyslogd",
	"syslog-ng" };

static void read_memory(const struct pt_host *h, const char *pid, struct pt_facts *f)
{
	pt_autobuf text = { 0 };

	if (read_of(h, pid, "smaps_rollup", &text) < 0)
		return;
	const char *s = pt_buf_str(&text);
	double swap = pt_scan_after(s, "\nSwap:");
	add(f, PT_FACT_pt_pss, pt_scan_after(s, "\nPss:") * 1024);
	add(f, PT_FACT_pt_anon,
		(pt_scan_after(s, "\nAnonymous:") + (isnan(swap) ? 0 : swap)) * 1024);
}

static const char *variable(const struct pt_buf *environ_text, const char *name)
{
	size_t len = strlen(name);

	for (size_t at = 0; at < environ_text->len; at += strlen(environ_text->data + at) + 1) {
		if (strncmp(environ_text->data + at, name, len) == 0)
			return environ_text->data + at + len;
	}
	return NULL;
}

// ld.so says that it cannot find a library and goes on: only the maps tell.
static bool preload_lost(const char *list, const char *maps)
{
	char copy[512], *at = copy, *word;

	(void)snprintf(copy, sizeof(copy), "%s", list);
	while ((word = strsep(&at, ": "))) {
		const char *base = strrchr(word, '/');
		char stem[128];
		base = base ? base + 1 : word;
		(void)snprintf(stem, sizeof(stem), "/%.*s", (int)strcspn(base, "."), base);
		if (*base && !strstr(maps, stem)) // maps have the name behind links
			return true;
	}
	return false;
}

static void read_start(const struct pt_host *h, const char *pid, struct pt_facts *f)
{
	pt_autobuf words = { 0 }, maps = { 0 };

	if (read_of(h, pid, "environ", &words) < 0)
		return;
	pt_buf_putc(&words, '\0'); // of a buffer that may be cut off
	const char *preload = variable(&words, "LD_PRELOAD=");
	const char *conf = variable(&words, "MALLOC_CONF=");
	add(f, PT_FACT_pt_heap_prof, conf && strstr(conf, "prof:true"));
	if (read_of(h, pid, "maps", &maps) == 0)
		add(f, PT_FACT_pt_preload_lost,
			preload && preload_lost(preload, pt_buf_str(&maps)));
}

// Of the unified hierarchy; in another namespace's the path does not fit, and nothing is known.
static void read_quota(const struct pt_host *h, const char *pid, struct pt_facts *f)
{
	pt_autobuf text = { 0 };
	char path[320];

	if (read_of(h, pid, "cgroup", &text) < 0)
		return;
	const char *group = strstr(pt_buf_str(&text), "0::/");
	if (!group)
		return;
	(void)snprintf(path, sizeof(path), "sys/fs/cgroup/%.*s/cpu.stat",
		(int)strcspn(group + 4, "\n"), group + 4);
	if (pt_host_read(h, path, &text) == 0)
		add(f, PT_FACT_pt_throttled, pt_scan_after(pt_buf_str(&text), "nr_throttled "));
}

bool pt_process_is_ours(const char *comm)
{
	return strncmp(comm, "pt-", 3) == 0 && strncmp(comm, "pt-tune", 7) != 0;
}

void pt_facts_add_process(
	const struct pt_host *h, const char *pid, const char *comm, struct pt_facts *f)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(loggers); i++) {
		if (strcmp(comm, loggers[i]) == 0)
			add(f, PT_FACT_log_ticks, ticks_of(h, pid));
	}
	if (!pt_process_is_ours(comm))
		return;
	double ticks = ticks_of(h, pid);
	add(f, PT_FACT_pt_procs, 1);
	add(f, PT_FACT_pt_ticks, ticks);
	for (size_t i = 0; i < PT_ARRAY_LEN(ours); i++) {
		if (strcmp(comm, ours[i].name) == 0)
			add(f, ours[i].ticks, ticks);
	}
	read_memory(h, pid, f);
	read_start(h, pid, f);
	read_quota(h, pid, f);
}
