// SPDX-License-Identifier: MIT
#include "plane/setup.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "plane/mode.h"
#include "plane/program.h"
#include "plane/table.h"
#include "plane/ways.h"
#include "plane/xdp.h"

#define LOCK_WAIT_MS 2000

static bool is_self(const struct pt_setup *s, const char *site)
{
	return !strcmp(s->self->id, site);
}

// ---- checks ----

static int check_device(const struct pt_setup *s, const char *what, const char *name,
	const struct pt_link **out, struct pt_err *err)
{
	*out = name ? pt_links_named(s->links, name) : NULL;
	if (*out || !s->strict)
		return 0;
	return pt_err_set(err, -ENODEV, "%s: device %s: there is none", what, name ? name : "?");
}

// 0 when it cannot be read: no IPv4, or a device without settings.
static int rp_filter(const char *device)
{
	char path[128], digit = '0';
	pt_autofd fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", device);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &digit, 1) != 1)
		return 0;
	return digit - '0';
}

// The kernel uses the higher of both: 1 strict, 2 loose.
static int check_rp_filter(const char *what, const char *device, struct pt_err *err)
{
	int all = rp_filter("all"), own = rp_filter(device);

	if ((all > own ? all : own) != 1)
		return 0;
	return pt_err_set(err, -EINVAL,
		"%s: strict reverse path filter on %s would drop what returns by another path; "
		"sysctl net.ipv4.conf.%s.rp_filter=2",
		what, device, device);
}

static int check_path(const struct pt_setup *s, const struct pt_path *path, struct pt_err *err)
{
	const struct pt_link *link;
	int ret = check_device(s, path->id, path->device, &link, err);

	if (ret || !link)
		return ret;
	if (!pt_link_is_l3(link) && !path->next_hop.family && !path->next_hop6.family && s->strict)
		return pt_err_set(err, -EINVAL, "%s: device %s needs a next_hop or next_hop6",
			path->id, path->device);
	ret = pt_mode_check(s, path, err);
	return ret ? ret : check_rp_filter(path->id, path->device, err);
}

int pt_setup_check(const struct pt_setup *s, struct pt_err *err)
{
	const struct pt_link *link;
	uint32_t paths = 0;
	int ret = 0;

	for (uint32_t i = 0; i < s->self->n_lan && !ret; i++) {
		ret = check_device(s, s->self->id, s->self->lan[i], &link, err);
		if (!ret && link && pt_link_is_l3(link))
			ret = pt_err_set(err, -EOPNOTSUPP,
				"%s: device %s has no link layer; it cannot be a LAN device",
				s->self->id, link->name);
	}
	for (uint32_t i = 0; i < s->net->n_paths && !ret; i++) {
		if (!is_self(s, s->net->paths[i].source))
			continue;
		paths++;
		ret = check_path(s, &s->net->paths[i], err);
	}
	if (ret)
		return ret;
	if (!s->self->n_lan)
		return pt_err_set(err, -EINVAL, "%s: no lan device: nothing to steer", s->self->id);
	if (!paths)
		return pt_err_set(err, -EINVAL, "%s: no path starts here", s->self->id);
	return s->hook == PT_HOOK_KIND_XDP ? pt_xdp_check(s, err) : 0;
}

uint64_t pt_setup_hash(const struct pt_network *net, const struct pt_config *cfg)
{
	char text[2][17];
	uint64_t hash = 0xcbf29ce484222325u; // FNV-1a over both fingerprints

	pt_schema_hash(&pt_network_schema, net, text[0]);
	pt_schema_hash(&pt_config_schema, cfg, text[1]);
	for (int i = 0; i < 2; i++)
		for (const char *c = text[i]; *c; c++)
			hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
	return hash;
}

// ---- attach ----

static int sizes_of(const struct pt_setup *s, struct pt_sizes *out, struct pt_err *err)
{
	struct pt_trie need;
	pt_autoshared shared = {};
	int ret = pt_table_need(s, &need, err);

	if (!ret)
		ret = pt_shared_find(s->net, s->self, &shared, err);
	*out = (struct pt_sizes){
		.sites = s->net->n_sites + shared.n_sets, .chunks = need.chunks, .forks = need.forks
	};
	for (uint32_t i = 0; i < s->net->n_paths; i++)
		out->paths += is_self(s, s->net->paths[i].source);
	out->lans = s->self->n_lan;
	out->nat = pt_mode_any_nat(s);
	if (s->cfg->failover.passive)
		out->passive = (uint32_t)s->cfg->failover.passive_share;
	return ret;
}

static bool is_path_device(const struct pt_setup *s, const char *device)
{
	for (uint32_t i = 0; i < s->net->n_paths; i++)
		if (is_self(s, s->net->paths[i].source) && s->net->paths[i].device &&
			!strcmp(s->net->paths[i].device, device))
			return true;
	return false;
}

static int put_watch(
	struct pt_plane *p, const struct pt_setup *s, struct pt_programs *progs, struct pt_err *err)
{
	int ret = 0;

	for (uint32_t i = 0; i < s->links->n_link && !ret; i++) {
		const struct pt_link *link = &s->links->link[i];

		if (!is_path_device(s, link->name))
			continue;
		ret = pt_hook_attach(p, progs, link, PT_HOOK_WATCH_IN, s->hook, err);
		if (!ret)
			ret = pt_hook_attach(p, progs, link, PT_HOOK_WATCH_OUT, s->hook, err);
	}
	return ret;
}

// A device is watched before the tables name it: a clone of a user's packet that is to become a
// probe must find the program there that makes it one.
static int fill_tables(struct pt_plane *p, const struct pt_setup *s, struct pt_programs *progs,
	bool groups, struct pt_err *err)
{
	struct pt_table t;
	int ret = pt_table_init(&t, s, p, err);

	if (!ret)
		ret = put_watch(p, s, progs, err);
	if (!ret)
		ret = pt_table_paths(&t, err);
	if (!ret)
		ret = pt_table_banks(&t, groups, err);
	if (!ret)
		ret = pt_table_retire(&t, err);
	pt_table_done(&t);
	return ret;
}

bool pt_setup_is_lan(const struct pt_setup *s, const char *device)
{
	for (uint32_t i = 0; i < s->self->n_lan; i++)
		if (!strcmp(s->self->lan[i], device))
			return true;
	return false;
}

static bool still_wanted(void *ctx, const struct pt_hook_key *key, const struct pt_hook *hook)
{
	const struct pt_setup *s = ctx;
	const struct pt_link *link = pt_links_at(s->links, key->ifindex);

	if (key->dir == PT_HOOK_XDP)
		return true; // pt_xdp_put's
	if (!link || strcmp(link->name, hook->device) != 0)
		return false;
	if (key->dir == PT_HOOK_STEER)
		return pt_setup_is_lan(s, link->name);
	return is_path_device(s, link->name) && (key->dir != PT_HOOK_ONWARD || s->self->transit);
}

static int put_steer(struct pt_plane *p, const struct pt_setup *s, struct pt_programs *progs,
	uint32_t *devices, struct pt_err *err)
{
	struct pt_setup copy = *s;
	int ret = 0;

	*devices = 0;
	for (uint32_t i = 0; i < s->links->n_link && !ret; i++) {
		const struct pt_link *link = &s->links->link[i];
		bool lan = pt_setup_is_lan(s, link->name), path = is_path_device(s, link->name);

		*devices += lan || path;
		if (path && s->self->transit)
			ret = pt_hook_attach(p, progs, link, PT_HOOK_ONWARD, s->hook, err);
		if (lan && !ret)
			ret = pt_hook_attach(p, progs, link, PT_HOOK_STEER, s->hook, err);
	}
	if (!ret)
		ret = pt_xdp_put(p, s, progs, err);
	return ret ? ret : pt_hook_sweep(p, still_wanted, &copy, err);
}

// 0 when it cannot be told.
static uint64_t this_netns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : st.st_ino;
}

// Device indexes mean something else in another namespace: all of its paths would be lost.
static int check_netns(const struct pt_plane *p, struct pt_err *err)
{
	uint64_t here = this_netns();

	if (!here || p->meta->netns == here)
		return 0;
	return pt_err_set(err, -EXDEV,
		"%s: attached to devices of another network namespace; use --netns", p->dir);
}

static void init_meta(struct pt_plane *p)
{
	p->meta->netns = this_netns();
	p->meta->path_cap = p->entries[PT_MAP_HOP];
	p->meta->site_cap = p->entries[PT_MAP_GROUP] / (2 * PT_MAX_POLICY);
	p->meta->abi = PT_ABI;
	p->meta->attached_ns = (uint64_t)pt_mono_now().ns;
}

static void sign_programs(struct pt_plane *p, const struct pt_programs *progs)
{
	p->meta->generation = progs->generation;
	p->meta->passive_seed = progs->seed;
	pt_programs_retire(p->dir, progs);
}

static void sign_meta(struct pt_plane *p, const struct pt_setup *s)
{
	p->meta->config_hash = pt_setup_hash(s->net, s->cfg);
	(void)snprintf((char *)p->meta->edge, sizeof(p->meta->edge), "%s", s->self->id);
}

static void count_result(const struct pt_plane *p, struct pt_setup_result *out)
{
	for (uint32_t i = 1; i < p->meta->path_cap; i++) {
		out->paths += !!(p->hop[i].flags & PT_HOP_USED);
		out->missing += p->hop[i].flags & PT_HOP_USED && !p->hop[i].ifindex;
	}
}

static void put_ways(struct pt_plane *p, const struct pt_setup *s, struct pt_err *err)
{
	struct pt_ways *ways = NULL;

	if (!pt_ways_new(&ways, err))
		(void)pt_ways_sync(ways, p, s, NULL, err); // err tells
	pt_ways_free(ways);
}

static const uint32_t flags_of[] = {
	[PT_HOOK_KIND_TCX] = 0,
	[PT_HOOK_KIND_CLSACT] = PT_META_CLSACT,
	[PT_HOOK_KIND_XDP] = PT_META_XDP,
};

// What the devices that are there want. With any of a kind come the maps of its kind.
static uint32_t programs_of(const struct pt_setup *s)
{
	uint32_t set = PT_PROGRAM_BIT(PT_PROGRAM_STEER), watch = 0;

	for (uint32_t i = 0; i < s->links->n_link; i++) {
		const struct pt_link *link = &s->links->link[i];

		if (!is_path_device(s, link->name))
			continue;
		watch |= PT_PROGRAM_BIT(pt_hook_program(link, PT_HOOK_WATCH_IN)) |
			PT_PROGRAM_BIT(pt_hook_program(link, PT_HOOK_WATCH_OUT));
		if (s->self->transit)
			set |= PT_PROGRAM_BIT(pt_hook_program(link, PT_HOOK_ONWARD));
	}
	if (!watch)
		watch = PT_PROGRAM_BIT(PT_PROGRAM_IN) | PT_PROGRAM_BIT(PT_PROGRAM_OUT);
	return set | watch;
}

static int need_xdp(const struct pt_plane *p, struct pt_programs *progs, struct pt_err *err)
{
	if (!(p->meta->flags & PT_META_XDP))
		return 0;
	progs->sizes.paths = p->entries[PT_MAP_HOP]; // its maps are as large as those
	return pt_programs_need(p->dir, PT_PROGRAM_BIT(PT_PROGRAM_XDP), progs, err);
}

// As much of a plane as there is before its programs are.
static int begin(const char *dir, const struct pt_setup *s, bool fresh, struct pt_programs *progs,
	struct pt_err *err)
{
	struct pt_plane *p = NULL;
	struct pt_sizes sizes;
	int ret = sizes_of(s, &sizes, err);

	if (!ret && !fresh)
		ret = pt_plane_open(dir, PT_PLANE_WRITE, &p, err);
	if (!ret && p)
		ret = check_netns(p, err);
	if (!ret)
		ret = pt_programs_init(dir, p ? p->meta : NULL, &sizes, progs, err);
	pt_plane_free(p);
	return ret ? ret : pt_programs_need(dir, programs_of(s), progs, err);
}

// Old programs, if any, go on until each device's link is switched over.
static int attach_locked(
	const char *dir, const struct pt_setup *s, struct pt_setup_result *out, struct pt_err *err)
{
	struct pt_programs progs = PT_PROGRAMS_NONE;
	struct pt_plane *p = NULL;
	int ret = begin(dir, s, out->fresh, &progs, err);

	if (!ret)
		ret = pt_plane_open(dir, PT_PLANE_NEW, &p, err);
	if (!ret && out->fresh)
		init_meta(p);
	if (!ret && s->hook != PT_HOOK_KIND_AUTO)
		p->meta->flags = flags_of[s->hook];
	if (!ret)
		ret = need_xdp(p, &progs, err);
	if (!ret)
		ret = fill_tables(p, s, &progs, true, err);
	if (!ret) { // before any packet gets a mark
		put_ways(p, s, &out->routes);
		ret = put_steer(p, s, &progs, &out->devices, err);
	}
	if (!ret) {
		sign_meta(p, s);
		sign_programs(p, &progs);
		count_result(p, out);
	} else if (p && out->fresh) {
		(void)pt_hook_sweep(p, NULL, NULL, NULL); // the first error is the one to tell
		(void)pt_ways_remove(NULL);
	}
	pt_plane_free(p);
	pt_programs_done(&progs);
	return ret;
}

// Nothing here, or what a first attach has left that was killed before pt_meta was filled.
static bool is_new(const char *dir)
{
	char pin[PT_PIN_PATH];
	struct pt_meta meta;
	struct bpf_map_info info = {};
	uint32_t zero = 0, len = sizeof(info);
	pt_autofd fd = -1;

	if (pt_pin_exists(dir, NULL))
		return true;
	if (!pt_pin_path(dir, "pt_meta", pin))
		fd = bpf_obj_get(pin);
	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) &&
		info.key_size == sizeof(zero) && info.value_size == sizeof(meta) &&
		!bpf_map_lookup_elem(fd, &zero, &meta) && !meta.abi;
}

int pt_setup_attach(
	const char *dir, const struct pt_setup *s, struct pt_setup_result *out, struct pt_err *err)
{
	struct pt_setup_result done = {};
	pt_autofd watch = -1, lock = -1;
	char other[PT_PIN_PATH];
	bool created;
	int ret = pt_setup_check(s, err);

	if (!ret && !pt_pin_other(dir, other))
		return pt_err_set(err, -EEXIST,
			"%s: the plane of another version of Patronus; traffic follows the "
			"kernel's routes between pt-failover detach --pin-dir %s and this attach",
			other, other);
	if (!ret)
		ret = pt_pin_create(dir, &created, err);
	if (!ret)
		ret = pt_pin_lock(dir, PT_PIN_LOCK_WATCH, &watch, err);
	if (ret == -EBUSY)
		return pt_err_set(err, ret,
			"%s: pt-failover watch runs here; SIGHUP makes it read its files, a "
			"restart "
			"renews the programs",
			dir);
	if (!ret)
		ret = pt_pin_lock_wait(dir, PT_PIN_LOCK_WRITE, LOCK_WAIT_MS, &lock, err);
	if (ret)
		return ret;
	done.fresh = is_new(dir);
	ret = attach_locked(dir, s, &done, err);
	if (ret && done.fresh)
		(void)pt_pin_remove(dir, NULL); // the first error is the one to tell
	if (!ret)
		*out = done;
	return ret;
}

// ---- while it runs ----

int pt_setup_load(
	struct pt_plane *p, const struct pt_setup *s, struct pt_programs *out, struct pt_err *err)
{
	struct pt_sizes sizes;
	int ret = check_netns(p, err);

	if (!ret)
		ret = sizes_of(s, &sizes, err);
	if (!ret)
		ret = pt_programs_init(p->dir, p->meta, &sizes, out, err);
	if (!ret)
		ret = pt_programs_need(p->dir, programs_of(s), out, err);
	if (!ret)
		ret = pt_plane_complete(p, err);
	if (!ret)
		ret = need_xdp(p, out, err);
	if (!ret)
		sign_programs(p, out);
	return ret;
}

int pt_setup_refresh(struct pt_plane *p, const struct pt_setup *s, struct pt_programs *progs,
	bool groups, struct pt_err *err)
{
	pt_autofd lock = -1;
	uint32_t devices;
	int ret = pt_pin_lock_wait(p->dir, PT_PIN_LOCK_WRITE, LOCK_WAIT_MS, &lock, err);

	if (!ret)
		ret = fill_tables(p, s, progs, groups, err);
	if (!ret)
		ret = put_steer(p, s, progs, &devices, err);
	if (!ret)
		sign_meta(p, s);
	return ret;
}

// ---- detach ----

int pt_setup_detach(const char *dir, struct pt_err *err)
{
	pt_autofd watch = -1, lock = -1;
	struct pt_plane *p = NULL;
	int ret = pt_pin_exists(dir, err);

	if (ret)
		return ret;
	ret = pt_pin_lock(dir, PT_PIN_LOCK_WATCH, &watch, err);
	if (ret == -EBUSY)
		return pt_err_set(err, ret, "%s: pt-failover watch runs here; stop it first", dir);
	if (!ret || ret == -ENOENT) // a plane that lost its links/
		ret = pt_pin_lock_wait(dir, PT_PIN_LOCK_WRITE, LOCK_WAIT_MS, &lock, err);
	if (ret)
		return ret;
	// Pinned links go with their pins; only filters need the table of hooks, or a look
	// everywhere.
	if (!pt_plane_open(dir, PT_PLANE_WRITE, &p, NULL))
		ret = pt_hook_sweep(p, NULL, NULL, err);
	else
		ret = pt_hook_sweep_filters(err);
	// Those in another namespace belong to another plane.
	if (!ret && (!p || p->meta->netns == this_netns()))
		ret = pt_ways_remove(err);
	pt_plane_free(p);
	return ret ? ret : pt_pin_remove(dir, err);
}
