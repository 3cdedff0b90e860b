// SPDX-License-Identifier: MIT
// What all streams of a process share: unpredictable bits, how good our clock is, the scheduler.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "wire/ntp.h"

// Unpredictable bytes, fetched from the kernel a page of them at a time.
struct pt_noise {
	uint8_t bytes[512];
	size_t left;
};

uint64_t pt_noise_u64(struct pt_noise *n);

// The kernel's view of our clock (adjtimex(2)): synchronised or not, and its largest error. Asked
// at most once a second.
struct pt_clock_watch {
	struct pt_mono asked;
	struct pt_clock_error error;
	uint16_t wire; // the same, encoded
};

void pt_clock_watch_update(struct pt_clock_watch *w, struct pt_mono now);

// Real-time scheduling (SCHED_FIFO, low priority, not inherited by children), so that probes leave
// on time on a busy machine. -EPERM and err say what is missing: run on without.
int pt_realtime_enter(struct pt_err *err);

// Keeps the process to one processor; -1: to none in particular. -EINVAL: there is no such one, or
// it is not ours.
int pt_cpu_keep(int cpu, struct pt_err *err);

// Room for `n` descriptors beside a few of our own: the soft limit up to the hard one. -EMFILE.
int pt_fd_limit_raise(uint64_t n, struct pt_err *err);
