// SPDX-License-Identifier: MIT
#include "probe/ahead.h"

#include <stddef.h>

void pt_ahead_run(unsigned n, const struct pt_ahead_ops *ops, void *ctx)
{
	const unsigned lead = ops->soon && n > 1 ? PT_AHEAD_STAGES * PT_AHEAD_STEP : 0;

	for (unsigned k = 0; k < n + lead; k++) {
		for (unsigned stage = 0; lead && stage < PT_AHEAD_STAGES; stage++)
			if (k - stage * PT_AHEAD_STEP < n) // wraps below 0
				ops->soon(ctx, k - stage * PT_AHEAD_STEP, stage);
		if (k - lead < n)
			ops->turn(ctx, k - lead);
	}
}
