// SPDX-License-Identifier: MIT
// Rollups say what one long measurement would have said, each raw row once; retention keeps what it
// must.
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hist.h"
#include "store/merge.h"
#include "store/upkeep.h"
#include "store_fixture.h"

static struct pt_sql *db;
static struct pt_err err;

static void begin(void)
{
	err = (struct pt_err){ 0 };
	db = fixture_db();
	fixture_config.metrics.aggregation_enabled = true;
	fixture_config.metrics.retention_seconds = 7776000;
}

// One check of ten probes whose round trips are `rtts`.
static void add(const char *path, int64_t timestamp, const uint64_t *rtts, size_t n, int64_t sent)
{
	struct pt_hist h = { 0 };
	uint64_t min = UINT64_MAX, max = 0;

	for (size_t i = 0; i < n; i++) {
		pt_hist_add(&h, rtts[i]);
		min = rtts[i] < min ? rtts[i] : min;
		max = rtts[i] > max ? rtts[i] : max;
	}
	pt_autojson json_t *list = pt_hist_to_json(&h);
	pt_autofree char *hist = json_dumps(list, JSON_COMPACT);
	T_EQ(pt_sql_execf(db, &err,
		     "INSERT INTO sdwan_path_health (timestamp, ts_us, path_id, target, family, "
		     "probe, window_ms, sent, received, loss_ppm, rtt_us_min, rtt_us_max, "
		     "rtt_us_mean, rtt_hist) VALUES (%lld, %lld, '%s', '192.0.2.1', 'ipv4', "
		     "'stamp', 1000, %d, %d, %d, %d, %d, %d, '%s')",
		     (long long)timestamp, (long long)timestamp * 1000000, path, (int)sent, (int)n,
		     (int)((sent - (int64_t)n) * 1000000 / sent), (int)min, (int)max,
		     (int)(h.sum_us / h.count), hist),
		0);
}

static void roll_up(void)
{
	struct pt_rollup *r = NULL;
	bool more = true;

	T_EQ(pt_rollup_new(db, 20000, &r, &err), 0);
	while (more)
		T_NEED(pt_rollup_step(r, &more, &err) == 0);
	pt_rollup_free(r);
}

static void percentiles_stay_right(void)
{
	enum { CHECKS = 3000, PROBES = 10 };
	struct pt_hist all = { 0 };
	uint64_t state = 88172645463325252u;
	char text[64];

	begin();
	for (int c = 0; c < CHECKS; c++) {
		uint64_t rtts[PROBES];
		for (int i = 0; i < PROBES; i++) {
			state ^= state << 13, state ^= state >> 7, state ^= state << 17;
			// One in a hundred is far out: a mean of percentiles would hide it.
			rtts[i] = state % 100 == 0 ? 90000 : 1000 + state % 500;
			pt_hist_add(&all, rtts[i]);
		}
		add("p", 3600 + c, rtts, PROBES, PROBES);
		if (c % 700 == 0)
			roll_up(); // a bit at a time
	}
	roll_up();
	T_SQL(db, "SELECT count(*) FROM path_health_rollups WHERE period_secs = 60", CHECKS / 60);
	T_SQL(db, "SELECT count(*) FROM path_health_rollups WHERE period_secs = 300", CHECKS / 300);
	T_SQL(db, "SELECT count(*) FROM path_health_rollups WHERE period_secs = 3600", 1);
	for (int i = 0; i < PT_ROLLUP_LEVELS; i++) {
		(void)snprintf(text, sizeof(text),
			"SELECT sum(n) FROM path_health_rollups WHERE period_secs=%d",
			(int)pt_rollup_periods[i]);
		T_SQL(db, text, CHECKS);
	}
#define HOUR(column) "SELECT " column " FROM path_health_rollups WHERE period_secs = 3600"
	T_SQL(db, HOUR("sent"), CHECKS * PROBES);
	T_SQL(db, HOUR("window_ms"), CHECKS * 1000);
	T_SQL(db, HOUR("rtt_us_p50"), pt_hist_quantile(&all, 500000));
	T_SQL(db, HOUR("rtt_us_p95"), pt_hist_quantile(&all, 950000));
	T_SQL(db, HOUR("rtt_us_p99"), pt_hist_quantile(&all, 990000));
	T_SQL(db, HOUR("rtt_us_max"), 90000);
	T_OK(llabs(fixture_number(db, HOUR("rtt_us_mean")) - (int64_t)(all.sum_us / all.count)) <=
		3);
	// The histogram itself is the sum.
	struct pt_hist got;
	char hist[8192];
	T_EQ(pt_sql_text(db, HOUR("rtt_hist"), hist, sizeof(hist), &err), 0);
	pt_merge_hist_read(hist, strlen(hist), &got);
	T_OK(memcmp(got.bucket, all.bucket, sizeof(all.bucket)) == 0);
	pt_sql_free(db);
}

static void loss_is_weighted(void)
{
	static const uint64_t rtts[90] = { 1 };

	begin();
	add("p", 60, rtts, 90, 100); // 10% of 100
	add("p", 61, rtts, 5, 10);   // 50% of 10
	roll_up();
	// 15 of 110 lost, not the 30% between them.
	T_SQL(db, "SELECT loss_ppm FROM path_health_rollups WHERE period_secs = 60", 136364);
	pt_sql_free(db);
}

static void each_row_once_however_late(void)
{
	static const uint64_t rtts[] = { 100 };

	begin();
	add("p", 7200, rtts, 1, 1);
	roll_up();
	roll_up();
	add("p", 3600, rtts, 1, 1); // late, by an hour
	add("p", 7201, rtts, 1, 1); // into a minute that is there
	add("p", -61, rtts, 1, 1);  // of a host without a clock
	roll_up();
	T_SQL(db, "SELECT sum(n) FROM path_health_rollups WHERE period_secs = 60", 4);
	T_SQL(db, "SELECT n FROM path_health_rollups WHERE period_secs=60 AND timestamp=7200", 2);
	T_SQL(db, "SELECT n FROM path_health_rollups WHERE period_secs=3600 AND timestamp=3600", 1);
	T_SQL(db, "SELECT n FROM path_health_rollups WHERE period_secs=60 AND timestamp=-120", 1);
	T_SQL(db, "SELECT last_id FROM rollup_marks WHERE source = 'sdwan_path_health'", 4);
	pt_sql_free(db);
}

static void two_at_once_take_no_row_twice(void)
{
	static const uint64_t rtts[] = { 100 };
	struct pt_sql *other = NULL;
	struct pt_rollup *a = NULL, *b = NULL;
	bool more;

	begin();
	for (int i = 0; i < 500; i++)
		add("p", i, rtts, 1, 1);
	T_EQ(pt_store_open(fixture_path, PT_SQL_WRITE, &fixture_config, &other, &err), 0);
	T_EQ(pt_rollup_new(db, 20000, &a, &err), 0);
	T_EQ(pt_rollup_new(other, 20000, &b, &err), 0);
	for (int i = 0; i < 50; i++) {
		T_EQ(pt_rollup_step(a, &more, &err), 0);
		T_EQ(pt_rollup_step(b, &more, &err), 0);
	}
	T_SQL(db, "SELECT sum(n) FROM path_health_rollups WHERE period_secs = 60", 500);
	pt_rollup_free(a);
	pt_rollup_free(b);
	pt_sql_free(other);
	pt_sql_free(db);
}

static void hostile_histograms(void)
{
	static const char *const texts[] = { "", "[", "[[", "[[1", "[[1,", "[[1,2]", "[[-1,2]]",
		"[[1,99999999999999999999]]", "[[4000000000,1]]", "[[1,2],]", "nonsense",
		"[[1,2],[3" };

	begin();
	for (size_t i = 0; i < PT_ARRAY_LEN(texts); i++) {
		struct pt_hist h;
		pt_merge_hist_read(texts[i], strlen(texts[i]), &h);
		T_OK(h.count <= 2);
		T_EQ(pt_sql_execf(db, &err,
			     "INSERT INTO sdwan_path_health (timestamp, ts_us, path_id, sent, "
			     "received, rtt_hist, rtt_us_p95) VALUES (60, 0, 'p', 1, 1, '%s', 7)",
			     texts[i]),
			0);
	}
	T_EQ(pt_sql_exec(db,
		     "INSERT INTO sdwan_path_health (timestamp, ts_us) VALUES (60, 0);"
		     "INSERT INTO sdwan_path_health (timestamp, ts_us, sent) VALUES (60, 0, "
		     "9223372036854775807), (61, 0, 9223372036854775807)",
		     &err),
		0);
	roll_up();
	T_SQL(db, "SELECT sum(n) FROM path_health_rollups WHERE period_secs = 60",
		PT_ARRAY_LEN(texts) + 3);
	T_SQL(db, "SELECT sent FROM path_health_rollups WHERE period_secs=60 AND path_id=''",
		INT64_MAX);
	pt_sql_free(db);
}

static void traffic_adds_up(void)
{
	begin();
	T_EQ(pt_sql_exec(db,
		     "INSERT INTO traffic_stats (timestamp, ts_us, path_id, policy_id, tx_packets, "
		     "tx_bytes) VALUES (1, 0, 'p', 'voice', 10, 1000), (2, 0, 'p', 'voice', 5, "
		     "500), (3, 0, 'p', NULL, 1, 1)",
		     &err),
		0);
	roll_up();
	T_SQL(db, "SELECT count(*) FROM traffic_rollups", 6);
	T_SQL(db,
		"SELECT tx_bytes FROM traffic_rollups WHERE period_secs = 3600 AND policy_id = "
		"'voice' AND rx_bytes IS NULL",
		1500);
	pt_sql_free(db);
}

static void upkeep_round(void)
{
	struct pt_upkeep *u = NULL;
	bool more = true;

	T_EQ(pt_upkeep_new(db, &fixture_config, &u, &err), 0);
	while (more)
		T_NEED(pt_upkeep_step(u, &more, &err) == 0);
	pt_upkeep_free(u);
}

static void retention_is_kept(void)
{
	static const uint64_t rtts[] = { 100 };
	int64_t now = pt_wall_us() / 1000000, day = 86400;

	begin();
	fixture_config.metrics.retention_seconds = 60 * day; // raw 5 days, minutes 10, fives 20
	for (int64_t i = 0; i < 70; i++)
		add("p", now - i * day, rtts, 1, 1);
	upkeep_round();
	T_SQL(db, "SELECT count(*) FROM sdwan_path_health", 6);
	T_OK(llabs(fixture_number(
			   db, "SELECT count(*) FROM path_health_rollups WHERE period_secs = 60") -
		     10) <= 1);
	T_OK(llabs(fixture_number(
			   db, "SELECT count(*) FROM path_health_rollups WHERE period_secs = 300") -
		     20) <= 1);
	T_OK(llabs(fixture_number(db,
			   "SELECT count(*) FROM path_health_rollups WHERE period_secs = 3600") -
		     60) <= 1);
	// Without rollups the raw rows are the history: all of it stays for as long as asked.
	fixture_config.metrics.aggregation_enabled = false;
	pt_sql_free(db);
	begin();
	fixture_config.metrics.aggregation_enabled = false;
	fixture_config.metrics.retention_seconds = 60 * day;
	for (int64_t i = 0; i < 70; i++)
		add("p", now - i * day, rtts, 1, 1);
	upkeep_round();
	T_SQL(db, "SELECT count(*) FROM sdwan_path_health", 61);
	T_SQL(db, "SELECT count(*) FROM path_health_rollups", 0);
	pt_sql_free(db);
}

// The host's clock is a year ahead for a while: what is there is not old because of it.
static void a_wrong_clock_deletes_nothing(void)
{
	static const uint64_t rtts[] = { 100 };
	int64_t then = pt_wall_us() / 1000000 - 365 * 86400;

	begin();
	for (int i = 0; i < 100; i++)
		add("p", then - i, rtts, 1, 1);
	upkeep_round();
	T_SQL(db, "SELECT count(*) FROM sdwan_path_health", 100);
	T_SQL(db, "SELECT sum(n) FROM path_health_rollups WHERE period_secs = 60", 100);
	pt_sql_free(db);
}

// A router without a clock of its own begins in 1970: those rows are deleted, and SQLite gives
// their ids to the next, which are to be rolled up all the same.
static void ids_that_come_again(void)
{
	static const uint64_t rtts[] = { 100 };
	int64_t now = pt_wall_us() / 1000000;

	begin();
	for (int i = 0; i < 3; i++)
		add("p", now - i, rtts, 1, 1);
	for (int i = 0; i < 5; i++)
		add("p", 1000 + i, rtts, 1, 1);
	upkeep_round();
	T_SQL(db, "SELECT count(*) FROM sdwan_path_health", 3);
	for (int i = 0; i < 4; i++)
		add("q", now - i, rtts, 1, 1);
	T_SQL(db, "SELECT max(id) FROM sdwan_path_health", 7);
	upkeep_round();
	T_SQL(db, "SELECT sum(n) FROM path_health_rollups WHERE period_secs = 60 AND path_id = 'q'",
		4);
	T_SQL(db,
		"SELECT sum(n) FROM path_health_rollups WHERE period_secs = 60 AND path_id = 'p' "
		"AND timestamp > 86400",
		3);
	pt_sql_free(db);
}

static int64_t longest_hold(void)
{
	static const uint64_t rtts[] = { 100, 200, 300, 400, 500, 6000, 70000 };
	struct pt_upkeep_counts c = { 0 };
	struct pt_upkeep *u = NULL;
	bool more = true;

	begin();
	T_EQ(pt_sql_begin(db, &err), 0);
	for (int i = 0; i < 8000; i++) {
		char path[32];
		(void)snprintf(path, sizeof(path), "path-%d", i % 1000);
		add(path, 1000000 + i, rtts, PT_ARRAY_LEN(rtts), 10);
	}
	T_EQ(pt_sql_end(db, 0, &err), 0);
	T_EQ(pt_upkeep_new(db, &fixture_config, &u, &err), 0);
	while (more && pt_upkeep_step(u, &more, &err) == 0)
		;
	pt_upkeep_counts(u, &c);
	T_EQ(c.rolled_up, 8000);
	pt_upkeep_free(u);
	pt_sql_free(db);
	return c.longest_us;
}

// Of a few tries, for what else this machine does may stop us at any point.
static void the_writer_is_held_shortly(void)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 8 && best >= 50000; i++) {
		int64_t longest = longest_hold();
		best = longest < best ? longest : best;
	}
	printf("# 8000 rows of 1000 paths: write lock held for %lld us at most\n", (long long)best);
	T_OK(best < 50000 || getenv("PT_SAN"));
}

T_MAIN({ "percentiles stay right over any number of merges", percentiles_stay_right },
	{ "loss is weighted by what was sent", loss_is_weighted },
	{ "each row once, however late", each_row_once_however_late },
	{ "two at once take no row twice", two_at_once_take_no_row_twice },
	{ "hostile histograms", hostile_histograms }, { "traffic adds up", traffic_adds_up },
	{ "retention_seconds, with rollups and without", retention_is_kept },
	{ "a wrong clock deletes nothing", a_wrong_clock_deletes_nothing },
	{ "ids that come again", ids_that_come_again },
	{ "the writer is held shortly", the_writer_is_held_shortly })
