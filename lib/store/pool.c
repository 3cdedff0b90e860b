// SPDX-License-Identifier: MIT
#include "store/pool.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/config.h"
#include "store/open.h"

struct pt_pool {
	char *path;
	struct pt_config config; // with the cache of one connection
	pthread_mutex_t lock;
	pthread_cond_t back;
	struct pt_sql **idle; // the newest last: its cache is the warmest
	size_t n_idle, n_open;
	uint64_t waits;
};

static int64_t kib_of(const struct pt_config *c)
{
	int64_t n = c->database.cache_size;
	return n < 0 ? -n : n * c->database.page_size / 1024;
}

static int64_t share_kib(const struct pt_config *c)
{
	int64_t ram_kib = (int64_t)sysconf(_SC_PHYS_PAGES) * (sysconf(_SC_PAGESIZE) / 1024);
	int64_t share = ram_kib / 4 / c->database.connection_pool_size;

	return kib_of(c) < share ? kib_of(c) : share;
}

int pt_pool_new(
	const char *path, const struct pt_config *config, struct pt_pool **out, struct pt_err *err)
{
	struct pt_pool *p = calloc(1, sizeof(*p));
	pthread_condattr_t mono;
	struct pt_sql *first = NULL;

	if (!p)
		return pt_err_errno(err, -ENOMEM, "pool");
	p->config = *config;
	p->config.database.cache_size = -share_kib(config);
	p->path = strdup(path ? path : config->database.path);
	p->idle = calloc((size_t)config->database.connection_pool_size, sizeof(struct pt_sql *));
	(void)pthread_mutex_init(&p->lock, NULL); // neither can fail on Linux
	(void)pthread_condattr_init(&mono);
	(void)pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->back, &mono);
	(void)pthread_condattr_destroy(&mono);
	int code = p->path && p->idle ? pt_pool_get(p, &first, err)
				      : pt_err_errno(err, -ENOMEM, "pool");
	pt_pool_put(p, first);
	if (code)
		pt_pool_free(p);
	else
		*out = p;
	return code;
}

void pt_pool_free(struct pt_pool *p)
{
	if (!p)
		return;
	while (p->n_idle)
		pt_sql_free(p->idle[--p->n_idle]);
	(void)pthread_cond_destroy(&p->back);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->idle);
	free(p->path);
	free(p);
}

static struct timespec deadline_of(const struct pt_pool *p)
{
	int64_t ns = pt_mono_now().ns + p->config.database.busy_timeout_ms * PT_NS_PER_MS;
	return (struct timespec){ .tv_sec = ns / PT_NS_PER_S, .tv_nsec = ns % PT_NS_PER_S };
}

// With the lock held: an idle one, or NULL and a place for a new one is taken.
static int take_place(struct pt_pool *p, struct pt_sql **out)
{
	struct timespec deadline = deadline_of(p);
	int rc = 0;

	if (!p->n_idle && p->n_open >= (size_t)p->config.database.max_connections)
		p->waits++;
	while (!rc && !p->n_idle && p->n_open >= (size_t)p->config.database.max_connections)
		rc = pthread_cond_timedwait(&p->back, &p->lock, &deadline);
	*out = NULL;
	if (p->n_idle)
		*out = p->idle[--p->n_idle];
	else if (p->n_open < (size_t)p->config.database.max_connections)
		p->n_open++;
	else
		return -EBUSY;
	return 0;
}

static void give_up_place(struct pt_pool *p)
{
	(void)pthread_mutex_lock(&p->lock);
	p->n_open--;
	(void)pthread_cond_signal(&p->back);
	(void)pthread_mutex_unlock(&p->lock);
}

int pt_pool_get(struct pt_pool *p, struct pt_sql **out, struct pt_err *err)
{
	struct pt_sql *db;

	(void)pthread_mutex_lock(&p->lock);
	int code = take_place(p, &db);
	(void)pthread_mutex_unlock(&p->lock);
	if (code)
		return pt_err_set(err, code,
			"%s: all %" PRId64
			" connections are in use: raise database.max_connections",
			p->path, p->config.database.max_connections);
	if (!db) {
		code = pt_store_open(p->path, PT_SQL_READ, &p->config, &db, err);
		if (code)
			give_up_place(p);
	}
	if (!code)
		*out = db;
	return code;
}

void pt_pool_put(struct pt_pool *p, struct pt_sql *db)
{
	if (!db)
		return;
	(void)pthread_mutex_lock(&p->lock);
	if (p->n_idle < (size_t)p->config.database.connection_pool_size) {
		p->idle[p->n_idle++] = db;
		db = NULL;
	} else {
		p->n_open--;
	}
	(void)pthread_cond_signal(&p->back);
	(void)pthread_mutex_unlock(&p->lock);
	pt_sql_free(db);
}

void pt_pool_counts(struct pt_pool *p, struct pt_pool_counts *out)
{
	(void)pthread_mutex_lock(&p->lock);
	*out = (struct pt_pool_counts){ .open = p->n_open,
		.idle = p->n_idle,
		.waits = p->waits,
		.cache_kib = kib_of(&p->config) };
	(void)pthread_mutex_unlock(&p->lock);
}
