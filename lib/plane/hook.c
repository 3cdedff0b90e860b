// SPDX-License-Identifier: MIT
#include "plane/hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "net/filter.h"
#include "plane/program.h"

// linux/bpf.h of Debian 12 is older than the kernel feature.
#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_EGRESS  ((enum bpf_attach_type)47)

// Ours alone, one would hope: "PT".
#define CLSACT_PRIORITY 0x5054
#define CLSACT_HANDLE   0x50540001

struct hook_row {
	const char *name;
	enum bpf_attach_type link;
	enum bpf_tc_attach_point clsact;
	enum pt_program program, program_l3;
};

static const struct hook_row hook_rows[PT_HOOK_COUNT] = {
	[PT_HOOK_STEER] = { "steer", TCX_INGRESS, BPF_TC_INGRESS, PT_PROGRAM_STEER,
		PT_PROGRAM_STEER },
	[PT_HOOK_WATCH_IN] = { "in", TCX_INGRESS, BPF_TC_INGRESS, PT_PROGRAM_IN, PT_PROGRAM_IN_L3 },
	[PT_HOOK_WATCH_OUT] = { "out", TCX_EGRESS, BPF_TC_EGRESS, PT_PROGRAM_OUT,
		PT_PROGRAM_OUT_L3 },
	[PT_HOOK_ONWARD] = { "onward", TCX_INGRESS, BPF_TC_INGRESS, PT_PROGRAM_ONWARD,
		PT_PROGRAM_ONWARD_L3 },
	[PT_HOOK_XDP] = { "xdp", BPF_XDP, BPF_TC_CUSTOM, PT_PROGRAM_XDP, PT_PROGRAM_XDP },
};

// Names below links/ carry the index: bpffs refuses the dots of VLAN device names.
static int link_pin(const struct pt_plane *p, const struct pt_hook_key *key, char out[PT_PIN_PATH])
{
	char name[64];

	(void)snprintf(name, sizeof(name), PT_PIN_LINKS "/%s-%u", hook_rows[key->dir].name,
		key->ifindex); // always fits
	return pt_pin_path(p->dir, name, out);
}

// 0: the live link of an earlier attach now runs this program.
static int link_update(const char *pin, int prog_fd)
{
	pt_autofd link = bpf_obj_get(pin);

	if (link < 0)
		return -ENOENT;
	return bpf_link_update(link, prog_fd, NULL);
}

static int link_attach(const struct pt_plane *p, const struct pt_hook_key *key, int prog_fd)
{
	const struct hook_row *row = &hook_rows[key->dir];
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		.flags = key->dir == PT_HOOK_XDP ? XDP_FLAGS_DRV_MODE : 0);
	pt_autofd link = -1;
	char pin[PT_PIN_PATH];
	int ret = link_pin(p, key, pin);

	if (ret || !link_update(pin, prog_fd))
		return ret;
	if (unlink(pin) < 0 && errno != ENOENT) // of a device that has gone
		return -errno;
	link = bpf_link_create(prog_fd, (int)key->ifindex, row->link, &opts);
	if (link < 0)
		return link;
	return bpf_obj_pin(link, pin);
}

// A hub's comes after the watchdog, which lets every packet pass.
static uint32_t clsact_priority(uint32_t dir)
{
	return CLSACT_PRIORITY + (dir == PT_HOOK_ONWARD);
}

// Always the same handle, so that a filter is found again even if nobody noted it.
static int clsact_attach(const struct pt_hook_key *key, int prog_fd, struct pt_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_hook, tc, .ifindex = (int)key->ifindex,
		.attach_point = hook_rows[key->dir].clsact);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .handle = CLSACT_HANDLE + key->dir,
		.priority = clsact_priority(key->dir), .flags = BPF_TC_F_REPLACE);
	int ret = bpf_tc_hook_create(&tc);

	if (!ret)
		hook->flags |= PT_HOOK_QDISC; // the first, or its forerunner went with its device
	else if (ret != -EEXIST)
		return ret;
	hook->handle = opts.handle;
	hook->priority = opts.priority;
	return bpf_tc_attach(&tc, &opts);
}

// Our other hooks on the device need the qdisc, too: the last one of them removes it.
static bool qdisc_passed_on(const struct pt_plane *p, const struct pt_hook_key *key)
{
	struct pt_hook_key other = { .ifindex = key->ifindex };
	struct pt_hook hook;

	for (other.dir = 0; other.dir < PT_HOOK_COUNT; other.dir++) {
		if (other.dir == key->dir ||
			bpf_map_lookup_elem(p->fd[PT_MAP_HOOK], &other, &hook) ||
			hook.flags & PT_HOOK_TCX)
			continue;
		hook.flags |= PT_HOOK_QDISC;
		return !bpf_map_update_elem(p->fd[PT_MAP_HOOK], &other, &hook, BPF_EXIST);
	}
	return false;
}

static void clsact_remove(
	const struct pt_plane *p, const struct pt_hook_key *key, const struct pt_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_hook, tc, .ifindex = (int)key->ifindex,
		.attach_point = hook_rows[key->dir].clsact);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = hook->handle, .priority = hook->priority);

	(void)bpf_tc_detach(&tc, &opts); // gone with its device, or by hand
	// Made by us, used by nobody else by now.
	if (hook->flags & PT_HOOK_QDISC && !qdisc_passed_on(p, key) &&
		pt_filter_count(key->ifindex) == 0) {
		tc.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
		(void)bpf_tc_hook_destroy(&tc);
	}
}

static bool no_tcx(int ret)
{
	return ret == -EINVAL || ret == -EOPNOTSUPP || ret == -ENOSYS;
}

// Takes away what hook describes, which is not in the table, or not any more.
static int take_away(
	const struct pt_plane *p, const struct pt_hook_key *key, const struct pt_hook *hook)
{
	pt_autofd link = -1;
	char pin[PT_PIN_PATH];
	int ret;

	if (!(hook->flags & PT_HOOK_TCX)) {
		clsact_remove(p, key, hook);
		return 0;
	}
	ret = link_pin(p, key, pin);
	if (ret)
		return ret;
	// A link whose last name goes ends some time later, in a worker of the kernel's.
	link = bpf_obj_get(pin);
	if (link >= 0)
		(void)bpf_link_detach(link); // fails where the device has gone
	return unlink(pin) < 0 && errno != ENOENT ? -errno : 0;
}

static int attach_as(const struct pt_plane *p, const struct pt_hook_key *key, int prog_fd,
	enum pt_hook_kind kind, struct pt_hook *hook)
{
	int ret = -EOPNOTSUPP;

	if (kind != PT_HOOK_KIND_CLSACT) {
		ret = link_attach(p, key, prog_fd);
		hook->flags = PT_HOOK_TCX;
	}
	if (kind != PT_HOOK_KIND_TCX && key->dir != PT_HOOK_XDP && no_tcx(ret)) {
		hook->flags &= ~(__u32)PT_HOOK_TCX;
		ret = clsact_attach(key, prog_fd, hook);
	}
	return ret;
}

enum pt_program pt_hook_program(const struct pt_link *link, enum pt_hook_dir dir)
{
	return pt_link_is_l3(link) ? hook_rows[dir].program_l3 : hook_rows[dir].program;
}

int pt_hook_attach(struct pt_plane *p, struct pt_programs *progs, const struct pt_link *link,
	enum pt_hook_dir dir, enum pt_hook_kind kind, struct pt_err *err)
{
	const enum pt_program program = pt_hook_program(link, dir);
	const struct hook_row *row = &hook_rows[dir];
	const struct pt_hook_key key = { .ifindex = link->ifindex, .dir = dir };
	bool l3 = pt_link_is_l3(link), known;
	struct pt_hook was = {}, hook = {};
	int ret;

	if (l3 && dir == PT_HOOK_STEER)
		return pt_err_set(err, -EOPNOTSUPP, "%s: no link layer; it cannot be a LAN device",
			link->name);
	ret = pt_programs_need(p->dir, PT_PROGRAM_BIT(program), progs, err);
	if (ret)
		return ret;
	known = !bpf_map_lookup_elem(p->fd[PT_MAP_HOOK], &key, &was);
	if (kind == PT_HOOK_KIND_AUTO && p->meta->flags & PT_META_CLSACT)
		kind = PT_HOOK_KIND_CLSACT;
	if (known && !(was.flags & PT_HOOK_TCX))
		hook.flags = was.flags & PT_HOOK_QDISC;
	ret = attach_as(p, &key, progs->fd[program], kind, &hook);
	// Both at once would count every probe twice.
	if (!ret && known && (was.flags ^ hook.flags) & PT_HOOK_TCX)
		ret = take_away(p, &key, &was);
	if (ret && kind == PT_HOOK_KIND_TCX && no_tcx(ret))
		return pt_err_set(err, -EOPNOTSUPP,
			"%s: no TCX in this kernel (Linux 6.6 has it): use clsact or auto",
			link->name);
	if (ret)
		return pt_err_errno(err, ret, "%s: attaching %s", link->name, row->name);
	hook.flags |= l3 ? PT_HOOK_LINK3 : 0;
	memcpy(hook.device, link->name, sizeof(hook.device));
	ret = bpf_map_update_elem(p->fd[PT_MAP_HOOK], &key, &hook, BPF_ANY);
	if (ret == -E2BIG)
		return pt_err_set(err, -ENOSPC, "%s: no room for more devices; detach, then attach",
			link->name);
	return ret ? pt_err_errno(err, ret, "%s: pt_hook", link->name) : 0;
}

int pt_hook_remove(struct pt_plane *p, const struct pt_hook_key *key, struct pt_err *err)
{
	struct pt_hook hook;
	int ret;

	if (key->dir >= PT_HOOK_COUNT || bpf_map_lookup_elem(p->fd[PT_MAP_HOOK], key, &hook))
		return 0;
	ret = take_away(p, key, &hook);
	if (ret)
		return pt_err_errno(err, ret, "%s: detaching", hook.device);
	ret = bpf_map_delete_elem(p->fd[PT_MAP_HOOK], key);
	return ret && ret != -ENOENT ? pt_err_errno(err, ret, "pt_hook") : 0;
}

int pt_hook_sweep(struct pt_plane *p, pt_hook_keep_fn *keep, void *ctx, struct pt_err *err)
{
	uint32_t cap = p->entries[PT_MAP_HOOK], n = 0;
	pt_autoarena arena = {};
	struct pt_hook_key *keys = pt_arena_alloc(&arena, cap * sizeof(*keys));
	struct pt_hook_key key, *prev = NULL;
	struct pt_hook hook;
	int ret = 0;

	// Collected first: removing while walking would begin the walk anew.
	for (; n < cap && !bpf_map_get_next_key(p->fd[PT_MAP_HOOK], prev, &key); prev = &key)
		keys[n++] = key;
	for (uint32_t i = 0; i < n && !ret; i++)
		if (!keep ||
			(!bpf_map_lookup_elem(p->fd[PT_MAP_HOOK], &keys[i], &hook) &&
				!keep(ctx, &keys[i], &hook)))
			ret = pt_hook_remove(p, &keys[i], err);
	return ret;
}

int pt_hook_sweep_filters(struct pt_err *err)
{
	pt_autolinks links = {};
	int ret = pt_links_read(&links, err);

	for (uint32_t i = 0; i < links.n_link; i++)
		for (uint32_t dir = 0; dir < PT_HOOK_XDP; dir++) {
			LIBBPF_OPTS(bpf_tc_hook, tc, .ifindex = (int)links.link[i].ifindex,
				.attach_point = hook_rows[dir].clsact);
			LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CLSACT_HANDLE + dir,
				.priority = clsact_priority(dir));

			(void)bpf_tc_detach(&tc, &opts); // most have none
		}
	return ret;
}

int pt_hook_next(const struct pt_plane *p, const struct pt_hook_key *after, struct pt_hook_key *out)
{
	return bpf_map_get_next_key(p->fd[PT_MAP_HOOK], after, out) ? -ENOENT : 0;
}
