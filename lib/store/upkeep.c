// SPDX-License-Identifier: MIT
#include "store/upkeep.h"

#include <errno.h>
#include <stdlib.h>

#include "store/sql.h"

#define DELETE_MIN   8
#define DELETE_START 64
#define DELETE_MAX   4096

struct pt_upkeep {
	struct pt_sql *db;
	const struct pt_config *config;
	struct pt_rollup *rollup; // NULL: metrics.aggregation_enabled is no
	bool rolling;
	unsigned rule; // whose rows go
	int64_t before, limit, longest_us;
	bool looked; // before is the rule's
	uint64_t deleted;
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
	u->limit = DELETE_START;
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

static int delete_some(struct pt_upkeep *u, int64_t *n, struct pt_err *err)
{
	const struct pt_retain_rule *r = &pt_retain_rules[u->rule];
	*n = u->limit;
	int code = pt_retain_delete(u->db, u->config, r, u->before, n, err);
	int64_t took = pt_sql_held_us(u->db);

	if (code)
		return code;
	if (took > u->longest_us)
		u->longest_us = took;
	if (took > PT_UPKEEP_HOLD_US / 2)
		u->limit = u->limit / 2 < DELETE_MIN ? DELETE_MIN : u->limit / 2;
	else if (took < PT_UPKEEP_HOLD_US / 5)
		u->limit = u->limit * 2 > DELETE_MAX ? DELETE_MAX : u->limit * 2;
	u->deleted += (uint64_t)*n;
	return 0;
}

static int retain_step(struct pt_upkeep *u, struct pt_err *err)
{
	const struct pt_retain_rule *r = &pt_retain_rules[u->rule];
	int64_t n = 0, limit = u->limit;
	int code = 0;

	if (!u->looked)
		code = pt_retain_before(u->db, u->config, r, &u->before, err);
	if (!code && !u->looked)
		code = pt_retain_count(u->db, r, u->before, &n, err);
	if (code)
		return code;
	if (u->looked || n)
		code = delete_some(u, &n, err);
	u->looked = true;
	if (!code && n < limit) {
		u->rule++;
		u->looked = false;
	}
	return code;
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
	*out = (struct pt_upkeep_counts){ .deleted = u->deleted, .longest_us = u->longest_us };
	if (!u->rollup)
		return;
	const struct pt_rollup_counts *c = pt_rollup_counts(u->rollup);
	out->rolled_up = c->rows;
	out->merged = c->merged;
	if (c->longest_us > out->longest_us)
		out->longest_us = c->longest_us;
}
