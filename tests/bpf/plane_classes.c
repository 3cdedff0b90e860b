// SPDX-License-Identifier: MIT
// What classifies packets, from the network file to the kernel's tables.
#include "base/buf.h"
#include "tests/bpf/site.h"

static const char *site_name(uint32_t site)
{
	static struct pt_names names;

	pt_names_done(&names);
	return pt_names_read(plane, &names, &err) ? NULL : pt_names_id(&names, PT_NAME_SITE, site);
}

// What packets to 10.8.3.4 and fd00:8::1 use, by the order of the set that shares both.
static void shared_order(const char *set, const char *first, const char *second)
{
	const struct pt_addr v6 = { .family = AF_INET6, .bytes = { 0xfd, 0, 0, 8, [15] = 1 } };
	uint32_t found = 0, site = site_of4(10, 8, 3, 4);
	const struct pt_group *g = pt_group_active(plane, site, 0);

	T_STR(site_name(site), set);
	T_EQ(pt_dest_find(plane, &v6, &found), 0);
	T_EQ(found, site);
	T_NEED(g);
	T_EQ(g->count, 2);
	T_EQ(g->path[0], path_index(first));
	T_EQ(g->path[1], path_index(second));
}

// Two sites hold one prefix: the higher preference comes first, then the other.
static void test_preferred_site(void)
{
	const struct pt_group *g;

#define SHARED(site, preference)                                                                   \
	"  - { id: " site ", prefixes: [10.8.0.0/16, 'fd00:8::/32'], preference: " preference " }" \
	"\n"
#define REST                                                                                     \
	"  - { id: a, lan: [lan0] }\n"                                                           \
	"uplinks: [{ id: u0, site: a, device: wan0 }]\n"                                         \
	"paths:\n"                                                                               \
	"  - { id: px, source: a, dest: x, uplink: u0, next_hop: 10.9.0.2, target: 10.9.0.2 }\n" \
	"  - { id: py, source: a, dest: y, uplink: u0, next_hop: 10.9.0.3, target: 10.9.0.3 }\n"
	T_NEED(attach("sites:\n" SHARED("x", "-1") SHARED("y", "7") REST));
	shared_order("y+x", "py", "px");
	T_NEED(attach("sites:\n" SHARED("x", "8") SHARED("y", "7") REST));
	shared_order("x+y", "px", "py");
	// Flows are shared out among the preferred site's paths alone.
	T_NEED(attach("sites:\n" SHARED("x", "8") SHARED("y", "7") REST
		"policies: [{ id: w, strategy: weighted }]\n"));
	shared_order("x+y", "px", "py");
	g = pt_group_active(plane, site_of4(10, 8, 3, 4), 0);
	T_OK(g && g->flags & PT_GROUP_WEIGHTED && g->weight[0] && !g->weight[1]);
	T_NEED(attach("sites:\n  - { id: x }\n" SHARED("y", "7") REST));
	T_EQ(site_of4(10, 8, 3, 4), plane->hop[path_index("py")].site);
	detach();
}

// Devices become indexes, and follow a device that comes back as another.
static void test_match_device(void)
{
	static const char yaml[] =
		"sites:\n  - { id: a, lan: [lan0] }\n  - { id: b, prefixes: [10.2.0.0/24] }\n"
		"uplinks: [{ id: u0, site: a, device: wan0 }]\n"
		"policies: [{ id: v, match: { devices: [lan0], src_prefixes: [10.1.0.0/24] } }]\n"
		"paths:\n" PATH_B0;
	struct pt_programs progs = PT_PROGRAMS_NONE;
	const struct pt_rule *r;
	uint32_t was;

	T_NEED(attach(yaml));
	was = pt_links_named(&links, "lan0")->ifindex;
	r = &plane->rule[!!(plane->meta->bank & PT_BANK_CLASS)];
	T_EQ(r->device[PT_RULE_SLOT(was, r->device_factor)].ifindex, was);
	T_EQ(r->device[PT_RULE_SLOT(was, r->device_factor)].policies, 1);
	T_EQ(r->other_device, 0);
	T_EQ(r->source[0], 0);
	T_EQ(r->source[1], 1);
	T_OK(r->source4 & PT_NODE_FORK);
	T_EQ(pt_setup_load(plane, &setup, &progs, &err), 0);
	T_EQ(IP("link", "del", "lan0"), 0);
	T_EQ(IP("link", "add", "lan0", "type", "veth", "peer", "name", "lan1"), 0);
	T_EQ(IP("addr", "add", "10.1.0.1/24", "dev", "lan0"), 0);
	T_NEED(use(yaml));
	T_EQ(pt_setup_refresh(plane, &setup, &progs, false, &err), 0);
	r = &plane->rule[!!(plane->meta->bank & PT_BANK_CLASS)];
	T_OK(pt_links_named(&links, "lan0")->ifindex != was);
	was = pt_links_named(&links, "lan0")->ifindex;
	T_EQ(r->device[PT_RULE_SLOT(was, r->device_factor)].ifindex, was);
	T_EQ(r->device[PT_RULE_SLOT(was, r->device_factor)].policies, 1);
	pt_programs_done(&progs);
	detach();
}

static void test_prefixes_do_not_fit(void)
{
	struct pt_programs progs = PT_PROGRAMS_NONE;
	pt_autobuf yaml = {};
	uint32_t bank;

	T_NEED(attach(HEAD BOTH));
	bank = plane->meta->bank;
	pt_buf_puts(&yaml, "sites:\n  - { id: a, lan: [lan0] }\n  - id: b\n    prefixes:\n");
	for (int i = 0; i < 600; i++)
		pt_buf_printf(&yaml, "    - 10.%d.%d.0/24\n    - 10.%d.%d.0/24\n", i / 4 + 10,
			i % 4 * 2 + 1, i / 4 + 10, i % 4 * 2 + 2);
	pt_buf_puts(&yaml,
		"  - { id: c }\nuplinks:\n  - { id: u0, site: a, device: wan0 }\n"
		"  - { id: u1, site: a, device: wan1 }\npaths:\n" BOTH);
	T_NEED(use(pt_buf_str(&yaml)));
	plane->entries[PT_MAP_CHUNK] = 200; // as if attached for few
	T_EQ(pt_setup_refresh(plane, &setup, &progs, true, &err), -ENOSPC);
	T_HAS(err.msg, "the prefixes need");
	T_HAS(err.msg, "detach, then attach");
	T_EQ(plane->meta->bank, bank);
	detach();
}

int main(void)
{
	static const struct t_case cases[] = {
		{ "of equal prefixes the preferred site's counts", test_preferred_site },
		{ "matches by device follow the device", test_match_device },
		{ "prefixes that do not fit are refused", test_prefixes_do_not_fit },
	};

	return site_run(cases, sizeof(cases) / sizeof(cases[0]));
}
