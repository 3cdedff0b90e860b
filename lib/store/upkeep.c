// SPDX-License-Identifier: MIT
#include "store/upkeep.h"

#include <errno.h>
#include <stdlib.h>

#include "store/sql.h"

struct pt_upkeep {
	struct pt_sql *db;
	const struct pt_config *config;
	struct pt_rollup *rollup; // NULL: metrics.aggregation_enabled is no
	bool rolling;
	unsigned rule; // whose rows go
	int64_t before;
	bool looked; // before is the rule's
	struct pt_retain_step step;
};

int pt_upkeep_new(struct pt_sql *db, const struct pt_config *config, struct pt_upkeep **out,
	struct pt_err *err)
{
	struct pt_upkeep *u = calloc(1, sizeof(*u));
	int code = 0;

	if (!u)
		return pt_err_errno(err, -ENOMEM, "upkeep");
	u->db = db;
	u->config = config;
	u->step.pace = (struct pt_pace)PT_RETAIN_PACE;
	u->rolling = config->metrics.aggregation_enabled;
	if (u->rolling)
		code = pt_rollup_new(db, PT_UPKEEP_HOLD_US, &u->rollup, err);
	if (code)
		pt_upkeep_free(u);
	else
		*out = u;
	return code;
}

void pt_upkeep_free(struct pt_upkeep *u)
{
	if (!u)
		return;
	pt_rollup_free(u->rollup);
	free(u);
}

static int retain_step(struct pt_upkeep *u, struct pt_err *err)
{
	const struct pt_retain_rule *r = &pt_retain_rules[u->rule];
	int64_t n = 1;
	int code = 0;

	u->step.more = u->looked;
	if (!u->looked)
		code = pt_retain_before(u->db, u->config, r, &u->before, err);
	if (!code && !u->looked)
		code = pt_retain_count(u->db, r, u->before, &n, err);
	if (!code && n)
		code = pt_retain_delete(u->db, u->config, r, u->before, &u->step, err);
	if (code)
		return code;
	u->looked = u->step.more;
	u->rule += !u->step.more;
	return 0;
}

int pt_upkeep_step(struct pt_upkeep *u, bool *more, struct pt_err *err)
{
	int code;

	*more = true;
	if (u->rolling)
		return pt_rollup_step(u->rollup, &u->rolling, err);
	code = retain_step(u, err);
	if (!code && !pt_retain_rules[u->rule].table) {
		u->rule = 0;
		u->rolling = u->rollup;
		*more = false;
	}
	return code;
}

void pt_upkeep_counts(const struct pt_upkeep *u, struct pt_upkeep_counts *out)
{
	*out = (struct pt_upkeep_counts){ .deleted = (uint64_t)u->step.rows,
		.longest_us = u->step.pace.longest_us };
	if (!u->rollup)
		return;
	const struct pt_rollup_counts *c = pt_rollup_counts(u->rollup);
	out->rolled_up = c->rows;
	out->merged = c->merged;
	if (c->longest_us > out->longest_us)
		out->longest_us = c->longest_us;
}
