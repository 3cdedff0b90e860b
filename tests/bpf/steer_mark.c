// SPDX-License-Identifier: MIT
// What goes through the kernel bears the mark of the path that was chosen for it, in our bits
// alone.
#include "tests/bpf/rig.h"

#define SITE       1
#define MASK       0xfff00000u
#define MARK       0x00500000u // of path 1; path 2 has twice that
#define OTHERS     0xabcd1234u // set by somebody else, in our bits, too
#define WITH(mark) ((OTHERS & ~MASK) | (mark))

static struct rig_packet pkt;

static void reset(void)
{
	const struct pt_meta *meta = rig.plane->meta;
	struct pt_rule *rule = &rig.plane->rule[0];

	memset(rig.plane->block, 0, sizeof(*rig.plane->block));
	memset(rule, 0xff, sizeof(*rule)); // everything is policy 0
	memset(rule->sport_page, 0, sizeof(rule->sport_page));
	memset(rule->dport_page, 0, sizeof(rule->dport_page));
	memset(rule->treat, 0, sizeof(rule->treat));
	rule->source4 = rule->source6 = 0;
	rig.plane->meta->bank = 0;
	rig.plane->meta->mark_mask = MASK;
	for (uint32_t path = 1; path <= 2; path++) {
		rig_hop(path);
		rig_set_down(path, 0);
		rig.plane->hop[path].mark = MARK * path;
	}
	rig.plane->group[PT_GROUP_KEY(meta->site_cap, 0, SITE, 0)] =
		(struct pt_group){ .path = { 1, 2 }, .count = 2 };
	rig_dest("10.2.0.0/16", SITE);
	rig_dest("fd02::/16", SITE);
	pkt.gso_size = 0;
}

static void packet(int family, uint32_t payload)
{
	if (family == AF_INET)
		rig_ipv4(&pkt, "10.2.0.7", IPPROTO_UDP, 5000, 6000, payload);
	else
		rig_ipv6(&pkt, "fd02::7", IPPROTO_UDP, 5000, 6000, payload);
	pkt.mark = OTHERS;
}

static void expect_handed(enum pt_stat why, uint32_t mark)
{
	struct rig_packet was = pkt;
	uint64_t before = rig_stat(why);

	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_UNSPEC);
	T_EQ(rig_stat(why) - before, 1);
	T_EQ(pkt.mark, WITH(mark));
	T_OK(memcmp(was.data, pkt.data, pkt.len) == 0);
}

static void test_ttl(void)
{
	reset();
	packet(AF_INET, 100);
	pkt.v4.ttl = 1;
	rig_seal(&pkt);
	expect_handed(PT_STAT_PASS_TTL, MARK);
	packet(AF_INET6, 100);
	pkt.v6.hop_limit = 1;
	expect_handed(PT_STAT_PASS_TTL, MARK);
}

static void test_too_big(void)
{
	reset();
	rig.plane->hop[1].mtu = 600;
	packet(AF_INET, 700);
	expect_handed(PT_STAT_PASS_MTU, MARK);
	packet(AF_INET6, 700);
	expect_handed(PT_STAT_PASS_MTU, MARK);
	rig_set_down(1, 1); // and it fits the other
	packet(AF_INET6, 700);
	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_REDIRECT);
	T_EQ(pkt.mark, OTHERS);
}

static void test_options(void)
{
	reset();
	packet(AF_INET, 100);
	pkt.v4.ihl = 6;
	expect_handed(PT_STAT_PASS_OPTION, MARK);
	packet(AF_INET6, 100);
	pkt.v6.nexthdr = IPPROTO_DSTOPTS;
	expect_handed(PT_STAT_PASS_OPTION, MARK);
	rig_set_down(1, 1); // they follow a switch
	packet(AF_INET, 100);
	pkt.v4.ihl = 6;
	expect_handed(PT_STAT_PASS_OPTION, 2 * MARK);
}

static void test_not_ours(void)
{
	reset();
	rig_ipv4(&pkt, "10.99.0.1", IPPROTO_UDP, 1, 2, 8);
	pkt.mark = OTHERS;
	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_UNSPEC);
	T_EQ(pkt.mark, OTHERS); // of no site: not touched
	rig.plane->hop[1].mark = 0;
	packet(AF_INET, 100);
	pkt.v4.ttl = 1;
	rig_seal(&pkt);
	rig_run(PT_PROGRAM_STEER, &pkt);
	T_EQ(pkt.mark, OTHERS); // the path has none
}

// The kernel ages it, checks it and sends it.
static void test_mark_mode(void)
{
	uint64_t before, sent;

	reset();
	rig.plane->hop[1].flags |= PT_HOP_MARK;
	for (int i = 0; i < 2; i++) {
		packet(i ? AF_INET6 : AF_INET, 100);
		before = rig_stat(PT_STAT_MARKED);
		sent = rig_tx(1);
		struct rig_packet was = pkt;
		T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_UNSPEC);
		T_EQ(pkt.mark, WITH(MARK));
		T_OK(memcmp(was.data, pkt.data, pkt.len) == 0);
		T_EQ(rig_stat(PT_STAT_MARKED) - before, 1);
		T_EQ(rig_tx(1) - sent, 1);
	}
	rig_set_down(1, 1); // path 2 redirects
	packet(AF_INET, 100);
	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_REDIRECT);
	T_EQ(pkt.mark, OTHERS);
}

// Which path the packet of this source port takes.
static int path_of(uint16_t port)
{
	uint64_t before = rig_tx(1);

	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_UDP, port, 6000, 100);
	rig_run(PT_PROGRAM_STEER, &pkt);
	return rig_tx(1) > before ? 1 : 2;
}

static void order(uint16_t first, uint16_t second)
{
	rig.plane->group[PT_GROUP_KEY(rig.plane->meta->site_cap, 0, SITE, 0)] =
		(struct pt_group){ .path = { first, second }, .count = 2, .flags = PT_GROUP_FLOWS };
}

static void test_flows(void)
{
	reset();
	order(1, 2);
	T_EQ(path_of(7000), 1);
	order(2, 1);
	T_EQ(path_of(7000), 1); // used to it
	T_EQ(path_of(7001), 2); // new
	rig_set_down(1, 1);
	T_EQ(path_of(7000), 2);
	rig_set_down(1, 0);
	T_EQ(path_of(7000), 2); // used to that now
	order(1, 2);
	T_EQ(path_of(7000), 2);
	T_EQ(path_of(7002), 1);
	rig.plane->block->path[2] = PT_BLOCK_DAMPED; // alive: no reason to leave
	T_EQ(path_of(7000), 2);
	rig.plane->block->path[2] = PT_BLOCK_MANUAL;
	T_EQ(path_of(7000), 1);
	rig.plane->block->path[2] = 0;
	order(2, 2); // no candidate any more
	T_EQ(path_of(7000), 2);
	order(1, 2);
	rig.plane->hop[2].flags |= PT_HOP_MARK; // what it is used to counts, not what is best
	T_EQ(path_of(7000), 2);
	T_EQ(pkt.act, TC_ACT_UNSPEC);
	T_EQ(pkt.mark, 2 * MARK);
}

RIG_MAIN({ "TTL used up: the path's mark, others' bits stay", test_ttl },
	{ "too big: the path's mark", test_too_big },
	{ "options: the path's mark, by the addresses", test_options },
	{ "nobody's packets and paths without a mark stay unmarked", test_not_ours },
	{ "mode mark: marked, counted, untouched", test_mark_mode },
	{ "flows keep to their path while it is usable", test_flows })
