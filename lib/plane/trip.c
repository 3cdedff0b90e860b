// SPDX-License-Identifier: MIT
#include "plane/trip.h"

#include <bpf/bpf.h>
#include <errno.h>

_Static_assert(PT_TRIP_BUCKETS <= PT_HIST_BUCKETS, "the kernel's buckets are among ours");

int pt_trip_read(const struct pt_plane *p, uint32_t path, struct pt_hist *out)
{
	struct pt_trip trip;
	int ret = p->fd[PT_MAP_TRIP] < 0 ? -ENOENT
					 : bpf_map_lookup_elem(p->fd[PT_MAP_TRIP], &path, &trip);

	if (ret)
		return ret;
	*out = (struct pt_hist){ .sum_us = trip.sum_us };
	for (unsigned i = 0; i < PT_TRIP_BUCKETS; i++) {
		out->bucket[i] = trip.bucket[i];
		out->count += trip.bucket[i];
	}
	return 0;
}

int pt_trip_forget(struct pt_plane *p, uint32_t path)
{
	static const struct pt_trip none;

	return p->fd[PT_MAP_TRIP] < 0
		? 0
		: bpf_map_update_elem(p->fd[PT_MAP_TRIP], &path, &none, BPF_ANY);
}
