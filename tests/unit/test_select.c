// SPDX-License-Identifier: MIT
// The engine on a small network: streams of records in, decisions out.
#include "select_rig.h"

struct quality {
	const char *path;
	int64_t lost; // of 100
	int64_t rtt_us;
};

static void health(struct rig *r, int64_t at_ns, struct quality q)
{
	struct pt_health h = { .path = q.path,
		.window_ms = 1000,
		.sent = 100,
		.received = 100 - q.lost,
		.loss_ppm = q.lost * 10000,
		.jitter_us = 500 };

	h.rtt_us.p95 = q.lost == 100 ? PT_NULL : q.rtt_us;
	pt_select_health(r->select, at_ns, (int64_t)r->seq++, &h);
}

static void state(struct rig *r, int64_t at_ns, const char *path, enum pt_path_status to)
{
	struct pt_transition t = { .path = path, .to = to, .cause = "timeout" };

	pt_select_transition(r->select, at_ns, (int64_t)r->seq++, &t);
}

#define FIBRE                        \
	{                            \
		"hq-fibre", 0, 10000 \
	}
#define LTE                        \
	{                          \
		"hq-lte", 0, 25000 \
	}
#define SAT                        \
	{                          \
		"hq-sat", 0, 28000 \
	}

// One round of all three a second, from..to seconds.
static void rounds(struct rig *r, int64_t from, int64_t to, struct quality a, struct quality b,
	struct quality c)
{
	for (int64_t t = from; t < to; t++) {
		health(r, t * S, a);
		health(r, t * S + 1 * MS, b);
		health(r, t * S + 2 * MS, c);
	}
	pt_select_advance(r->select, to * S - 1);
}

#define GOOD (struct quality) FIBRE, (struct quality)LTE, (struct quality)SAT
#define FIBRE_LOSSY \
	(struct quality){ "hq-fibre", 3, 10000 }, (struct quality)LTE, (struct quality)SAT

static void first_decision(void)
{
	struct rig r;

	if (!setup(&r, VOICE))
		return;
	health(&r, 100 * S, (struct quality)FIBRE);
	pt_select_advance(r.select, 101 * S);
	T_EQ(r.decisions, 0); // two are not known yet: it waits
	health(&r, 101 * S, (struct quality)LTE);
	health(&r, 101 * S, (struct quality)SAT);
	T_EQ(pt_select_due(r.select), 101 * S + 100 * MS);
	pt_select_advance(r.select, 101 * S + 100 * MS);
	T_EQ(r.decisions, 1);
	T_STR(pt_buf_str(&r.log),
		"101100 branch/voice: hq-fibre hq-lte hq-sat: first decision; hq-fibre is in SLA "
		"(rtt p95 10 ms of 30 ms)\n"
		"  hq-lte: in SLA (rtt p95 25 ms of 30 ms); the policy's order has it after "
		"hq-fibre\n"
		"  hq-sat: in SLA (rtt p95 28 ms of 30 ms); the policy's order has it after "
		"hq-fibre\n");
	teardown(&r);
}

static void no_data(void)
{
	struct rig r;

	if (!setup(&r, VOICE))
		return;
	pt_select_advance(r.select, 100 * S);
	T_EQ(r.decisions, 0);
	pt_select_advance(r.select, 103 * S + 100 * MS);
	T_EQ(r.decisions, 1);
	T_HAS(pt_buf_str(&r.log), "no data yet: configured order");
	teardown(&r);
	if (!setup(&r, VOICE))
		return;
	pt_select_finish(r.select, true);
	T_EQ(r.decisions, 1);
	T_HAS(pt_buf_str(&r.log), "no data yet: configured order");
	teardown(&r);
}

static void fails_over_and_back(void)
{
	struct rig r;

	if (!setup(&r, VOICE))
		return;
	rounds(&r, 100, 110, GOOD);
	T_STR(r.first, "hq-fibre");
	pt_buf_clear(&r.log);
	rounds(&r, 110, 120, FIBRE_LOSSY);
	T_EQ(r.decisions, 2);
	// 3 of 100 lost in one of three rounds is at 10000 ppm, in two of three over it
	T_HAS(pt_buf_str(&r.log),
		"111100 branch/voice: hq-lte hq-sat hq-fibre: hq-fibre: loss 20000 ppm over 10000 "
		"ppm for 3 s; hq-lte is in SLA (rtt p95 25 ms of 30 ms)\n");
	pt_buf_clear(&r.log);
	rounds(&r, 120, 170, GOOD);
	// long window inside from 126 on (3 bad rounds of 10), cooldown of 20 s from there
	T_HAS(pt_buf_str(&r.log), "126100 branch/voice: hq-lte hq-fibre hq-sat: hq-lte is in SLA");
	T_HAS(pt_buf_str(&r.log),
		"146100 branch/voice: hq-fibre hq-lte hq-sat: hq-fibre is in SLA (rtt p95 10 ms of "
		"30 ms) again for 20 s and stands before hq-lte in the policy's order\n");
	T_EQ(r.decisions, 4);
	teardown(&r);
}

static void missing_data(void)
{
	struct rig r;

	if (!setup(&r, VOICE))
		return;
	rounds(&r, 100, 110, GOOD);
	T_EQ(r.decisions, 1);
	for (int64_t t = 110; t < 200; t++) { // fibre falls silent, the others go on
		health(&r, t * S, (struct quality)LTE);
		health(&r, t * S, (struct quality)SAT);
	}
	T_EQ(r.decisions, 1);
	T_STR(pt_buf_str(&r.notes), "hq-fibre: no fresh health records: it keeps its place\n");
	pt_select_advance(r.select, 1000 * S); // and then all
	T_EQ(r.decisions, 1);
	T_HAS(pt_buf_str(&r.notes), "more paths to branch");
	T_EQ(pt_select_due(r.select), INT64_MAX);
	teardown(&r);
}

static void incumbent_out_rest_silent(void)
{
	struct rig r;

	if (!setup(&r, VOICE))
		return;
	rounds(&r, 100, 110, GOOD);
	for (int64_t t = 110; t < 150; t++) // the others' data ends before fibre turns bad
		health(&r, t * S, (struct quality){ "hq-fibre", t < 130 ? 0 : 50, 10000 });
	pt_select_advance(r.select, 160 * S);
	T_EQ(r.decisions, 1); // nothing known to be better
	T_STR(r.first, "hq-fibre");
	teardown(&r);
}

static void down_and_up(void)
{
	struct rig r;

	if (!setup(&r, VOICE))
		return;
	rounds(&r, 100, 110, GOOD);
	state(&r, 110 * S, "hq-fibre", PT_STATUS_DOWN);
	pt_select_advance(r.select, 110 * S + 100 * MS);
	T_HAS(pt_buf_str(&r.log),
		"110100 branch/voice: hq-lte hq-sat hq-fibre: hq-fibre is down "
		"(timeout); hq-lte is in SLA");
	rounds(&r, 111, 115, GOOD);
	T_STR(r.first, "hq-lte"); // healthy records do not override the kernel
	state(&r, 115 * S, "hq-fibre", PT_STATUS_UP);
	rounds(&r, 115, 135, GOOD);
	T_STR(r.first, "hq-lte");
	rounds(&r, 135, 136, GOOD);
	T_STR(r.first, "hq-fibre"); // after the cooldown
	state(&r, 140 * S, "hq-fibre", PT_STATUS_UP);
	state(&r, 139 * S, "hq-fibre", PT_STATUS_DOWN); // overtaken on the way
	pt_select_advance(r.select, 141 * S);
	T_STR(r.first, "hq-fibre");
	teardown(&r);
}

static void all_down(void)
{
	struct rig r;
	unsigned before;

	if (!setup(&r, VOICE))
		return;
	rounds(&r, 100, 110, GOOD);
	state(&r, 110 * S, "hq-fibre", PT_STATUS_DOWN);
	state(&r, 110 * S, "hq-lte", PT_STATUS_DOWN);
	state(&r, 110 * S, "hq-sat", PT_STATUS_DOWN);
	before = r.decisions;
	pt_select_advance(r.select, 200 * S);
	T_EQ(r.decisions, before); // the order stays: the last resort
	state(&r, 200 * S, "hq-sat", PT_STATUS_UP);
	pt_select_advance(r.select, 201 * S);
	T_STR(r.first, "hq-sat");
	teardown(&r);
}

static void none_inside(void)
{
	struct rig r;
	const struct quality bad[3] = { { "hq-fibre", 50, 10000 }, { "hq-lte", 40, 25000 },
		{ "hq-sat", 2, 28000 } };

	if (!setup(&r, VOICE))
		return;
	rounds(&r, 100, 110, bad[0], bad[1], bad[2]);
	T_STR(r.first, "hq-sat");
	T_OK(!r.drop);
	teardown(&r);
	if (!setup(&r, "policies:\n  - {id: strict, none_inside: drop, sla: {loss_ppm: 1000}}\n"))
		return;
	rounds(&r, 100, 110, bad[0], bad[1], bad[2]);
	T_OK(r.drop);
	T_HAS(pt_buf_str(&r.log), "no path is inside the SLA and the policy says drop");
	rounds(&r, 110, 125, bad[0], bad[1], (struct quality)SAT);
	T_OK(!r.drop);
	T_STR(r.first, "hq-sat");
	teardown(&r);
	if (!setup(&r, "policies:\n  - {id: strict, none_inside: drop, sla: {loss_ppm: 1000}}\n"))
		return;
	rounds(&r, 100, 110, bad[0], bad[1], bad[1]); // of sat nothing is known: no reason to drop
	T_EQ(r.decisions, 1);
	T_OK(!r.drop);
	teardown(&r);
	if (!setup(&r,
		    "policies:\n  - {id: p, none_inside: backup, prefer: [fibre, lte, far], sla: "
		    "{loss_ppm: 1000}}\n"))
		return;
	rounds(&r, 100, 110, bad[0], bad[1], bad[2]);
	T_STR(r.first, "hq-lte"); // the last one of the list
	teardown(&r);
}

static void flapping(void)
{
	struct rig r;
	unsigned switches = 0;
	char before[64] = "";

	if (!setup(&r, VOICE))
		return;
	for (int64_t t = 100; t < 700; t++) {
		struct quality fibre = { "hq-fibre", t % 30 < 5 && t > 120 ? 30 : 0, 10000 };

		rounds(&r, t, t + 1, fibre, (struct quality)LTE, (struct quality)SAT);
		switches += before[0] && strcmp(before, r.first) != 0;
		memcpy(before, r.first, sizeof(before));
	}
	// Bad for 5 s of each 30: inside on the long window after 14 s, and the cooldown is 20 s.
	T_EQ(switches, 1);
	T_STR(r.first, "hq-lte");
	teardown(&r);
}

// A seeded stream of good and bad rounds with state changes, in any order within a step.
static void stream(struct rig *r, unsigned order, unsigned seed)
{
	static const char *const paths[] = { "hq-fibre", "hq-lte", "hq-sat" };
	struct quality q[3];
	uint64_t x = seed;

	for (int64_t t = 100; t < 400; t++) {
		int64_t down = -1;

		for (unsigned i = 0; i < 3; i++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			q[i] = (struct quality){ paths[i], (x >> 33) % 29 == 0 ? 9 : 0,
				(int64_t)(5000 + (x >> 40) % 26000) };
			if ((x >> 20) % 97 == 0)
				down = i;
		}
		for (unsigned k = 0; k < 3; k++) {
			unsigned i = (k + order) % 3;

			r->seq = (uint64_t)(t * 8 + i);
			health(r, t * S + i * 7 * MS, q[i]);
		}
		if (down >= 0) {
			r->seq = (uint64_t)(t * 8 + 5);
			state(r, t * S + 50 * MS, paths[down],
				t % 2 ? PT_STATUS_DOWN : PT_STATUS_UP);
		}
	}
	pt_select_finish(r->select, false);
}

static void any_order(void)
{
	static const char policies[] =
		"policies:\n"
		"  - {id: voice, sla: {loss_ppm: 10000, rtt_ms: 30}, cooldown_secs: 20}\n"
		"  - {id: bulk, strategy: best, sla: {loss_ppm: 20000}, cooldown_secs: 5}\n"
		"  - {id: cheap, strategy: cheapest, sla: {rtt_ms: 25}, cooldown_secs: 0}\n";
	struct rig first, other;

	for (unsigned seed = 1; seed <= 20; seed++) {
		if (!setup(&first, policies))
			return;
		stream(&first, 0, seed);
		T_OK(first.decisions > 5);
		for (unsigned order = 0; order < 3; order++) {
			if (!setup(&other, policies))
				return;
			stream(&other, order, seed);
			if (strcmp(pt_buf_str(&first.log), pt_buf_str(&other.log)) != 0)
				T_FAIL("seed %u, order %u: other decisions", seed, order);
			teardown(&other);
		}
		teardown(&first);
	}
}

static void reload(void)
{
	struct rig r;
	struct pt_select *old;

	if (!setup(&r, VOICE))
		return;
	rounds(&r, 100, 110, GOOD);
	rounds(&r, 110, 115, FIBRE_LOSSY);
	T_STR(r.first, "hq-lte");
	pt_buf_clear(&r.log);
	old = r.select;
	T_NEED(open_with(&r, VOICE, &r.select) == 0); // the same again: nothing to say
	pt_select_adopt(r.select, old);
	pt_select_free(old);
	rounds(&r, 115, 116, FIBRE_LOSSY);
	T_STR(pt_buf_str(&r.log), "");
	old = r.select;
	T_NEED(open_with(&r,
		       VOICE "  - {id: bulk, priority: 200, strategy: best, sla: {loss_ppm: "
			     "50000}}\n",
		       &r.select) == 0);
	pt_select_adopt(r.select, old);
	pt_select_free(old);
	rounds(&r, 116, 117, FIBRE_LOSSY);
	T_HAS(pt_buf_str(&r.log),
		"branch/voice: hq-lte hq-sat hq-fibre: configuration changed; "
		"hq-lte is in SLA (rtt p95 25 ms of 30 ms) and stays first\n");
	T_HAS(pt_buf_str(&r.log), "branch/bulk: hq-lte hq-sat hq-fibre: first decision;");
	teardown(&r);
}

static void restore(void)
{
	static const char *const now[] = { "hq-sat", "gone", "hq-fibre", "hq-lte" };
	static const char *const before[] = { "hq-fibre", "hq-lte", "hq-sat" };
	const struct pt_decision d = { .site = "branch",
		.policy = "voice",
		.paths = now,
		.n_paths = 4,
		.previous = before,
		.n_previous = 3 };
	struct rig r;

	if (!setup(&r, VOICE))
		return;
	pt_select_mute(r.select, true);
	pt_select_restore(r.select, 95 * S, &d);
	health(&r, 99 * S, (struct quality)FIBRE); // history: taken in, not judged
	T_EQ(pt_select_due(r.select), INT64_MAX);
	pt_select_mute(r.select, false);
	rounds(&r, 100, 110, GOOD);
	T_EQ(r.decisions, 0); // a restart moves nothing
	rounds(&r, 110, 130, GOOD);
	T_EQ(r.decisions, 1); // and fails back as if there had been none
	T_STR(r.first, "hq-fibre");
	teardown(&r);
}

// hq-fibre rests; what the kernel says of it changes nothing, and it comes back by the file alone.
static void maintenance(void)
{
	static const char resting[] = "policies:\n  - {id: voice, prefer: [fibre], cooldown_secs: "
				      "0, sla: {loss_ppm: 0}}\n";
	struct rig r;
	struct pt_select *old;

	r = (struct rig){ .maintenance = true };
	T_NEED(open_with(&r, resting, &r.select) == 0);
	rounds(&r, 100, 102, GOOD);
	T_STR(r.first, "hq-lte");
	T_HAS(pt_buf_str(&r.log), "hq-fibre: in maintenance");
	state(&r, 102 * S, "hq-fibre", PT_STATUS_UP);
	rounds(&r, 103, 110, GOOD);
	T_STR(r.first, "hq-lte");
	old = r.select;
	r.maintenance = false;
	T_NEED(open_with(&r, resting, &r.select) == 0);
	pt_select_adopt(r.select, old);
	pt_select_free(old);
	rounds(&r, 110, 113, GOOD);
	T_STR(r.first, "hq-fibre");
	rounds(&r, 113, 115, (struct quality){ "hq-fibre", 1, 10000 }, (struct quality)LTE,
		(struct quality)SAT);
	T_STR(r.first, "hq-lte"); // two lost are more than none
	T_HAS(pt_buf_str(&r.log), "hq-fibre: loss 6667 ppm over 0 ppm for 3 s");
	teardown(&r);
}

// Whoever leaves the SLA takes no flows until it has been inside for the cooldown; a path that is
// down keeps its share, for the kernel passes it over by itself.
static void weighted(void)
{
	static const char policy[] = "policies:\n  - {id: voice, strategy: weighted, prefer: "
				     "[fibre, lte], weights: [60, 40], sla: {loss_ppm: 10000, "
				     "rtt_ms: 30}, cooldown_secs: 20}\n";
	struct rig r;
	struct pt_decision d = { .site = "branch", .policy = "voice" };
	static const char *const order[] = { "hq-fibre", "hq-lte", "hq-sat" };
	static const int64_t shares[] = { 60, 0, 1 };

	if (!setup(&r, policy))
		return;
	rounds(&r, 100, 110, GOOD);
	T_STR(r.first, "hq-fibre");
	T_STR(r.weights, "60,40,1"); // the last by its uplink's own weight
	rounds(&r, 110, 114, (struct quality)FIBRE, (struct quality){ "hq-lte", 0, 90000 },
		(struct quality)SAT);
	T_STR(r.weights, "60,1,0"); // who is out goes last, too
	T_HAS(pt_buf_str(&r.log), "hq-lte: rtt p95");
	state(&r, 114 * S, "hq-fibre", PT_STATUS_DOWN);
	rounds(&r, 115, 117, GOOD);
	T_HAS(r.weights, "60");
	state(&r, 117 * S, "hq-fibre", PT_STATUS_UP);
	rounds(&r, 118, 125, GOOD);
	T_HAS(r.weights, ",0"); // inside again, but not for long
	rounds(&r, 125, 150, GOOD);
	T_HAS(r.weights, "40");
	T_OK(!strstr(r.weights, ",0"));
	T_HAS(pt_buf_str(&r.log), "takes its share of flows again");
	teardown(&r);
	// A restart knows who took no part.
	T_NEED(setup(&r, policy));
	d.paths = d.previous = order;
	d.weights = shares;
	d.n_paths = d.n_previous = d.n_weights = 3;
	pt_select_restore(r.select, 99 * S, &d);
	rounds(&r, 100, 110, GOOD);
	T_EQ(r.decisions, 0);
	rounds(&r, 110, 125, GOOD);
	T_STR(r.weights, "60,40,1");
	teardown(&r);
}

T_MAIN({ "first decision when all is known", first_decision },
	{ "configured order when nothing is", no_data },
	{ "fails over on the short window, back on the long", fails_over_and_back },
	{ "missing data moves nothing", missing_data },
	{ "out, but nothing known to be better", incumbent_out_rest_silent },
	{ "down goes last and comes back after the cooldown", down_and_up },
	{ "all down keeps the order", all_down },
	{ "none inside: best of worst, drop, backup", none_inside },
	{ "a flapping path switches once", flapping },
	{ "arrival order does not matter", any_order },
	{ "a reload keeps what was decided", reload },
	{ "a restart keeps what was decided", restore },
	{ "maintenance is the file's word", maintenance },
	{ "weighted: shares go and come back", weighted })
