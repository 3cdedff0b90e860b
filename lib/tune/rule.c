// SPDX-License-Identifier: MIT
#include "tune/rule.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tune/expr.h"
#include "tune/listen.h"
#include "tune/profile.h"
#include "tune/rule_tables.h"

const char *const pt_verdict_names[] = {
	[PT_VERDICT_WARN] = "warn",
	[PT_VERDICT_ADAPT] = "adapt",
	[PT_VERDICT_SKIP] = "skip",
	[PT_VERDICT_REFUSE] = "refuse",
};
const struct pt_rule_table *const pt_rule_tables[] = {
	&pt_rules_sysctl,
	&pt_rules_nic,
	&pt_rules_other,
	NULL,
};

void pt_case_init(struct pt_case *c, const struct pt_knob *k, const struct pt_facts *facts)
{
	*c = (struct pt_case){ .knob = k,
		.facts = facts,
		.max = NAN,
		.queues = NAN,
		.there = NAN,
		.fixed = NAN,
		.uplink = NAN,
		.rate = NAN };
	for (unsigned i = 0; i < PT_KNOB_FIELDS; i++)
		c->v[i] = c->c[i] = NAN;
}

void pt_case_ask(struct pt_case *c, const char *canonical)
{
	c->asked = canonical;
	for (unsigned i = pt_knob_numbers(c->knob, canonical, c->v); i < PT_KNOB_FIELDS; i++)
		c->v[i] = NAN;
}

void pt_case_current(struct pt_case *c, const char *canonical)
{
	for (unsigned i = pt_knob_numbers(c->knob, canonical, c->c); i < PT_KNOB_FIELDS; i++)
		c->c[i] = NAN;
}

static void as_name(const char *text, char *out, size_t len)
{
	size_t n = 0;

	for (; *text && n < len - 1; text++)
		out[n++] = isalnum((unsigned char)*text) ? (char)tolower((unsigned char)*text)
							 : '_';
	out[n] = '\0';
}

static double text_is(const struct pt_case *c, const char *word, bool whole)
{
	char name[PT_KNOB_VALUE];

	as_name(c->asked ? c->asked : "", name, sizeof(name));
	return whole ? strcmp(name, word) == 0 : strstr(name, word) != NULL;
}

// CPUs that a mask reaches to: its highest bit.
static double mask_reach(const char *mask)
{
	size_t n = mask ? strlen(mask) : 0;

	if (!n || strspn(mask, "0123456789abcdef") != n)
		return NAN;
	char c = mask[0];
	int top = isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10, bits = 0;
	for (; top; top >>= 1)
		bits++;
	return (double)(4 * (n - 1)) + bits;
}

static double asked_elsewhere(const struct pt_case *c, const char *name)
{
	double v[PT_KNOB_FIELDS];
	char canonical[PT_KNOB_VALUE], as[PT_KNOB_VALUE];

	for (size_t i = 0; c->profile && i < c->profile->n_items; i++) {
		const struct pt_profile_item *it = &c->profile->items[i];
		as_name(it->knob->key, as, sizeof(as));
		if (strcmp(as, name) == 0 && pt_profile_item_literal(it, canonical, NULL) == 0 &&
			pt_knob_numbers(it->knob, canonical, v))
			return v[0];
	}
	return NAN;
}

#define MASK_CPUS 52 // what a double holds of a mask

static double of_case(const struct pt_case *c, const char *name, bool *known)
{
	const double cpus = c->facts->value[PT_FACT_cpus];
	const double uplink = isnan(c->uplink) ? c->facts->value[PT_FACT_uplink_mbit] : c->uplink;
	const struct {
		const char *name;
		double value;
	} words[] = {
		{ "max", c->max },
		{ "there", c->there },
		{ "fixed", c->fixed },
		{ "queues", c->queues },
		{ "comment", c->comment },
		{ "number", c->knob->canon != PT_CANON_WORD && c->knob->canon != PT_CANON_DSCP },
		{ "sysctl", pt_knob_is_sysctl(c->knob) },
		{ "cur", c->c[c->field] },
		{ "rps_mask", exp2(cpus > MASK_CPUS ? MASK_CPUS : cpus) - 1 },
		{ "uplink", uplink },
		{ "uplink_known", !isnan(uplink) },
		{ "rate", c->rate },
		{ "oneshot", c->oneshot },
	};

	*known = true;
	for (size_t i = 0; i < PT_ARRAY_LEN(words); i++) {
		if (strcmp(words[i].name, name) == 0)
			return words[i].value;
	}
	if (strcmp(name, "mask_cpus") == 0)
		return mask_reach(c->asked);
	if (strcmp(name, "uncovered") == 0)
		return pt_listeners_uncovered(c->host, c->profile, c->v[0], c->v[1]);
	*known = false;
	return NAN;
}

bool pt_case_lookup(void *ctx, const char *name, double *out)
{
	const struct pt_case *c = ctx;
	enum pt_fact fact = pt_fact_find(name);
	bool known;

	if ((name[0] == 'v' || name[0] == 'c') && name[1] >= '0' &&
		name[1] < '0' + PT_KNOB_FIELDS && !name[2])
		*out = (name[0] == 'v' ? c->v : c->c)[name[1] - '0'];
	else if (strncmp(name, "is_", 3) == 0)
		*out = text_is(c, name + 3, true);
	else if (strncmp(name, "has_", 4) == 0)
		*out = text_is(c, name + 4, false);
	else if (strncmp(name, "p_", 2) == 0)
		*out = asked_elsewhere(c, name + 2);
	else if (fact)
		*out = c->facts->value[fact];
	else {
		*out = of_case(c, name, &known);
		return known;
	}
	return true;
}

int pt_rules_judge(const struct pt_case *c, pt_rule_fn *fn, void *ctx, struct pt_err *err)
{
	for (const struct pt_rule_table *const *t = pt_rule_tables; *t; t++) {
		for (size_t i = 0; i < (*t)->n; i++) {
			const struct pt_rule *r = &(*t)->rows[i];
			struct pt_case own = *c;
			bool holds;
			if (fnmatch(r->key, c->knob->key, 0) != 0)
				continue;
			int rc = pt_expr_holds(r->when, pt_case_lookup, &own, &holds, err);
			if (rc < 0)
				return pt_err_wrap(err, "rule %s", r->id);
			if (holds)
				fn(ctx, r);
		}
	}
	return 0;
}

static int field_value(
	const struct pt_case *c, const char *expr, unsigned i, double *out, struct pt_err *err)
{
	struct pt_case own = *c;

	own.field = i;
	while (*expr == ' ')
		expr++;
	if (strcmp(expr, "keep") == 0) {
		*out = c->c[i];
	} else {
		int rc = pt_expr_eval(expr, pt_case_lookup, &own, out, err);
		if (rc < 0)
			return rc;
	}
	return isnan(*out) ? pt_err_set(err, -ENODATA, "'%s' hangs on what is not known here", expr)
			   : 0;
}

int pt_case_value(
	const struct pt_case *c, const char *expr, char out[PT_KNOB_VALUE], struct pt_err *err)
{
	char copy[PT_KNOB_VALUE], text[PT_KNOB_VALUE] = "";
	char *at = copy, *field, *last = NULL;
	unsigned fields = c->knob->fields ? c->knob->fields : 1;
	size_t len = 0;
	double v;

	if (*expr == '=')
		return pt_knob_canonical(c->knob, expr + 1, out, err);
	(void)snprintf(copy, sizeof(copy), "%s", expr);
	for (unsigned i = 0; i < fields; i++) {
		field = at ? strsep(&at, ";") : last; // one expression serves all fields
		last = field;
		int rc = field_value(c, field, i, &v, err);
		if (rc < 0)
			return rc;
		if (c->knob->canon == PT_CANON_MASK)
			len += (size_t)snprintf(
				text + len, sizeof(text) - len, "%" PRIx64, (uint64_t)v);
		else
			len += (size_t)snprintf(
				text + len, sizeof(text) - len, "%s%.0f", i ? " " : "", v);
	}
	if (c->knob->canon == PT_CANON_NUMBER && fabs(v) >= 9.2e18) // beyond a double's integers
		(void)snprintf(text, sizeof(text), "%" PRId64, INT64_MAX);
	return pt_knob_canonical(c->knob, text, out, err);
}
