// SPDX-License-Identifier: MIT
// Verbs that stand on the journals.
#pragma once
#include "tune.h"
#include "tune/apply.h"

struct tune_work {
	struct tune_job job;
	struct pt_tx_state state;
	struct pt_access access;
};
// Host, devices and the state directory; with `lock` alone in it. 0, or an exit code.
int tune_work_open(struct pt_ctx *ctx, const struct tune_opts *o, bool lock, struct tune_work *w);
void tune_work_done(struct tune_work *w);
int tune_result_exit(enum pt_tx_result r);
// Tells on stderr what was not put back, as commands to paste.
void tune_tell_left(const struct pt_tx *t);
