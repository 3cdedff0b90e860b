// SPDX-License-Identifier: MIT
#include "model/network.h"

#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "tmpfile.h"

static int load(const char *text, struct pt_arena *a, struct pt_network *n, struct pt_err *err)
{
	t_autofile f = t_file_make(text);
	int rc = pt_network_load(f.path, a, n, err);

	if (rc < 0)
		t_file_cut(&f, err->msg);
	return rc;
}

// Two sites, two uplinks, a path each way: rows are appended to it or replace a part of it.
#define SITES                                                 \
	"sites:\n"                                            \
	"  - {id: a, lan: [lan0], prefixes: [10.1.0.0/16]}\n" \
	"  - {id: b, prefixes: [10.2.0.0/16]}\n"
#define UPLINKS                                 \
	"uplinks:\n"                            \
	"  - {id: ua, site: a, device: wan0}\n" \
	"  - {id: ub, site: b, device: wan0}\n"
#define PATHS                                                               \
	"paths:\n"                                                          \
	"  - {id: pa, source: a, dest: b, uplink: ua, target: 192.0.2.1}\n" \
	"  - {id: pb, source: b, dest: a, uplink: ub, target: 192.0.2.2}\n"
#define BASE     SITES UPLINKS PATHS
#define PATH_ROW "  - {id: pc, source: a, dest: b, uplink: ua, target: 192.0.2.9, "

static const struct {
	const char *text, *error;
} refused[] = {
	{ "", "1:1: sites: is missing" },
	{ "{\"sites\":[]", "1:11: '}' expected near end of file" },
	{ SITES "  - {id: a}\n", "4:10: sites[2].id: \"a\" is taken by sites[0]" },
	{ SITES "  - {id: c, edge: b}\n", "4:19: sites[2].edge: \"b\" is the edge of site \"b\"" },
	{ SITES "  - {id: c, lan: [a/b]}\n",
		"4:19: sites[2].lan[0]: \"a/b\" is not a device: 1 to 15 characters without / : or "
		"space" },
	{ SITES "  - {id: c, lan: [sixteen-letters-]}\n",
		"4:19: sites[2].lan[0]: \"sixteen-letters-\" is not a device: 1 to 15 characters "
		"without / : or space" },
	{ SITES "  - {id: c, lan: [eth1, eth1]}\n",
		"4:25: sites[2].lan[1]: \"eth1\" is given twice" },
	{ SITES "  - {id: c, prefixes: [10.9.0.0/16, 10.1.0.0/16]}\n",
		"4:37: sites[2].prefixes[1]: 10.1.0.0/16 is also site \"a\"'s: give one of them a "
		"higher preference" },
	{ SITES "  - {id: c, prefixes: [10.1.0.0/16], preference: 1}\n"
		"  - {id: d, prefixes: [10.1.0.0/16]}\n",
		"5:24: sites[3].prefixes[0]: 10.1.0.0/16 is also site \"a\"'s: give one of them a "
		"higher preference" },
	{ SITES "  - {id: c, prefixes: [10.9.0.0/16, 10.9.0.0/16]}\n",
		"4:37: sites[2].prefixes[1]: 10.9.0.0/16 is given twice" },
	{ SITES "  - {id: c, prefixes: [\"2001:db8::1/32\"]}\n",
		"4:24: sites[2].prefixes[0]: \"2001:db8::1/32\" is not a prefix: bits are set "
		"beyond "
		"its length" },
	{ SITES "uplinks:\n  - {id: u, site: c, device: wan0}\n",
		"5:19: uplinks[0].site: there is no site \"c\"; did you mean a?" },
	{ SITES "uplinks:\n  - {id: u, site: paris, device: wan0}\n",
		"5:19: uplinks[0].site: there is no site \"paris\"; valid here: a, b" },
	{ SITES "uplinks:\n  - {id: u, site: a}\n", "5:5: uplinks[0].device: is missing" },
	{ SITES "uplinks:\n  - {id: u, site: a, device: \"..\"}\n",
		"5:30: uplinks[0].device: \"..\" is not a device: 1 to 15 characters without / : "
		"or "
		"space" },
	{ SITES "uplinks:\n  - {id: u, site: a, device: lan0}\n",
		"5:30: uplinks[0].device: \"lan0\" is a lan device of site \"a\"" },
	{ SITES UPLINKS "  - {id: ub, site: a, device: wan1}\n",
		"7:10: uplinks[2].id: \"ub\" is taken by uplinks[1]" },
	{ BASE "  - {id: pa, source: a, dest: b, uplink: ua, target: 192.0.2.1}\n",
		"10:10: paths[2].id: \"pa\" is taken by paths[0]" },
	{ BASE "  - {id: pc, source: x1, dest: b, uplink: ua, target: 192.0.2.1}\n",
		"10:22: paths[2].source: there is no site \"x1\"; valid here: a, b" },
	{ BASE "  - {id: pc, source: a, dest: x1, uplink: ua, target: 192.0.2.1}\n",
		"10:31: paths[2].dest: there is no site \"x1\"; valid here: a, b" },
	{ BASE "  - {id: pc, source: a, dest: b, uplink: lte, target: 192.0.2.1}\n",
		"10:42: paths[2].uplink: there is no uplink \"lte\"; valid here: ua, ub" },
	{ BASE "  - {id: pc, source: a, dest: a, uplink: ua, target: 192.0.2.1}\n",
		"10:31: paths[2].dest: \"a\" is its own source" },
	{ BASE "  - {id: pc, source: a, dest: b, uplink: ub, target: 192.0.2.1}\n",
		"10:42: paths[2].uplink: \"ub\" is of site \"b\", not of the source \"a\"" },
	{ BASE "  - {id: pc, source: a, dest: b, uplink: ua}\n",
		"10:5: paths[2].target: is missing" },
	{ BASE "  - {id: pc, source: a, dest: b, uplink: ua, target: 224.0.0.1}\n",
		"10:54: paths[2].target: 224.0.0.1 is not the address of a host" },
	{ BASE "  - {id: pc, source: a, dest: b, uplink: ua, target: \"::\"}\n",
		"10:54: paths[2].target: :: is not the address of a host" },
	{ BASE PATH_ROW "next_hop: \"2001:db8::1\"}\n",
		"10:75: paths[2].next_hop: 2001:db8::1 is of the other family, use next_hop6" },
	{ BASE PATH_ROW "next_hop6: 192.0.2.1}\n",
		"10:76: paths[2].next_hop6: 192.0.2.1 is of the other family, use next_hop" },
	{ BASE PATH_ROW "underlay: uz}\n",
		"10:75: paths[2].underlay: there is no uplink \"uz\"; did you mean ua?" },
	{ BASE PATH_ROW "underlay: ua}\n",
		"10:75: paths[2].underlay: \"pc\" would ride on itself: \"ua\" has device wan0" },
	{ BASE PATH_ROW "underlay: ub, device: wg0}\n",
		"10:75: paths[2].underlay: \"ub\" is of site \"b\", not of the source \"a\"" },
	{ BASE PATH_ROW "via: z}\n",
		"10:70: paths[2].via: there is no site \"z\"; did you mean a?" },
	{ BASE PATH_ROW "via: b}\n", "10:70: paths[2].via: \"b\" is its dest" },
	{ SITES "  - {id: c}\n" UPLINKS PATHS PATH_ROW "via: c}\n",
		"11:70: paths[2].via: site \"c\" does not say transit: true" },
	{ SITES UPLINKS "  - {id: uc, site: a, device: wg0, underlay: ux}\n",
		"7:46: uplinks[2].underlay: there is no uplink \"ux\"; did you mean ua?" },
	{ SITES UPLINKS "  - {id: uc, site: a, device: wg0, underlay: ub}\n",
		"7:46: uplinks[2].underlay: \"ub\" is of site \"b\", not of \"a\"" },
	{ SITES UPLINKS "  - {id: uc, site: a, device: wg0, underlay: uc}\n",
		"7:46: uplinks[2].underlay: \"uc\" would ride on itself: \"uc\" has device wg0" },
	{ SITES UPLINKS "  - {id: uc, site: a, device: wg0, underlay: ud}\n"
			"  - {id: ud, site: a, device: wg1, underlay: uc}\n",
		"7:46: uplinks[2].underlay: \"uc\" would ride on itself: \"uc\" has device wg0" },
	{ BASE PATH_ROW "next_hop: automatic}\n",
		"10:75: paths[2].next_hop: \"automatic\" is not an address, such as "
		"192.0.2.1 or 2001:db8::1, nor auto" },
	{ BASE PATH_ROW "next_hop: 0.0.0.0}\n",
		"10:75: paths[2].next_hop: 0.0.0.0 is not the address of a host" },
	{ BASE PATH_ROW "device: \"wg 0\"}\n",
		"10:73: paths[2].device: \"wg 0\" is not a device: 1 to 15 characters without / : "
		"or "
		"space" },
	{ BASE PATH_ROW "liveness: none}\n",
		"10:75: paths[2].liveness: \"none\" is not a word for this; valid here: stamp, "
		"bfd" },
	{ BASE PATH_ROW "quality: icmp}\n",
		"10:74: paths[2].quality: without liveness: bfd it is the probes that tell life, "
		"which are stamp" },
	{ BASE PATH_ROW "liveness: bfd}\n  - {id: pd, source: a, dest: b, uplink: ua, device: "
			"wan0, target: 192.0.2.9, liveness: bfd}\n",
		"11:68: paths[3].target: path \"pc\" has a BFD session with it by wan0" },
	{ BASE PATH_ROW "liveness: bfd, bfd: {detect_mult: 256}}\n",
		"10:99: paths[2].bfd.detect_mult: 256 is out of range 1 to 255" },
	{ BASE PATH_ROW "ssid: 0}\n", "10:71: paths[2].ssid: 0 is out of range 1 to 65535" },
	{ BASE PATH_ROW "ssid: 7}\n  - {id: pd, source: a, dest: b, uplink: ua, target: "
			"192.0.2.9, ssid: 7}\n",
		"11:71: paths[3].ssid: 7 is taken by path \"pc\"" },
	{ BASE "policies:\n  - {id: v, match: {dst_ports: [53]}}\n",
		"11:32: policies[0].match: ports need a protocol that has them: tcp, udp or sctp" },
	{ BASE "policies:\n  - {id: v, match: {protocol: tpc}}\n",
		"11:31: policies[0].match.protocol: \"tpc\" is not a word for this; did you mean "
		"tcp?" },
	{ BASE "policies:\n  - {id: v, strategy: pinned}\n",
		"11:23: policies[0].strategy: pinned needs prefer" },
	{ BASE "policies:\n  - {id: v, prefer: [ua, uc]}\n",
		"11:26: policies[0].prefer[1]: there is no uplink \"uc\"; did you mean ua?" },
	{ BASE "policies:\n  - {id: v, prefer: [ua, ub, ua]}\n",
		"11:30: policies[0].prefer[2]: \"ua\" is given twice" },
	{ BASE "policies:\n  - {id: v}\n  - {id: v}\n",
		"12:10: policies[1].id: \"v\" is taken by policies[0]" },
	{ BASE "policies:\n  - {id: v, sla: {loss: 3}}\n",
		"11:19: policies[0].sla.loss: unknown key; valid here: loss_ppm, rtt_ms, "
		"jitter_ms, "
		"stale_secs" },
	{ "{\"sites\":[{\"id\":\"a\"},{\"id\":\"a\"}]}",
		" sites[1].id: \"a\" is taken by sites[0]" },
	{ "\n {\"sites\":[{\"id\":5}]}", " sites[0].id: needs a text, has a whole number" },
	{ "{\"sites\":[],\"sites\":[]}", "1:19: duplicate object key near '\"sites\"'" },
};

static void refuses(void)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(refused); i++) {
		pt_autoarena a = { 0 };
		struct pt_network n = { .n_sites = 77 };
		struct pt_err err = { 0 };
		int rc = load(refused[i].text, &a, &n, &err);
		if (rc >= 0)
			T_FAIL("accepted: %s", refused[i].text);
		else
			T_STR(err.msg, refused[i].error);
		T_EQ(n.n_sites, 77); // a bad file changes nothing
	}
}

static void example_loads(void)
{
	pt_autoarena a = { 0 };
	struct pt_network n;
	struct pt_err err = { 0 };
	const struct pt_path *c[8];

	if (pt_network_load("etc/network.yaml", &a, &n, &err) < 0) {
		T_FAIL("%s", err.msg);
		return;
	}
	T_EQ(n.n_sites, 2);
	T_EQ(n.n_uplinks, 6);
	T_EQ(n.n_paths, 6);
	T_NEED(n.n_policies == 3);
	T_STR(n.policies[0].id, "voice");
	T_STR(n.policies[1].id, "bulk");
	T_STR(n.policies[2].id, "default");
	const struct pt_site *west = pt_network_self(&n, "west-edge");
	T_NEED(west);
	T_STR(west->id, "west");
	const struct pt_site *east = pt_network_site(&n, "east");
	T_NEED(pt_network_candidates(&n, west, east, &n.policies[2], c, 8) == 3);
	T_STR(c[0]->id, "west-east-fiber");
	T_STR(c[1]->id, "west-east-cable");
	T_STR(c[2]->id, "west-east-lte");
	T_STR(c[0]->device, "wan0"); // the uplink's
	T_EQ(n.policies[1].match.dst_ports[1].lo, 5000);
	T_EQ(n.policies[0].match.dscp, 46);
}

static void the_internet_is_the_rest(void)
{
	pt_autoarena a = { 0 };
	struct pt_network n;
	const struct pt_site *s;
	char text[PT_PREFIX_LEN];
	struct pt_err err = { 0 };

	T_EQ(load(SITES "  - {id: internet}\n", &a, &n, &err), 0);
	s = pt_network_site(&n, "internet");
	T_NEED(s && s->n_prefixes == 2);
	pt_prefix_format(&s->prefixes[0], text);
	T_STR(text, "0.0.0.0/0");
	pt_prefix_format(&s->prefixes[1], text);
	T_STR(text, "::/0");
	T_EQ(load(SITES "  - {id: internet, prefixes: [192.0.2.0/24]}\n", &a, &n, &err), 0);
	s = pt_network_site(&n, "internet");
	T_OK(s && s->n_prefixes == 1);
	T_EQ(load(SITES "  - {id: internet}\n  - {id: c, prefixes: [0.0.0.0/0]}\n", &a, &n, &err),
		-EINVAL);
	T_HAS(err.msg, "0.0.0.0/0 is also site \"");
}

static void equal_prefixes_with_a_preference(void)
{
	pt_autoarena a = { 0 };
	struct pt_network n;
	struct pt_err err = { 0 };

	if (load(SITES "  - {id: c, prefixes: [10.1.0.0/16], preference: 1}\n"
		       "  - {id: d, prefixes: [10.0.0.0/8, 10.1.1.0/24]}\n",
		    &a, &n, &err) < 0)
		T_FAIL("%s", err.msg);
}

static void no_policy_means_one_for_all(void)
{
	pt_autoarena a = { 0 };
	struct pt_network n;
	struct pt_err err = { 0 };

	T_NEED(load(BASE, &a, &n, &err) == 0);
	T_NEED(n.n_policies == 1);
	const struct pt_policy *p = &n.policies[0];
	T_STR(p->id, "default");
	T_EQ(p->priority, PT_MAX_PRIORITY);
	T_EQ(p->strategy, PT_STRATEGY_ORDERED);
	T_EQ(p->match.protocol, PT_PROTO_ANY);
	T_EQ(p->match.dscp, PT_NULL);
	T_EQ(p->match.n_dst_ports, 0);
	T_EQ(p->sla.loss_ppm, PT_NULL);
	T_EQ(p->sla.stale_secs, 30);
}

static void policies_by_priority_then_id(void)
{
	static const char *const want[] = { "d", "b", "c", "a" };
	pt_autoarena a = { 0 };
	struct pt_network n;
	struct pt_err err = { 0 };

	T_NEED(load(BASE "policies: [{id: a, priority: 9}, {id: c, priority: 5}, {id: b, priority: "
			 "5}, {id: d, priority: 0}]\n",
		       &a, &n, &err) == 0);
	for (size_t i = 0; i < PT_ARRAY_LEN(want); i++)
		T_STR(n.policies[i].id, want[i]);
	T_STR(pt_network_policy(&n, "c")->id, "c");
	T_OK(!pt_network_policy(&n, "x"));
}

static int64_t ssid(const struct pt_network *n, const char *id)
{
	const struct pt_path *p = pt_network_path(n, id);

	return p ? p->ssid : -1;
}

static void sessions_are_stable(void)
{
	pt_autoarena a = { 0 };
	struct pt_network n, m;
	struct pt_err err = { 0 };

	T_NEED(load(BASE, &a, &n, &err) == 0);
	T_EQ(ssid(&n, "pa"), 2245); // FNV-1a of the id, folded: the same on every host, always
	T_EQ(ssid(&n, "pb"), 6586);
	// More paths, in another order, leave the sessions of the others alone.
	T_NEED(load(SITES UPLINKS
		       "paths:\n" PATH_ROW "preference: 1}\n"
		       "  - {id: pb, source: b, dest: a, uplink: ub, target: 192.0.2.2}\n"
		       "  - {id: pa, source: a, dest: b, uplink: ua, target: 192.0.2.1}\n",
		       &a, &m, &err) == 0);
	T_EQ(ssid(&m, "pa"), 2245);
	T_EQ(ssid(&m, "pb"), 6586);
}

#define COLLIDE_A    "x290"
#define COLLIDE_B    "x436"
#define COLLIDE_SSID 30717
#define COLLIDE_TEXT "30717"
// COLLIDE_A and COLLIDE_B hash alike; whichever stands first in the file, the first id keeps it.
static void colliding_sessions(void)
{
#define ROW(id, more) \
	"  - {id: " id ", source: a, dest: b, uplink: ua, target: 192.0.2.1" more "}\n"
	static const char *const texts[] = {
		SITES UPLINKS "paths:\n" ROW(COLLIDE_A, "") ROW(COLLIDE_B, ""),
		SITES UPLINKS "paths:\n" ROW(COLLIDE_B, "") ROW(COLLIDE_A, ""),
	};
	pt_autoarena a = { 0 };
	struct pt_network n;
	struct pt_err err = { 0 };

	for (size_t i = 0; i < PT_ARRAY_LEN(texts); i++) {
		T_NEED(load(texts[i], &a, &n, &err) == 0);
		T_EQ(ssid(&n, COLLIDE_A), COLLIDE_SSID);
		T_EQ(ssid(&n, COLLIDE_B), COLLIDE_SSID + 1);
	}
	// An explicit session is never taken, wherever it stands.
	T_NEED(load(SITES UPLINKS "paths:\n" ROW(COLLIDE_A, "") ROW("zz", ", ssid: " COLLIDE_TEXT),
		       &a, &n, &err) == 0);
	T_EQ(ssid(&n, "zz"), COLLIDE_SSID);
	T_EQ(ssid(&n, COLLIDE_A), COLLIDE_SSID + 1);
}

#define MANY                                                                               \
	SITES                                                                              \
	"uplinks:\n"                                                                       \
	"  - {id: u1, site: a, device: wan1}\n"                                            \
	"  - {id: u2, site: a, device: wan2}\n"                                            \
	"  - {id: u3, site: a, device: wan3}\n"                                            \
	"  - {id: ub, site: b, device: wan0}\n"                                            \
	"paths:\n"                                                                         \
	"  - {id: p3, source: a, dest: b, uplink: u3, target: 192.0.2.3}\n"                \
	"  - {id: p2, source: a, dest: b, uplink: u2, target: 192.0.2.2, preference: 5}\n" \
	"  - {id: p1, source: a, dest: b, uplink: u1, target: 192.0.2.1}\n"                \
	"  - {id: q1, source: b, dest: a, uplink: ub, target: 192.0.2.4}\n"                \
	"policies:\n"                                                                      \
	"  - {id: x, prefer: [u3]}\n"                                                      \
	"  - {id: y}\n"

static void expect_order(
	const struct pt_network *n, const char *policy, uint32_t max, const char *want)
{
	const struct pt_path *c[8];
	pt_autobuf got = { 0 };
	uint32_t have = pt_network_candidates(n, pt_network_site(n, "a"), pt_network_site(n, "b"),
		policy ? pt_network_policy(n, policy) : NULL, c, max);

	T_EQ(have, 3);
	for (uint32_t i = 0; i < have && i < max; i++)
		pt_buf_printf(&got, "%s ", c[i]->id);
	T_STR(pt_buf_str(&got), want);
}

static void candidates_in_order(void)
{
	pt_autoarena a = { 0 };
	struct pt_network n;
	struct pt_err err = { 0 };

	T_NEED(load(MANY, &a, &n, &err) == 0);
	for (int indexed = 1; indexed >= 0; indexed--) {
		expect_order(&n, "x", 8, "p3 p2 p1 ");
		expect_order(&n, "y", 8, "p2 p1 p3 ");
		expect_order(&n, NULL, 8, "p2 p1 p3 ");
		expect_order(&n, "x", 2, "p3 p2 ");
		expect_order(&n, "y", 1, "p2 ");
		expect_order(&n, "y", 0, "");
		n.by_pair = NULL; // as before the check
	}
}

static void look_ups(void)
{
	pt_autoarena a = { 0 };
	struct pt_network n;
	struct pt_err err = { 0 };

	T_NEED(load(MANY, &a, &n, &err) == 0);
	for (int sorted = 1; sorted >= 0; sorted--) {
		T_STR(pt_network_uplink(&n, "u3")->device, "wan3");
		T_OK(!pt_network_uplink(&n, "u4"));
		T_STR(pt_network_path(&n, "p2")->uplink, "u2");
		T_OK(!pt_network_path(&n, "p"));
		T_STR(pt_network_site(&n, "b")->id, "b");
		T_OK(!pt_network_site(&n, NULL));
		n.by_pair = NULL; // as before the check
	}
	T_EQ(pt_protocol_number(PT_PROTO_ANY), 0);
	T_EQ(pt_protocol_number(PT_PROTO_TCP), 6);
	T_EQ(pt_protocol_number(PT_PROTO_UDP), 17);
	T_EQ(pt_protocol_number(PT_PROTO_ICMP), 1);
	T_EQ(pt_protocol_number(PT_PROTO_ICMP6), 58);
	T_EQ(pt_protocol_number(PT_PROTO_SCTP), 132);
	T_EQ(pt_protocol_number(99), 0);
}

// A network that came from no file: the message starts with the key. Of many ids none is listed.
static void without_marks(void)
{
	enum { N = 30 };
	pt_autoarena a = { 0 };
	struct pt_site sites[N];
	struct pt_uplink uplink;
	struct pt_network n = { .sites = sites, .n_sites = N, .uplinks = &uplink, .n_uplinks = 1 };
	struct pt_err err = { 0 };

	for (unsigned i = 0; i < N; i++) {
		pt_schema_defaults(&pt_site_schema, &sites[i]);
		sites[i].id = pt_arena_printf(&a, "site-%u", i);
	}
	pt_schema_defaults(&pt_uplink_schema, &uplink);
	uplink.id = "u";
	uplink.device = "wan0";
	uplink.site = "nowhere";
	T_EQ(pt_network_check(&n, &a, NULL, &err), -EINVAL);
	T_STR(err.msg, "uplinks[0].site: there is no site \"nowhere\"");
	uplink.site = "site30";
	T_EQ(pt_network_check(&n, &a, NULL, &err), -EINVAL);
	T_HAS(err.msg, "there is no site \"site30\"; did you mean site-");
	uplink.site = "site-29";
	T_EQ(pt_network_check(&n, &a, NULL, &err), 0);
	T_EQ(pt_network_load("/nonexistent.yaml", &a, &n, &err), -ENOENT);
}

static void self(void)
{
	char host[256] = { 0 }, text[512];
	pt_autoarena a = { 0 };
	struct pt_network n;
	struct pt_err err = { 0 };

	T_NEED(gethostname(host, sizeof(host) - 1) == 0);
	T_NEED(load(BASE, &a, &n, &err) == 0);
	T_STR(pt_network_self(&n, "b")->id, "b");
	T_OK(!pt_network_self(&n, "nobody"));
	T_OK(!pt_network_self(&n, NULL));
	host[strcspn(host, ".")] = '\0';
	(void)snprintf(text, sizeof(text), "sites: [{id: x, edge: %s}]\n", host);
	if (load(text, &a, &n, &err) < 0)
		T_FAIL("%s", err.msg);
	else
		T_STR(pt_network_self(&n, NULL)->id, "x");
}

static void round_trips(void)
{
	pt_autoarena a = { 0 };
	pt_autobuf yaml = { 0 };
	struct pt_network n, m;
	struct pt_err err = { 0 };

	T_NEED(pt_network_load("etc/network.yaml", &a, &n, &err) == 0);
	T_EQ(pt_yaml_write(&pt_network_schema, &n, &yaml), 0);
	if (load(yaml.data, &a, &m, &err) < 0)
		T_FAIL("%s in\n%s", err.msg, yaml.data);
	else
		T_OK(pt_schema_equal(&pt_network_schema, &n, &m));
	pt_autojson json_t *j = pt_json_write(&pt_network_schema, &n);
	pt_autofree char *text = json_dumps(j, PT_JSON_DUMP);
	if (load(text, &a, &m, &err) < 0)
		T_FAIL("%s in\n%s", err.msg, text);
	else
		T_OK(pt_schema_equal(&pt_network_schema, &n, &m));
	T_STR(pt_network_path(&m, "east-west-lte")->device, "wan2");
}

// The database checks what was checked before: nothing may move.
static void a_second_check_changes_nothing(void)
{
	pt_autoarena a = { 0 };
	struct pt_network n;
	struct pt_err err = { 0 };
	char first[17], second[17];

	T_NEED(load(MANY, &a, &n, &err) == 0);
	pt_schema_hash(&pt_network_schema, &n, first);
	T_EQ(pt_network_check(&n, &a, NULL, &err), 0);
	pt_schema_hash(&pt_network_schema, &n, second);
	T_STR(second, first);
}

static void too_many(void)
{
	static const struct {
		const char *head, *row;
		unsigned n;
		const char *error;
	} rows[] = {
		{ "sites:\n", "  - {id: s%u}\n", PT_MAX_SITES + 1,
			" sites: 16385 given, at most 16384 are possible" },
		{ SITES "uplinks:\n", "  - {id: u%u, site: a, device: d}\n", PT_MAX_UPLINKS + 1,
			" uplinks: 1025 given, at most 1024 are possible" },
		{ SITES UPLINKS "paths:\n",
			"  - {id: p%u, source: a, dest: b, uplink: ua, target: 192.0.2.1}\n",
			PT_MAX_PATHS, " paths: 16384 given, at most 16383 are possible" },
		{ SITES "policies:\n", "  - {id: v%u}\n", PT_MAX_POLICIES + 1,
			" policies: 65 given, at most 64 are possible" },
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(rows); i++) {
		for (unsigned over = 0; over < 2; over++) {
			pt_autoarena a = { 0 };
			pt_autobuf text = { 0 };
			struct pt_network n;
			struct pt_err err = { 0 };
			pt_buf_puts(&text, rows[i].head);
			for (unsigned k = 0; k < rows[i].n - 1 + over; k++) {
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
				pt_buf_printf(&text, rows[i].row, k);
			}
			int rc = load(text.data, &a, &n, &err);
			if (over)
				T_STR(err.msg, rows[i].error);
			else if (rc < 0)
				T_FAIL("%u rows: %s", rows[i].n - 1, err.msg);
		}
	}
}

static void fleet_text(struct pt_buf *b, unsigned sites)
{
	pt_buf_puts(b, "sites:\n");
	for (unsigned i = 0; i < sites; i++) {
		pt_buf_printf(b, "  - id: site-%u\n    lan: [lan0]\n    prefixes:\n", i);
		for (unsigned k = 0; k < 5; k++) {
			unsigned p = i * 5 + k;
			pt_buf_printf(b, "      - 10.%u.%u.0/24\n", p >> 8, p & 255);
		}
	}
	pt_buf_puts(b,
		"uplinks:\n  - {id: u0, site: site-0, device: wan0}\n"
		"  - {id: u1, site: site-0, device: wan1}\n"
		"  - {id: u2, site: site-0, device: wan2}\npaths:\n");
	for (unsigned i = 1; i < sites; i++) {
		for (unsigned k = 0; k < 3; k++)
			pt_buf_printf(b,
				"  - {id: p%u-%u, source: site-0, dest: site-%u, uplink: u%u, "
				"next_hop: 192.0.2.1, target: 198.51.%u.%u}\n",
				i, k, i, k, i >> 8, i & 255);
	}
}

static double load_seconds(unsigned sites)
{
	pt_autobuf text = { 0 };
	pt_autoarena a = { 0 };
	struct pt_network n;
	struct pt_err err = { 0 };
	struct timespec t0, t1;

	fleet_text(&text, sites);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
	int rc = load(text.data, &a, &n, &err);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
	if (rc < 0)
		T_FAIL("%s", err.msg);
	else
		T_EQ(n.n_paths, (sites - 1) * 3);
	return (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
}

// 2,000 sites with 10,000 prefixes and 5,997 paths, against 500 sites: four times the work must not
// cost sixteen times the time.
static void a_fleet_is_not_quadratic(void)
{
	double small = load_seconds(500), large = load_seconds(2000);

	printf("# 500 sites: %.1f ms, 2000 sites: %.1f ms of CPU\n", small * 1e3, large * 1e3);
	if (large > small * 9)
		T_FAIL("four times the fleet costs %.1f times the time", large / small);
}

T_MAIN({ "what is refused, and where", refuses }, { "the example loads", example_loads },
	{ "the internet is the rest", the_internet_is_the_rest },
	{ "equal prefixes with a preference", equal_prefixes_with_a_preference },
	{ "no policy means one for all", no_policy_means_one_for_all },
	{ "policies by priority, then id", policies_by_priority_then_id },
	{ "sessions are stable", sessions_are_stable },
	{ "colliding sessions", colliding_sessions },
	{ "candidates in order", candidates_in_order }, { "look-ups", look_ups },
	{ "a network without a file", without_marks }, { "who I am", self },
	{ "written and read again", round_trips },
	{ "a second check changes nothing", a_second_check_changes_nothing },
	{ "too many", too_many }, { "a fleet is not quadratic", a_fleet_is_not_quadratic })
