// SPDX-License-Identifier: MIT
// Queueing disciplines of the calling thread's network namespace, by rtnetlink.
#pragma once
#include <stdint.h>

#include "base/err.h"

#define PT_QDISC_KIND 16

struct pt_qdisc {
	uint32_t ifindex;
	uint32_t handle, parent; // parent TC_H_ROOT: the device's root
	char kind[PT_QDISC_KIND];
	uint64_t bytes, packets; // sent
	uint64_t drops;
	uint32_t backlog_bytes, queued;
};

struct pt_qdiscs {
	struct pt_qdisc *qdisc;
	uint32_t n;
};

int pt_qdiscs_read(struct pt_qdiscs *out, struct pt_err *err);
void pt_qdiscs_done(struct pt_qdiscs *q);
// The root of a device; NULL: none is told.
const struct pt_qdisc *pt_qdiscs_root(const struct pt_qdiscs *q, uint32_t ifindex);
