// SPDX-License-Identifier: MIT
// The kernel's choice and pt_choice_of, which status and the daemon report, are the same for any
// state of paths, uplinks, devices and groups.
#include "plane/state.h"
#include "tests/bpf/rig.h"

#define SITE   1
#define PATHS  12
#define ROUNDS 4000

static uint64_t seed = 42;

static uint32_t roll(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

static void roll_state(void)
{
	static struct pt_live live;
	uint32_t zero = 0;

	for (uint32_t i = 1; i <= PATHS; i++) {
		rig_hop(i);
		rig.plane->hop[i].uplink = 1 + i % 4;
		if (roll(8) == 0)
			rig.plane->hop[i].ifindex = 0;
		live.down[i] = roll(2) == 0;
		rig.plane->block->path[i] = roll(2) ? 0 : (uint8_t)roll(16);
	}
	for (uint32_t i = 1; i <= 4; i++)
		rig.plane->block->uplink[i] = roll(4) ? 0 : (uint8_t)roll(16);
	T_EQ(bpf_map_update_elem(rig.plane->fd[PT_MAP_LIVE], &zero, &live, BPF_ANY), 0);
}

static struct pt_group *roll_group(void)
{
	struct pt_group *g = &rig.plane->group[PT_GROUP_KEY(rig.plane->meta->site_cap, 0, SITE, 0)];

	*g = (struct pt_group){ .count = (uint8_t)roll(PT_GROUP_PATHS + 1) };
	for (uint32_t i = 0; i < g->count; i++)
		g->path[i] = (uint16_t)(1 + roll(PATHS));
	g->flags = roll(4) == 0 ? PT_GROUP_DROP : 0;
	rig_first(g, roll(2));
	return g;
}

static void match_all(void)
{
	rig_match_all(&rig.plane->rule[0]);
	rig_dest("10.0.0.0/8", SITE);
}

static bool agrees(const struct pt_group *g)
{
	static struct rig_packet pkt;
	struct pt_choice want = pt_choice_of(rig.plane, g);
	uint64_t before = want.path ? rig_tx(want.path) : 0;
	int act;

	rig_ipv4(&pkt, "10.2.0.7", IPPROTO_UDP, 5000, 6000, 32);
	act = rig_run(PT_PROGRAM_STEER, &pkt);
	if (want.path)
		return act == TC_ACT_REDIRECT && rig_tx(want.path) == before + 1;
	return act == (g->flags & PT_GROUP_DROP ? TC_ACT_SHOT : TC_ACT_UNSPEC);
}

static void test_same_choice(void)
{
	uint32_t chosen = 0;

	match_all();
	for (uint32_t round = 0; round < ROUNDS; round++) {
		const struct pt_group *g;

		roll_state();
		g = roll_group();
		chosen += pt_choice_of(rig.plane, g).path != 0;
		if (!agrees(g)) {
			T_FAIL("round %u: user space says path %u", round,
				pt_choice_of(rig.plane, g).path);
			return;
		}
	}
	T_OK(chosen > ROUNDS / 4 && chosen < ROUNDS); // both outcomes were met
}

RIG_MAIN({ "kernel and user space agree in 4,000 random states", test_same_choice })
