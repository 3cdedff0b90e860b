// SPDX-License-Identifier: MIT
// The command line of every tool: one table of verbs, one dispatcher, one set of common options.
// Help, completion and man pages are written from, or tested against, these tables.
#pragma once
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

#define PT_EXIT_OK    0
#define PT_EXIT_NO    1 // the answer is no
#define PT_EXIT_FAIL  2
#define PT_EXIT_USAGE 64 // as argp's default

#define PT_DEFAULT_CONFIG  "/etc/patronus/config.yaml"
#define PT_DEFAULT_NETWORK "/etc/patronus/network.yaml"
#define PT_DEFAULT_DB      "/var/lib/patronus/sdwan.db"
#define PT_DEFAULT_STATE   "/var/lib/patronus/failover"
#define PT_DEFAULT_SPOOL   "/run/patronus/spool"

// What a verb wants before it runs; the dispatcher sees to it (config, network: the default path
// applies and the file must load; without the flag the option is refused for that verb).
enum pt_need {
	PT_NEED_CONFIG = 1 << 0,  // --config, loads into ctx->config_path only
	PT_NEED_NETWORK = 1 << 1, // --network
	PT_NEED_DB = 1 << 2,      // --db
	PT_NEED_PIN = 1 << 3,     // --pin-dir
	PT_NEED_NETNS = 1 << 4,   // --netns, entered before the verb runs
	PT_NEED_RECORDS = 1 << 5, // --from, --spool
	PT_NEED_ROOT = 1 << 6,    // effective uid 0, else one clear line
	PT_NEED_DRY_RUN = 1 << 7, // --dry-run
	PT_NEED_JSON = 1 << 8,    // --json
	PT_NEED_STATE = 1 << 9,   // --state-dir
};

// Values of the common options. Strings are borrowed from argv or the defaults above.
struct pt_ctx {
	const char *tool, *verb;
	const char *config, *network, *db, *pin_dir, *netns;
	bool config_given, network_given, db_given, pin_dir_given;
	const char *from, *spool;
	const char *state_dir; // NULL: not given
	bool json, dry_run, quiet;
	int verbose;
	bool colour; // stdout is a terminal and NO_COLOR is unset
	struct pt_err
		err; // what a verb reports: printed as `pt-x: what` when it returns PT_EXIT_FAIL
};

struct pt_verb {
	const char *name;
	// argc/argv: the positional arguments left after options. Returns an exit code; on
	// PT_EXIT_FAIL and PT_EXIT_NO with ctx->err set the dispatcher prints the line.
	int (*run)(struct pt_ctx *ctx, int argc, char **argv, void *opts);
	// Verb's own options; may be NULL. `parse` gets key, arg and opts, and returns
	// 0, -EINVAL with ctx->err set (usage error, exit 64), or ARGP_ERR_UNKNOWN.
	const struct argp_option *options;
	int (*parse)(struct pt_ctx *ctx, int key, char *arg, void *opts);
	size_t opts_size;       // zeroed memory handed as opts
	const char *args;       // "HOST...", "" when it takes none
	int min_args, max_args; // max -1: any
	unsigned need;
	const char *doc; // one line
};

struct pt_tool {
	const char *name;
	const char *doc;
	const struct pt_verb *verbs; // ends with name NULL
};

// Runs the verb named by argv: exact match only, `--help` and `--version` on stdout with exit 0,
// `pt-x help VERB` too; unknown verb: the words that are valid, exit 64. Checks stdout at the end.
int pt_cli_main(const struct pt_tool *tool, int argc, char **argv);

// The same tables as text, for gen-doc and the completion test: one line a word.
void pt_cli_words(const struct pt_tool *tool, FILE *out);
