// SPDX-License-Identifier: MIT
// What ingest tells about itself: a `stats` record every metrics.export_interval_secs.
#pragma once
#include "base/clock.h"
#include "base/hist.h"
#include "base/loop.h"
#include "model/config.h"
#include "store/ingest.h"

struct db_ingest_stats {
	struct pt_record_writer *out;
	const struct pt_ingest *ingest;
	const uint64_t *malformed; // lines that were no records included
	struct pt_hist write_us;   // of each transaction: how long other writers waited
	uint64_t busy;             // transactions put off because another writer was at it
};

// To standard output and, where spool is given, to it. Nothing at all where metrics.enabled is no.
int db_ingest_stats_start(struct db_ingest_stats *s, struct pt_loop *loop,
	const struct pt_config *config, const char *spool, struct pt_err *err);
void db_ingest_stats_pass(struct db_ingest_stats *s, struct pt_mono since);
void db_ingest_stats_done(struct db_ingest_stats *s);
