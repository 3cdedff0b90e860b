// SPDX-License-Identifier: MIT
#include "bench/fleet.h"

#include <errno.h>
#include <string.h>

#include "plane/table.h"

#define LO     1
#define LO_MTU 65536

// 11.0.0.0/24 and on, site by site.
static struct pt_prefix prefix4(uint32_t n)
{
	return (struct pt_prefix){
		.addr = { AF_INET, { (uint8_t)(11 + (n >> 16)), (uint8_t)(n >> 8), (uint8_t)n } },
		.len = 24,
	};
}

// fd00::/8 with 40 bits that look random, RFC 4193.
static struct pt_prefix prefix6(uint32_t site)
{
	uint64_t id = (site + 1) * UINT64_C(0x9e3779b97f4a7c15);
	struct pt_prefix p = { .addr = { AF_INET6, { 0xfd } }, .len = 48 };

	for (int i = 1; i < 6; i++)
		p.addr.bytes[i] = (uint8_t)(id >> (64 - 8 * i));
	return p;
}

static void make_site(struct pt_fleet *f, uint32_t i)
{
	struct pt_site *site = &f->net.sites[i];

	pt_schema_defaults(&pt_site_schema, site);
	site->id = pt_arena_printf(&f->arena, "site-%04u", i);
	site->prefixes = pt_arena_alloc(
		&f->arena, (PT_FLEET_PREFIXES + 1) * sizeof(*site->prefixes));
	for (uint32_t k = 0; k < PT_FLEET_PREFIXES; k++)
		site->prefixes[site->n_prefixes++] = prefix4(i * PT_FLEET_PREFIXES + k);
	site->prefixes[site->n_prefixes++] = prefix6(i);
}

static void make_path(struct pt_fleet *f, uint32_t i, uint32_t site, uint32_t uplink)
{
	struct pt_path *path = &f->net.paths[i];

	pt_schema_defaults(&pt_path_schema, path);
	path->id = pt_arena_printf(&f->arena, "path-%04u-%u", site, uplink);
	path->source = f->net.sites[0].id;
	path->dest = f->net.sites[site].id;
	path->uplink = f->net.uplinks[uplink].id;
	path->next_hop = (struct pt_addr){ AF_INET, { 192, 0, 2, (uint8_t)(1 + uplink) } };
	path->next_hop6 = (struct pt_addr){ AF_INET6, { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
	path->target = path->next_hop;
	path->ssid = 1 + i;
}

// One key after the other, so that each vector has its share.
static void make_policy(struct pt_fleet *f, uint32_t i)
{
	static const char *const other[] = { "eth7" };
	struct pt_policy *p = &f->net.policies[i];
	struct pt_match *m = &p->match;

	pt_schema_defaults(&pt_policy_schema, p);
	p->id = pt_arena_printf(&f->arena, "policy-%02u", i);
	p->priority = i;
	if (i + 1 == f->net.n_policies)
		return;
	switch (i % 4) {
	case 0:
		m->dscp = 1 + i % 63;
		break;
	case 1:
		m->protocol = PT_PROTO_UDP;
		m->dst_ports = pt_arena_alloc(&f->arena, sizeof(*m->dst_ports));
		m->dst_ports[m->n_dst_ports++] = (struct pt_port_range){ (uint16_t)(1000 * i),
			(uint16_t)(1000 * i + 99) };
		break;
	case 2:
		m->src_prefixes = pt_arena_alloc(&f->arena, sizeof(*m->src_prefixes));
		m->src_prefixes[m->n_src_prefixes] = prefix4(0);
		m->src_prefixes[m->n_src_prefixes].addr.bytes[3] = (uint8_t)(4 * i);
		m->src_prefixes[m->n_src_prefixes++].len = 30;
		break;
	default:
		m->devices = other;
		m->n_devices = 1;
	}
}

static void make_net(struct pt_fleet *f, unsigned sites, unsigned policies)
{
	struct pt_network *n = &f->net;

	*n = (struct pt_network){
		.n_sites = sites, .n_uplinks = 2, .n_paths = 2 * (sites - 1), .n_policies = policies
	};
	n->sites = pt_arena_alloc(&f->arena, n->n_sites * sizeof(*n->sites));
	n->uplinks = pt_arena_alloc(&f->arena, n->n_uplinks * sizeof(*n->uplinks));
	n->paths = pt_arena_alloc(&f->arena, n->n_paths * sizeof(*n->paths));
	n->policies = pt_arena_alloc(&f->arena, n->n_policies * sizeof(*n->policies));
	for (uint32_t i = 0; i < n->n_sites; i++)
		make_site(f, i);
	for (uint32_t i = 0; i < n->n_uplinks; i++) {
		pt_schema_defaults(&pt_uplink_schema, &n->uplinks[i]);
		n->uplinks[i].id = pt_arena_printf(&f->arena, "uplink-%u", i);
		n->uplinks[i].site = n->sites[0].id;
		n->uplinks[i].device = f->link.name;
	}
	for (uint32_t i = 0; i < n->n_paths; i++)
		make_path(f, i, 1 + i / 2, i % 2);
	for (uint32_t i = 0; i < n->n_policies; i++)
		make_policy(f, i);
}

int pt_fleet_init(struct pt_fleet *f, unsigned sites, unsigned policies, struct pt_err *err)
{
	int ret;

	*f = (struct pt_fleet){ .link = { .ifindex = LO, .name = "lo", .mtu = LO_MTU, .type = 1 } };
	f->links = (struct pt_links){ .link = &f->link, .n_link = 1 };
	make_net(f, sites, policies);
	ret = pt_network_check(&f->net, &f->arena, NULL, err);
	if (!ret)
		ret = pt_config_load(NULL, &f->arena, &f->cfg, err);
	f->setup = (struct pt_setup){
		.net = &f->net, .cfg = &f->cfg, .self = f->net.sites, .links = &f->links
	};
	return ret;
}

void pt_fleet_done(struct pt_fleet *f)
{
	pt_arena_done(&f->arena);
}

void pt_fleet_addr(
	const struct pt_fleet *f, uint32_t site, int family, uint32_t which, uint8_t out[16])
{
	const struct pt_site *s = &f->net.sites[site];
	const struct pt_prefix *p =
		&s->prefixes[family == AF_INET ? which % PT_FLEET_PREFIXES : PT_FLEET_PREFIXES];

	memcpy(out, p->addr.bytes, 16);
	out[family == AF_INET ? 3 : 15] = (uint8_t)(1 + which / PT_FLEET_PREFIXES % 250);
}

int pt_fleet_reload(struct pt_fleet *f, struct pt_plane *plane, struct pt_err *err)
{
	struct pt_table t;
	int ret = pt_table_init(&t, &f->setup, plane, err);

	if (!ret)
		ret = pt_table_paths(&t, err);
	if (!ret)
		ret = pt_table_banks(&t, true, err);
	if (!ret)
		ret = pt_table_retire(&t, err);
	pt_table_done(&t);
	return ret;
}

int pt_fleet_load(struct pt_fleet *f, const char *dir, struct pt_programs *progs,
	struct pt_plane **plane, struct pt_err *err)
{
	struct pt_trie need;
	struct pt_sizes sizes = { .paths = f->net.n_paths,
		.sites = f->net.n_sites,
		.passive = (uint32_t)f->cfg.failover.passive_share };
	bool created;
	int ret = pt_table_need(&f->setup, &need, err);

	sizes.chunks = need.chunks;
	sizes.forks = need.forks;
	if (!ret)
		ret = pt_pin_create(dir, &created, err);
	if (!ret)
		ret = pt_load(dir, &sizes, 1, progs, err);
	if (!ret)
		ret = pt_plane_open(dir, PT_PLANE_NEW, plane, err);
	if (ret)
		return ret;
	(*plane)->meta->abi = PT_ABI;
	(*plane)->meta->path_cap = (*plane)->entries[PT_MAP_HOP];
	(*plane)->meta->site_cap = (*plane)->entries[PT_MAP_GROUP] / (2 * PT_MAX_POLICY);
	return pt_fleet_reload(f, *plane, err);
}
