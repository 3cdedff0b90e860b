// SPDX-License-Identifier: MIT
// Threads of Patronus between two readings: who takes a CPU, and whether it ever sleeps.
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "tune/facts.h"

struct pt_host;

struct pt_thread {
	int pid, tid;
	char process[16], name[16];
	uint64_t start;   // tells a number that is used again
	double ticks;     // of CPU time so far
	double wanted_ns; // that it ran or waited for a CPU; NaN: not known
	double sleeps;    // times that it gave the CPU away
};

struct pt_threads {
	struct pt_thread *row;
	unsigned n;
	int64_t at_ns; // monotonic
};

// -ENOMEM; threads that end meanwhile are no fault.
int pt_threads_read(const struct pt_host *h, struct pt_threads *out, struct pt_err *err);
void pt_threads_done(struct pt_threads *t);

// What a thread did between two readings.
struct pt_thread_use {
	const struct pt_thread *thread; // of `b`
	double busy;                    // percent of one CPU
	double wakes;                   // a second
};
// The busiest first, at most n that did anything; how many. Sets thread_busy, thread_spin and
// thread_wakes of facts.
unsigned pt_threads_compare(const struct pt_threads *a, const struct pt_threads *b,
	struct pt_thread_use *out, unsigned n, struct pt_facts *facts);
