// SPDX-License-Identifier: MIT
// Statements about a host that a machine can check: requirements, the guide's two checklists, and
// what may be the matter with CPU, memory, database and network. Each names its evidence and a
// cure. Conditions are expressions over the facts, and
//   need_cpus, need_ram, need_mbit      what the scale asks for
//   busy, softirq, iowait, steal        percent of CPU time
//   probe_busy, decide_busy, store_busy, log_busy   the same of Patronus' stages, and of logs
//   grown                               bytes that Patronus' own memory grew by in a second
//   seconds                             between the readings
//   mem_used, link_used                 percent
//   d_COUNTER                           how far a counter moved
// Shares and movements are those between two readings, or since boot where there is one only.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "tune/facts.h"

enum pt_finding_list {
	PT_LIST_REQUIREMENT,
	PT_LIST_CONFLICT,
	PT_LIST_BEFORE, // deployment
	PT_LIST_AFTER,
	PT_LIST_VERY_LARGE, // advice above 2000 sites, never applied
	PT_LIST_CPU,
	PT_LIST_MEM,
	PT_LIST_DB,
	PT_LIST_NET,
	PT_LIST_COUNT
};
extern const char *const pt_finding_list_names[];

struct pt_finding {
	const char *id;
	enum pt_finding_list list;
	const char *what;        // the statement
	const char *good;        // condition under which all is well; NULL: a person must look
	const char *evidence[3]; // names that are shown with their values; NULL ends
	const char *cure;
};
// Each ends with id NULL: the lists up to PT_LIST_VERY_LARGE, and those from PT_LIST_CPU.
extern const struct pt_finding pt_findings_check[], pt_findings_diagnose[];

enum pt_scale { PT_SCALE_SMALL, PT_SCALE_MEDIUM, PT_SCALE_LARGE, PT_SCALE_VERY_LARGE };

struct pt_reading {
	const struct pt_facts *first; // NULL: since boot
	const struct pt_facts *now;
	double seconds; // between them
	enum pt_scale scale;
};

// For pt_expr_eval: ctx is a const struct pt_reading *.
bool pt_reading_lookup(void *ctx, const char *name, double *out);

enum pt_state { PT_STATE_GOOD, PT_STATE_BAD, PT_STATE_UNKNOWN };
extern const char *const pt_state_names[];
int pt_finding_judge(const struct pt_finding *f, const struct pt_reading *r, enum pt_state *out,
	struct pt_err *err);
