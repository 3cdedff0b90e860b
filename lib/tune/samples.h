// SPDX-License-Identifier: MIT
// Where CPU time goes: the kernel's clock samples every CPU (perf events), and what was running
// there is counted by process and function. Needs CAP_PERFMON where perf_event_paranoid says so.
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "tune/facts.h"

struct pt_samples;

// Sampling runs from here to pt_samples_stop. -EACCES, -ENOENT, -EOPNOTSUPP: not possible here.
int pt_samples_start(struct pt_samples **out, struct pt_err *err);
// Reads what was gathered. Frees on failure.
int pt_samples_stop(struct pt_samples *s, struct pt_err *err);
void pt_samples_free(struct pt_samples *s);

struct pt_hot {
	char process[16];
	char function[64]; // of the kernel, of a BPF program, or of a file: "pt-probe: on_reply"
	bool ours;         // a process of Patronus
	uint32_t samples;
};
// The functions with most samples first, at most n of Patronus' and n of all others': how many.
// *total: samples of busy CPUs. Sets hot_share of facts where Patronus has enough samples to say
// so.
unsigned pt_samples_hottest(const struct pt_samples *s, struct pt_hot out[/* 2 * n */], unsigned n,
	uint32_t *total, struct pt_facts *facts);
uint32_t pt_samples_lost(const struct pt_samples *s); // for want of room
