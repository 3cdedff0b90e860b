// SPDX-License-Identifier: MIT
// Rules: what is wrong with a value, on this host. Conditions and corrections are expressions
// (tune/expr.h) over the facts (tune/facts.h) and, of the item that is judged,
//   v0 v1 v2, c0 c1 c2      the numbers asked for, and those in force
//   cur                     the number in force of the field that is worked out
//   max, there, fixed       what a device can do; whether it has the setting, and lets it change
//   queues                  receive queues of the device
//   mask_cpus, rps_mask     CPUs that the mask reaches to; a mask of all CPUs
//   comment, number, sysctl a comment stands behind the value; the kind of value
//   is_X, has_X             its text, lower case with _ for what is no letter or digit, is or has X
//   p_KEY                   first number that the same profile asks for another key (_ for . and -)
//   uncovered               listeners inside v0 to v1 that are not reserved
//   uplink, uplink_known    Mbit/s of the device, or uplink_mbit; whether it has a value
//   oneshot                 the unit has no process that lives
//   rate                    what is wanted for qos.rate of the same device, which stands before
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "tune/facts.h"
#include "tune/knob.h"

enum pt_verdict {
	PT_VERDICT_WARN,
	PT_VERDICT_ADAPT,
	PT_VERDICT_SKIP,
	PT_VERDICT_REFUSE,
};
extern const char *const pt_verdict_names[];

struct pt_rule {
	const char *id;
	const char *key; // pattern
	enum pt_verdict verdict;
	const char *when;
	const char *want; // ADAPT: an expression a field, "keep", or "=WORD"
	const char *why;
};

struct pt_rule_table {
	const struct pt_rule *rows;
	size_t n;
};
extern const struct pt_rule_table *const pt_rule_tables[]; // ends with NULL
extern const struct pt_rule_table pt_rules_lack;           // of keys that a profile does not have

struct pt_profile;
struct pt_host;

// One item before its judge.
struct pt_case {
	const struct pt_knob *knob;
	const struct pt_facts *facts;
	const struct pt_profile *profile; // of the same request; may be NULL
	const struct pt_host *host;       // may be NULL: what only it knows is then unknown
	const char *asked;                // canonical text, or as written where it is none
	double v[PT_KNOB_FIELDS], c[PT_KNOB_FIELDS]; // NaN: none
	double max, queues;                          // NaN: unknown
	double there, fixed;                         // 0, 1, NaN: no device
	double uplink, rate;                         // NaN: not declared; not wanted before
	bool comment, oneshot;
	unsigned field; // whose current value `cur` is
};
void pt_case_init(struct pt_case *c, const struct pt_knob *k, const struct pt_facts *facts);
// Sets v from canonical text.
void pt_case_ask(struct pt_case *c, const char *canonical);
void pt_case_current(struct pt_case *c, const char *canonical);

// For pt_expr_eval: ctx is a const struct pt_case *.
bool pt_case_lookup(void *ctx, const char *name, double *out);

// Calls fn for each rule that holds, in the tables' order.
typedef void pt_rule_fn(void *ctx, const struct pt_rule *rule);
int pt_rules_judge(const struct pt_case *c, pt_rule_fn *fn, void *ctx, struct pt_err *err);
// The value that an ADAPT rule, or a profile's expression, comes to: canonical text. -ENODATA: it
// hangs on something that is not known here.
int pt_case_value(
	const struct pt_case *c, const char *expr, char out[PT_KNOB_VALUE], struct pt_err *err);
