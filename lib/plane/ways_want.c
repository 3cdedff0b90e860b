// SPDX-License-Identifier: MIT
#include "plane/ways_want.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/network_shared.h"
#include "net/ours.h"
#include "plane/names.h"
#include "plane/state.h"
#include "plane/trie.h"
#include "plane/way.h"
#include "plane/ways_object.h"

#define TABLE_METRIC 1 // named, because IPv6 would put 1024 for 0

static const uint8_t families[] = { AF_INET, AF_INET6 };

void pt_ways_set_done(struct pt_ways_set *set)
{
	free(set->route);
	free(set->rule);
	free(set->nexthop);
	*set = (struct pt_ways_set){};
}

static bool carries(const struct pt_hop *hop, uint8_t family)
{
	return hop->ifindex &&
		hop->flags & (PT_HOP_L3 | (family == AF_INET ? PT_HOP_VIA4 : PT_HOP_VIA6));
}

static bool lacks_ipv6(const char *device)
{
	char path[128], digit = '1';
	pt_autofd fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", device);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 || read(fd, &digit, 1) != 1 || digit == '1';
}

uint8_t *pt_ways_usable(const struct pt_plane *p, const struct pt_links *links)
{
	uint8_t *usable = calloc(p->meta->path_cap, 1);
	const struct pt_link *link = NULL;
	bool ipv6 = false;

	for (uint32_t i = 1; usable && i < p->meta->path_cap; i++) {
		uint32_t ifindex = p->hop[i].ifindex;

		if (!ifindex)
			continue;
		if (!link || link->ifindex != ifindex) { // paths of a device often come in a row
			link = pt_links_at(links, ifindex);
			ipv6 = link && !lacks_ipv6(link->name);
		}
		if (link && pt_link_usable(link))
			usable[i] = (uint8_t)(PT_WAYS_V4 | (ipv6 ? PT_WAYS_V6 : 0));
	}
	return usable;
}

static bool takes(const struct pt_plane *p, const uint8_t *usable, uint32_t path, uint8_t family)
{
	return carries(&p->hop[path], family) &&
		usable[path] & (family == AF_INET ? PT_WAYS_V4 : PT_WAYS_V6);
}

static struct pt_addr via_of(const struct pt_hop *hop, uint8_t family)
{
	struct pt_addr via = { .family = family };

	if (hop->flags & PT_HOP_L3)
		return (struct pt_addr){};
	if (family == AF_INET)
		memcpy(via.bytes, hop->via4, sizeof(hop->via4));
	else
		memcpy(via.bytes, hop->via6, sizeof(hop->via6));
	return via;
}

// ---- tables and rules ----

static void want_way(const struct pt_plane *p, const struct pt_setup *s, const uint8_t *usable,
	uint32_t way, struct pt_ways_set *out)
{
	const struct pt_hop *hop = &p->hop[way];

	for (size_t i = 0; i < PT_ARRAY_LEN(families); i++) {
		if (!takes(p, usable, way, families[i]))
			continue;
		out->route[out->n_route++] = (struct pt_route){
			.dst.addr.family = families[i],
			.table = pt_way_table(way),
			.metric = TABLE_METRIC,
			.ifindex = hop->ifindex,
			.via = via_of(hop, families[i]),
			.onlink = true,
			.mtu = hop->mtu,
			.mtu_locked = true,
			.protocol = PT_NET_PROTOCOL,
		};
		out->rule[out->n_rule++] = (struct pt_route_rule){
			.family = families[i],
			.protocol = PT_NET_PROTOCOL,
			.action = FR_ACT_TO_TBL,
			.priority = (uint32_t)s->cfg->failover.rule_priority + way,
			.mark = hop->mark,
			.mask = p->meta->mark_mask,
			.table = pt_way_table(way),
		};
	}
}

// Unmarked packets, which are nearly all, pass all rules of ways in one step.
static void want_detour(
	const struct pt_plane *p, const struct pt_setup *s, uint8_t family, struct pt_ways_set *out)
{
	uint32_t first = (uint32_t)s->cfg->failover.rule_priority;
	uint32_t end = first + (1u << PT_NET_MARK_BITS);

	out->rule[out->n_rule++] = (struct pt_route_rule){
		.family = family,
		.protocol = PT_NET_PROTOCOL,
		.action = FR_ACT_NOP,
		.priority = end,
	};
	out->rule[out->n_rule++] = (struct pt_route_rule){
		.family = family,
		.protocol = PT_NET_PROTOCOL,
		.action = FR_ACT_GOTO,
		.priority = first,
		.mask = p->meta->mark_mask,
		.target = end,
	};
}

static void want_ways(const struct pt_plane *p, const struct pt_setup *s, const uint8_t *usable,
	struct pt_ways_set *out)
{
	for (uint32_t i = 1; i < p->meta->path_cap; i++)
		if (p->hop[i].ifindex && pt_way_of(p, &p->hop[i]) == i)
			want_way(p, s, usable, i, out);
	for (size_t i = 0; i < PT_ARRAY_LEN(families); i++) {
		uint32_t n = 0;

		for (uint32_t k = 0; k < out->n_rule; k++)
			n += out->rule[k].family == families[i];
		if (n)
			want_detour(p, s, families[i], out);
	}
}

// ---- sites ----

// As the kernel program chooses, except that a device that takes no routes does not count.
bool pt_ways_nexthop(const struct pt_plane *p, const uint8_t *usable, const struct pt_group *g,
	uint8_t family, struct pt_nexthop *out)
{
	enum pt_choice_rank best = PT_CHOICE_NONE;
	const struct pt_hop *to = NULL;

	for (uint32_t i = 0; i < g->count && i < PT_GROUP_PATHS; i++) {
		enum pt_choice_rank rank = pt_choice_rank_of(p, g->path[i]);

		if (rank >= best || !takes(p, usable, g->path[i], family) ||
			pt_state_why(p, g->path[i]) & PT_BLOCK_CARRIER)
			continue;
		best = rank;
		to = &p->hop[g->path[i]];
	}
	if (!to)
		return false;
	*out = (struct pt_nexthop){
		.family = family,
		.protocol = PT_NET_PROTOCOL,
		.onlink = !(to->flags & PT_HOP_L3),
		.ifindex = to->ifindex,
		.via = via_of(to, family),
	};
	return true;
}

static struct pt_prefix prefix_of(const struct pt_trie_item *item)
{
	struct pt_prefix p = { .addr.family = item->family, .len = item->len };

	for (unsigned i = 0; i < (item->family == AF_INET ? 4 : 16); i++)
		p.addr.bytes[i] = (uint8_t)(item->addr[i / 8] >> (56 - 8 * (i % 8)));
	return p;
}

// Prefixes by their owners, what is local left out: the kernel knows better how to reach that.
static uint32_t list_prefixes(const struct pt_setup *s, const struct pt_names *names,
	const struct pt_shared *shared, struct pt_trie_item *items)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->links->n_addr; i++)
		items[n++] = pt_trie_item(&s->links->addr[i].connected, 0, INT64_MAX);
	for (uint32_t i = 0; i < s->net->n_sites; i++) {
		const struct pt_site *site = &s->net->sites[i];
		uint32_t index = pt_names_index(names, PT_NAME_SITE, site->id);
		bool self = site == s->self || index == PT_NAMES_NONE;

		for (uint32_t k = 0; k < site->n_prefixes; k++) {
			const struct pt_shared_set *set = pt_shared_of(shared, &site->prefixes[k]);
			uint32_t to = set ? pt_names_index(names, PT_NAME_SITE, set->id) : index;

			items[n++] = pt_trie_item(&site->prefixes[k],
				self || to == PT_NAMES_NONE ? 0 : to,
				self ? INT64_MAX : site->preference);
		}
	}
	return pt_trie_sort(items, n);
}

static uint32_t room_for_prefixes(const struct pt_setup *s)
{
	uint32_t n = s->links->n_addr;

	for (uint32_t i = 0; i < s->net->n_sites; i++)
		n += s->net->sites[i].n_prefixes;
	return n;
}

static int want_sites(struct pt_plane *p, const struct pt_setup *s,
	const struct pt_ways_objects *objects, struct pt_ways_set *out, struct pt_err *err)
{
	uint32_t prefixes = room_for_prefixes(s);
	pt_autonames names = {};
	pt_autoshared shared = {};
	pt_autofree struct pt_trie_item *items = NULL;
	int ret = pt_names_read(p, &names, err);

	if (!ret)
		ret = pt_shared_find(s->net, s->self, &shared, err);
	if (ret)
		return ret;
	items = calloc(prefixes + 1, sizeof(*items));
	if (!items)
		return pt_err_set(err, -ENOMEM, "out of memory");
	if (objects->n)
		memcpy(out->nexthop, objects->object, objects->n * sizeof(*out->nexthop));
	out->n_nexthop = objects->n;
	prefixes = list_prefixes(s, &names, &shared, items);
	for (uint32_t i = 0; i < prefixes; i++) {
		uint32_t object = objects->of[2 * items[i].value + (items[i].family == AF_INET6)];

		if (items[i].value && object != PT_WAYS_NONE)
			out->route[out->n_route++] = (struct pt_route){
				.dst = prefix_of(&items[i]),
				.table = RT_TABLE_MAIN,
				.metric = (uint32_t)s->cfg->failover.route_metric,
				.nexthop = objects->object[object].id,
				.protocol = PT_NET_PROTOCOL,
			};
	}
	return 0;
}

int pt_ways_want(struct pt_plane *p, const struct pt_setup *s, const uint8_t *usable,
	const struct pt_ways_objects *objects, struct pt_ways_set *out, struct pt_err *err)
{
	const size_t ways = 2 * (size_t)p->meta->path_cap; // of both families

	out->route = calloc(ways + room_for_prefixes(s), sizeof(*out->route));
	out->rule = calloc(ways + 4, sizeof(*out->rule));
	out->nexthop = calloc(objects->n + 1, sizeof(*out->nexthop));
	if (!out->route || !out->rule || !out->nexthop)
		return pt_err_set(err, -ENOMEM, "out of memory");
	want_ways(p, s, usable, out);
	return want_sites(p, s, objects, out, err);
}
