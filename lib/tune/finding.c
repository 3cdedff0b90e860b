// SPDX-License-Identifier: MIT
#include "tune/finding.h"

#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "tune/expr.h"

#define GB (1024.0 * 1024 * 1024)

const char *const pt_finding_list_names[] = {
	[PT_LIST_REQUIREMENT] = "requirement",
	[PT_LIST_CONFLICT] = "conflict",
	[PT_LIST_BEFORE] = "before",
	[PT_LIST_AFTER] = "after",
	[PT_LIST_VERY_LARGE] = "very-large",
	[PT_LIST_CPU] = "cpu",
	[PT_LIST_MEM] = "mem",
	[PT_LIST_DB] = "db",
	[PT_LIST_NET] = "net",
};
const char *const pt_state_names[] = {
	[PT_STATE_GOOD] = "yes",
	[PT_STATE_BAD] = "no",
	[PT_STATE_UNKNOWN] = "unknown",
};

// The guide's chapter 2; memory with room for what the firmware keeps.
static const struct {
	double cpus, ram, mbit;
} needs[] = {
	[PT_SCALE_SMALL] = { 2, 3.5 * GB, 100 },
	[PT_SCALE_MEDIUM] = { 4, 7.5 * GB, 1000 },
	[PT_SCALE_LARGE] = { 8, 15 * GB, 10000 },
	[PT_SCALE_VERY_LARGE] = { 8, 15 * GB, 10000 },
};

static double moved(const struct pt_reading *r, enum pt_fact fact)
{
	return r->first ? pt_facts_moved(r->first, r->now, fact) : r->now->value[fact];
}

static double share(const struct pt_reading *r, enum pt_fact part)
{
	double total = moved(r, PT_FACT_cpu_total);

	return total > 0 ? 100 * moved(r, part) / total : (double)NAN;
}

static double link_used(const struct pt_reading *r)
{
	double bytes = fmax(moved(r, PT_FACT_rx_bytes), moved(r, PT_FACT_tx_bytes));

	if (!r->first || r->seconds <= 0)
		return NAN;
	return 100 * bytes * 8 / r->seconds / (r->now->value[PT_FACT_uplink_mbit] * 1e6);
}

static double grown(const struct pt_reading *r)
{
	if (!r->first || r->seconds <= 0)
		return NAN;
	double d = r->now->value[PT_FACT_pt_anon] - r->first->value[PT_FACT_pt_anon];
	return d < 0 ? 0 : d / r->seconds; // NaN stays
}

bool pt_reading_lookup(void *ctx, const char *name, double *out)
{
	const struct pt_reading *r = ctx;
	const double *now = r->now->value;
	const struct {
		const char *name;
		double value;
	} words[] = {
		{ "need_cpus", needs[r->scale].cpus },
		{ "need_ram", needs[r->scale].ram },
		{ "need_mbit", needs[r->scale].mbit },
		{ "busy", 100 - share(r, PT_FACT_cpu_idle) - share(r, PT_FACT_cpu_iowait) },
		{ "softirq", share(r, PT_FACT_cpu_softirq) },
		{ "iowait", share(r, PT_FACT_cpu_iowait) },
		{ "steal", share(r, PT_FACT_cpu_steal) },
		{ "probe_busy", share(r, PT_FACT_probe_ticks) },
		{ "decide_busy", share(r, PT_FACT_decide_ticks) },
		{ "store_busy", share(r, PT_FACT_store_ticks) },
		{ "log_busy", share(r, PT_FACT_log_ticks) },
		{ "grown", grown(r) },
		{ "seconds", r->first ? r->seconds : (double)NAN },
		{ "mem_used", 100 * (1 - now[PT_FACT_ram_avail] / now[PT_FACT_ram]) },
		{ "link_used", link_used(r) },
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(words); i++) {
		if (strcmp(words[i].name, name) == 0) {
			*out = words[i].value;
			return true;
		}
	}
	bool delta = strncmp(name, "d_", 2) == 0;
	enum pt_fact fact = pt_fact_find(delta ? name + 2 : name);
	if (!fact || (delta && !pt_fact_rows[fact].counter))
		return false;
	*out = delta ? moved(r, fact) : now[fact];
	return true;
}

int pt_finding_judge(const struct pt_finding *f, const struct pt_reading *r, enum pt_state *out,
	struct pt_err *err)
{
	struct pt_reading own = *r;
	double v = NAN;

	if (f->good) {
		int rc = pt_expr_eval(f->good, pt_reading_lookup, &own, &v, err);
		if (rc < 0)
			return pt_err_wrap(err, "%s", f->id);
	}
	*out = isnan(v) ? PT_STATE_UNKNOWN : v != 0 ? PT_STATE_GOOD : PT_STATE_BAD;
	return 0;
}
