// SPDX-License-Identifier: MIT
// What the verbs of pt-tune share.
#pragma once
#include "base/cli.h"
#include "base/emit.h"
#include "tune/host.h"

// Beyond the house's 0, 1, 2 and 64.
enum tune_exit {
	TUNE_REFUSED = 3,    // by a rule
	TUNE_RESTORED = 4,   // apply failed, everything is as it was
	TUNE_INCOMPLETE = 5, // not everything could be restored
	TUNE_MISSING = 6,    // privilege or kernel feature for something that is required
	TUNE_PENDING = 7,    // another transaction
	TUNE_FOREIGN = 8,    // somebody else changed a value since
};

enum {
	TUNE_OPT_ROOT = 0x2001,
	TUNE_OPT_PROFILE,
	TUNE_OPT_SCALE,
	TUNE_OPT_ONLY,
	TUNE_OPT_SKIP,
	TUNE_OPT_IF,
	TUNE_OPT_TIME,
	TUNE_OPT_LABEL,
	TUNE_OPT_MAN,
};

#define TUNE_MAX_GLOBS 32

struct tune_opts {
	const char *root, *profile, *scale, *device, *label;
	const char *only[TUNE_MAX_GLOBS], *skip[TUNE_MAX_GLOBS];
	unsigned n_only, n_skip;
	int64_t window_ns;
	bool man;
};
int tune_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);

int tune_explain(struct pt_ctx *ctx, int argc, char **argv, void *opts);
extern const struct argp_option tune_explain_options[];
