// SPDX-License-Identifier: MIT
// What the verbs of pt-db share.
#pragma once
#include "base/arena.h"
#include "base/cli.h"
#include "model/config.h"
#include "store/shards.h"
#include "store/sql.h"

// Settings of --config; the defaults where the default file does not exist.
int db_config(struct pt_ctx *ctx, struct pt_arena *a, struct pt_config *out);
// --db, or database.path.
const char *db_path(const struct pt_ctx *ctx, const struct pt_config *config);
// A word for the person at the keyboard, on standard error; nothing with --quiet.
void db_say(const struct pt_ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

typedef int db_run_fn(struct pt_ctx *ctx, int argc, char **argv, void *opts);
db_run_fn db_init, db_migrate, db_apply, db_export, db_ingest, db_query, db_explain;
db_run_fn db_site, db_uplink, db_path_verb, db_policy;
db_run_fn db_maintain, db_check, db_stats, db_prune, db_archive, db_backup, db_restore;

typedef int db_parse_fn(struct pt_ctx *ctx, int key, char *arg, void *opts);

struct db_apply_opts {
	const char *publish; // where network.json goes
	bool no_publish, prune;
};
extern const struct argp_option db_apply_options[], db_change_options[];
#define DB_PUBLISH "/run/patronus/network.json"
db_parse_fn db_apply_parse;

#define DB_INGEST_SPOOLS 16

struct db_ingest_opts {
	const char *from[DB_INGEST_SPOOLS];
	unsigned n_from;
	uint32_t batch; // 0: default
	int64_t wait_ns;
	bool wait_given;
};
extern const struct argp_option db_ingest_options[];
db_parse_fn db_ingest_parse;

struct db_query_opts {
	bool csv;
	const char *db[PT_SHARDS_MAX];
	unsigned n_db;
};
extern const struct argp_option db_query_options[];
db_parse_fn db_query_parse;

// Of the verbs that keep the file in order; each takes what its own table offers.
#define DB_TASKS 16

struct db_care_opts {
	const char *tasks[DB_TASKS];
	unsigned n_tasks;
	bool full;
	uint32_t keep; // backups
	bool keep_given;
	int64_t older_ns;
	bool older_given;
	bool backup; // maintain: one first
};
extern const struct argp_option db_maintain_options[], db_archive_options[], db_backup_options[],
	db_restore_options[];
db_parse_fn db_care_parse;
// Where backups and archives go unless told: beside the database.
void db_beside(const char *path, const char *name, char *out, size_t len);
