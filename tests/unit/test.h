// SPDX-License-Identifier: MIT
// The smallest TAP producer that serves: a test is a function, a failed check names its line and
// values and fails that test alone.
#pragma once
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct t_case {
	const char *name;
	void (*fn)(void);
};

static bool t_failed;
static const char *t_skipped;

#define T_SKIP(why)                \
	do {                       \
		t_skipped = (why); \
		return;            \
	} while (0)

#define T_FAIL(...)                                      \
	do {                                             \
		t_failed = true;                         \
		printf("# %s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__);                     \
		printf("\n");                            \
	} while (0)

#define T_OK(cond)                                     \
	do {                                           \
		if (!(cond))                           \
			T_FAIL("not true: %s", #cond); \
	} while (0)

// As T_OK, and leaves the test: for what the rest stands on.
#define T_NEED(cond)                                   \
	do {                                           \
		if (!(cond)) {                         \
			T_FAIL("not true: %s", #cond); \
			return;                        \
		}                                      \
	} while (0)

#define T_EQ(got, want)                                                                \
	do {                                                                           \
		int64_t got_ = (int64_t)(got), want_ = (int64_t)(want);                \
		if (got_ != want_)                                                     \
			T_FAIL("%s is %" PRId64 ", want %" PRId64, #got, got_, want_); \
	} while (0)

#define T_STR(got, want)                                                                          \
	do {                                                                                      \
		const char *got_ = (got), *want_ = (want);                                        \
		if (!got_ || strcmp(got_, want_) != 0)                                            \
			T_FAIL("%s is \"%s\", want \"%s\"", #got, got_ ? got_ : "(null)", want_); \
	} while (0)

// got contains want
#define T_HAS(got, want)                                                                        \
	do {                                                                                    \
		const char *got_ = (got), *want_ = (want);                                      \
		if (!got_ || !strstr(got_, want_))                                              \
			T_FAIL("%s is \"%s\", want \"%s\" in it", #got, got_ ? got_ : "(null)", \
				want_);                                                         \
	} while (0)

static int t_run(const struct t_case *cases, size_t n)
{
	int bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		t_failed = false;
		t_skipped = NULL;
		cases[i].fn();
		printf("%sok %zu - %s%s%s\n", t_failed ? "not " : "", i + 1, cases[i].name,
			t_skipped ? " # SKIP " : "", t_skipped ? t_skipped : "");
		bad += t_failed;
	}
	return bad ? 1 : 0;
}

#define T_MAIN(...)                                                    \
	int main(void)                                                 \
	{                                                              \
		static const struct t_case cases[] = { __VA_ARGS__ };  \
		return t_run(cases, sizeof(cases) / sizeof(cases[0])); \
	}
