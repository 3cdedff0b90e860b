// SPDX-License-Identifier: MIT
// What keeps a file fast and sound, while it is in use: no task holds the write lock for longer
// than some 20 ms at a time, and readers never wait.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pt_sql;
struct pt_config;

struct pt_maintain_task {
	const char *name, *doc;
	bool asked; // only when asked for by name, or by --full
};
extern const struct pt_maintain_task pt_maintain_tasks[]; // in the order they run; ends with NULL

enum pt_maintain_result { PT_MAINTAIN_OK, PT_MAINTAIN_NO, PT_MAINTAIN_FAILED };
extern const char *const pt_maintain_words[]; // "ok", "no", "failed"

struct pt_maintain_report {
	enum pt_maintain_result result; // NO: a check found damage
	char detail[640];
	int64_t duration_us;
	int64_t longest_us; // that the write lock was held; 0: not at all
};

// done of total, in the task's own measure; total 0: not known.
typedef void pt_maintain_progress_fn(void *ctx, int64_t done, int64_t total);
struct pt_maintain {
	struct pt_sql *db;
	const struct pt_config *config;
	pt_maintain_progress_fn *progress; // may be NULL
	void *ctx;
};

// Runs one task and records it in maintenance_log. A failure is in the report, too.
void pt_maintain_run(const struct pt_maintain *m, unsigned task, struct pt_maintain_report *out);
