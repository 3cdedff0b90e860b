// SPDX-License-Identifier: MIT
// Many who ask at once, as a server's threads do: from the pool, and each with a connection opened
// for its question.
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/db_parts.h"
#include "bench/turns.h"
#include "store/open.h"
#include "store/pool.h"

#define READERS_MAX 64
#define QUESTIONS   960 // of all of them together, a round

enum { SIDE_EACH, SIDE_POOL, SIDES };
static const struct pt_turns_side sides[SIDES] = {
	[SIDE_EACH] = { .name = "a connection each" },
	[SIDE_POOL] = { .name = "pool" },
};

static const struct pt_turns_metric metrics[PT_DB_READERS_METRICS] = {
	[PT_DB_POOL] = { .metric = { .name = "readers_pool",
				 .unit = "questions/s",
				 .q_ppm = 500000,
				 .target = PT_BENCH_NONE,
				 .higher_better = true,
				 .doc = "A path's last hour, many threads at once" },
		.subject = SIDE_POOL,
		.baseline = SIDE_EACH },
};

struct crowd {
	const char *path;
	const struct pt_config *config;
	struct pt_pool *pool; // NULL: a connection each
	unsigned readers;
	int64_t since;
	pthread_t threads[READERS_MAX];
	struct reader {
		struct crowd *crowd;
		unsigned index;
		int code;
		struct pt_err err;
	} reader[READERS_MAX];
};

static int ask(struct pt_sql *db, unsigned turn, int64_t since, struct pt_err *err)
{
	unsigned rows;

	return pt_db_ask(db, PT_DB_LAST_HOUR_SQL, turn, since, &rows, err);
}

static int ask_pool(struct reader *r, unsigned turn)
{
	struct pt_sql *db = NULL;
	int code = pt_pool_get(r->crowd->pool, &db, &r->err);

	if (!code)
		code = ask(db, turn, r->crowd->since, &r->err);
	pt_pool_put(r->crowd->pool, db);
	return code;
}

static int ask_alone(struct reader *r, unsigned turn)
{
	pt_autosql db = NULL;
	int code = pt_store_open(r->crowd->path, PT_SQL_READ, r->crowd->config, &db, &r->err);

	return code ? code : ask(db, turn, r->crowd->since, &r->err);
}

static void *read_on(void *arg)
{
	struct reader *r = arg;
	const struct crowd *c = r->crowd;

	for (unsigned i = r->index; !r->code && i < QUESTIONS; i += c->readers)
		r->code = c->pool ? ask_pool(r, i) : ask_alone(r, i);
	return NULL;
}

// All of them at once; whoever could not is the error.
static int let_read(struct crowd *c, struct pt_err *err)
{
	unsigned n = 0;
	int rc = 0, code = 0;

	for (; !rc && n < c->readers; n += !rc) {
		c->reader[n] = (struct reader){ .crowd = c, .index = n };
		rc = pthread_create(&c->threads[n], NULL, read_on, &c->reader[n]);
	}
	for (unsigned i = 0; i < n; i++) {
		(void)pthread_join(c->threads[i], NULL);
		if (c->reader[i].code && !code) {
			code = c->reader[i].code;
			*err = c->reader[i].err;
		}
	}
	return rc ? pt_err_errno(err, -rc, "a thread") : code;
}

static int once(void *ctx, unsigned side, int64_t *value, struct pt_err *err)
{
	struct crowd *c = ctx;
	int code = side == SIDE_POOL ? pt_pool_new(c->path, c->config, &c->pool, err) : 0;

	if (code)
		return code;
	struct pt_mono start = pt_mono_now();
	code = let_read(c, err);
	int64_t took = pt_mono_diff(pt_mono_now(), start);
	*value = took > 0 ? (int64_t)(QUESTIONS * 1e9 / (double)took) : 0;
	pt_pool_free(c->pool);
	c->pool = NULL;
	return code;
}

int pt_db_readers_bench(const struct pt_db_opts *o, const struct pt_config *c,
	struct pt_bench_result *out, struct pt_err *err)
{
	int64_t size = c->database.connection_pool_size;
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	const struct pt_turns turns = { .workload = "db",
		.sides = sides,
		.n_sides = SIDES,
		.metrics = metrics,
		.n_metrics = PT_DB_READERS_METRICS,
		.rounds = o->rounds,
		.once = once,
		.ctx = crowd,
		.progress = o->progress,
		.progress_ctx = o->ctx };
	pt_autosql db = NULL;

	if (!crowd)
		return pt_err_errno(err, -ENOMEM, "readers");
	crowd->path = o->history;
	crowd->config = c;
	crowd->readers = size < READERS_MAX ? (unsigned)size : READERS_MAX;
	int code = pt_store_open(o->history, PT_SQL_READ, c, &db, err);
	if (!code)
		code = pt_sql_i64(db,
			"SELECT ifnull(max(timestamp), 0) - 3600 FROM sdwan_path_health",
			&crowd->since, err);
	if (!code)
		code = pt_turns_run(&turns, out, err);
	free(crowd);
	return code;
}
