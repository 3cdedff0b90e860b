// SPDX-License-Identifier: MIT
// The steer program packet by packet: where each goes, what of it changes, what is counted.
#include "tests/bpf/rig.h"

#define SITE      1
#define SITE_BARE 2 // a destination without any group
#define ON_PATH   TC_ACT_REDIRECT
#define TO_KERNEL TC_ACT_UNSPEC

enum { POLICY_VOICE, POLICY_WEB, POLICY_REST };

static struct rig_packet pkt;

static struct pt_group *group(uint32_t bank, uint32_t policy)
{
	return &rig.plane->group[PT_GROUP_KEY(rig.plane->meta->site_cap, bank, SITE, policy)];
}

// Voice: DSCP EF. Web: TCP to port 443. Rest: everything.
static void fill_rules(struct pt_rule *r)
{
	memset(r, 0, sizeof(*r));
	for (int i = 0; i < 256; i++)
		r->proto[i] = 1u << POLICY_VOICE | 1u << POLICY_REST;
	r->proto[IPPROTO_TCP] |= 1u << POLICY_WEB;
	for (int i = 0; i < 64; i++)
		r->dscp[i] = 1u << POLICY_WEB | 1u << POLICY_REST;
	r->dscp[46] |= 1u << POLICY_VOICE;
	for (int i = 0; i < 65536; i++) {
		r->sport[i] = 7;
		r->dport[i] = 1u << POLICY_VOICE | 1u << POLICY_REST;
	}
	for (int i = 0; i < 256; i++)
		r->sport_page[i] = r->dport_page[i] = (__u8)i;
	r->source[0] = 7; // no prefix
	r->other_device = 7;
	r->dport[443] |= 1u << POLICY_WEB;
	r->no_port = 1u << POLICY_VOICE | 1u << POLICY_REST;
}

// Paths 1 to 4; voice prefers 2, web 3, the rest 1.
static void reset(void)
{
	static const uint16_t first[] = { 2, 3, 1 };

	memset(rig.plane->block, 0, sizeof(*rig.plane->block));
	memset(rig.plane->group, 0, sizeof(struct pt_group) * 2 * 16 * PT_MAX_POLICY);
	rig.plane->meta->bank = 0;
	for (uint32_t path = 1; path <= 4; path++) {
		rig_hop(path);
		rig_set_down(path, 0);
	}
	memset(rig.plane->first, 0, sizeof(struct pt_first) * 2 * 16 * PT_MAX_POLICY / PT_FIRSTS);
	for (uint32_t i = 0; i < 3; i++) {
		*group(0, i) = (struct pt_group){ .path = { first[i], 4 }, .count = 2 };
		rig_first(group(0, i), true);
	}
	fill_rules(&rig.plane->rule[0]);
	fill_rules(&rig.plane->rule[1]);
	rig_dest("10.2.0.0/16", SITE);
	rig_dest("10.2.9.0/24", PT_SITE_LOCAL);
	rig_dest("10.3.0.0/16", SITE_BARE);
	rig_dest("fd02::/16", SITE);
}

static void udp4(void)
{
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_UDP, 5000, 6000, 100);
}

// Runs the packet and tells how many were counted on a path meanwhile.
static uint64_t sent_on(uint32_t path)
{
	uint64_t before = rig_tx(path);

	rig_run(PT_PROGRAM_STEER, &pkt);
	return rig_tx(path) - before;
}

// The kernel gets it, unchanged, and that one counter moves.
static void expect_passed(enum pt_stat why)
{
	struct rig_packet was = pkt;
	uint64_t before = rig_stat(why);

	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TO_KERNEL);
	T_EQ(rig_stat(why) - before, 1);
	T_OK(memcmp(was.data, pkt.data, pkt.len) == 0);
}

static void test_ttl_and_checksum(void)
{
	reset();
	// Every value of the checksum's high byte is passed through by the identification field.
	for (uint32_t id = 0; id < 65536; id += 251) {
		for (uint32_t ttl = 2; ttl < 256; ttl += 23) {
			udp4();
			pkt.v4.id = htons((uint16_t)id);
			pkt.v4.ttl = (uint8_t)ttl;
			rig_seal(&pkt);
			rig_run(PT_PROGRAM_STEER, &pkt);
			if (pkt.act != ON_PATH || pkt.v4.ttl != ttl - 1 ||
				rig_sum(&pkt.v4) != 0xffff) {
				T_FAIL("id %u ttl %u: act %d ttl %u sum %x", id, ttl, pkt.act,
					pkt.v4.ttl, rig_sum(&pkt.v4));
				return;
			}
		}
	}
}

static void test_only_ttl_and_checksum_change(void)
{
	struct rig_packet was;

	reset();
	udp4();
	for (uint32_t i = 0; i < 100; i++)
		pkt.data[ETH_HLEN + 28 + i] = (uint8_t)i;
	was = pkt;
	T_EQ(sent_on(1), 1);
	T_EQ(pkt.act, ON_PATH);
	T_EQ(pkt.len, was.len);
	was.v4.ttl = pkt.v4.ttl;
	was.v4.check = pkt.v4.check;
	T_OK(memcmp(was.data, pkt.data, pkt.len) == 0);
}

static void test_ipv6(void)
{
	struct rig_packet was;

	reset();
	rig_ipv6(&pkt, "fd02::7", IPPROTO_UDP, 5000, 6000, 100);
	was = pkt;
	T_EQ(sent_on(1), 1);
	T_EQ(pkt.act, ON_PATH);
	T_EQ(pkt.v6.hop_limit, 63);
	was.v6.hop_limit = 63;
	T_OK(memcmp(was.data, pkt.data, pkt.len) == 0);
}

static void test_ttl_used_up(void)
{
	reset();
	for (uint8_t ttl = 0; ttl < 2; ttl++) {
		udp4();
		pkt.v4.ttl = ttl;
		rig_seal(&pkt);
		expect_passed(PT_STAT_PASS_TTL);
		rig_ipv6(&pkt, "fd02::7", IPPROTO_UDP, 1, 2, 8);
		pkt.v6.hop_limit = ttl;
		expect_passed(PT_STAT_PASS_TTL);
	}
}

static void test_unknown_destinations(void)
{
	reset();
	rig_ipv4(&pkt, "10.99.0.1", IPPROTO_UDP, 1, 2, 8);
	expect_passed(PT_STAT_PASS_NO_DEST);
	rig_ipv6(&pkt, "2001:db8::1", IPPROTO_UDP, 1, 2, 8);
	expect_passed(PT_STAT_PASS_NO_DEST);
	rig_ipv4(&pkt, "10.2.9.1", IPPROTO_UDP, 1, 2, 8); // within the site's prefix, but ours
	expect_passed(PT_STAT_PASS_LOCAL);
	rig_ipv4(&pkt, "10.3.0.1", IPPROTO_UDP, 1, 2, 8);
	expect_passed(PT_STAT_PASS_NO_GROUP);
}

static void test_scopes(void)
{
	static const char *const v4[] = { "224.0.0.5", "239.1.1.1", "255.255.255.255",
		"169.254.1.1", "127.0.0.1", "0.0.0.0" };
	static const char *const v6[] = { "ff02::1", "ff0e::5", "fe80::1", "::1", "::" };

	reset();
	rig_dest("0.0.0.0/0", SITE);
	rig_dest("::/0", SITE);
	for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		rig_ipv4(&pkt, v4[i], IPPROTO_UDP, 1, 2, 8);
		expect_passed(PT_STAT_PASS_SCOPE);
	}
	for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
		rig_ipv6(&pkt, v6[i], IPPROTO_UDP, 1, 2, 8);
		expect_passed(PT_STAT_PASS_SCOPE);
	}
	rig_dest("0.0.0.0/0", RIG_NO_SITE);
	rig_dest("::/0", RIG_NO_SITE);
}

static void test_not_ours_to_forward(void)
{
	reset();
	udp4();
	pkt.data[0] = 2; // a unicast address that is not this device's
	expect_passed(PT_STAT_PASS_TYPE);
	udp4();
	memset(pkt.data, 0xff, 6);
	expect_passed(PT_STAT_PASS_TYPE);
	rig_ethernet(&pkt, ETH_P_ARP);
	pkt.len = 60;
	expect_passed(PT_STAT_PASS_NOT_IP);
}

static void test_options(void)
{
	static const uint8_t headers[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS };

	reset();
	udp4();
	pkt.v4.ihl = 6;
	expect_passed(PT_STAT_PASS_OPTION);
	for (size_t i = 0; i < sizeof(headers); i++) {
		rig_ipv6(&pkt, "fd02::7", headers[i], 1, 2, 8);
		expect_passed(PT_STAT_PASS_OPTION);
	}
}

static void test_nonsense(void)
{
	reset();
	udp4();
	pkt.v4.version = 6;
	expect_passed(PT_STAT_PASS_SHORT);
	udp4();
	pkt.v4.ihl = 4;
	expect_passed(PT_STAT_PASS_SHORT);
	udp4();
	pkt.len = ETH_HLEN + 22; // cut inside the UDP header
	expect_passed(PT_STAT_PASS_SHORT);
	rig_ipv6(&pkt, "fd02::7", 44, 0, 0, 0);
	pkt.len = ETH_HLEN + 44; // cut inside the fragment header
	expect_passed(PT_STAT_PASS_SHORT);
}

static void test_fragments_by_address(void)
{
	uint64_t before;

	reset();
	before = rig_stat(PT_STAT_FRAGMENT);
	// A TCP packet to 443 is web; its fragments, the first included, show no ports to rules.
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_TCP, 5000, 443, 100);
	T_EQ(sent_on(3), 1);
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_TCP, 5000, 443, 100);
	pkt.v4.frag_off = htons(0x2000);
	rig_seal(&pkt);
	T_EQ(sent_on(1), 1);
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_TCP, 5000, 443, 100);
	pkt.v4.frag_off = htons(0x0010);
	rig_seal(&pkt);
	T_EQ(sent_on(1), 1);
	rig_ipv6(&pkt, "fd02::7", 44, 0, 0, 100);
	pkt.data[ETH_HLEN + 40] = IPPROTO_TCP;
	T_EQ(sent_on(1), 1);
	T_EQ(rig_stat(PT_STAT_FRAGMENT) - before, 3);
}

static void test_policies(void)
{
	reset();
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_TCP, 5000, 443, 100);
	T_EQ(sent_on(3), 1);
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_UDP, 5000, 443, 100); // QUIC is not that rule
	T_EQ(sent_on(1), 1);
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_TCP, 443, 5000, 100);
	T_EQ(sent_on(1), 1);
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_TCP, 5000, 443, 100);
	pkt.v4.tos = 46 << 2; // both match: the lower policy goes first
	rig_seal(&pkt);
	T_EQ(sent_on(2), 1);
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_ICMP, 0, 0, 100);
	T_EQ(sent_on(1), 1);
	rig_ipv6(&pkt, "fd02::7", IPPROTO_UDP, 5000, 6000, 100);
	pkt.v6.priority = 46 >> 2;
	pkt.v6.flow_lbl[0] = (46 & 3) << 6;
	T_EQ(sent_on(2), 1);
}

static void test_no_rule(void)
{
	reset();
	memset(&rig.plane->rule[0], 0, sizeof(struct pt_rule));
	udp4();
	expect_passed(PT_STAT_PASS_NO_RULE);
}

static void test_every_policy_bit(void)
{
	reset();
	for (uint32_t bit = 0; bit < PT_MAX_POLICY; bit++) {
		uint64_t all = UINT64_MAX << bit;

		rig.plane->rule[0].proto[IPPROTO_UDP] = all;
		rig.plane->rule[0].dscp[0] = UINT64_MAX;
		rig.plane->rule[0].source[0] = UINT64_MAX;
		rig.plane->rule[0].other_device = UINT64_MAX;
		rig.plane->rule[0].sport[5000] = UINT64_MAX;
		rig.plane->rule[0].dport[6000] = UINT64_MAX;
		for (uint32_t i = 0; i < PT_MAX_POLICY; i++) {
			*group(0, i) = (struct pt_group){ .path = { i == bit ? 2 : 1 },
				.count = 1 };
			rig_first(group(0, i), bit % 2);
		}
		udp4();
		T_EQ(sent_on(2), 1);
	}
}

static void test_down_path_skipped(void)
{
	reset();
	udp4();
	rig_set_down(1, 1);
	T_EQ(sent_on(4), 1);
	rig_set_down(1, 0);
	udp4();
	T_EQ(sent_on(1), 1);
}

static void test_blocked_path_skipped(void)
{
	reset();
	for (unsigned bit = 0; bit < 6; bit++) {
		uint8_t why = (uint8_t)(PT_BLOCK_CARRIER << bit);

		rig.plane->block->path[1] = why;
		udp4();
		T_EQ(sent_on(4), 1);
		rig.plane->block->path[1] = 0;
		rig.plane->block->uplink[1] = why; // the path's uplink has its index here
		udp4();
		T_EQ(sent_on(4), 1);
		rig.plane->block->uplink[1] = 0;
	}
	udp4();
	T_EQ(sent_on(1), 1);
}

// What nobody renews holds no longer; what a person said does.
static void test_lease_runs_out(void)
{
	static const struct {
		uint8_t why;
		uint32_t path, leased;
	} cases[] = { { PT_BLOCK_CARRIER, 1, 4 }, { PT_BLOCK_DAMPED, 1, 4 },
		{ PT_BLOCK_MANUAL, 4, 4 }, { PT_BLOCK_DRAINED, 4, 4 },
		{ PT_BLOCK_MAINTENANCE | PT_BLOCK_DAMPED, 4, 4 }, { PT_BLOCK_UNDERLAY, 1, 4 } };

	reset();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig.plane->block->path[1] = cases[i].why;
		rig.plane->block->lease_ns = (uint64_t)(pt_mono_now().ns + PT_NS_PER_S);
		udp4();
		T_EQ(sent_on(cases[i].leased), 1);
		rig.plane->block->lease_ns = (uint64_t)(pt_mono_now().ns - 1);
		udp4();
		T_EQ(sent_on(cases[i].path), 1);
	}
	rig.plane->block->lease_ns = 0;
	rig.plane->block->path[1] = 0;
}

static void test_damped_before_dead(void)
{
	uint64_t before;

	reset();
	before = rig_stat(PT_STAT_DAMPED);
	rig_set_down(1, 1);
	rig.plane->block->path[4] = PT_BLOCK_DAMPED;
	udp4();
	T_EQ(sent_on(4), 1);
	T_EQ(rig_stat(PT_STAT_DAMPED) - before, 1);
}

static void test_last_resort(void)
{
	uint64_t before;

	reset();
	before = rig_stat(PT_STAT_LAST_RESORT);
	rig_set_down(1, 1);
	rig_set_down(4, 1);
	udp4();
	T_EQ(sent_on(1), 1);
	// A down may be the prober's fault, a missing carrier is not: prefer the former.
	rig.plane->block->path[1] = PT_BLOCK_CARRIER;
	udp4();
	T_EQ(sent_on(4), 1);
	rig.plane->block->path[4] = PT_BLOCK_MANUAL;
	udp4();
	T_EQ(sent_on(1), 1);
	T_EQ(rig_stat(PT_STAT_LAST_RESORT) - before, 3);
}

static void test_drop_group(void)
{
	uint64_t before;

	reset();
	before = rig_stat(PT_STAT_DROPPED);
	group(0, POLICY_REST)->flags = PT_GROUP_DROP;
	udp4();
	T_EQ(sent_on(1), 1);
	rig_set_down(1, 1);
	rig_set_down(4, 1);
	udp4();
	T_EQ(sent_on(1), 0);
	T_EQ(pkt.act, TC_ACT_SHOT);
	T_EQ(rig_stat(PT_STAT_DROPPED) - before, 1);
	rig_set_down(1, 0);
	*group(0, POLICY_REST) = (struct pt_group){ .flags = PT_GROUP_DROP }; // no candidate at all
	rig_first(group(0, POLICY_REST), true);
	udp4();
	T_EQ(rig_run(PT_PROGRAM_STEER, &pkt), TC_ACT_SHOT);
}

// Policy `web` for what enters by one device, `voice` for one source prefix of each family.
static void test_device_and_source(void)
{
	struct pt_rule *r = &rig.plane->rule[0];
	const uint32_t slot = PT_RULE_SLOT(RIG_DEVICE, 1u << 22);

	reset();
	for (int i = 0; i < 256; i++)
		r->proto[i] = 7;
	memset(r->dscp, 0xff, sizeof(r->dscp));
	memset(r->dport, 0xff, sizeof(r->dport));
	r->device_factor = 1u << 22;
	r->other_device = 1u << POLICY_VOICE | 1u << POLICY_REST;
	r->source[0] = 1u << POLICY_WEB | 1u << POLICY_REST;
	udp4();
	T_EQ(sent_on(1), 1); // neither
	r->device[slot] = (struct pt_rule_device){ .ifindex = RIG_DEVICE, .policies = 6 };
	udp4();
	T_EQ(sent_on(3), 1);
	r->device[slot].ifindex++; // another device of the same slot
	udp4();
	T_EQ(sent_on(1), 1);
	r->source[1] = 7;
	rig.plane->fork[20] = (struct pt_fork){
		.addr = { 0x0a010000ull << 32 }, .mask = { 0xffff0000ull << 32 }, .inside = 1
	};
	r->source4 = PT_NODE_FORK | 20;
	udp4();
	T_EQ(sent_on(2), 1);
	pkt.v4.saddr = htonl(0x0a020002);
	rig_seal(&pkt);
	T_EQ(sent_on(1), 1);
	rig_ipv6(&pkt, "fd02::7", IPPROTO_UDP, 5000, 6000, 100);
	T_EQ(sent_on(1), 1);
	rig.plane->fork[21] = (struct pt_fork){
		.addr = { 0xfd01ull << 48 }, .mask = { UINT64_MAX, UINT64_MAX << 8 }, .inside = 1
	};
	r->source6 = PT_NODE_FORK | 21;
	rig_ipv6(&pkt, "fd02::7", IPPROTO_UDP, 5000, 6000, 100);
	T_EQ(sent_on(2), 1);
}

static void test_bank_flip(void)
{
	reset();
	*group(1, POLICY_REST) = (struct pt_group){ .path = { 3 }, .count = 1 };
	rig_first(group(1, POLICY_REST), true);
	udp4();
	T_EQ(sent_on(1), 1);
	rig.plane->meta->bank = PT_BANK_GROUP;
	udp4();
	T_EQ(sent_on(3), 1);
	rig.plane->dest[1].v4[10 << 8 | 2] = 0; // 10.2/16 belongs to nobody there
	rig.plane->meta->bank = PT_BANK_CLASS;
	udp4();
	expect_passed(PT_STAT_PASS_NO_DEST);
	rig.plane->rule[1].source[0] = 1u << POLICY_VOICE | 1u << POLICY_REST;
	rig.plane->meta->bank = 0;
	udp4();
	T_EQ(sent_on(1), 1);
}

static void test_mtu(void)
{
	reset();
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_UDP, 5000, 6000, 1472);
	T_EQ(sent_on(1), 1);
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_UDP, 5000, 6000, 1473);
	expect_passed(PT_STAT_PASS_MTU);
	rig.plane->hop[1].mtu = 1400;
	// GSO: 1960 bytes whole, segments of 20 + 20 + 1360 fit, those of 1361 do not.
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_TCP, 5000, 6000, 1932);
	pkt.data[ETH_HLEN + 20 + 12] = 5 << 4;
	pkt.gso_size = 1360;
	pkt.gso_segs = 2;
	T_EQ(sent_on(1), 2);
	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_TCP, 5000, 6000, 1932);
	pkt.data[ETH_HLEN + 20 + 12] = 5 << 4;
	pkt.gso_size = 1361;
	pkt.gso_segs = 2;
	expect_passed(PT_STAT_PASS_MTU);
}

static void test_missing_device(void)
{
	reset();
	rig.plane->hop[1].ifindex = 0;
	udp4();
	T_EQ(sent_on(4), 1);
	rig.plane->hop[4].ifindex = 0;
	udp4();
	expect_passed(PT_STAT_PASS_NO_HOP);
}

// The kernel allows a million, of which half is to spare, on old verifiers, too; but each takes
// most of a microsecond, and attach waits for it.
static void test_verifier_effort(void)
{
	for (int i = 0; i < PT_PROGRAM_COUNT; i++) {
		struct bpf_prog_info info = {};
		uint32_t len = sizeof(info);

		T_EQ(bpf_obj_get_info_by_fd(rig.prog.fd[i], &info, &len), 0);
		printf("# %s: %u instructions followed\n", info.name, info.verified_insns);
		T_OK(info.verified_insns < 100000);
	}
}

RIG_MAIN({ "TTL goes down and the checksum stays right", test_ttl_and_checksum },
	{ "nothing else of the packet changes", test_only_ttl_and_checksum_change },
	{ "IPv6: only the hop limit changes", test_ipv6 },
	{ "TTL 0 and 1 are the kernel's to answer", test_ttl_used_up },
	{ "unknown, local and groupless destinations pass", test_unknown_destinations },
	{ "multicast, broadcast, link-local and loopback pass", test_scopes },
	{ "frames for others and ARP pass", test_not_ours_to_forward },
	{ "IPv4 options and IPv6 extension headers pass", test_options },
	{ "truncated and nonsensical headers pass", test_nonsense },
	{ "all fragments of a packet go by address alone", test_fragments_by_address },
	{ "policies by protocol, port and DSCP, first match by priority", test_policies },
	{ "no matching policy passes", test_no_rule },
	{ "each of the 64 policies selects its own group", test_every_policy_bit },
	{ "ingress device and source prefix choose the policy", test_device_and_source },
	{ "a path that is down is skipped", test_down_path_skipped },
	{ "a blocked path or uplink is skipped", test_blocked_path_skipped },
	{ "what nobody renews blocks no longer", test_lease_runs_out },
	{ "a damped path is better than a dead one", test_damped_before_dead },
	{ "everything down: the last resort carries on", test_last_resort },
	{ "everything down: a drop group drops", test_drop_group },
	{ "one store flips all groups", test_bank_flip },
	{ "what the path cannot carry passes, GSO by its segments", test_mtu },
	{ "a path without its device is no candidate", test_missing_device },
	{ "the verifier follows few instructions", test_verifier_effort })
