// SPDX-License-Identifier: MIT
// A process that outlives the one that applies: it undoes the transaction when that dies in the
// middle, and when nobody confirms in time.
#pragma once
#include "tune/tx.h"

struct pt_watchdog {
	int link; // to the process; closed without a word, it undoes. -1: none
	int pid;
};

// Forks it, and returns when it watches. The transaction's snapshot must be on disk.
int pt_watchdog_start(const struct pt_host *h, const struct pt_tx_state *s, const struct pt_tx *t,
	struct pt_watchdog *out, struct pt_err *err);
// All is written: from now on it waits for the deadline in the journal, or for the result.
void pt_watchdog_applied(struct pt_watchdog *w);
// The transaction is closed: it may go.
void pt_watchdog_stop(struct pt_watchdog *w);
