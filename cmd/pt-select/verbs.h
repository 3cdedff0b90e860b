// SPDX-License-Identifier: MIT
// pt-select's verbs and what they share.
#pragma once
#include <stdio.h>

#include "base/cli.h"
#include "base/record.h"
#include "model/config.h"
#include "select/input.h"

// Short and long window as the command line gives them; 0: from config.yaml.
struct select_windows {
	int64_t short_ns, long_ns;
};
extern const struct argp_option select_window_options[], select_explain_options[];
int select_window_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);

// Both files, and the site that this edge is.
int select_files_load(const struct pt_ctx *ctx, struct pt_arena *a, struct pt_config *config,
	struct pt_network *network, const struct pt_site **self, struct pt_err *err);

// One reading of config.yaml and network.yaml, and the engine on top.
struct select_setup {
	struct pt_arena arena;
	struct pt_config config;
	struct pt_network network;
	const struct pt_site *self;
	struct pt_select_opts opts;
	struct pt_select *select;
};
// 0 or -errno; on failure nothing is left to free.
int select_setup_init(struct select_setup *s, const struct pt_ctx *ctx,
	const struct select_windows *windows, const struct pt_select_sink *sink,
	struct pt_err *err);
void select_setup_done(struct select_setup *s);

// One source of records: "-", a file, or a spool directory, which is read from its oldest line on.
struct select_source {
	const char *name;
	int fd; // -1: a spool
	struct pt_record_reader *reader;
	struct pt_input *input;
	uint64_t records; // valid ones, ours or not
	uint64_t bad;     // malformed or with bad content
	bool ended;
};
int select_source_open(
	struct select_source *s, const char *name, struct pt_input *input, struct pt_err *err);
void select_source_close(struct select_source *s);

// All that a command line names: ctx->from, then the arguments, else standard input. Free with
// select_sources_close.
struct select_sources {
	struct select_source *list;
	unsigned n;
	bool live; // a spool is among them
};
int select_sources_open(struct select_sources *s, const struct pt_ctx *ctx, int argc, char **argv,
	struct pt_input *input, struct pt_err *err);
// Reads all that is there. -ENODATA when not one record was among it.
int select_sources_drain(struct select_sources *s, struct pt_err *err);
void select_sources_close(struct select_sources *s);

// "HOST/pt-select"
void select_source_name(char *out, size_t len);
json_t *select_decision_json(const struct pt_decision *d);
// Groups without a path inside the SLA; the first such is named in `first`.
unsigned select_unfit_groups(const struct pt_select *s, unsigned *all, struct pt_buf *first);

int select_once(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int select_watch(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int select_explain(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int select_classify(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int select_check(struct pt_ctx *ctx, int argc, char **argv, void *opts);
