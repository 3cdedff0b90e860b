// SPDX-License-Identifier: MIT
// Caps on probing, and the intervals that they leave.
#include "test.h"

#include "base/clock.h"
#include "model/budget.h"

#define US PT_NS_PER_US
#define MS PT_NS_PER_MS

static const char sites[] =
	"sites:\n  - {id: a}\n  - {id: b}\n"
	"uplinks:\n"
	"  - {id: thin, site: a, device: wan0, rate_bps: 1000000}\n"
	"  - {id: fat, site: a, device: wan1, rate_bps: 1000000000}\n"
	"  - {id: far, site: b, device: wan0, rate_bps: 1000}\n"
	"paths:\n"
	"  - {id: p1, source: a, dest: b, uplink: thin, target: 192.0.2.1}\n"
	"  - {id: p2, source: a, dest: b, uplink: fat, target: 192.0.2.2}\n"
	"  - {id: p3, source: a, dest: b, uplink: fat, target: '2001:db8::1'}\n"
	"  - {id: p4, source: a, dest: b, uplink: fat, target: 192.0.2.4, liveness: bfd, "
	"quality: none}\n"
	"  - {id: p5, source: b, dest: a, uplink: far, target: 192.0.2.5}\n";

static void table(void)
{
	static const struct {
		int64_t pps, bps, percent, period_ns;
		const char *cap, *uplink;
	} rows[] = {
		{ PT_NULL, PT_NULL, PT_NULL, 10 * MS, NULL, NULL },
		{ 300, PT_NULL, PT_NULL, 10 * MS, NULL, NULL },
		{ 299, PT_NULL, PT_NULL, 10033445, "health.budget_pps", NULL },
		{ 30, PT_NULL, PT_NULL, 100 * MS, "health.budget_pps", NULL },
		// 106 + 106 + 126 bytes
		{ PT_NULL, 27040, PT_NULL, 100 * MS, "health.budget_bps", NULL },
		{ 30, 2704, PT_NULL, 1000 * MS, "health.budget_bps", NULL },
		{ 3, 27040, PT_NULL, 1000 * MS, "health.budget_pps", NULL },
		// one path of 848 bits within 10,000 bit/s
		{ PT_NULL, PT_NULL, 1, 84800 * US, "health.budget_percent", "thin" },
		{ PT_NULL, PT_NULL, 9, 10 * MS, NULL, NULL },
		{ 30, PT_NULL, 1, 100 * MS, "health.budget_pps", NULL },
	};
	pt_autoarena a = { 0 };
	struct pt_network n;
	struct pt_config c;
	struct pt_budget b;
	struct pt_marks *m = NULL;
	struct pt_err err = { 0 };

	T_EQ(pt_yaml_parse(&(struct pt_yaml_text){ "test", sites, sizeof(sites) - 1 },
		     &pt_network_schema, &a, &m, &n, &err),
		0);
	T_EQ(pt_network_check(&n, &a, m, &err), 0);
	pt_schema_defaults(&pt_config_schema, &c);
	c.failover.detection_interval_ms = 10;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		c.health.budget_pps = rows[i].pps;
		c.health.budget_bps = rows[i].bps;
		c.health.budget_percent = rows[i].percent;
		pt_budget_make(&c, &n, pt_network_site(&n, "a"), &b);
		T_EQ(b.wanted_ns, 10 * MS);
		T_EQ(b.paths, 3);
		if (b.period_ns != rows[i].period_ns)
			T_FAIL("row %zu: period %" PRId64, i, b.period_ns);
		if ((b.cap || rows[i].cap) &&
			(!b.cap || !rows[i].cap || strcmp(b.cap, rows[i].cap) != 0))
			T_FAIL("row %zu: %s", i, b.cap ? b.cap : "no cap");
		if (rows[i].uplink)
			T_STR(b.uplink, rows[i].uplink);
	}
	pt_budget_make(&c, &n, NULL, &b);
	T_EQ(b.period_ns, 10 * MS);
}

static void words(void)
{
	struct pt_config c;
	struct pt_buf text = { 0 };
	struct pt_budget b = { .wanted_ns = 10 * MS,
		.period_ns = 100 * MS,
		.paths = 3,
		.cap = "health.budget_pps",
		.needed = 300,
		.allowed = 30 };

	pt_schema_defaults(&pt_config_schema, &c);
	pt_budget_explain(&b, &c, &text);
	T_STR(text.data,
		"3 paths probed every 10.0 ms need 300 packets/s, health.budget_pps allows 30: "
		"each is "
		"probed every 100.0 ms, and found dead after 300.0 ms");
	pt_buf_done(&text);
}

T_MAIN({ "the tightest cap stretches all", table }, { "and is told", words })
