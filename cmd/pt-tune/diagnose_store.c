// SPDX-License-Identifier: MIT
// pt-tune diagnose, from the database: how fast it answers, and what it says of the paths.
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "model/config.h"
#include "store/check.h"
#include "store/open.h"
#include "store/sql.h"
#include "tune.h"

#define PATH_LEN 512

// The guide's own queries (chapters 6.3 and 9.3), and the newest record of each path.
static const char hour_sql[] =
	"SELECT count(*), sum(loss_ppm), sum(rtt_us_p50), sum(jitter_us) FROM sdwan_path_health "
	"WHERE path_id = ?1 AND timestamp > unixepoch() - 3600";
static const char *const plans[] = {
	"EXPLAIN QUERY PLAN SELECT * FROM paths WHERE source_site_id = '123'",
	"EXPLAIN QUERY PLAN SELECT * FROM sdwan_path_health WHERE path_id = '456' AND timestamp > "
	"1000",
	"EXPLAIN QUERY PLAN SELECT * FROM sdwan_path_health WHERE timestamp > unixepoch() - 3600",
};
#define NEWEST                                                                                   \
	"FROM paths p JOIN sdwan_path_health h ON h.id = (SELECT id FROM sdwan_path_health "     \
	"WHERE path_id = p.id ORDER BY timestamp DESC LIMIT 1) WHERE h.timestamp > unixepoch() " \
	"- 3600"
static const struct {
	enum pt_fact fact;
	double scale;
	const char *sql; // one number; NULL: not known
} numbers[] = {
	{ PT_FACT_db_oldest, 1, "SELECT unixepoch() - min(timestamp) FROM sdwan_path_health" },
	{ PT_FACT_path_loss, 1e-4, "SELECT max(h.loss_ppm) " NEWEST },
	{ PT_FACT_path_queue_ms, 1e-3, "SELECT max(h.rtt_us_p95 - h.rtt_us_min) " NEWEST },
	{ PT_FACT_sites_alone, 1,
		"SELECT CASE WHEN count(*) THEN sum(up < 2) END FROM (SELECT count(*) FILTER "
		"(WHERE status = 'up') up FROM paths WHERE maintenance = 0 GROUP BY "
		"source_site_id, dest_site_id)" },
};

static void tell(const struct pt_ctx *ctx, const struct pt_err *err)
{
	if (!ctx->quiet)
		(void)fprintf(stderr, "pt-tune: database: %s\n", err->msg);
}

void tune_store_open(struct pt_ctx *ctx, struct tune_job *j, struct tune_store *out)
{
	static const char file[] = "var/lib/patronus/sdwan.db", conf[] = "etc/patronus/config.yaml";
	const char *root = j->host.root ? j->host.root : "";
	char path[PATH_LEN];
	struct pt_err why = { 0 };

	*out = (struct tune_store){ 0 };
	if (!pt_host_has(&j->host, file))
		return;
	out->config = pt_arena_alloc(&j->arena, sizeof(*out->config));
	(void)snprintf(path, sizeof(path), "%s/%s", root, conf);
	bool own = pt_host_has(&j->host, conf);
	int rc = pt_config_load(own ? path : NULL, &j->arena, out->config, &why);
	if (rc == 0) {
		(void)snprintf(path, sizeof(path), "%s/%s", root, file);
		rc = pt_store_open(path, PT_SQL_READ, out->config, &out->db, &why);
	}
	if (rc < 0) {
		out->db = NULL;
		tell(ctx, &why);
	}
}

void tune_store_close(struct tune_store *st)
{
	pt_sql_free(st->db);
	st->db = NULL;
}

static int read_hour(struct pt_sql *db, struct pt_facts *f, struct pt_err *err)
{
	pt_autostmt s = NULL;
	char path[256];
	int rc = pt_sql_text(db,
		"SELECT path_id FROM sdwan_path_health WHERE timestamp > unixepoch() - 3600 AND "
		"path_id IS NOT NULL GROUP BY path_id ORDER BY count(*) DESC LIMIT 1",
		path, sizeof(path), err);

	if (rc == -ENOENT) // nothing in the last hour
		return 0;
	if (rc == 0)
		rc = pt_stmt_get(db, hour_sql, &s, NULL, err);
	if (rc < 0)
		return rc;
	pt_stmt_bind_text(s, 1, path);
	struct pt_mono start = pt_mono_now();
	rc = pt_stmt_run(s, err);
	if (rc == 0)
		f->value[PT_FACT_db_hour_ms] = (double)pt_mono_diff(pt_mono_now(), start) /
			PT_NS_PER_MS;
	return rc;
}

static int read_plans(struct pt_sql *db, struct pt_facts *f, struct pt_err *err)
{
	int scans = 0;

	for (size_t i = 0; i < PT_ARRAY_LEN(plans); i++) {
		pt_autostmt s = NULL;
		int rc = pt_stmt_get(db, plans[i], &s, NULL, err);
		bool scan = false;
		while (rc == 0 && (rc = pt_stmt_step(s, err)) > 0) {
			const char *detail = pt_stmt_text(s, 3);
			scan |= detail && strncmp(detail, "SCAN", 4) == 0;
			rc = 0;
		}
		if (rc < 0)
			return rc;
		scans += scan;
	}
	f->value[PT_FACT_db_scans] = scans;
	return 0;
}

void tune_store_facts(struct pt_ctx *ctx, const struct tune_store *st, struct pt_facts *f)
{
	struct pt_err why = { 0 };

	if (!st->db)
		return;
	int rc = read_plans(st->db, f, &why);
	if (rc == 0)
		rc = read_hour(st->db, f, &why);
	for (size_t i = 0; i < PT_ARRAY_LEN(numbers) && rc == 0; i++) {
		int64_t v;
		rc = pt_sql_i64(st->db, numbers[i].sql, &v, &why);
		if (rc == 0 && v != PT_NULL)
			f->value[numbers[i].fact] = (double)v * numbers[i].scale;
	}
	if (rc < 0)
		tell(ctx, &why);
}

static const char *const notes[] = {
	[PT_CHECK_FINE] = "yes",
	[PT_CHECK_NOTE] = "note",
	[PT_CHECK_BAD] = "no",
};

// What pt-db check says, in the same shape: "write-ahead log" is STORE-WRITE-AHEAD-LOG.
int tune_store_rows(struct tune_show *s, const struct tune_store *st, struct pt_emit *e)
{
	struct pt_check_finding found[PT_CHECK_MAX];
	unsigned n = 0;

	if (!st->db || !s->lists[PT_LIST_DB])
		return 0;
	if (pt_check_run(st->db, st->config, found, &n, &s->ctx->err) < 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		char id[64];
		(void)snprintf(id, sizeof(id), "STORE-%s", found[i].name);
		for (char *p = id; *p; p++)
			*p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '-';
		bool bad = found[i].verdict == PT_CHECK_BAD;
		s->bad += bad;
		if (!s->all && !bad)
			continue;
		pt_emit_row(e);
		pt_emit_str(e, notes[found[i].verdict]);
		pt_emit_str(e, id);
		pt_emit_str(e, pt_finding_list_names[PT_LIST_DB]);
		pt_emit_str(e, found[i].name);
		pt_emit_str(e, found[i].value);
		pt_emit_str(e, found[i].cure[0] ? found[i].cure : NULL);
	}
	return 0;
}
