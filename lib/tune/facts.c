// SPDX-License-Identifier: MIT
#include "tune/facts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tune/facts_read.h"
#include "tune/host.h"
#include "tune/scan.h"

const struct pt_fact_row pt_fact_rows[PT_FACT_COUNT] = { [PT_FACT_NONE] = { "", false, "", "" },
#define X(name, counter, unit, doc) [PT_FACT_##name] = { #name, counter, unit, doc },
	PT_FACTS(X)
#undef X
};

enum pt_fact pt_fact_find(const char *name)
{
	for (int i = 1; i < PT_FACT_COUNT; i++) {
		if (strcmp(pt_fact_rows[i].name, name) == 0)
			return (enum pt_fact)i;
	}
	return PT_FACT_NONE;
}

double pt_facts_moved(const struct pt_facts *a, const struct pt_facts *b, enum pt_fact fact)
{
	double d = b->value[fact] - a->value[fact];

	return d < 0 ? (double)NAN : d;
}

void pt_facts_derive(struct pt_facts *f)
{
	f->value[PT_FACT_bdp] = f->value[PT_FACT_uplink_mbit] * 1e6 / 8 * f->value[PT_FACT_rtt_ms] /
		1000;
}

static void read_numbers(const struct pt_host *h, struct pt_facts *f)
{
	static const struct {
		enum pt_fact fact;
		const char *path;
	} files[] = {
		{ PT_FACT_nr_open, "proc/sys/fs/nr_open" },
		{ PT_FACT_load1, "proc/loadavg" },
		{ PT_FACT_conntrack_count, "proc/sys/net/netfilter/nf_conntrack_count" },
		{ PT_FACT_conntrack_max, "proc/sys/net/netfilter/nf_conntrack_max" },
		{ PT_FACT_router, "proc/sys/net/ipv4/ip_forward" },
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(files); i++)
		(void)pt_host_number(h, files[i].path, &f->value[files[i].fact]); // NaN stays
}

// "0-3,8": how many
static double count_list(const char *text)
{
	double n = 0;

	while (isdigit((unsigned char)*text)) {
		char *end;
		double lo = strtod(text, &end), hi = lo;
		if (*end == '-')
			hi = strtod(end + 1, &end);
		n += hi - lo + 1;
		text = *end == ',' ? end + 1 : end;
	}
	return n ? n : (double)NAN;
}

static void read_cpus(const struct pt_host *h, struct pt_facts *f)
{
	pt_autobuf text = { 0 };
	double quota, period;

	if (pt_host_read(h, "sys/devices/system/cpu/online", &text) == 0)
		f->value[PT_FACT_cpus] = count_list(pt_buf_str(&text));
	if (pt_host_read(h, "sys/devices/system/node/online", &text) == 0)
		f->value[PT_FACT_numa_nodes] = count_list(pt_buf_str(&text));
	if (pt_host_read(h, "sys/fs/cgroup/cpu.max", &text) == 0) {
		quota = pt_scan_number(pt_buf_str(&text)); // "max" is none
		period = pt_scan_after(pt_buf_str(&text), " ");
		if (ceil(quota / period) < f->value[PT_FACT_cpus])
			f->value[PT_FACT_cpus] = ceil(quota / period);
	}
	if (pt_host_read(h, "proc/cpuinfo", &text) == 0) {
		const char *s = pt_buf_str(&text);
		f->value[PT_FACT_simd] = strstr(s, " ssse3") || strstr(s, " avx2") ||
			strstr(s, " neon") || strstr(s, " asimd");
	}
}

static double meminfo(const char *text, const char *name)
{
	return pt_scan_after(text, name) * 1024;
}

static void read_memory(const struct pt_host *h, struct pt_facts *f)
{
	pt_autobuf text = { 0 };

	if (pt_host_read(h, "proc/meminfo", &text) == 0) {
		const char *s = pt_buf_str(&text);
		f->value[PT_FACT_ram] = meminfo(s, "MemTotal:");
		f->value[PT_FACT_ram_avail] = meminfo(s, "MemAvailable:");
		f->value[PT_FACT_swap_used] = meminfo(s, "SwapTotal:") - meminfo(s, "SwapFree:");
	}
	if (pt_host_read(h, "proc/swaps", &text) == 0)
		f->value[PT_FACT_zram] = strstr(pt_buf_str(&text), "/zram") != NULL;
}

static void read_kernel(const struct pt_host *h, struct pt_facts *f)
{
	pt_autobuf text = { 0 };
	unsigned long major = 0, minor = 0;
	struct timespec tick;

	if (pt_host_read(h, "proc/sys/kernel/osrelease", &text) == 0) {
		const char *dot = pt_scan_digits(pt_buf_str(&text), 10, &major);
		if (dot && *dot == '.' && pt_scan_digits(dot + 1, 10, &minor))
			f->value[PT_FACT_kernel] = (double)major * 1000 + (double)minor;
	}
	if (pt_host_read(h, "proc/sys/kernel/unprivileged_bpf_disabled", &text) == 0)
		f->value[PT_FACT_unpriv_bpf] = *pt_buf_str(&text) == '0';
	if (h->root)
		return;
	f->value[PT_FACT_page] = (double)sysconf(_SC_PAGESIZE);
	// The coarse clock moves once a tick.
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0 && tick.tv_nsec > 0)
		f->value[PT_FACT_hz] = round(1e9 / (double)tick.tv_nsec);
}

// Loaded, built in, or a file that modprobe would find.
static double module_there(const struct pt_host *h, const char *name, const char *folder)
{
	static const char *const ends[] = { ".ko", ".ko.xz", ".ko.zst", ".ko.gz" };
	pt_autobuf release = { 0 };
	char path[256];

	(void)snprintf(path, sizeof(path), "sys/module/%s", name);
	if (pt_host_has(h, path))
		return 1;
	if (pt_host_read(h, "proc/sys/kernel/osrelease", &release) < 0)
		return NAN;
	for (size_t i = 0; i < PT_ARRAY_LEN(ends); i++) {
		(void)snprintf(path, sizeof(path), "lib/modules/%.*s/kernel/net/%s/%s%s",
			(int)strcspn(pt_buf_str(&release), "\n"), pt_buf_str(&release), folder,
			name, ends[i]);
		if (pt_host_has(h, path))
			return 1;
	}
	return 0;
}

static void read_modules(const struct pt_host *h, struct pt_facts *f)
{
	pt_autobuf text = { 0 };

	f->value[PT_FACT_conntrack] = pt_host_has(h, "proc/sys/net/netfilter/nf_conntrack_max");
	f->value[PT_FACT_fq_codel] = module_there(h, "sch_fq_codel", "sched");
	if (pt_host_read(h, "proc/sys/net/core/default_qdisc", &text) == 0 &&
		strncmp(pt_buf_str(&text), "fq_codel", 8) == 0)
		f->value[PT_FACT_fq_codel] = 1;
	f->value[PT_FACT_bbr] = module_there(h, "tcp_bbr", "ipv4");
	if (pt_host_read(h, "proc/sys/net/ipv4/tcp_available_congestion_control", &text) == 0 &&
		strstr(pt_buf_str(&text), "bbr"))
		f->value[PT_FACT_bbr] = 1;
}

static bool link_to(const struct pt_host *h, const char *path, const char *what)
{
	char target[256];
	ssize_t n = readlinkat(h->root_fd, path, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return strstr(target, what) != NULL;
}

static void read_system(const struct pt_host *h, struct pt_facts *f)
{
	static const char *const dirs[] = { "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu",
		"usr/lib/riscv64-linux-gnu", "usr/lib64", "usr/lib" };
	static const char *const units[] = { "etc/systemd/system/patronus-sdwan.service",
		"usr/lib/systemd/system/patronus-sdwan.service",
		"usr/local/lib/systemd/system/patronus-sdwan.service" };
	pt_autobuf text = { 0 };
	char path[256];

	f->value[PT_FACT_systemd] = pt_host_has(h, "run/systemd/system");
	f->value[PT_FACT_sysctl_conf_shadows] = link_to(
		h, "etc/sysctl.d/99-sysctl.conf", "sysctl.conf");
	f->value[PT_FACT_ifupdown] = pt_host_has(h, "sbin/ifup") || pt_host_has(h, "usr/sbin/ifup");
	f->value[PT_FACT_jemalloc] = 0;
	for (size_t i = 0; i < PT_ARRAY_LEN(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/libjemalloc.so.2", dirs[i]);
		if (pt_host_has(h, path))
			f->value[PT_FACT_jemalloc] = 1;
	}
	for (size_t i = 0; i < PT_ARRAY_LEN(units); i++) {
		if (pt_host_read(h, units[i], &text) < 0)
			continue;
		f->value[PT_FACT_reload] = strstr(pt_buf_str(&text), "\nExecReload=") != NULL;
		break;
	}
}

// The fields that stay in a SQLite file are in its first hundred bytes.
static void read_database(const struct pt_host *h, struct pt_facts *f)
{
	static const char path[] = "var/lib/patronus/sdwan.db";
	pt_autofd fd = openat(h->root_fd, path, O_RDONLY | O_CLOEXEC);
	unsigned char head[100];
	struct statvfs vfs;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || pread(fd, head, sizeof(head), 0) != sizeof(head) ||
		memcmp(head, "SQLite format 3", 16) != 0)
		return;
	unsigned page = (unsigned)head[16] << 8 | head[17];
	f->value[PT_FACT_db_page_size] = page == 1 ? 65536 : page;
	f->value[PT_FACT_db_wal] = head[18] == 2;
	bool vacuums = head[52] || head[53] || head[54] || head[55];
	f->value[PT_FACT_db_auto_vacuum] = !vacuums ? 0 : head[67] ? 2 : 1;
	f->value[PT_FACT_db_bytes] = (double)st.st_size;
	f->value[PT_FACT_db_free] = f->value[PT_FACT_db_page_size] *
		(double)((uint32_t)head[36] << 24 | (uint32_t)head[37] << 16 |
			(uint32_t)head[38] << 8 | head[39]);
	if (fstatvfs(fd, &vfs) == 0 && !h->root)
		f->value[PT_FACT_disk_free] = (double)vfs.f_bavail * (double)vfs.f_frsize;
	if (fstatat(h->root_fd, "var/lib/patronus/sdwan.db-wal", &st, 0) == 0)
		f->value[PT_FACT_db_wal_bytes] = (double)st.st_size;
}

static void read_inventory(const struct pt_host *h, struct pt_facts *f)
{
	pt_autobuf text = { 0 };

	if (pt_host_read(h, "run/patronus/network.json", &text) < 0)
		return;
	pt_autojson json_t *j = json_loadb(pt_buf_str(&text), text.len, 0, NULL);
	const json_t *sites = json_object_get(j, "sites");
	if (json_is_array(sites))
		f->value[PT_FACT_sites] = (double)json_array_size(sites);
	const json_t *paths = json_object_get(j, "paths");
	if (json_is_array(paths))
		f->value[PT_FACT_paths] = (double)json_array_size(paths);
}

// A fixture says in ROOT/facts, "name number" a line, what no file of a root could tell.
static void read_overrides(const struct pt_host *h, struct pt_facts *f)
{
	pt_autobuf text = { 0 };

	if (!h->root || pt_host_read(h, "facts", &text) < 0 || !text.data)
		return;
	for (char *at = text.data, *line; (line = strsep(&at, "\n"));) {
		char *value = strchr(line, ' ');
		if (!value)
			continue;
		*value = '\0';
		if (pt_fact_find(line))
			f->value[pt_fact_find(line)] = pt_scan_number(value + 1);
	}
}

void pt_facts_read(const struct pt_host *h, struct pt_facts *out)
{
	for (int i = 0; i < PT_FACT_COUNT; i++)
		out->value[i] = NAN;
	read_numbers(h, out);
	read_cpus(h, out);
	read_memory(h, out);
	read_kernel(h, out);
	read_modules(h, out);
	read_system(h, out);
	read_database(h, out);
	read_inventory(h, out);
	pt_facts_read_files(h, out);
	pt_facts_read_network(h, out);
	pt_facts_read_counters(h, out);
	pt_facts_read_processes(h, out);
	read_overrides(h, out);
	pt_facts_derive(out);
}
