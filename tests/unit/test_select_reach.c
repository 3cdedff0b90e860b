// SPDX-License-Identifier: MIT
// Targets of a path: too few answers put it out of every SLA, however good its figures are; one
// that flaps does not.
#include "select_rig.h"

static void health(struct rig *r, int64_t at_ns, const char *path)
{
	struct pt_health h = { .path = path,
		.window_ms = 1000,
		.sent = 100,
		.received = 100,
		.jitter_us = 500,
		.rtt_us.p95 = 10000 };

	pt_select_health(r->select, at_ns, (int64_t)r->seq++, &h);
}

// A second of all paths, all good; hq-fibre has so many answers of the 2 that it needs (< 0: no
// record).
static void second(struct rig *r, int64_t t, int64_t answering)
{
	struct pt_reach reach = {
		.path = "hq-fibre", .window_ms = 1000, .quorum = 2, .answering = answering
	};

	health(r, t * S, "hq-fibre");
	health(r, t * S + 1 * MS, "hq-lte");
	health(r, t * S + 2 * MS, "hq-sat");
	if (answering >= 0)
		pt_select_reach(r->select, t * S + 3 * MS, (int64_t)r->seq++, &reach);
	pt_select_advance(r->select, (t + 1) * S - 1);
}

static void seconds(struct rig *r, int64_t from, int64_t to, int64_t answering)
{
	for (int64_t t = from; t < to; t++)
		second(r, t, answering);
}

static void quorum_is_lost_and_found(void)
{
	struct rig r;

	if (!setup(&r, VOICE))
		return;
	seconds(&r, 100, 110, 2);
	T_STR(r.first, "hq-fibre");
	second(&r, 110, 1);
	T_STR(r.first, "hq-fibre"); // one round of three
	second(&r, 111, 1);
	T_STR(r.first, "hq-lte");
	T_HAS(r.log.data, "hq-fibre: 1 target answers, 2 are needed, for 3 s");
	seconds(&r, 112, 122, 0);
	T_STR(r.first, "hq-lte");
	// The long window has to be mostly good again, and then the cooldown runs.
	seconds(&r, 122, 127, 3);
	T_STR(r.first, "hq-lte");
	seconds(&r, 127, 160, 3);
	T_STR(r.first, "hq-fibre");
	teardown(&r);
}

static void flapping_is_no_loss(void)
{
	struct rig r;

	if (!setup(&r, VOICE))
		return;
	seconds(&r, 100, 110, 3);
	for (int64_t t = 110; t < 140; t++)
		second(&r, t, t % 3 ? 2 : 1);
	T_STR(r.first, "hq-fibre");
	T_EQ(r.decisions, 1);
	teardown(&r);
}

static void silence_says_nothing(void)
{
	struct rig r;

	if (!setup(&r, VOICE))
		return;
	seconds(&r, 100, 105, 0);
	T_STR(r.first, "hq-lte");
	// No more records of targets: after stale_secs their last word is void.
	seconds(&r, 105, 140, -1);
	T_STR(r.first, "hq-fibre");
	teardown(&r);
}

static void strangers_are_passed_over(void)
{
	struct rig r;

	if (!setup(&r, VOICE))
		return;
	seconds(&r, 100, 110, 2);
	for (int64_t t = 110; t < 120; t++) {
		struct pt_reach reach = { .path = t % 2 ? "hq-lte" : "nobody", .quorum = 1 };
		pt_select_reach(r.select, t * S, (int64_t)r.seq++, &reach);
		second(&r, t, 2);
	}
	T_STR(r.first, "hq-fibre");
	T_EQ(r.decisions, 1);
	teardown(&r);
}

T_MAIN({ "too few answers: out; and in again when it lasts", quorum_is_lost_and_found },
	{ "a target that flaps moves nothing", flapping_is_no_loss },
	{ "old word of targets is void", silence_says_nothing },
	{ "paths without targets, paths of others", strangers_are_passed_over })
