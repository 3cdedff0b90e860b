// SPDX-License-Identifier: MIT
// A recursive descent over the text itself: expressions are a line long and run a few hundred
// times.
#include "tune/expr.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define MAX_DEPTH 32
#define MAX_ARGS  8
#define NAME_LEN  48

struct reader {
	const char *text, *at;
	pt_expr_fn *lookup;
	void *ctx;
	struct pt_err *err;
	int code;
	unsigned depth;
};

static double either(struct reader *r);

static double fail(struct reader *r, const char *why)
{
	if (!r->code)
		r->code = pt_err_set(
			r->err, -EINVAL, "'%.80s': %s at '%.20s'", r->text, why, r->at);
	return NAN;
}

static bool take(struct reader *r, const char *token)
{
	while (isspace((unsigned char)*r->at))
		r->at++;
	if (strncmp(r->at, token, strlen(token)) != 0)
		return false;
	r->at += strlen(token);
	return true;
}

static double smallest(const double *a, unsigned n)
{
	double v = a[0];

	for (unsigned i = 1; i < n; i++)
		v = isnan(v) || isnan(a[i]) ? (double)NAN : a[i] < v ? a[i] : v;
	return v;
}

static double largest(const double *a, unsigned n)
{
	double v = a[0];

	for (unsigned i = 1; i < n; i++)
		v = isnan(v) || isnan(a[i]) ? (double)NAN : a[i] > v ? a[i] : v;
	return v;
}

// The upper bound wins over the lower, so that a cap holds whatever is asked for.
static double clamp(const double *a, unsigned n)
{
	const double low = largest(a, 2);
	const double both[] = { low, a[2] };

	(void)n;
	return smallest(both, 2);
}

static double rounded(const double *a, unsigned n)
{
	(void)n;
	return round(a[0]);
}

static double lower(const double *a, unsigned n)
{
	(void)n;
	return floor(a[0]);
}

static double upper(const double *a, unsigned n)
{
	(void)n;
	return ceil(a[0]);
}

static const struct function {
	const char *name;
	double (*fn)(const double *args, unsigned n);
	unsigned min, max; // arguments
} functions[] = {
	{ "min", smallest, 1, MAX_ARGS },
	{ "max", largest, 1, MAX_ARGS },
	{ "clamp", clamp, 3, 3 },
	{ "round", rounded, 1, 1 },
	{ "floor", lower, 1, 1 },
	{ "ceil", upper, 1, 1 },
};

static double call(struct reader *r, const char *name)
{
	double args[MAX_ARGS];
	unsigned n = 0;

	do {
		if (n == MAX_ARGS)
			return fail(r, "too many arguments");
		args[n++] = either(r);
	} while (take(r, ","));
	if (!take(r, ")"))
		return fail(r, "a ) is missing");
	for (size_t i = 0; i < PT_ARRAY_LEN(functions); i++) {
		const struct function *f = &functions[i];
		if (strcmp(f->name, name) != 0)
			continue;
		return n < f->min || n > f->max ? fail(r, "wrong number of arguments")
						: f->fn(args, n);
	}
	return fail(r, "unknown function");
}

static double name_or_call(struct reader *r)
{
	char name[NAME_LEN];
	const char *start = r->at;
	double v = NAN;
	size_t n = 0;

	while ((isalnum((unsigned char)r->at[n]) || r->at[n] == '_') && n < NAME_LEN - 1)
		n++;
	(void)snprintf(name, sizeof(name), "%.*s", (int)n, r->at);
	r->at += n;
	if (take(r, "("))
		return call(r, name);
	if (!r->lookup(r->ctx, name, &v)) {
		r->at = start;
		return fail(r, "unknown name");
	}
	return v;
}

static double primary(struct reader *r)
{
	double v;

	if (r->code || ++r->depth > MAX_DEPTH)
		return fail(r, "too deep");
	if (take(r, "!")) {
		v = primary(r);
		v = isnan(v) ? (double)NAN : (double)(v == 0);
	} else if (take(r, "-")) {
		v = -primary(r);
	} else if (take(r, "(")) {
		v = either(r);
		if (!take(r, ")"))
			v = fail(r, "a ) is missing");
	} else if (isdigit((unsigned char)*r->at)) {
		char *end;
		v = strtod(r->at, &end);
		r->at = end;
	} else if (isalpha((unsigned char)*r->at) || *r->at == '_') {
		v = name_or_call(r);
	} else {
		v = fail(r, "a number or a name is missing");
	}
	r->depth--;
	return v;
}

static double product(struct reader *r)
{
	double v = primary(r);

	for (;;) {
		if (take(r, "*"))
			v *= primary(r);
		else if (take(r, "/"))
			v /= primary(r);
		else if (take(r, "%"))
			v = fmod(v, primary(r));
		else
			return v;
	}
}

static double sum(struct reader *r)
{
	double v = product(r);

	for (;;) {
		if (take(r, "+"))
			v += product(r);
		else if (take(r, "-"))
			v -= product(r);
		else
			return v;
	}
}

static double comparison(struct reader *r)
{
	double a = sum(r), b;

	if (take(r, "<=")) {
		b = sum(r);
		return isnan(a) || isnan(b) ? (double)NAN : (double)(a <= b);
	}
	if (take(r, ">=")) {
		b = sum(r);
		return isnan(a) || isnan(b) ? (double)NAN : (double)(a >= b);
	}
	if (take(r, "==")) {
		b = sum(r);
		return isnan(a) || isnan(b) ? (double)NAN : (double)(a == b);
	}
	if (take(r, "!=")) {
		b = sum(r);
		return isnan(a) || isnan(b) ? (double)NAN : (double)(a != b);
	}
	if (take(r, "<")) {
		b = sum(r);
		return isnan(a) || isnan(b) ? (double)NAN : (double)(a < b);
	}
	if (take(r, ">")) {
		b = sum(r);
		return isnan(a) || isnan(b) ? (double)NAN : (double)(a > b);
	}
	return a;
}

static bool truth(double v)
{
	return !isnan(v) && v != 0;
}

// What is not known stays so, unless the other side decides alone.
static double both(struct reader *r)
{
	double v = comparison(r);

	while (take(r, "&&")) {
		double w = comparison(r);
		if (v == 0 || w == 0)
			v = 0;
		else
			v = isnan(v) || isnan(w) ? (double)NAN : 1.0;
	}
	return v;
}

static double either(struct reader *r)
{
	double v = both(r);

	while (take(r, "||")) {
		double w = both(r);
		if (truth(v) || truth(w))
			v = 1;
		else
			v = isnan(v) || isnan(w) ? (double)NAN : 0.0;
	}
	return v;
}

int pt_expr_eval(const char *text, pt_expr_fn *lookup, void *ctx, double *out, struct pt_err *err)
{
	struct reader r = { .text = text, .at = text, .lookup = lookup, .ctx = ctx, .err = err };
	double v = either(&r);

	while (isspace((unsigned char)*r.at))
		r.at++;
	if (!r.code && *r.at)
		(void)fail(&r, "nothing more is expected");
	if (r.code)
		return r.code;
	*out = v;
	return 0;
}

int pt_expr_holds(const char *text, pt_expr_fn *lookup, void *ctx, bool *out, struct pt_err *err)
{
	double v;
	int rc = pt_expr_eval(text, lookup, ctx, &v, err);

	if (rc == 0)
		*out = truth(v);
	return rc;
}
