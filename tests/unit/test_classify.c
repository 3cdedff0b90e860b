// SPDX-License-Identifier: MIT
// Flows as people write them, and what the network file makes of them.
#include <netinet/in.h>

#include "select/classify.h"
#include "tests/unit/test.h"

static struct pt_arena arena;
static struct pt_network net;
static struct pt_err err;

static const char yaml[] =
	"sites:\n"
	"  - {id: a, lan: [lan0], prefixes: [10.1.0.0/16, 10.2.128.0/17, 'fd01::/48']}\n"
	"  - {id: b, prefixes: [10.2.0.0/16, 'fd02::/48'], preference: 5}\n"
	"  - {id: c, prefixes: [10.2.0.0/16, 10.2.7.0/24]}\n"
	"  - {id: far, prefixes: [10.9.0.0/16]}\n"
	"  - {id: net, prefixes: [0.0.0.0/0, '::/0']}\n"
	"uplinks:\n"
	"  - {id: u1, site: a, device: wan0}\n"
	"  - {id: u2, site: a, device: wan1}\n"
	"paths:\n"
	"  - {id: b1, source: a, dest: b, uplink: u1, target: 192.0.2.1, preference: 2}\n"
	"  - {id: b2, source: a, dest: b, uplink: u2, target: 192.0.2.2, preference: 1}\n"
	"  - {id: c1, source: a, dest: c, uplink: u1, target: 192.0.2.3}\n"
	"  - {id: n1, source: a, dest: net, uplink: u1, target: 192.0.2.4}\n"
	"policies:\n"
	"  - {id: voice, priority: 1, match: {protocol: udp, dscp: ef}, prefer: [u2]}\n"
	"  - {id: web, priority: 2, match: {protocol: tcp, dst_ports: [443, 8000-8010]}}\n"
	"  - {id: sip, priority: 3, match: {protocol: tcp, src_ports: [5060]}}\n"
	"  - {id: bulk, priority: 4, match: {dscp: 1}}\n"
	"  - {id: tcp, priority: 5, match: {protocol: tcp}}\n"
	"  - {id: guest, priority: 6, match: {protocol: icmp, devices: [lan7, lan8]}}\n"
	"  - {id: lab, priority: 7, match: {protocol: icmp, src_prefixes: [10.1.9.0/24, "
	"'fd01:0:0:9::/64']}}\n";

static bool load(void)
{
	const struct pt_yaml_text text = { "test", yaml, sizeof(yaml) - 1 };
	struct pt_marks *marks;

	if (!net.n_sites &&
		(pt_yaml_parse(&text, &pt_network_schema, &arena, &marks, &net, &err) ||
			pt_network_check(&net, &arena, marks, &err)))
		T_FAIL("%s", err.msg);
	return net.n_sites > 0;
}

// "site/policy path,path", or the reason.
static const char *classify(const char *flow)
{
	static char text[256];
	struct pt_class got;
	struct pt_flow f;

	if (!load() || pt_flow_parse(flow, &f, &err))
		return err.msg;
	pt_classify(&net, pt_network_site(&net, "a"), &f, &got);
	if (got.verdict != PT_CLASS_OK)
		return pt_class_reasons[got.verdict];
	snprintf(text, sizeof(text), "%s/%s", got.site->id, got.policy->id);
	for (uint32_t i = 0; i < got.n_paths; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? "," : " ",
			got.paths[i]->id);
	return text;
}

static void test_sites(void)
{
	T_STR(classify("tcp 10.1.0.1:1 > 10.2.0.1:1"), "b/tcp b1,b2,c1"); // preferred to c
	T_STR(classify("tcp 10.1.0.1:1 > 10.2.7.255:1"), "c/tcp c1");     // the longer prefix
	T_STR(classify("tcp 10.1.0.1:1 > 10.2.8.0:1"), "b/tcp b1,b2,c1");
	T_STR(classify("tcp 10.1.0.1:1 > 8.8.8.8:1"), "net/tcp n1");
	T_STR(classify("tcp fd01::1 > fd02::1"), "b/tcp b1,b2");
	T_STR(classify("tcp [fd01::1]:1 > [2001:db8::1]:1"), "net/tcp n1");
	T_STR(classify("tcp 10.1.0.1:1 > 10.2.128.0:1"), "this edge's own site");
	T_STR(classify("tcp 10.1.0.1:1 > 10.9.0.1:1"), "no path leads there from here");
}

static void test_own_site_wins(void)
{
	struct pt_prefix both;
	struct pt_site sites[2] = { { .id = "x", .prefixes = &both, .n_prefixes = 1 },
		{ .id = "y", .prefixes = &both, .n_prefixes = 1, .preference = 9 } };
	struct pt_network two = { .sites = sites, .n_sites = 2 };
	struct pt_class got;
	struct pt_flow f;

	T_EQ(pt_prefix_parse("10.0.0.0/8", &both), 0);
	T_EQ(pt_flow_parse("udp 10.1.0.1 > 10.2.0.1", &f, &err), 0);
	pt_classify(&two, &sites[0], &f, &got);
	T_EQ(got.verdict, PT_CLASS_LOCAL);
	pt_classify(&two, &sites[1], &f, &got);
	T_EQ(got.verdict, PT_CLASS_LOCAL);
}

static void test_policies(void)
{
	T_STR(classify("udp 10.1.0.1:5060 > 10.2.0.1:443 ef"), "b/voice b2,b1,c1");
	T_STR(classify("udp 10.1.0.1 > 10.2.0.1 46"), "b/voice b2,b1,c1");
	T_STR(classify("tcp 10.1.0.1:5060 > 10.2.0.1:8010"), "b/web b1,b2,c1");
	T_STR(classify("tcp 10.1.0.1:5060 > 10.2.0.1:8011"), "b/sip b1,b2,c1");
	T_STR(classify("tcp 10.1.0.1 > 10.2.0.1 1"), "b/bulk b1,b2,c1"); // a fragment shows no port
	T_STR(classify("47 10.1.0.1 > 10.2.0.1"), "no policy matches");
	T_STR(classify("icmp 10.1.0.1 > 10.2.0.1 in lan8"), "b/guest b1,b2,c1");
	T_STR(classify("icmp 10.1.9.1 > 10.2.0.1 in lan1"), "b/lab b1,b2,c1");
	T_STR(classify("icmp 10.1.8.1 > 10.2.0.1 in lan1"), "no policy matches");
	T_STR(classify("icmp fd01:0:0:9::1 > fd02::1"), "b/lab b1,b2");
	T_STR(classify("icmp fd01:0:0:8::1 > fd02::1"), "no policy matches");
	T_STR(classify("udp 10.1.0.1:1 > 10.2.0.1:443"), "no policy matches");
}

static void test_unforwarded(void)
{
	static const char *const flows[] = { "udp 10.1.0.1 > 224.0.0.1", "udp 10.1.0.1 > 240.0.0.1",
		"udp 10.1.0.1 > 255.255.255.255", "udp 169.254.0.1 > 10.2.0.1",
		"udp 0.0.0.0 > 10.2.0.1", "udp 10.1.0.1 > 127.0.0.1", "udp fe80::1 > fd02::1",
		"udp fd01::1 > febf::1", "udp ff02::1 > fd02::1", "udp fd01::1 > ::1",
		"udp :: > fd02::1" };

	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++)
		T_HAS(classify(flows[i]), "never forwarded");
	T_STR(classify("tcp fd01::1 > ::2"), "net/tcp n1");
	T_STR(classify("tcp 10.1.0.1 > 223.255.255.255"), "net/tcp n1");
	T_STR(classify("tcp 10.1.0.1 > fec0::1"), "one address is IPv4, the other IPv6");
	T_STR(classify("tcp fd01::1 > fec0::1"), "net/tcp n1");
}

static void test_parse(void)
{
	struct pt_flow f;

	T_EQ(pt_flow_parse(" UDP\t[fd01::5]:40000  > [fd02::9]:5060 af41 in eth0.100\n", &f, &err),
		0);
	T_EQ(f.proto, IPPROTO_UDP);
	T_EQ(f.src.family, AF_INET6);
	T_EQ(f.src.bytes[15], 5);
	T_EQ(f.dst.bytes[15], 9);
	T_EQ(f.sport, 40000);
	T_EQ(f.dport, 5060);
	T_EQ(f.dscp, 34);
	T_OK(f.has_port);
	T_STR(f.device, "eth0.100");
	T_EQ(pt_flow_parse("icmp6 fd01::5 > [fd02::9] in lan0", &f, &err), 0);
	T_OK(!f.has_port && f.dscp == 0);
	T_STR(f.device, "lan0");
}

static void test_bad_flows(void)
{
	static const char *const bad[][2] = {
		{ "", "not PROTOCOL" },
		{ "udp 10.1.0.5:1 10.2.0.9:2", "not PROTOCOL" },
		{ "ip 10.1.0.5 > 10.2.0.9", "'ip' is no protocol" },
		{ "256 10.1.0.5 > 10.2.0.9", "'256' is no protocol" },
		{ "udp 10.1.0 > 10.2.0.9", "'10.1.0' is no address" },
		{ "udp [10.1.0.5]:1 > 10.2.0.9:1", "'[10.1.0.5]:1' is no address" },
		{ "udp [fd01::1]x > fd02::1", "'[fd01::1]x' is no address" },
		{ "udp 10.1.0.5:65536 > 10.2.0.9:1", "no port from 0 to 65535" },
		{ "udp 10.1.0.5: > 10.2.0.9:1", "no port from 0 to 65535" },
		{ "udp 10.1.0.5:1 > 10.2.0.9", "a port on both sides" },
		{ "icmp 10.1.0.5:1 > 10.2.0.9:1", "icmp has no ports" },
		{ "udp 10.1.0.5 > fd02::1", "one address is IPv4" },
		{ "udp 10.1.0.5 > 10.2.0.9 64", "'64' is no DSCP" },
		{ "udp 10.1.0.5 > 10.2.0.9 ef lan0", "'lan0' is too much" },
		{ "udp 10.1.0.5 > 10.2.0.9 in", "'in' is too much" },
		{ "udp 10.1.0.5 > 10.2.0.9 in sixteen-letters-", "no name of a device" },
		{ "udp 10.1.0.5 > 10.2.0.9 \x1b[2J", "control characters" },
		{ "a b c d e f g h i", "too many words" },
	};
	struct pt_flow f;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		T_OK(pt_flow_parse(bad[i][0], &f, &err) < 0);
		T_HAS(err.msg, bad[i][1]);
	}
}

static void test_words(void)
{
	static const char *const want[] = { "udp, dscp ef", "tcp, to port 443 or 8000-8010",
		"tcp, from port 5060", "dscp le", "tcp", "icmp, in lan7 or lan8",
		"icmp, from 10.1.9.0/24 or fd01:0:0:9::/64" };

	T_NEED(load());
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		pt_autobuf words = { 0 };

		pt_match_words(&words, &net.policies[i].match);
		T_STR(pt_buf_str(&words), want[i]);
	}
}

T_MAIN({ "sites by longest prefix, then preference", test_sites },
	{ "a prefix of one's own site stays at home", test_own_site_wins },
	{ "policies by first match", test_policies },
	{ "addresses that nobody forwards", test_unforwarded },
	{ "a flow with everything in it", test_parse },
	{ "what is no flow is told in words", test_bad_flows }, { "matches in words", test_words })
