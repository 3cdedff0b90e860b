// SPDX-License-Identifier: MIT
#include "plane/table.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "model/budget.h"
#include "plane/bank.h"
#include "plane/block.h"
#include "plane/dest.h"
#include "plane/mode.h"
#include "plane/nexthop.h"
#include "plane/passive.h"
#include "plane/rule.h"
#include "plane/rx.h"
#include "plane/session.h"
#include "plane/shared.h"
#include "plane/way.h"
#include "plane/state.h"
#include "plane/trip.h"
#include "wire/bfd_layout.h"

_Static_assert(PT_MAX_SITES <= PT_MAX_SITE && PT_MAX_UPLINKS <= PT_MAX_UPLINK &&
		PT_MAX_PATHS <= PT_MAX_PATH && PT_MAX_POLICIES <= PT_MAX_POLICY,
	"the plane holds what the model allows");

static bool is_self(const struct pt_setup *s, const char *site)
{
	return !strcmp(s->self->id, site);
}

// The index of id, given anew where it has none. *index stays 0 on failure.
static int index_for(struct pt_table *t, enum pt_name_kind kind, const char *id, uint32_t *index,
	struct pt_err *err)
{
	uint32_t i = pt_names_index(&t->names, kind, id);

	if (i == PT_NAMES_NONE)
		i = pt_names_free(&t->names, kind, 1);
	if (i == PT_NAMES_NONE)
		return pt_err_set(err, -ENOSPC, "%s: no room for more; detach, then attach", id);
	*index = i;
	return pt_names_set(&t->names, kind, i, id, err);
}

static int by_id(const void *id, const void *row)
{
	return strcmp(id, *(const char *const *)row);
}

// In arrays that pt_network_check has sorted; `id` is the first member.
static uint32_t position(const char *id, const void *array, uint32_t n, size_t size)
{
	const char *row = n ? bsearch(id, array, n, size, by_id) : NULL;

	return row ? (uint32_t)((size_t)(row - (const char *)array) / size) : UINT32_MAX;
}

// The id still names an object of the network that holds this index.
static bool kept(const char *id, uint32_t index, const uint32_t *indexes, const void *array,
	uint32_t n, size_t size)
{
	uint32_t at = position(id, array, n, size);

	return at != UINT32_MAX && indexes[at] == index;
}

// The plane's index of a model object named id; its array has `id` as first member.
#define INDEX_OF(t, member, array, name)                                                \
	((t)->member[position(name, (t)->setup->net->array, (t)->setup->net->n_##array, \
		sizeof(*(t)->setup->net->array))])

static bool same_preference(const struct pt_policy *a, const struct pt_policy *b)
{
	if (a->n_prefer != b->n_prefer ||
		(a->strategy == PT_STRATEGY_WEIGHTED) != (b->strategy == PT_STRATEGY_WEIGHTED) ||
		a->n_weights != b->n_weights)
		return false;
	for (uint32_t i = 0; i < a->n_weights; i++)
		if (a->weights[i] != b->weights[i])
			return false;
	for (uint32_t i = 0; i < a->n_prefer; i++)
		if (strcmp(a->prefer[i], b->prefer[i]) != 0)
			return false;
	return true;
}

// The first policy that orders paths as this one does: it has the same candidates at every site.
static uint32_t like(const struct pt_network *net, uint32_t policy)
{
	uint32_t i = 0;

	while (!same_preference(&net->policies[i], &net->policies[policy]))
		i++;
	return i;
}

// Indexes of paths that the kernel holds down stay taken after their path has gone.
static int fits(const struct pt_table *t, struct pt_err *err)
{
	const struct pt_setup *s = t->setup;
	const struct pt_plane *p = t->plane;
	const uint32_t chunks = p->entries[PT_MAP_CHUNK] / 2, forks = p->entries[PT_MAP_FORK] / 2;
	uint32_t paths = 0, taken = 0;
	struct pt_trie need;
	int ret = pt_table_need(s, &need, err);

	if (ret)
		return ret;
	for (uint32_t i = 0; i < s->net->n_paths; i++)
		paths += is_self(s, s->net->paths[i].source);
	for (uint32_t i = 1; i < p->meta->path_cap; i++)
		taken += p->live->down[i] && !pt_names_id(&t->names, PT_NAME_PATH, i);
	if (paths + taken >= p->meta->path_cap ||
		s->net->n_sites + t->shared.n_sets >= p->meta->site_cap)
		return pt_err_set(err, -ENOSPC,
			"%s: the tables hold %u paths and %u sites; "
			"detach, then attach to make larger ones",
			p->dir, p->meta->path_cap - 1, p->meta->site_cap - 1);
	if (need.chunks > chunks || need.forks > forks)
		return pt_err_set(err, -ENOSPC,
			"%s: the prefixes need %u + %u tables of %u + %u; "
			"detach, then attach to make more",
			p->dir, need.chunks, need.forks, chunks, forks);
	if (pt_mode_any_nat(s) && p->entries[PT_MAP_FLOW] < PT_NAT_FLOWS)
		return pt_err_set(err, -ENOSPC,
			"%s: a NATed uplink needs a larger memory of flows; "
			"detach, then attach to make it",
			p->dir);
	return 0;
}

int pt_table_init(
	struct pt_table *t, const struct pt_setup *s, struct pt_plane *p, struct pt_err *err)
{
	const struct pt_network *net = s->net;
	int ret;

	*t = (struct pt_table){ .setup = s, .plane = p };
	ret = pt_names_read(p, &t->names, err);
	if (ret)
		return ret;
	ret = pt_shared_find(net, s->self, &t->shared, err);
	if (ret)
		return ret;
	t->set = calloc(t->shared.n_sets + 1, sizeof(*t->set));
	t->site = calloc(net->n_sites + 1, sizeof(*t->site));
	t->path = calloc(net->n_paths + 1, sizeof(*t->path));
	t->uplink = calloc(net->n_uplinks + 1, sizeof(*t->uplink));
	t->old_policy = calloc(net->n_policies + 1, sizeof(*t->old_policy));
	t->like = calloc(net->n_policies + 1, sizeof(*t->like));
	if (!t->set || !t->site || !t->path || !t->uplink || !t->old_policy || !t->like)
		return pt_err_set(err, -ENOMEM, "out of memory");
	ret = fits(t, err);
	if (ret)
		return ret;
	for (uint32_t i = 0; i < net->n_policies; i++)
		t->like[i] = like(net, i);
	for (uint32_t i = 0; i < net->n_policies; i++)
		t->old_policy[i] = pt_names_index(&t->names, PT_NAME_POLICY, net->policies[i].id);
	return 0;
}

void pt_table_done(struct pt_table *t)
{
	pt_names_done(&t->names);
	pt_shared_done(&t->shared);
	pt_onward_done(&t->onward);
	free(t->set);
	free(t->site);
	free(t->path);
	free(t->uplink);
	free(t->old_policy);
	free(t->like);
	*t = (struct pt_table){};
}

// ---- paths ----

uint32_t pt_table_mtu(const struct pt_path *path, const struct pt_link *link)
{
	uint32_t own = path->mtu == PT_NULL ? 0 : (uint32_t)path->mtu;
	uint32_t device = link ? link->mtu : 0;

	return own && (!device || own < device) ? own : device;
}

void pt_table_hop(const struct pt_setup *s, const struct pt_path *path, struct pt_hop *out)
{
	const struct pt_link *link = pt_links_named(s->links, path->device);
	struct pt_hop hop = { .flags = PT_HOP_USED };

	if (s->cfg->failover.traffic_probes)
		hop.flags |= PT_HOP_CLOCKED;
	if (link) {
		hop.ifindex = link->ifindex;
		hop.flags |= pt_link_is_l3(link) ? PT_HOP_L3 : 0;
		hop.flags |= link->type == ARPHRD_ETHER ? PT_HOP_ETHER : 0;
	}
	hop.salt = pt_path_salt(path->id);
	hop.mtu = pt_table_mtu(path, link);
	pt_nexthop_fill(s, path, link, &hop);
	hop.family = path->target.family;
	memcpy(hop.target, path->target.bytes, sizeof(hop.target));
	hop.port = (uint16_t)path->port;
	hop.ssid = (uint16_t)path->ssid;
	hop.threshold = (uint32_t)s->cfg->failover.detection_threshold;
	if (path->liveness == PT_LIVENESS_BFD) {
		hop.threshold = 0; // no number of lost probes makes it down
		hop.bfd_port = path->bfd.multihop ? PT_BFD_PORT_HOPS : PT_BFD_PORT;
	}
	hop.up_count = (uint32_t)s->cfg->failover.up_count;
	hop.timeout_ns = (uint64_t)(s->cfg->health.probe_timeout_ms * PT_NS_PER_MS);
	*out = hop;
}

// hops is by index.
static int make_hop(struct pt_table *t, uint32_t at, struct pt_hop *hops, struct pt_err *err)
{
	const struct pt_path *path = &t->setup->net->paths[at];
	const char *via;
	struct pt_hop *hop;
	int ret = index_for(t, PT_NAME_PATH, path->id, &t->path[at], err);

	if (!ret)
		ret = pt_names_set(&t->names, PT_NAME_PATH_DEVICE, t->path[at], path->device, err);
	if (ret)
		return ret;
	hop = &hops[t->path[at]];
	pt_table_hop(t->setup, path, hop);
	hop->interval_ns = (uint64_t)t->probe_ns;
	hop->site = INDEX_OF(t, site, sites, path->dest);
	hop->uplink = INDEX_OF(t, uplink, uplinks, path->uplink);
	hop->flags |= pt_mode_flags(t->setup, path);
	via = pt_onward_via(&t->onward, t->setup, path);
	if (via) {
		hop->flags |= PT_HOP_INDIRECT;
		hop->via = INDEX_OF(t, site, sites, via);
	}
	return 0;
}

static int put_hops(struct pt_table *t, struct pt_err *err)
{
	const struct pt_network *net = t->setup->net;
	struct pt_plane *p = t->plane;
	pt_autoarena arena = {};
	struct pt_hop *hops = pt_arena_alloc(&arena, p->meta->path_cap * sizeof(*hops));
	struct pt_budget budget;
	bool changed = false;
	int ret = pt_onward_init(&t->onward, t->setup, err);

	pt_budget_make(t->setup->cfg, net, t->setup->self, &budget);
	t->probe_ns = budget.period_ns;
	for (uint32_t i = 0; i < net->n_paths && !ret; i++)
		if (is_self(t->setup, net->paths[i].source))
			ret = make_hop(t, i, hops, err);
	if (!ret)
		ret = pt_way_mark(hops, p->meta->path_cap, t->setup->cfg, err);
	if (!ret)
		ret = pt_nexthop_retract(p, hops, err);
	if (!ret)
		p->meta->mark_mask = pt_way_mask(t->setup->cfg);
	for (uint32_t i = 0; i < net->n_paths && !ret; i++) {
		uint32_t at = t->path[i];

		if (!at)
			continue;
		if (memcmp(&p->hop[at], &hops[at], sizeof(*hops)) != 0) {
			pt_nexthop_store(&p->hop[at], &hops[at]);
			changed = true;
		}
		(void)pt_block_path(p, at, PT_BLOCK_MAINTENANCE, net->paths[i].maintenance);
	}
	if (changed)
		pt_plane_changed(p);
	return ret;
}

int pt_table_paths(struct pt_table *t, struct pt_err *err)
{
	const struct pt_network *net = t->setup->net;
	int ret = 0;

	for (uint32_t i = 0; i < net->n_sites && !ret; i++)
		if (!is_self(t->setup, net->sites[i].id))
			ret = index_for(t, PT_NAME_SITE, net->sites[i].id, &t->site[i], err);
	for (uint32_t i = 0; i < t->shared.n_sets && !ret; i++)
		ret = index_for(t, PT_NAME_SITE, t->shared.set[i].id, &t->set[i], err);
	for (uint32_t i = 0; i < net->n_uplinks && !ret; i++)
		if (is_self(t->setup, net->uplinks[i].site))
			ret = index_for(t, PT_NAME_UPLINK, net->uplinks[i].id, &t->uplink[i], err);
	if (!ret)
		ret = put_hops(t, err);
	return ret ? ret : pt_session_put(t, err);
}

// ---- groups ----

static bool holds(const struct pt_group *g, uint32_t path)
{
	for (uint32_t i = 0; i < g->count && i < PT_GROUP_PATHS; i++)
		if (g->path[i] == path)
			return true;
	return false;
}

static void add_to(struct pt_group *to, const struct pt_group *from, uint32_t i)
{
	to->weight[to->count] = from->weight[i];
	to->path[to->count++] = from->path[i];
}

// Its weight is the new one, but for a path that the decision gave none.
static void keep_place(
	const struct pt_group *was, uint32_t i, const struct pt_group *to, struct pt_group *kept)
{
	for (uint32_t k = 0; k < to->count; k++) {
		if (to->path[k] != was->path[i])
			continue;
		add_to(kept, to, k);
		if (was->flags & PT_GROUP_WEIGHTED && !was->weight[i])
			kept->weight[kept->count - 1] = 0;
	}
}

// A decided order survives: of the new candidates, those it knew keep their places before the rest.
// So does a decision to drop, as long as the policy asks for such.
static void keep_decision(const struct pt_group *was, struct pt_group *to)
{
	struct pt_group kept = { .flags = to->flags | PT_GROUP_DECIDED,
		.by_hand_cs = was->by_hand_cs };

	if (!was->count && to->flags & PT_GROUP_POLICY_DROP)
		*to = kept;
	for (uint32_t i = 0; i < was->count && i < PT_GROUP_PATHS; i++)
		keep_place(was, i, to, &kept);
	if (!kept.count)
		return;
	for (uint32_t i = 0; i < to->count; i++)
		if (!holds(was, to->path[i]))
			add_to(&kept, to, i);
	if (was->by_hand_cs && !(was->flags & PT_GROUP_WEIGHTED))
		kept.flags &= (__u8)~PT_GROUP_WEIGHTED; // a person wants one path for all
	*to = kept;
}

static uint8_t flags_of(const struct pt_policy *policy)
{
	uint8_t flags = 0;

	if (policy->none_inside == PT_NONE_DROP)
		flags |= PT_GROUP_DROP | PT_GROUP_POLICY_DROP;
	if (policy->firewall == PT_FIREWALL_BYPASS)
		flags |= PT_GROUP_BYPASS;
	if (policy->strategy == PT_STRATEGY_WEIGHTED)
		flags |= PT_GROUP_WEIGHTED;
	return flags;
}

// `twins` are the site's as the network has them; those of the policies before are made.
static void make_group(
	const struct pt_table *t, uint32_t site, uint32_t policy, struct pt_group *twins)
{
	const struct pt_network *net = t->setup->net;
	const struct pt_policy *p = &net->policies[policy];
	const struct pt_path *path[PT_GROUP_PATHS];
	struct pt_group *out = &twins[policy];
	bool weighted = p->strategy == PT_STRATEGY_WEIGHTED;
	uint32_t n, twin = t->like[policy];

	*out = twin < policy ? twins[twin] : (struct pt_group){};
	out->flags = flags_of(p);
	out->flags |= twin < policy ? twins[twin].flags & PT_GROUP_FLOWS : 0;
	if (twin < policy)
		return;
	n = pt_network_candidates(net, t->setup->self, &net->sites[site], p, path, PT_GROUP_PATHS);
	for (uint32_t i = 0; i < n && i < PT_GROUP_PATHS; i++) {
		out->path[i] = (uint16_t)t->path[path[i] - net->paths];
		out->weight[i] = weighted ? (__u8)pt_network_weight(net, p, path[i]) : 0;
		out->count++;
	}
	for (uint32_t i = 0; i < out->count; i++)
		if (t->plane->hop[out->path[i]].flags & PT_HOP_NAT)
			out->flags |= PT_GROUP_FLOWS;
}

static void put_groups(const struct pt_table *t, const struct pt_bank *bank, uint32_t site)
{
	const struct pt_network *net = t->setup->net;
	uint32_t index = t->site[site];
	struct pt_group made[PT_MAX_POLICY];

	for (uint32_t i = 0; i < net->n_policies; i++)
		make_group(t, site, i, made);
	for (uint32_t i = 0; i < net->n_policies; i++) {
		const struct pt_group *was = pt_group_active(t->plane, index, t->old_policy[i]);

		if (was && was->flags & PT_GROUP_DECIDED)
			keep_decision(was, &made[i]);
		(void)pt_bank_put_group(bank, index, i, &made[i]); // indexes are in range
	}
}

static int put_policy_names(struct pt_table *t, struct pt_err *err)
{
	int ret = 0;

	for (uint32_t i = 0; i < PT_MAX_POLICY && !ret; i++) {
		const char *was = pt_names_id(&t->names, PT_NAME_POLICY, i);
		const char *id = i < t->setup->net->n_policies ? t->setup->net->policies[i].id
							       : NULL;

		if (was && (!id || strcmp(was, id) != 0))
			pt_passive_forget_policy(t->plane, i);
		ret = pt_names_set(&t->names, PT_NAME_POLICY, i, id, err);
	}
	return ret;
}

static void fill_groups(struct pt_table *t, const struct pt_bank *bank)
{
	const struct pt_network *net = t->setup->net;

	pt_bank_clear_groups(bank);
	for (uint32_t i = 0; i < net->n_sites; i++)
		if (t->site[i])
			put_groups(t, bank, i);
	for (uint32_t i = 0; i < t->shared.n_sets; i++)
		pt_shared_put(bank, &t->names, t->set[i]);
}

int pt_table_need(const struct pt_setup *s, struct pt_trie *need, struct pt_err *err)
{
	int ret;

	*need = (struct pt_trie){};
	ret = pt_dest_fill(s, NULL, need, NULL, err);
	return ret ? ret : pt_rule_count(s->net, s->links, need, err);
}

int pt_table_banks(struct pt_table *t, bool groups, struct pt_err *err)
{
	const struct pt_setup *s = t->setup;
	const struct pt_dest_index index = { t->site, &t->shared, t->set };
	struct pt_bank bank;
	struct pt_trie trie;
	int ret = pt_bank_begin(t->plane, PT_BANK_CLASS | (groups ? PT_BANK_GROUP : 0), &bank, err);

	if (ret)
		return ret;
	trie = pt_bank_trie(&bank);
	ret = pt_dest_fill(s, &index, &trie, pt_bank_dest(&bank), err);
	if (!ret)
		ret = pt_rule_fill(s->net, s->links, &trie, pt_bank_rule(&bank), err);
	if (ret)
		return ret;
	if (groups)
		fill_groups(t, &bank);
	pt_bank_commit(&bank);
	return groups ? put_policy_names(t, err) : 0;
}

// ---- what is left over ----

// The slot's next owner begins anew. No program writes here any more: they found the hop empty.
static int clear_path(struct pt_plane *p, uint32_t path, struct pt_err *err)
{
	static const struct pt_watch unwatched;
	static const struct pt_clock unclocked;
	static const struct pt_bfd_slot sessionless;
	int ret;

	p->hop[path] = (struct pt_hop){};
	p->block->path[path] = 0;
	p->penalty[path] = (struct pt_penalty){};
	pt_count_clear(p, path);
	pt_passive_forget_path(p, path);
	ret = pt_trip_forget(p, path);
	if (!ret)
		ret = bpf_map_update_elem(p->fd[PT_MAP_WATCH], &path, &unwatched, BPF_ANY);
	if (!ret)
		ret = bpf_map_update_elem(p->fd[PT_MAP_CLOCK], &path, &unclocked, BPF_ANY);
	if (!ret)
		ret = bpf_map_update_elem(p->fd[PT_MAP_BFD], &path, &sessionless, BPF_ANY);
	return ret ? pt_err_errno(err, ret, "path %u", path) : 0;
}

struct retired {
	enum pt_name_kind kind;
	const uint32_t *indexes;
	const void *array;
	uint32_t n;
	size_t size;
};

static bool set_kept(const struct pt_table *t, uint32_t index)
{
	for (uint32_t i = 0; i < t->shared.n_sets; i++)
		if (t->set[i] == index)
			return true;
	return false;
}

static int retire_names(struct pt_table *t, const struct retired *r, struct pt_err *err)
{
	int ret = 0;

	for (uint32_t i = 1; i < t->names.kind[r->kind].cap && !ret; i++) {
		const char *id = pt_names_id(&t->names, r->kind, i);

		if (!id || kept(id, i, r->indexes, r->array, r->n, r->size) ||
			(r->kind == PT_NAME_SITE && set_kept(t, i)))
			continue;
		if (r->kind == PT_NAME_PATH) {
			ret = clear_path(t->plane, i, err);
			if (!ret)
				ret = pt_names_set(&t->names, PT_NAME_PATH_DEVICE, i, NULL, err);
		} else if (r->kind == PT_NAME_UPLINK) {
			t->plane->block->uplink[i] = 0;
		}
		if (!ret)
			ret = pt_names_set(&t->names, r->kind, i, NULL, err);
	}
	return ret;
}

int pt_table_retire(struct pt_table *t, struct pt_err *err)
{
	const struct pt_network *net = t->setup->net;
	const struct retired kinds[] = {
		{ PT_NAME_SITE, t->site, net->sites, net->n_sites, sizeof(*net->sites) },
		{ PT_NAME_UPLINK, t->uplink, net->uplinks, net->n_uplinks, sizeof(*net->uplinks) },
		{ PT_NAME_PATH, t->path, net->paths, net->n_paths, sizeof(*net->paths) },
	};
	int ret = 0;

	for (size_t i = 0; i < PT_ARRAY_LEN(kinds) && !ret; i++)
		ret = retire_names(t, &kinds[i], err);
	if (ret)
		return ret;
	ret = pt_session_retire(t->plane, err);
	return ret ? ret : pt_rx_put(t->plane, err);
}
