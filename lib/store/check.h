// SPDX-License-Identifier: MIT
// Why a database is slow, or will be, and what helps: facts against thresholds.
#pragma once
#include "base/err.h"

struct pt_sql;
struct pt_config;

enum pt_check_verdict { PT_CHECK_FINE, PT_CHECK_NOTE, PT_CHECK_BAD };
extern const char *const pt_check_words[]; // "fine", "note", "bad"

struct pt_check_finding {
	const char *name;
	char value[96];
	enum pt_check_verdict verdict;
	char cure[256]; // "" where there is nothing to cure
};

#define PT_CHECK_MAX 32

// Reads only. *n findings, in a fixed order.
int pt_check_run(struct pt_sql *db, const struct pt_config *config,
	struct pt_check_finding out[PT_CHECK_MAX], unsigned *n, struct pt_err *err);
