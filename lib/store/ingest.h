// SPDX-License-Identifier: MIT
// Records into rows, each once: per source and boot the newest stored (mono_ns, seq) is kept in the
// same transaction as the rows, and what is not newer is a duplicate. A source is one writer whose
// records come in its own order (pt-records(5)); its seq starts again with its process, its clock
// does not.
#pragma once
#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

struct pt_sql;
struct pt_config;
struct pt_ingest;
struct pt_spool_pos;
struct pt_store_record;

struct pt_ingest_counts {
	uint64_t rows;       // stored
	uint64_t duplicates; // not newer than what their source has stored
	uint64_t not_due;    // health gathered for one row (db_persist_interval), or unwanted
	uint64_t unknown;    // types without a table
	uint64_t malformed;  // known types that do not fit
};

// The connection stays the caller's and must outlive it.
int pt_ingest_new(struct pt_sql *db, const struct pt_config *config, struct pt_ingest **out,
	struct pt_err *err);
void pt_ingest_free(struct pt_ingest *g);

// One transaction of many records. Commit and abort end it; counts then hold committed records
// only. -EBUSY of begin: nothing happened, try again later.
int pt_ingest_begin(struct pt_ingest *g, struct pt_err *err);
int pt_ingest_commit(struct pt_ingest *g, struct pt_err *err);
void pt_ingest_abort(struct pt_ingest *g);

// 0: stored or counted; -EINVAL: malformed, counted, err says why, go on; else the store's failure.
// line is the record's text, for what has no column of its own.
int pt_ingest_record(struct pt_ingest *g, const json_t *record, const char *type, const char *line,
	struct pt_err *err);
// The same from the line alone, for what our own writers write. 1: stored or counted; 0: for the
// parser, nothing happened; else the store's failure. line[len] is NUL.
int pt_ingest_line(struct pt_ingest *g, const char *line, size_t len, struct pt_err *err);
// The same, taken apart already.
int pt_ingest_row(struct pt_ingest *g, const struct pt_store_record *r, struct pt_err *err);
uint32_t pt_ingest_pending(const struct pt_ingest *g); // records since begin
const struct pt_ingest_counts *pt_ingest_counts(const struct pt_ingest *g);

// Where reading of a spool goes on; saved inside the transaction of its rows. Load answers -ENOENT
// for a spool never read before.
int pt_ingest_spool_load(
	struct pt_ingest *g, const char *dir, struct pt_spool_pos *out, struct pt_err *err);
int pt_ingest_spool_save(
	struct pt_ingest *g, const char *dir, const struct pt_spool_pos *pos, struct pt_err *err);
