// SPDX-License-Identifier: MIT
// When each path was last answered, gathered over one transaction, for sites.last_seen.
#pragma once
#include <stdint.h>

#include "store/types.h"

struct pt_sql;
struct pt_seen;

int pt_seen_new(struct pt_seen **out, struct pt_err *err);
void pt_seen_free(struct pt_seen *s);

// Newest time of each path. -ENOSPC: full, write first.
int pt_seen_add(struct pt_seen *s, struct pt_text path, int64_t timestamp);
// A site was seen when one of the paths towards it was answered. Forgets what it has written.
int pt_seen_write(struct pt_seen *s, struct pt_sql *db, struct pt_err *err);
void pt_seen_forget(struct pt_seen *s);
