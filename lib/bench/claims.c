// SPDX-License-Identifier: MIT
#include "bench/claims.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bench/claims_parts.h"

#define ONE     1000000
#define DIR_LEN 240 // names of files come behind

const char *const pt_claim_verdicts[] = {
	[PT_CLAIM_TRUE] = "true",
	[PT_CLAIM_FALSE] = "false",
	[PT_CLAIM_UNCLEAR] = "unclear",
	[PT_CLAIM_UNMEASURED] = "unmeasured",
};

// Settings of the whole host, or of devices that are not here: told, not tried.
static const struct {
	const char *name, *says, *why;
} unmeasured[] = {
	{ "rmem_max_unasked", "net.core.rmem_max (reduce packet loss)",
		"it is the whole host's; and it bounds what a program may ask for (SO_RCVBUF), so "
		"that one which does not ask has nothing of it" },
	{ "rfs", "RFS: rps_sock_flow_entries 32768, rps_flow_cnt 2048",
		"net.core.rps_sock_flow_entries is the whole host's" },
	{ "coalescing", "ethtool -C rx-usecs 50 tx-usecs 50",
		"veth has no interrupts to coalesce, and an emulated device has no time to save" },
	{ "netdev_budget", "net.core.netdev_budget 600, netdev_max_backlog 50000",
		"they are the whole host's" },
};

static const struct pt_bench_metric none = PT_CLAIM_METRIC("", "", "");

void pt_claim_judge(struct pt_claim_result *r)
{
	const struct pt_summary *ratio = &r->bench.ratio_ppm;
	int64_t low = r->claim.low_ppm ? r->claim.low_ppm : ONE;
	int64_t half = ratio->spread / 2;

	if (r->bench.skipped || !ratio->runs) {
		r->verdict = PT_CLAIM_UNMEASURED;
		r->why = r->bench.skipped ? r->bench.skipped : "no run gave a sample";
		return;
	}
	bool more = ratio->median > low || (r->claim.low_ppm && ratio->median == low);
	int64_t off = ratio->median > low ? ratio->median - low : low - ratio->median;
	bool clear = off >= half || ratio->min > low || ratio->max < low;
	r->verdict = !clear ? PT_CLAIM_UNCLEAR : more ? PT_CLAIM_TRUE : PT_CLAIM_FALSE;
	if (!clear)
		r->why = "within the spread of what decides";
	else if (more)
		r->why = r->claim.high_ppm && ratio->median > r->claim.high_ppm
			? "more than claimed"
			: "as claimed";
	else if (ratio->median + half < ONE || ratio->max < ONE)
		r->why = "it is worse";
	else
		r->why = ratio->median - half <= ONE ? "no difference beyond the spread"
						     : "less than claimed";
}

int pt_claims_play(const struct pt_claims_group *g, struct pt_claim_result *out, unsigned *n,
	struct pt_err *err)
{
	struct pt_bench_result results[PT_CLAIMS_MAX];
	int rc = g->turns.n_metrics > PT_CLAIMS_MAX - *n ? pt_err_set(err, -E2BIG, "claims")
							 : pt_turns_run(&g->turns, results, err);

	for (size_t i = 0; rc == 0 && i < g->turns.n_metrics; i++) {
		struct pt_claim_result *r = &out[(*n)++];
		*r = (struct pt_claim_result){ .claim = g->claims[i], .bench = results[i] };
		pt_claim_judge(r);
	}
	return rc;
}

static void add_unmeasured(struct pt_claim_result *out, unsigned *n)
{
	static struct pt_bench_metric named[PT_ARRAY_LEN(unmeasured)]; // the table's, as metrics

	for (size_t i = 0; i < PT_ARRAY_LEN(unmeasured) && *n < PT_CLAIMS_MAX; i++) {
		named[i] = none;
		named[i].name = unmeasured[i].name;
		struct pt_claim_result *r = &out[(*n)++];
		*r = (struct pt_claim_result){ .claim.says = unmeasured[i].says };
		r->bench = (struct pt_bench_result){
			.workload = "claims", .metric = &named[i], .skipped = unmeasured[i].why
		};
		pt_claim_judge(r);
	}
}

int pt_claims_bench(const struct pt_claims_opts *o, struct pt_claim_result out[PT_CLAIMS_MAX],
	unsigned *n, struct pt_err *err)
{
	struct pt_claims_opts mine = *o;
	char dir[DIR_LEN];
	int len = snprintf(dir, sizeof(dir), "%s/pt-bench-claims-XXXXXX", o->dir);

	*n = 0;
	if (len >= (int)sizeof(dir))
		return pt_err_errno(err, -ENAMETOOLONG, "%s", o->dir);
	if (!mkdtemp(dir)) // in it nobody else's links wait for root
		return pt_err_errno(err, -errno, "%s", o->dir);
	mine.dir = dir;
	int rc = pt_claims_db(&mine, out, n, err);
	if (rc == 0)
		rc = pt_claims_malloc(&mine, out, n, err);
	if (rc == 0)
		rc = pt_claims_net(&mine, out, n, err);
	if (rc == 0)
		add_unmeasured(out, n);
	(void)rmdir(dir);
	return rc;
}

static json_t *bound(int64_t ppm)
{
	return ppm ? json_real((double)ppm / 1e6) : json_null();
}

json_t *pt_claim_to_json(const struct pt_claim_result *r)
{
	json_t *j = pt_bench_to_json(&r->bench);

	// Keys are ours, memory is not handled.
	(void)json_object_set_new(j, "claim", json_string(r->claim.says));
	(void)json_object_set_new(j, "claimed_min", bound(r->claim.low_ppm));
	(void)json_object_set_new(j, "claimed_max", bound(r->claim.high_ppm));
	(void)json_object_set_new(j, "ratio_spread",
		r->bench.ratio_ppm.runs ? json_real((double)r->bench.ratio_ppm.spread / 1e6)
					: json_null());
	(void)json_object_set_new(j, "verdict", json_string(pt_claim_verdicts[r->verdict]));
	(void)json_object_set_new(j, "why", json_string(r->why));
	return j;
}

static const struct pt_column columns[] = {
	{ .key = "metric", .heading = "WHAT" },
	{ .key = "claim", .heading = "THE GUIDE" },
	{ .key = "claimed", .heading = "CLAIMS", .right = true },
	{ .key = "baseline", .heading = "BEFORE", .right = true },
	{ .key = "value", .heading = "TREATED", .right = true },
	{ .key = "unit", .heading = "UNIT" },
	{ .key = "ratio", .heading = "RATIO", .right = true },
	{ .key = "spread", .heading = "+-", .right = true },
	{ .key = "verdict", .heading = "VERDICT" },
	{ .key = "why", .heading = "WHY" },
	{ .key = NULL },
};

static void put_ppm(struct pt_emit *e, bool known, int64_t ppm)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%.3f", (double)ppm / 1e6);
	if (known)
		pt_emit_i64_as(e, ppm, text);
	else
		pt_emit_null(e);
}

void pt_claims_print(struct pt_emit *e, const struct pt_claim_result *r, unsigned n)
{
	pt_emit_table(e, "claims", columns);
	for (unsigned i = 0; i < n; i++) {
		const struct pt_bench_result *b = &r[i].bench;
		bool ran = !b->skipped && b->ratio_ppm.runs;
		char claimed[48];
		(void)snprintf(claimed, sizeof(claimed), "%.2f-%.2f",
			(double)r[i].claim.low_ppm / 1e6, (double)r[i].claim.high_ppm / 1e6);
		pt_emit_row(e);
		pt_emit_str(e, b->metric->name);
		pt_emit_str(e, r[i].claim.says);
		pt_emit_str(e, r[i].claim.low_ppm ? claimed : NULL);
		for (int side = 0; side < 2; side++) {
			if (ran)
				pt_emit_i64(e, side ? b->subject.value : b->baseline.value);
			else
				pt_emit_null(e);
		}
		pt_emit_str(e, b->metric->unit);
		put_ppm(e, ran, b->ratio_ppm.median);
		put_ppm(e, ran, b->ratio_ppm.spread / 2);
		pt_emit_str(e, pt_claim_verdicts[r[i].verdict]);
		pt_emit_str(e, r[i].why);
	}
}
