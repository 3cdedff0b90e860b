// SPDX-License-Identifier: MIT
// The allocator, under what of ours allocates: records that are read and stored.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/claims_parts.h"
#include "bench/db_parts.h"
#include "bench/proc.h"
#include "store/sql.h"

#define RECORDS  20000
#define PATIENCE (60 * PT_NS_PER_S)
#define PATH_LEN 300

enum { GLIBC, JEMALLOC, SIDES };
static const struct pt_turns_metric metrics[] = {
	{ PT_CLAIM_METRIC("jemalloc", "records/s", "Records stored in a second of CPU time"),
		JEMALLOC, GLIBC },
};
static const struct pt_claim claims[] = {
	{ "LD_PRELOAD=libjemalloc.so (5-15% improvement)", 1050000, 1150000 },
};

struct ingest {
	char preload[128], tool[512], db[PATH_LEN];
	struct pt_buf records;
	struct pt_config config;
};

static void find_library(char out[128])
{
	static const char *const dirs[] = { "/usr/lib/x86_64-linux-gnu",
		"/usr/lib/aarch64-linux-gnu", "/usr/lib/riscv64-linux-gnu", "/usr/lib64",
		"/usr/lib" };
	char path[100];

	out[0] = '\0';
	for (size_t i = 0; i < PT_ARRAY_LEN(dirs) && !out[0]; i++) {
		(void)snprintf(path, sizeof(path), "%s/libjemalloc.so.2", dirs[i]);
		if (access(path, R_OK) == 0)
			(void)snprintf(out, 128, "LD_PRELOAD=%s", path);
	}
}

static void make_records(struct pt_buf *out)
{
	for (unsigned i = 0; i < RECORDS; i++)
		pt_buf_printf(out,
			"{\"type\":\"health\",\"v\":1,\"ts\":\"2026-01-01T%02u:%02u:%02u.000000Z\","
			"\"mono_ns\":%u000,\"boot\":\"00000000-0000-4000-8000-000000000000\","
			"\"src\":\"west/pt-probe\",\"seq\":%u,\"path\":\"west-site%03u-fiber\","
			"\"target\":\"192.0.2.130\",\"family\":\"ipv4\",\"probe\":\"stamp\","
			"\"window_ms\":10000,\"sent\":10,\"received\":9,\"late\":0,\"loss_ppm\":"
			"100000,\"rtt_us\":{\"min\":100,\"p50\":120,\"p95\":200,\"p99\":250,"
			"\"max\":300,\"mean\":130},\"rtt_hist\":[[80,3],[81,4],[90,2]],"
			"\"jitter_us\":5,\"mos\":4.409,\"score\":98,\"timestamps\":\"kernel\"}\n",
			i / 3600 % 24, i / 60 % 60, i % 60, i + 1, i + 1, i % 100);
}

static int64_t cpu_us(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_CHILDREN, &u); // cannot fail with this
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec +
		u.ru_stime.tv_usec;
}

// A database that does not hold what was read would have been a fast one.
static int stored(const struct ingest *g, struct pt_err *err)
{
	pt_autosql db = NULL;
	int64_t n = 0;
	int rc = pt_sql_open(g->db, PT_SQL_READ, &db, err);

	if (rc == 0)
		rc = pt_sql_i64(db, "SELECT count(*) FROM sources WHERE seq = 20000", &n, err);
	return rc < 0 ? rc : n == 1 ? 0 : pt_err_set(err, -EPROTO, "records are missing");
}

static int once(void *ctx, unsigned side, int64_t *value, struct pt_err *err)
{
	struct ingest *g = ctx;
	struct pt_sql *made = NULL;
	const char *const argv[] = { "env", side == JEMALLOC ? g->preload : "PT_BENCH=1", g->tool,
		"ingest", "-q", "--db", g->db, NULL };

	pt_db_remove(g->db);
	int rc = pt_db_fresh(g->db, &g->config, &made, err);
	pt_sql_free(made);
	int64_t before = cpu_us();
	if (rc == 0)
		rc = pt_proc_run(argv, pt_buf_str(&g->records), PATIENCE, err);
	int64_t spent = cpu_us() - before;
	if (rc == 0)
		rc = stored(g, err);
	if (rc == 0)
		*value = (int64_t)(RECORDS * 1e6 / (double)(spent ? spent : 1));
	return rc;
}

int pt_claims_malloc(const struct pt_claims_opts *o, struct pt_claim_result *out, unsigned *n,
	struct pt_err *err)
{
	struct ingest g = { 0 };
	struct pt_turns_side sides[SIDES] = {
		[GLIBC] = { .name = "glibc's malloc" }, [JEMALLOC] = { .name = "jemalloc" }
	};
	const struct pt_claims_group group = { .claims = claims,
		.turns = { .workload = "claims",
			.sides = sides,
			.n_sides = SIDES,
			.metrics = metrics,
			.n_metrics = PT_ARRAY_LEN(metrics),
			.rounds = o->rounds,
			.once = once,
			.ctx = &g,
			.progress = o->progress } };
	find_library(g.preload);
	if (!g.preload[0])
		sides[JEMALLOC].skipped = "libjemalloc.so.2 is not installed here";
	(void)snprintf(g.db, sizeof(g.db), "%s/ingest.db", o->dir);
	make_records(&g.records);
	int rc = pt_config_load(NULL, NULL, &g.config, err);
	if (rc == 0)
		rc = pt_proc_tool(o->tools, "pt-db", g.tool, sizeof(g.tool), err);
	if (rc == 0)
		rc = pt_claims_play(&group, out, n, err);
	pt_db_remove(g.db);
	pt_buf_done(&g.records);
	return rc;
}
