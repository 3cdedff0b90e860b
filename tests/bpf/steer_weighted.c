// SPDX-License-Identifier: MIT
// Flows over weighted paths, and what a policy wants of its packets: code point and class.
#include "model/network.h"
#include "plane/choices.h"
#include "tests/bpf/rig.h"

#define SITE  1
#define PATHS 4
#define FLOWS 6000
#define EF    46

static struct rig_packet pkt;
static uint8_t before[2][FLOWS], after[2][FLOWS]; // path of each flow, IPv4 and IPv6

static struct pt_group *group(void)
{
	return &rig.plane->group[PT_GROUP_KEY(rig.plane->meta->site_cap, 0, SITE, 0)];
}

static void reset(uint8_t treat)
{
	static const char *const ids[] = { "none", "fiber", "cable", "lte", "sat" };
	static const uint8_t weight[] = { 50, 30, 20, 0 }; // the last one is for the worst case

	memset(rig.plane->block, 0, sizeof(*rig.plane->block));
	rig_match_all(&rig.plane->rule[0]);
	memset(rig.plane->rule[0].sport_page, 0, 256);
	memset(rig.plane->rule[0].dport_page, 0, 256);
	rig.plane->rule[0].treat[0] =
		(struct pt_treat){ .flags = treat, .dscp = EF, .priority = 0x10010 };
	rig_dest("10.2.0.0/16", SITE);
	rig_dest("fd02::/16", SITE);
	*group() = (struct pt_group){
		.path = { 1, 2, 3, 4 }, .count = PATHS, .flags = PT_GROUP_WEIGHTED
	};
	memcpy(group()->weight, weight, sizeof(weight));
	for (uint32_t i = 1; i <= PATHS; i++) {
		rig_hop(i);
		rig.plane->hop[i].salt = pt_path_salt(ids[i]);
		rig_set_down(i, 0);
	}
}

static void make(bool v6, uint32_t host, uint16_t port)
{
	char dst[32];

	snprintf(dst, sizeof(dst), v6 ? "fd02::%x" : "10.2.%u.%u", v6 ? host : host >> 8,
		host & 0xff);
	if (v6)
		rig_ipv6(&pkt, dst, IPPROTO_UDP, port, 443, 32);
	else
		rig_ipv4(&pkt, dst, IPPROTO_UDP, port, 443, 32);
}

// The path that the packet left by; 0: none.
static uint8_t sent_by(void)
{
	uint64_t sent[PATHS + 1];

	for (uint32_t i = 1; i <= PATHS; i++)
		sent[i] = rig_tx(i);
	if (rig_run(PT_PROGRAM_STEER, &pkt) != TC_ACT_REDIRECT)
		return 0;
	for (uint8_t i = 1; i <= PATHS; i++)
		if (rig_tx(i) != sent[i])
			return i;
	return 0;
}

static void send_all(uint8_t by[2][FLOWS])
{
	for (int v6 = 0; v6 < 2; v6++) {
		for (uint32_t i = 0; i < FLOWS; i++) {
			make(v6, 1 + i % 100, (uint16_t)(20000 + i / 100));
			by[v6][i] = sent_by();
		}
	}
}

static double share(const uint8_t *by, uint8_t path)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < FLOWS; i++)
		n += by[i] == path;
	return (double)n / FLOWS;
}

static void expect_share(const uint8_t *by, uint8_t path, double want)
{
	double have = share(by, path);

	printf("# path %u: %.3f of the flows, want %.3f\n", path, have, want);
	T_OK(have > want - 0.02 && have < want + 0.02);
}

static void test_shares(void)
{
	reset(PT_TREAT_PORTS);
	send_all(before);
	for (int v6 = 0; v6 < 2; v6++) {
		expect_share(before[v6], 1, 0.5);
		expect_share(before[v6], 2, 0.3);
		expect_share(before[v6], 3, 0.2);
		expect_share(before[v6], 4, 0);
	}
	send_all(after);
	T_OK(memcmp(before, after, sizeof(before)) == 0); // a flow stays where it is
}

static void test_loss_and_return(void)
{
	reset(PT_TREAT_PORTS);
	send_all(before);
	rig_set_down(1, 1);
	send_all(after);
	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t others = 0;

		for (uint32_t i = 0; i < FLOWS; i++)
			others += before[v6][i] != 1 && after[v6][i] != before[v6][i];
		T_EQ(others, 0);
		expect_share(after[v6], 1, 0);
		expect_share(after[v6], 2, 0.6); // 30 to 20 is what is left
		expect_share(after[v6], 3, 0.4);
		expect_share(after[v6], 4, 0);
	}
	rig_set_down(1, 0);
	send_all(after);
	T_OK(memcmp(before, after, sizeof(before)) == 0);
}

// Without a usable path of any weight the others serve, best first.
static void test_no_weight_left(void)
{
	reset(PT_TREAT_PORTS);
	for (uint32_t i = 1; i <= 3; i++)
		rig_set_down(i, 1);
	make(false, 7, 5000);
	T_EQ(sent_by(), 4);
	rig.plane->block->path[4] = PT_BLOCK_MANUAL; // the last resort is shared out, too
	send_all(after);
	expect_share(after[0], 1, 0.5);
	expect_share(after[0], 3, 0.2);
}

// By hosts alone: other ports, fragments and the way back are the same flow.
static void test_one_flow(void)
{
	uint32_t by_port = 0;

	for (uint32_t host = 1; host < 200; host++) {
		for (int v6 = 0; v6 < 2; v6++) {
			reset(0);
			make(v6, host, 5000);
			uint8_t path = sent_by();

			make(v6, host, 6000);
			T_EQ(sent_by(), path);
			make(v6, host, 5000);
			if (v6) {
				pkt.v6.nexthdr = IPPROTO_FRAGMENT;
				pkt.data[ETH_HLEN + 40] = IPPROTO_UDP;
				pkt.data[ETH_HLEN + 43] = 1; // more follow
			} else {
				pkt.v4.frag_off = htons(0x2000);
				rig_seal(&pkt);
			}
			T_EQ(sent_by(), path);
			reset(PT_TREAT_PORTS);
			make(v6, host, 5000);
			path = sent_by();
			make(v6, host, 6000);
			by_port += sent_by() != path;
		}
	}
	T_OK(by_port > 100); // of 398
}

static void test_both_directions(void)
{
	reset(PT_TREAT_PORTS);
	rig_dest("10.1.0.0/16", SITE);
	for (uint32_t host = 1; host < 200; host++) {
		make(false, host, (uint16_t)(5000 + host));
		struct rig_packet back = pkt;
		uint8_t path = sent_by();

		pkt = back;
		pkt.v4.saddr = back.v4.daddr;
		pkt.v4.daddr = back.v4.saddr;
		pkt.udp4.source = back.udp4.dest;
		pkt.udp4.dest = back.udp4.source;
		rig_seal(&pkt);
		T_EQ(sent_by(), path);
	}
	rig_dest("10.1.0.0/16", RIG_NO_SITE);
}

// The loss of any path that takes flows is a switch, and so is its return.
static void test_switches_are_told(void)
{
	struct pt_choices choices;
	struct pt_moved moved;
	pt_autonames names = {};

	reset(0);
	T_EQ(pt_names_read(rig.plane, &names, &rig.err), 0);
	T_EQ(pt_names_set(&names, PT_NAME_POLICY, 0, "weighted", &rig.err), 0);
	T_EQ(pt_choices_init(&choices, rig.plane, &names, &rig.err), 0);
	T_EQ(pt_choices_look(&choices).sites, 0);
	rig_set_down(2, 1);
	moved = pt_choices_look(&choices);
	T_EQ(moved.sites, 1);
	T_EQ(moved.from, 2);
	T_EQ(moved.to, 1);
	T_EQ(pt_choices_look(&choices).sites, 0);
	rig_set_down(4, 1); // takes none
	T_EQ(pt_choices_look(&choices).sites, 0);
	rig_set_down(2, 0);
	moved = pt_choices_look(&choices);
	T_EQ(moved.sites, 1);
	T_EQ(moved.to, 2);
	pt_choices_done(&choices);
}

// Every code point that comes and every one to set; ECN stays.
static void test_dscp(void)
{
	for (uint32_t tos = 0; tos < 256; tos++) {
		for (uint8_t dscp = 0; dscp < 64; dscp += 3) {
			reset(PT_TREAT_DSCP);
			rig.plane->rule[0].treat[0].dscp = dscp;
			make(false, 1, 5000);
			pkt.v4.tos = (uint8_t)tos;
			pkt.v4.id = htons((uint16_t)(tos * 251));
			rig_seal(&pkt);
			rig_run(PT_PROGRAM_STEER, &pkt);
			T_EQ(pkt.act, TC_ACT_REDIRECT);
			T_EQ(pkt.v4.tos, dscp << 2 | (tos & 3));
			T_EQ(rig_sum(&pkt.v4), 0xffff);
			make(true, 1, 5000);
			pkt.v6.priority = tos >> 4 & 15;
			pkt.v6.flow_lbl[0] = (uint8_t)((tos & 15) << 4 | 0xa);
			struct rig_packet was = pkt;

			rig_run(PT_PROGRAM_STEER, &pkt);
			T_EQ(pkt.act, TC_ACT_REDIRECT);
			T_EQ(pkt.v6.priority << 4 | pkt.v6.flow_lbl[0] >> 4, dscp << 2 | (tos & 3));
			T_EQ(pkt.v6.flow_lbl[0] & 15, 0xa); // the flow label is not ours
			was.v6.hop_limit--;
			memcpy(&was.v6, &pkt.v6, 2);
			T_OK(memcmp(was.data, pkt.data, pkt.len) == 0);
		}
	}
}

static void test_class(void)
{
	reset(PT_TREAT_CLASS);
	make(false, 1, 5000);
	T_EQ(sent_by() != 0, true);
	T_EQ(pkt.priority, 0x10010);
	make(true, 1, 5000);
	rig_run(PT_PROGRAM_STEER, &pkt);
	T_EQ(pkt.priority, 0x10010);
	reset(0);
	make(false, 1, 5000);
	pkt.priority = 7; // whoever set that
	rig_run(PT_PROGRAM_STEER, &pkt);
	T_EQ(pkt.priority, 7);
	rig.plane->rule[0].treat[0] = (struct pt_treat){
		.flags = PT_TREAT_CLASS | PT_TREAT_DSCP, .dscp = EF, .priority = 0x20003
	};
	make(false, 1, 5000);
	pkt.v4.ttl = 1; // the kernel's to answer: as it came
	rig_seal(&pkt);
	struct rig_packet was = pkt;
	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_UNSPEC);
	T_OK(memcmp(was.data, pkt.data, pkt.len) == 0);
}

RIG_MAIN({ "6,000 flows of each family follow the weights", test_shares },
	{ "a loss moves its own flows, which come back", test_loss_and_return },
	{ "no weight left: the others, best first", test_no_weight_left },
	{ "by hosts: ports and fragments are one flow", test_one_flow },
	{ "both directions are one flow", test_both_directions },
	{ "a sharer's loss and return are switches", test_switches_are_told },
	{ "code points are set, ECN and checksums right", test_dscp },
	{ "the class of the policy", test_class })
