// SPDX-License-Identifier: MIT
// Small arithmetic for rules and profiles: "clamp(2*bdp, cur, ram/128)", "v0 > v1 || v2*page >
// ram/2". Numbers, names, + - * / %, comparisons, ! && ||, parentheses, and min max clamp round
// floor ceil. A name that is known but has no value here is NaN: what is made of it is NaN, and no
// condition that needs it is true.
#pragma once
#include <stdbool.h>

#include "base/err.h"

// Writes the value of name, NAN where there is none now; false: no such name.
typedef bool pt_expr_fn(void *ctx, const char *name, double *out);

// -EINVAL: the text is no expression, or a name is unknown.
int pt_expr_eval(const char *text, pt_expr_fn *lookup, void *ctx, double *out, struct pt_err *err);
// As a condition: NaN and 0 are false.
int pt_expr_holds(const char *text, pt_expr_fn *lookup, void *ctx, bool *out, struct pt_err *err);
