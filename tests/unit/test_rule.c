// SPDX-License-Identifier: MIT
#include <errno.h>
#include <netinet/in.h>

#include "plane/rule.h"
#include "tests/unit/test.h"

static struct pt_rule rule;
static struct pt_chunk chunk[64];
static struct pt_fork forks[64];
static struct pt_trie trie;
static struct pt_link devices[] = { { .ifindex = 2, .name = "lan0" },
	{ .ifindex = 3, .name = "lan1" }, { .ifindex = 4000000001, .name = "lan2" } };
static struct pt_links links = { .link = devices, .n_link = 3 };

static void fill(struct pt_match *matches, uint32_t n)
{
	static struct pt_policy policies[PT_MAX_POLICY];
	struct pt_network net = { .policies = policies, .n_policies = n };
	struct pt_err err;

	trie = (struct pt_trie){ .chunk = chunk, .fork = forks, .max_chunks = 64, .max_forks = 64 };

	for (uint32_t i = 0; i < n; i++)
		policies[i] = (struct pt_policy){ .match = matches[i] };
	memset(&rule, 0xaa, sizeof(rule)); // what was there before must not matter
	T_EQ(pt_rule_fill(&net, &links, &trie, &rule, &err), 0);
}

// The policies that accept a packet, as the kernel program reads the vectors.
static uint64_t allows(uint8_t proto, uint8_t dscp, uint16_t sport, uint16_t dport)
{
	return rule.proto[proto] & rule.dscp[dscp] &
		rule.sport[PT_RULE_PORT(rule.sport_page, sport)] &
		rule.dport[PT_RULE_PORT(rule.dport_page, dport)];
}

static uint64_t allows_portless(uint8_t proto, uint8_t dscp)
{
	return rule.proto[proto] & rule.dscp[dscp] & rule.no_port;
}

static void test_match_all(void)
{
	struct pt_match any[] = { { .dscp = PT_NULL } };

	fill(any, 1);
	for (int proto = 0; proto < 256; proto += 5)
		for (uint8_t dscp = 0; dscp < 64; dscp++)
			T_EQ(allows((uint8_t)proto, dscp, 65535, 0), 1);
	T_EQ(allows_portless(IPPROTO_ESP, 63), 1);
}

static void test_no_policy(void)
{
	fill(NULL, 0);
	T_EQ(allows(IPPROTO_TCP, 0, 1, 2), 0);
	T_EQ(allows_portless(IPPROTO_ICMP, 0), 0);
}

static void test_each_field(void)
{
	struct pt_port_range web[] = { { 80, 80 }, { 443, 443 } }, high[] = { { 1024, 65535 } };
	struct pt_match m[] = {
		{ .protocol = PT_PROTO_TCP, .dscp = PT_NULL, .dst_ports = web, .n_dst_ports = 2 },
		{ .protocol = PT_PROTO_UDP, .dscp = 46, .src_ports = high, .n_src_ports = 1 },
		{ .protocol = PT_PROTO_ICMP, .dscp = PT_NULL },
		{ .dscp = 0 },
	};

	fill(m, 4);
	T_EQ(allows(IPPROTO_TCP, 10, 5000, 80), 1 << 0);
	T_EQ(allows(IPPROTO_TCP, 0, 5000, 443), 1 << 0 | 1 << 3);
	T_EQ(allows(IPPROTO_TCP, 10, 5000, 81), 0);
	T_EQ(allows(IPPROTO_TCP, 10, 80, 5000), 0);
	T_EQ(allows(IPPROTO_UDP, 46, 1024, 1), 1 << 1);
	T_EQ(allows(IPPROTO_UDP, 46, 65535, 1), 1 << 1);
	T_EQ(allows(IPPROTO_UDP, 46, 1023, 1), 0);
	T_EQ(allows_portless(IPPROTO_ICMP, 10), 1 << 2);
	T_EQ(allows_portless(IPPROTO_ICMPV6, 10), 0);
	T_EQ(allows_portless(IPPROTO_TCP, 0), 1 << 3); // a fragment shows no port to match
	T_EQ(allows_portless(IPPROTO_UDP, 46), 0);
}

// Every port of every page, where ranges begin and end within pages and go over many.
static void test_port_pages(void)
{
	struct pt_port_range r[] = { { 0, 0 }, { 255, 256 }, { 1000, 40000 }, { 65535, 65535 } };
	struct pt_match m[] = { { .protocol = PT_PROTO_UDP,
		.dscp = PT_NULL,
		.src_ports = r,
		.n_src_ports = 4,
		.dst_ports = r + 2,
		.n_dst_ports = 1 } };

	fill(m, 1);
	for (uint32_t port = 0; port < 65536; port++) {
		uint64_t src = 0, dst = port >= 1000 && port <= 40000;

		for (int i = 0; i < 4; i++)
			src |= port >= r[i].lo && port <= r[i].hi;
		if (allows(IPPROTO_UDP, 0, (uint16_t)port, 2000) != src ||
			allows(IPPROTO_UDP, 0, 0, (uint16_t)port) != dst)
			T_FAIL("port %u", port);
	}
	T_OK(rule.sport_page[100] == rule.sport_page[50]); // wholly within the range
}

static void test_all_64(void)
{
	struct pt_match m[PT_MAX_POLICY];

	for (int64_t i = 0; i < PT_MAX_POLICY; i++)
		m[i] = (struct pt_match){ .dscp = i };
	fill(m, PT_MAX_POLICY);
	for (uint8_t i = 0; i < PT_MAX_POLICY; i++)
		T_OK(allows(IPPROTO_UDP, i, 1, 2) == 1ull << i);
}

static uint64_t from_device(uint32_t ifindex)
{
	const struct pt_rule_device *d = &rule.device[PT_RULE_SLOT(ifindex, rule.device_factor)];

	return d->ifindex == ifindex ? d->policies : rule.other_device;
}

static uint64_t from_source(const char *text)
{
	struct pt_prefix host = {};
	struct pt_trie_item key;

	T_EQ(pt_addr_parse(text, &host.addr), 0);
	key = pt_trie_item(&host, 0, 0);
	return rule.source[pt_trie_find(
		chunk, forks, host.addr.family == AF_INET ? rule.source4 : rule.source6, key.addr)];
}

static void test_devices(void)
{
	const char *const one[] = { "lan1" }, *const two[] = { "lan0", "lan2", "absent" };
	struct pt_match m[] = {
		{ .dscp = PT_NULL, .devices = one, .n_devices = 1 },
		{ .dscp = PT_NULL, .devices = two, .n_devices = 3 },
		{ .dscp = PT_NULL },
	};

	fill(m, 3);
	T_EQ(from_device(2), 1 << 1 | 1 << 2);
	T_EQ(from_device(3), 1 << 0 | 1 << 2);
	T_EQ(from_device(4000000001), 1 << 1 | 1 << 2);
	T_EQ(from_device(5), 1 << 2);
	for (uint32_t i = 5; i < 5000; i++) // nobody shares a named device's slot unseen
		if (from_device(i) != 1 << 2)
			T_FAIL("device %u", i);
	fill(&m[2], 1);
	T_EQ(from_device(3), 1);
}

static void many_devices(uint32_t n, int want)
{
	static struct pt_link many[600];
	static char names[600][16];
	static const char *named[600];
	struct pt_policy p = { .match = { .dscp = PT_NULL, .devices = named, .n_devices = n } };
	const struct pt_network net = { .policies = &p, .n_policies = 1 };
	const struct pt_links all = { .link = many, .n_link = n };
	struct pt_err err;

	for (uint32_t i = 0; i < n; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "v%u", i);
		named[i] = names[i];
		many[i].ifindex = 7 * i * i + 5;
		memcpy(many[i].name, names[i], sizeof(names[i]));
	}
	T_EQ(pt_rule_fill(&net, &all, &trie, &rule, &err), want);
	for (uint32_t i = 0; !want && i < n; i++)
		T_EQ(from_device(many[i].ifindex), 1);
}

static void test_many_devices(void)
{
	many_devices(64, 0);
	many_devices(100, 0);
	many_devices(600, -ENOSPC);
}

static void test_own_addresses(void)
{
	static struct pt_link_addr own[] = { { .local = { AF_INET, { 10, 1, 0, 1 } } },
		{ .local = { AF_INET6, { 0xfd, 1, [15] = 1 } } },
		{ .local = { AF_INET, { 10, 1, 0, 1 } } } };
	struct pt_prefix lan;
	struct pt_match m[] = {
		{ .dscp = PT_NULL, .src_prefixes = &lan, .n_src_prefixes = 1 },
		{ .dscp = PT_NULL },
	};

	T_EQ(pt_prefix_parse("10.1.0.1/32", &lan), 0); // even if a policy names it
	links.addr = own;
	links.n_addr = 3;
	fill(m, 2);
	links.n_addr = 0;
	T_EQ(from_source("10.1.0.1"), 0);
	T_EQ(from_source("10.1.0.0"), 1 << 1);
	T_EQ(from_source("10.1.0.2"), 1 << 1);
	T_EQ(from_source("fd01::1"), 1 << 1); // the kernel forwards these
}

static void test_sources(void)
{
	struct pt_prefix outer[2], inner[2];
	struct pt_match m[] = {
		{ .dscp = PT_NULL, .src_prefixes = inner, .n_src_prefixes = 2 },
		{ .dscp = PT_NULL, .src_prefixes = outer, .n_src_prefixes = 2 },
		{ .dscp = PT_NULL, .src_prefixes = outer, .n_src_prefixes = 1 },
		{ .dscp = PT_NULL },
	};

	T_EQ(pt_prefix_parse("10.1.0.0/16", &outer[0]), 0);
	T_EQ(pt_prefix_parse("fd00::/8", &outer[1]), 0);
	T_EQ(pt_prefix_parse("10.1.2.64/27", &inner[0]), 0);
	T_EQ(pt_prefix_parse("fd00:1:2:3::/64", &inner[1]), 0);
	fill(m, 4);
	T_EQ(from_source("10.1.2.70"), 15);
	T_EQ(from_source("10.1.2.63"), 14);
	T_EQ(from_source("10.1.2.96"), 14);
	T_EQ(from_source("10.2.0.1"), 8);
	T_EQ(from_source("fd00:1:2:3::9"), 11);
	T_EQ(from_source("fd00:1:2:4::9"), 10);
	T_EQ(from_source("2001:db8::1"), 8);
	fill(&m[3], 1);
	T_EQ(from_source("10.1.2.70"), 1);
	T_EQ(from_source("fd00::1"), 1);
}

T_MAIN({ "a policy without a match takes everything", test_match_all },
	{ "no policy takes nothing", test_no_policy },
	{ "protocol, DSCP and ports narrow it down", test_each_field },
	{ "the device that a packet enters by", test_devices },
	{ "up to a hundred devices, and a clear no", test_many_devices },
	{ "source prefixes, one inside the other", test_sources },
	{ "port ranges across pages", test_port_pages },
	{ "64 policies have a bit each", test_all_64 },
	{ "no policy takes what claims to come from the edge itself", test_own_addresses })
