// SPDX-License-Identifier: MIT
// What the verbs of pt-tune share.
#pragma once
#include "base/cli.h"
#include "base/clock.h"
#include "base/emit.h"
#include "tune/finding.h"
#include "tune/host.h"
#include "tune/tuning.h"

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
	TUNE_OPT_HERE,
	TUNE_OPT_BPF,
	TUNE_OPT_STATE,
	TUNE_OPT_SCOPE,
	TUNE_OPT_TIMEOUT,
	TUNE_OPT_EXTEND,
	TUNE_OPT_PROBE,
	TUNE_OPT_SETTLE,
	TUNE_OPT_ALLOW,
	TUNE_OPT_NO_CONFIRM,
	TUNE_OPT_RUNTIME_ONLY,
	TUNE_OPT_FORCE,
	TUNE_OPT_TEXTFILE,
	TUNE_OPT_TO,
	TUNE_OPT_URL,
};

#define TUNE_MAX_GLOBS 32

struct tune_opts {
	const char *root, *profile, *scale, *device, *label;
	const char *only[TUNE_MAX_GLOBS], *skip[TUNE_MAX_GLOBS];
	unsigned n_only, n_skip;
	int64_t window_ns;
	bool man, here, bpf;
	const char *state, *textfile;
	const char *to, *url;                                      // of diagnose
	const char *probe[TUNE_MAX_GLOBS], *allow[TUNE_MAX_GLOBS]; // ids alone
	unsigned n_probe, n_allow;
	int64_t timeout_ns, extend_ns, settle_ns; // 0: not given
	bool settle_given, netns_only, no_confirm, runtime_only, force;
};
int tune_parse(struct pt_ctx *ctx, int key, char *arg, void *opts);

int tune_explain(struct pt_ctx *ctx, int argc, char **argv, void *opts);
extern const struct argp_option tune_explain_options[];

// A host looked at through a profile: what most verbs begin with.
struct tune_job {
	struct pt_arena arena;
	struct pt_host host;
	struct pt_facts facts;
	struct pt_nics nics;
	struct pt_profile profile;
	struct pt_tuning plan;
	struct pt_tuning_ask ask;
};
// Opens the host and reads its facts.
int tune_job_host(struct pt_ctx *ctx, const struct tune_opts *o, struct tune_job *j);
// Then the profile, named by `name`, the options or the scale, and the devices.
int tune_job_profile(
	struct pt_ctx *ctx, const struct tune_opts *o, const char *name, struct tune_job *j);
void tune_job_done(struct tune_job *j);
// The profile that fits the machine and its inventory.
const char *tune_scale_profile(const struct pt_facts *f, const char *scale);

// Rows of a plan as a table, or as `tune` records with --json. all: those without news too.
int tune_put_items(struct pt_ctx *ctx, const struct pt_item *items, unsigned n, bool all);

// Statements about the host, as rows.
struct tune_show {
	struct pt_ctx *ctx;
	struct pt_reading r;
	bool lists[PT_LIST_COUNT];
	bool all; // those that are good too
	unsigned bad;
};
extern const struct pt_column tune_finding_columns[];
enum pt_scale tune_scale_of(const struct pt_facts *f, const char *scale);
// Those of `f`, which ends with id NULL, that are of a list to be shown.
int tune_put_findings(struct tune_show *s, const struct pt_finding *f, struct pt_emit *e);

// Facts that diagnose adds, and rows of its own; what cannot be had stays unknown, and is told in
// one line unless the host has none of it.
struct pt_config;
struct pt_sql;
struct tune_store {
	struct pt_config *config; // in the job's arena
	struct pt_sql *db;        // NULL: none
};
void tune_store_open(struct pt_ctx *ctx, struct tune_job *j, struct tune_store *out);
void tune_store_facts(struct pt_ctx *ctx, const struct tune_store *st, struct pt_facts *f);
int tune_store_rows(struct tune_show *s, const struct tune_store *st, struct pt_emit *e);
void tune_store_close(struct tune_store *st);
void tune_far_facts(struct pt_ctx *ctx, const struct tune_opts *o, struct pt_facts *f);
void tune_url_facts(struct pt_ctx *ctx, const struct tune_opts *o, struct pt_facts *f);

int tune_plan(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_lint(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_profile(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_check(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_diagnose(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_measure(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_advise(struct pt_ctx *ctx, int argc, char **argv, void *opts);
extern const struct argp_option tune_check_options[], tune_diagnose_options[],
	tune_measure_options[], tune_advise_options[];
void tune_sleep(int64_t ns);
int tune_apply(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_confirm(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_rollback(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_verify(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_drift(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_reapply(struct pt_ctx *ctx, int argc, char **argv, void *opts);
extern const struct argp_option tune_drift_options[], tune_reapply_options[];
int tune_persist(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_unpersist(struct pt_ctx *ctx, int argc, char **argv, void *opts);
int tune_history(struct pt_ctx *ctx, int argc, char **argv, void *opts);
extern const struct argp_option tune_apply_options[], tune_confirm_options[],
	tune_rollback_options[], tune_state_options[];
extern const struct argp_option tune_plan_options[], tune_lint_options[], tune_profile_options[];

// Rows of options; each list ends with a row without a comma.
// clang-format off
#define TUNE_HOST_OPTIONS \
	{ "root", TUNE_OPT_ROOT, "DIR", 0, "Look at this directory instead of the host", 0 }
#define TUNE_STATE_OPTIONS \
	TUNE_HOST_OPTIONS, \
	{ "state", TUNE_OPT_STATE, "DIR", 0, "Journals (default /var/lib/patronus/tune)", 0 }
#define TUNE_PLAN_OPTIONS \
	TUNE_HOST_OPTIONS, \
	{ "profile", TUNE_OPT_PROFILE, "NAME|FILE", 0, "Profile (default: by --scale)", 0 }, \
	{ "scale", TUNE_OPT_SCALE, "SCALE", 0, \
	  "auto (default), small, medium, large or very-large", 0 }, \
	{ "only", TUNE_OPT_ONLY, "PATTERN", 0, "Only keys like this; repeatable", 0 }, \
	{ "skip", TUNE_OPT_SKIP, "PATTERN", 0, "No keys like this; repeatable", 0 }, \
	{ "if", TUNE_OPT_IF, "DEVICE", 0, "This device, whatever the profile matches", 0 }, \
	{ "scope", TUNE_OPT_SCOPE, "SCOPE", 0, \
	  "host (default), or netns: only what each network namespace has", 0 }, \
	{ "allow", TUNE_OPT_ALLOW, "RULE=REASON", 0, "This rule may not refuse; repeatable", 0 }
// clang-format on
