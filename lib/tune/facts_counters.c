// SPDX-License-Identifier: MIT
// Counters of the kernel: /proc/net, /proc/stat, pressure.
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "tune/facts_read.h"
#include "tune/scan.h"

#define MAX_COLUMNS 160

static void add(struct pt_facts *f, enum pt_fact fact, double v)
{
	if (isnan(f->value[fact]))
		f->value[fact] = 0;
	f->value[fact] += v;
}

// Cuts a line into words in place; how many.
static unsigned split(char *line, char *word[MAX_COLUMNS])
{
	unsigned n = 0;
	char *w;

	while (n < MAX_COLUMNS && (w = strsep(&line, " \t"))) {
		if (*w)
			word[n++] = w;
	}
	return n;
}

// /proc/net/netstat and snmp: pairs of lines, "TcpExt: names" and "TcpExt: numbers".
static const struct {
	const char *group, *name;
	enum pt_fact fact;
} mib[] = {
	{ "TcpExt:", "ListenOverflows", PT_FACT_listen_overflows },
	{ "TcpExt:", "PruneCalled", PT_FACT_tcp_pruned },
	{ "TcpExt:", "RcvPruned", PT_FACT_tcp_pruned },
	{ "TcpExt:", "TCPMemoryPressures", PT_FACT_tcp_mem_pressure },
	{ "TcpExt:", "TCPMTUPFail", PT_FACT_tcp_mtup_fail },
	{ "Tcp:", "RetransSegs", PT_FACT_tcp_retrans },
	{ "Udp:", "RcvbufErrors", PT_FACT_udp_rcvbuf_errors },
	{ "Udp:", "MemErrors", PT_FACT_udp_mem_errors },
	{ "Ip:", "FragFails", PT_FACT_frag_fails },
};

static void read_mib(const struct pt_host *h, const char *path, struct pt_facts *f)
{
	pt_autobuf text = { 0 };
	char *names[MAX_COLUMNS], *numbers[MAX_COLUMNS];

	if (pt_host_read(h, path, &text) < 0 || !text.data)
		return;
	for (char *at = text.data, *a, *b; (a = strsep(&at, "\n")) && (b = strsep(&at, "\n"));) {
		unsigned n = split(a, names), m = split(b, numbers);
		for (unsigned i = 1; i < n && i < m; i++) {
			for (size_t k = 0; k < PT_ARRAY_LEN(mib); k++) {
				if (strcmp(mib[k].group, names[0]) == 0 &&
					strcmp(mib[k].name, names[i]) == 0)
					add(f, mib[k].fact, strtod(numbers[i], NULL));
			}
		}
	}
}

// One line a CPU, hexadecimal columns, with or without a heading.
static void read_hex(const struct pt_host *h, const char *path, unsigned column, enum pt_fact fact,
	struct pt_facts *f)
{
	pt_autobuf text = { 0 };
	char *word[MAX_COLUMNS];

	if (pt_host_read(h, path, &text) < 0 || !text.data)
		return;
	for (char *at = text.data, *line; (line = strsep(&at, "\n"));) {
		unsigned n = split(line, word);
		char hex[32], *end;
		if (n <= column)
			continue;
		(void)snprintf(hex, sizeof(hex), "0x%s", word[column]);
		double v = strtod(hex, &end);
		if (!*end)
			add(f, fact, v);
	}
}

// Heading by name: the columns of nf_conntrack's and the neighbour tables' statistics moved.
static void read_hex_named(const struct pt_host *h, const char *path, const char *name,
	enum pt_fact fact, struct pt_facts *f)
{
	pt_autobuf text = { 0 };
	char *word[MAX_COLUMNS];

	if (pt_host_read(h, path, &text) < 0 || !text.data)
		return;
	char *at = text.data;
	unsigned n = split(strsep(&at, "\n"), word);
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(word[i], name) == 0)
			read_hex(h, path, i, fact, f);
	}
}

static void read_devices(const struct pt_host *h, struct pt_facts *f)
{
	pt_autobuf text = { 0 };
	char *word[MAX_COLUMNS];

	if (pt_host_read(h, "proc/net/dev", &text) < 0 || !text.data)
		return;
	for (char *at = text.data, *line; (line = strsep(&at, "\n"));) {
		char *colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon = ' ';
		unsigned n = split(line, word);
		if (n < 17 || strcmp(word[0], "lo") == 0)
			continue;
		add(f, PT_FACT_rx_bytes, strtod(word[1], NULL));
		add(f, PT_FACT_rx_packets, strtod(word[2], NULL));
		add(f, PT_FACT_rx_dropped, strtod(word[4], NULL));
		add(f, PT_FACT_rx_missed,
			strtod(word[5], NULL)); // the fifo column holds missed too
		add(f, PT_FACT_tx_bytes, strtod(word[9], NULL));
		add(f, PT_FACT_tx_packets, strtod(word[10], NULL));
		add(f, PT_FACT_tx_dropped, strtod(word[12], NULL));
	}
}

static void read_stat(const struct pt_host *h, struct pt_facts *f)
{
	pt_autobuf text = { 0 };
	double v[8] = { 0 }, total = 0;
	unsigned long ticks = 0;

	if (pt_host_read(h, "proc/stat", &text) < 0)
		return;
	const char *p = strncmp(pt_buf_str(&text), "cpu ", 4) == 0 ? pt_buf_str(&text) + 4 : NULL;
	for (size_t i = 0; p && i < PT_ARRAY_LEN(v); i++) {
		p = pt_scan_digits(p, 10, &ticks);
		v[i] = (double)ticks;
	}
	if (p) {
		for (size_t i = 0; i < PT_ARRAY_LEN(v); i++)
			total += v[i];
		f->value[PT_FACT_cpu_total] = total;
		f->value[PT_FACT_cpu_idle] = v[3];
		f->value[PT_FACT_cpu_iowait] = v[4];
		f->value[PT_FACT_cpu_softirq] = v[6];
		f->value[PT_FACT_cpu_steal] = v[7];
	}
	const char *ctxt = strstr(pt_buf_str(&text), "\nctxt ");
	if (ctxt)
		f->value[PT_FACT_ctxt] = strtod(ctxt + 6, NULL);
}

static void read_pressure(const struct pt_host *h, struct pt_facts *f)
{
	static const struct {
		const char *path;
		enum pt_fact fact;
	} files[] = {
		{ "proc/pressure/cpu", PT_FACT_psi_cpu },
		{ "proc/pressure/memory", PT_FACT_psi_mem },
		{ "proc/pressure/io", PT_FACT_psi_io },
	};
	pt_autobuf text = { 0 };

	for (size_t i = 0; i < PT_ARRAY_LEN(files); i++) {
		if (pt_host_read(h, files[i].path, &text) < 0)
			continue;
		f->value[files[i].fact] = pt_scan_after(pt_buf_str(&text), "some avg10=");
	}
}

static void read_throttling(const struct pt_host *h, struct pt_facts *f)
{
	char path[96];
	double v;

	for (int cpu = 0; cpu < 1024; cpu++) {
		(void)snprintf(path, sizeof(path),
			"sys/devices/system/cpu/cpu%d/thermal_throttle/core_throttle_count", cpu);
		if (pt_host_number(h, path, &v) < 0)
			return;
		add(f, PT_FACT_thermal, v);
	}
}

void pt_facts_read_counters(const struct pt_host *h, struct pt_facts *f)
{
	pt_autobuf text = { 0 };

	read_hex(h, "proc/net/softnet_stat", 1, PT_FACT_softnet_dropped, f);
	read_hex(h, "proc/net/softnet_stat", 2, PT_FACT_softnet_squeezed, f);
	read_hex_named(h, "proc/net/stat/arp_cache", "table_fulls", PT_FACT_neigh_fulls, f);
	read_hex_named(h, "proc/net/stat/ndisc_cache", "table_fulls", PT_FACT_neigh6_fulls, f);
	read_hex_named(h, "proc/net/stat/nf_conntrack", "insert_failed", PT_FACT_conntrack_drop, f);
	read_hex_named(h, "proc/net/stat/nf_conntrack", "drop", PT_FACT_conntrack_drop, f);
	read_mib(h, "proc/net/netstat", f);
	read_mib(h, "proc/net/snmp", f);
	read_devices(h, f);
	read_stat(h, f);
	read_pressure(h, f);
	read_throttling(h, f);
	if (pt_host_read(h, "proc/net/sockstat", &text) == 0) {
		const char *tw = strstr(pt_buf_str(&text), " tw ");
		if (tw)
			f->value[PT_FACT_tcp_timewait] = strtod(tw + 4, NULL);
	}
}
