// SPDX-License-Identifier: MIT
#include <netinet/in.h>

#include "plane/rule.h"
#include "tests/unit/test.h"

static struct pt_rule rule;

static void fill(struct pt_match *matches, uint32_t n)
{
	static struct pt_policy policies[PT_MAX_POLICY];
	struct pt_network net = { .policies = policies, .n_policies = n };

	for (uint32_t i = 0; i < n; i++)
		policies[i] = (struct pt_policy){ .match = matches[i] };
	memset(&rule, 0xaa, sizeof(rule)); // what was there before must not matter
	pt_rule_fill(&net, &rule);
}

// The policies that accept a packet, as the kernel program reads the vectors.
static uint64_t allows(uint8_t proto, uint8_t dscp, uint16_t sport, uint16_t dport)
{
	return rule.proto[proto] & rule.dscp[dscp] & rule.sport[sport] & rule.dport[dport];
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

static void test_all_64(void)
{
	struct pt_match m[PT_MAX_POLICY];

	for (int64_t i = 0; i < PT_MAX_POLICY; i++)
		m[i] = (struct pt_match){ .dscp = i };
	fill(m, PT_MAX_POLICY);
	for (uint8_t i = 0; i < PT_MAX_POLICY; i++)
		T_OK(allows(IPPROTO_UDP, i, 1, 2) == 1ull << i);
}

T_MAIN({ "a policy without a match takes everything", test_match_all },
	{ "no policy takes nothing", test_no_policy },
	{ "protocol, DSCP and ports narrow it down", test_each_field },
	{ "64 policies have a bit each", test_all_64 })
