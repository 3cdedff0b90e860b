// SPDX-License-Identifier: MIT
#include "tune/progstat.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

int pt_progstat_open(struct pt_err *err)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	return fd < 0 ? pt_err_errno(err, -errno, "run times of BPF programs") : fd;
}

unsigned pt_progstat_read(struct pt_progstat out[PT_PROGSTAT_MAX])
{
	uint32_t id = 0;
	unsigned n = 0;

	while (n < PT_PROGSTAT_MAX && bpf_prog_get_next_id(id, &id) == 0) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);
		pt_autofd fd = bpf_prog_get_fd_by_id(id);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
			continue;
		out[n] = (struct pt_progstat){
			.id = id, .run_ns = info.run_time_ns, .runs = info.run_cnt
		};
		(void)snprintf(out[n].name, sizeof(out[n].name), "%.15s", info.name);
		n++;
	}
	return n;
}
