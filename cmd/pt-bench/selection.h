// SPDX-License-Identifier: MIT
// The verb path-selection of pt-bench.
#pragma once
#include <stdint.h>

#include "base/cli.h"

struct selection_args {
	uint32_t runs, candidates; // 0: default
};
extern const struct argp_option selection_options[];
int selection_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);
int bench_selection(struct pt_ctx *ctx, int argc, char **argv, void *opts);
