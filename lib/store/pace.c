// SPDX-License-Identifier: MIT
#include "store/pace.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "store/sql.h"

#define STUCK_MAX   20 // then it takes as long as it takes
#define REST_MIN_US 1000
#define REST_MAX_US 50000

int pt_pace_begin(
	const struct pt_pace *pace, struct pt_sql *db, int64_t hold_us, struct pt_err *err)
{
	return pt_sql_begin_short(db, pace->stuck < STUCK_MAX ? hold_us : INT64_MAX, err);
}

int pt_pace_end(struct pt_pace *pace, struct pt_sql *db, int64_t hold_us, int code, bool *again,
	struct pt_err *err)
{
	code = pt_sql_end(db, code, err);
	int64_t took = pt_sql_held_us(db);

	*again = code == -EINTR;
	pace->stuck = *again && pace->n == pace->min ? pace->stuck + 1 : 0;
	if (took > pace->longest_us)
		pace->longest_us = took;
	if (*again || took > hold_us / 2)
		pace->n = pace->n / 2 < pace->min ? pace->min : pace->n / 2;
	else if (took < hold_us / 5)
		pace->n = pace->n * 2 > pace->max ? pace->max : pace->n * 2;
	return *again ? 0 : code;
}

void pt_pace_rest(const struct pt_sql *db)
{
	int64_t us = pt_sql_held_us(db);

	us = us < REST_MIN_US ? REST_MIN_US : us > REST_MAX_US ? REST_MAX_US : us;
	const struct timespec t = { .tv_nsec = us * PT_NS_PER_US };
	(void)nanosleep(&t, NULL); // an early end is a short rest
}
