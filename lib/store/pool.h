// SPDX-License-Identifier: MIT
// Read connections for the threads of a server. database.connection_pool_size of them stay open,
// database.max_connections exist at most; who comes then waits for database.busy_timeout_ms. Their
// caches together take a quarter of the memory at most: each gets database.cache_size or its share.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pt_sql;
struct pt_config;
struct pt_pool;

// Opens one at once, so that what is wrong with the file shows here. path NULL: config's. config
// must outlive the pool.
int pt_pool_new(
	const char *path, const struct pt_config *config, struct pt_pool **out, struct pt_err *err);
void pt_pool_free(struct pt_pool *p); // every connection is back

// For one thread at a time, any number of threads. -EBUSY: all were in use for too long.
int pt_pool_get(struct pt_pool *p, struct pt_sql **out, struct pt_err *err);
void pt_pool_put(struct pt_pool *p, struct pt_sql *db); // NULL is allowed

struct pt_pool_counts {
	size_t open, idle;
	uint64_t waits;    // that found all of them in use
	int64_t cache_kib; // of each connection
};
void pt_pool_counts(struct pt_pool *p, struct pt_pool_counts *out);
