// SPDX-License-Identifier: MIT
// Applies a plan as one transaction, and confirms it.
#pragma once
#include "tune/tuning.h"
#include "tune/tx.h"

#define PT_APPLY_PROBES 16

struct pt_apply {
	const struct pt_host *host;
	struct pt_nics *nics;
	const struct pt_profile *profile;
	const struct pt_tuning *plan;
	struct pt_tx_state *state; // locked
	const char *const *probes; // those of the profile come on top
	unsigned n_probes;
	int64_t settle_ms;  // how long counters are measured, before and after
	int64_t timeout_ms; // until it is undone unless it is confirmed; 0: never
	bool runtime_only;
};

enum pt_apply_result {
	PT_APPLY_DONE,       // waits for its confirmation
	PT_APPLY_NOTHING,    // nothing to do
	PT_APPLY_RESTORED,   // failed, everything is as it was
	PT_APPLY_INCOMPLETE, // failed, not everything could be put back
	PT_APPLY_FOREIGN,    // failed, somebody else changed something meanwhile
};

// Writes what the plan sets or adapts. *out only on DONE; err says why on the other three.
int pt_apply_run(
	const struct pt_apply *ap, struct pt_arena *a, struct pt_tx *out, struct pt_err *err);

// Writes the files, unless it is runtime only, and closes the transaction: it stands. -ESTALE: a
// value is no more the one that was written; -EEXIST: a file has the last word over ours.
int pt_apply_confirm(struct pt_tx *t, const struct pt_access *access, struct pt_err *err);
// The sysctl settings that stand, into the file that keeps them.
int pt_apply_persist(struct pt_tx *t, const struct pt_host *h, struct pt_err *err);

// "tcp:ADDRESS:PORT", "exec:PROGRAM ARGUMENT...": 0 when it answers.
// Whether it can be run at all: tcp:ADDRESS:PORT or exec:PROGRAM; else -EINVAL.
int pt_probe_check(const char *spec, struct pt_err *err);
int pt_probe_run(const char *spec, struct pt_err *err);
