// SPDX-License-Identifier: MIT
// The options of one command line, for cli.c alone: the common table, exact words, argp.
#pragma once
#include <stdbool.h>

#include "base/arena.h"
#include "base/cli.h"

// One parsing of one command line.
struct pt_cli_parsing {
	struct pt_ctx *ctx;
	const struct pt_verb *verb;
	const struct argp_option *options; // the verb's, then the common ones
	void *opts;
	char **args;
	int n_args;
	bool help, version;
};

// All options of a verb, its own first; a verb's own word wins over a common one.
struct argp_option *pt_cli_options(const struct pt_verb *verb, struct pt_arena *a);
bool pt_cli_option_ends(const struct argp_option *o);
// Fills p from the words behind argv[0]. -EINVAL: wrong usage, ctx->err says what.
int pt_cli_parse(struct pt_cli_parsing *p, int argc, char **argv);
