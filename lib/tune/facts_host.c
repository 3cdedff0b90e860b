// SPDX-License-Identifier: MIT
// Facts that are looked for: devices with a default route, and running processes.
#include <ctype.h>
#include <dirent.h>
#include <linux/pkt_sched.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/qdisc.h"
#include "tune/facts_read.h"
#include "tune/scan.h"

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

// The kernel's own; a fixture says in its facts.
static void read_qdiscs(const struct pt_host *h, struct pt_facts *f)
{
	struct pt_qdiscs all;

	if (h->root || pt_qdiscs_read(&all, NULL) < 0)
		return;
	f->value[PT_FACT_qdisc_drops] = 0;
	for (uint32_t i = 0; i < all.n; i++) {
		if (all.qdisc[i].parent == TC_H_ROOT)
			f->value[PT_FACT_qdisc_drops] += (double)all.qdisc[i].drops;
	}
	pt_qdiscs_done(&all);
}

void pt_facts_read_network(const struct pt_host *h, struct pt_facts *f)
{
	pt_autobuf text = { 0 };
	char device[32], destination[16], path[64];
	double speed;

	read_qdiscs(h, f);
	if (pt_host_read(h, "proc/net/route", &text) < 0)
		return;
	f->value[PT_FACT_wans] = 0;
	for (const char *p = strchr(pt_buf_str(&text), '\n'); p && p[1]; p = strchr(p + 1, '\n')) {
		if (sscanf(p, " %31s %15s", device, destination) != 2 ||
			strcmp(destination, "00000000") != 0)
			continue;
		f->value[PT_FACT_wans] += 1;
		(void)snprintf(path, sizeof(path), "sys/class/net/%s/speed", device);
		if (isnan(f->value[PT_FACT_uplink_mbit]) && pt_host_number(h, path, &speed) == 0 &&
			speed > 0)
			f->value[PT_FACT_uplink_mbit] = speed;
	}
}

static void read_limits(const struct pt_host *h, const char *pid, struct pt_facts *f)
{
	pt_autobuf text = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/%.16s/limits", pid);
	if (pt_host_read(h, path, &text) < 0)
		return;
	f->value[PT_FACT_nofile] = pt_scan_after(pt_buf_str(&text), "Max open files");
}

void pt_facts_read_processes(const struct pt_host *h, struct pt_facts *f)
{
	int fd = pt_host_dir(h, "proc");
	__attribute__((cleanup(close_dir))) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	pt_autobuf name = { 0 };
	const struct dirent *d;
	char path[64];

	if (!dir) {
		if (fd >= 0)
			pt_cleanup_fd(&fd);
		return;
	}
	f->value[PT_FACT_irqbalance] = f->value[PT_FACT_pt_procs] = 0;
	while ((d = readdir(dir))) {
		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		(void)snprintf(path, sizeof(path), "proc/%.16s/comm", d->d_name);
		if (pt_host_read(h, path, &name) < 0)
			continue;
		if (name.len)
			name.data[strcspn(name.data, "\n")] = '\0';
		const char *comm = pt_buf_str(&name);
		if (strcmp(comm, "irqbalance") == 0)
			f->value[PT_FACT_irqbalance] = 1;
		if (strcmp(comm, "pt-serve") == 0)
			read_limits(h, d->d_name, f);
		pt_facts_add_process(h, d->d_name, comm, f);
	}
}
