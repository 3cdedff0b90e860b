// SPDX-License-Identifier: MIT
// High-water marks: the newest record stored of each source and boot. What is not newer was stored
// before. Kept in memory over a transaction, written with it.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/types.h"

struct pt_sql;
struct pt_stmt;

struct pt_source {
	char *src, *boot;
	size_t src_len, boot_len;
	int64_t id;
	// A writer's seq starts again with its process; its monotonic clock goes on until the boot
	// ends. Together they rise from record to record.
	int64_t mono_ns, seq;
	bool dirty;
};

struct pt_sources {
	struct pt_sql *db;
	struct pt_stmt *select, *insert, *update;
	struct pt_source *known; // most recently used first
	size_t n;
	int64_t data_version; // changes when another connection commits
};

int pt_sources_init(struct pt_sources *s, struct pt_sql *db, struct pt_err *err);
void pt_sources_done(struct pt_sources *s);

// At the start of a transaction: forgets what another process may have changed; *foreign: it may.
int pt_sources_refresh(struct pt_sources *s, bool *foreign, struct pt_err *err);
// At its end: writes the marks that moved.
int pt_sources_write(struct pt_sources *s, struct pt_err *err);
// After a rollback.
void pt_sources_forget(struct pt_sources *s);

// Finds or makes the source; valid until the next call.
int pt_sources_find(struct pt_sources *s, struct pt_text src, struct pt_text boot,
	struct pt_source **out, struct pt_err *err);
bool pt_source_is_newer(const struct pt_source *s, int64_t mono_ns, int64_t seq);
void pt_source_advance(struct pt_source *s, int64_t mono_ns, int64_t seq);
