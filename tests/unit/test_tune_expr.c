// SPDX-License-Identifier: MIT
// The arithmetic of rules and profiles; what is not known decides nothing.
#include <errno.h>
#include <math.h>

#include "base/cleanup.h"
#include "test.h"
#include "tune/expr.h"

static bool lookup(void *ctx, const char *name, double *out)
{
	(void)ctx;
	if (strcmp(name, "ram") == 0)
		*out = 8e9;
	else if (strcmp(name, "cur") == 0)
		*out = 4096;
	else if (strcmp(name, "unknown_now") == 0)
		*out = NAN;
	else
		return false;
	return true;
}

static const struct {
	const char *text;
	double want;
} good[] = {
	{ "1 + 2 * 3", 7 },
	{ "(1 + 2) * 3", 9 },
	{ "0.95 * 1000", 950 },
	{ "10 - 4 - 3", 3 },
	{ "7 % 4", 3 },
	{ "-cur", -4096 },
	{ "min(1048576, ram / 4096)", 1048576 },
	{ "max(1, cur, 2)", 4096 },
	{ "clamp(2 * cur, cur, ram)", 8192 },
	{ "clamp(1, cur, ram)", 4096 },
	{ "clamp(1, cur, 100)", 100 },
	{ "round(2.5) + floor(2.9) + ceil(2.1)", 8 },
	{ "cur == 4096 && !(ram < 1)", 1 },
	{ "cur != 4096 || ram >= 8000000000", 1 },
	{ "1 <= 2 && 2 > 3", 0 },
};

static void values(void)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(good); i++) {
		struct pt_err err = { 0 };
		double v = NAN;
		if (pt_expr_eval(good[i].text, lookup, NULL, &v, &err) < 0 || v != good[i].want)
			T_FAIL("%s is %g, want %g %s", good[i].text, v, good[i].want, err.msg);
	}
}

static void unknown_is_not_true(void)
{
	static const char *const text[] = { "unknown_now", "unknown_now > 1", "unknown_now <= 1",
		"!unknown_now", "min(unknown_now, 3) == 3", "cur > 1 && unknown_now == 0" };
	bool holds = true;

	for (size_t i = 0; i < PT_ARRAY_LEN(text); i++) {
		T_EQ(pt_expr_holds(text[i], lookup, NULL, &holds, NULL), 0);
		if (holds)
			T_FAIL("%s holds", text[i]);
		holds = true;
	}
	T_EQ(pt_expr_holds("unknown_now == 0 || cur > 1", lookup, NULL, &holds, NULL), 0);
	T_OK(holds);
}

static void mistakes(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "rma / 2", "unknown name at 'rma / 2'" },
		{ "1 +", "a number or a name is missing" },
		{ "(1", "a ) is missing" },
		{ "1 2", "nothing more is expected" },
		{ "sqrt(4)", "unknown function" },
		{ "clamp(1)", "wrong number of arguments" },
		{ "", "a number or a name is missing" },
	};
	char deep[200];

	for (size_t i = 0; i < PT_ARRAY_LEN(bad); i++) {
		struct pt_err err = { 0 };
		double v;
		T_EQ(pt_expr_eval(bad[i].text, lookup, NULL, &v, &err), -EINVAL);
		T_HAS(err.msg, bad[i].why);
	}
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	struct pt_err err = { 0 };
	double v;
	T_EQ(pt_expr_eval(deep, lookup, NULL, &v, &err), -EINVAL);
	T_HAS(err.msg, "too deep");
}

T_MAIN({ "values", values }, { "what is not known is not true", unknown_is_not_true },
	{ "mistakes are told", mistakes })
