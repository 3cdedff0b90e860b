// SPDX-License-Identifier: MIT
#include "plane/xdp.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "net/xdp.h"

// ---- what is refused ----

static int refuse(const struct pt_link *link, const char *why, struct pt_err *err)
{
	return pt_err_set(err, -EOPNOTSUPP, "%s: hook xdp: %s", link->name, why);
}

// What only an skb remembers.
static int check_peer(const struct pt_link *link, struct pt_err *err)
{
	struct pt_xdp_peer peer;
	int ret = pt_xdp_peer_read(link, &peer, err);

	if (ret == -ENOENT)
		return refuse(link,
			"the other end of this veth cannot be seen; it may leave checksums "
			"unfinished, which XDP forgets",
			err);
	if (!ret && peer.partial)
		return refuse(link,
			"the other end leaves checksums unfinished, which XDP forgets: "
			"ethtool -K DEVICE tx off there, or hook auto",
			err);
	if (!ret && peer.untags)
		return refuse(link,
			"the other end leaves VLAN tags beside the frame, where XDP does not see "
			"them: ethtool -K DEVICE txvlan off tx-vlan-stag-hw-insert off there, or "
			"hook auto",
			err);
	return ret;
}

static int refuse_tags(const struct pt_link *link, struct pt_err *err)
{
	return pt_err_set(err, -EOPNOTSUPP,
		"%s: hook xdp: its hardware takes VLAN tags off, so that XDP would take tagged "
		"frames for its own: ethtool -K %s rxvlan off rx-vlan-stag-hw-parse off, or hook "
		"auto",
		link->name, link->name);
}

// *skip: frames of this device reach tc anyway.
static int check_lan(
	const struct pt_link *link, struct pt_xdp_facts *facts, bool *skip, struct pt_err *err)
{
	int ret = pt_xdp_facts(link, facts, err);

	*skip = !ret && facts->vlan;
	if (ret || *skip)
		return ret;
	if (!facts->told)
		return refuse(
			link, "this kernel does not tell what devices can (Linux 6.3 does)", err);
	if (!facts->native)
		return refuse(link, "its driver cannot; use hook auto", err);
	if (facts->veth)
		return check_peer(link, err);
	return facts->untags ? refuse_tags(link, err) : 0;
}

static int check_port(const struct pt_link *link, struct pt_err *err)
{
	struct pt_xdp_facts facts;
	int ret = pt_xdp_facts(link, &facts, err);

	if (ret)
		return ret;
	if (facts.shaper[0])
		return pt_err_set(err, -EOPNOTSUPP,
			"%s: hook xdp: its queueing discipline %s would be passed by; use hook "
			"auto",
			link->name, facts.shaper);
	if (!facts.told)
		return refuse(
			link, "this kernel does not tell what devices can (Linux 6.3 does)", err);
	if (facts.target)
		return 0;
	if (facts.veth)
		return refuse(link,
			"nobody polls the other end of this veth, redirected frames would vanish: "
			"ethtool -K DEVICE gro on there, or hook auto",
			err);
	return refuse(link, "its driver takes no redirected frames; use hook auto", err);
}

// A device that XDP would send by: paths of layer 3 and those by mark are tc's.
static bool is_port(const struct pt_setup *s, const struct pt_link *link)
{
	for (uint32_t i = 0; i < s->net->n_paths && !pt_link_is_l3(link); i++) {
		const struct pt_path *path = &s->net->paths[i];

		if (!strcmp(path->source, s->self->id) && path->device &&
			!strcmp(path->device, link->name) && path->mode != PT_MODE_MARK)
			return true;
	}
	return false;
}

int pt_xdp_check(const struct pt_setup *s, struct pt_err *err)
{
	struct pt_xdp_facts facts;
	const struct pt_link *link;
	bool skip;
	int ret = 0;

	for (uint32_t i = 0; i < s->links->n_link && !ret; i++) {
		link = &s->links->link[i];
		if (pt_setup_is_lan(s, link->name))
			ret = check_lan(link, &facts, &skip, err);
		if (!ret && is_port(s, link))
			ret = check_port(link, err);
	}
	return ret;
}

// ---- the maps ----

struct maps {
	struct pt_xdp_lan *lan;
	int port;
};

static int open_map(const struct pt_plane *p, const char *name, struct pt_err *err)
{
	char pin[PT_PIN_PATH];
	int fd = pt_pin_path(p->dir, name, pin) ? -ENAMETOOLONG : bpf_obj_get(pin);

	return fd < 0 ? pt_err_errno(err, fd, "%s", name) : fd;
}

static int open_maps(const struct pt_plane *p, struct maps *m, struct pt_err *err)
{
	pt_autofd lan = open_map(p, "pt_xdp_lan", err);
	void *mem;

	*m = (struct maps){ .port = -1 };
	if (lan < 0)
		return lan;
	mem = mmap(NULL, PT_XDP_LANS * sizeof(*m->lan), PROT_READ | PROT_WRITE, MAP_SHARED, lan, 0);
	if (mem == MAP_FAILED)
		return pt_err_errno(err, -errno, "pt_xdp_lan");
	m->lan = mem;
	m->port = open_map(p, "pt_xdp_port", err);
	return m->port < 0 ? m->port : 0;
}

static void close_maps(struct maps *m)
{
	if (m->lan)
		(void)munmap(m->lan, PT_XDP_LANS * sizeof(*m->lan));
	pt_cleanup_fd(&m->port);
}

// ---- attaching ----

static bool takes_frames(const struct pt_setup *s, const struct pt_link *link)
{
	return link && is_port(s, link) && !check_port(link, NULL);
}

// Redirects to a device that is not here any more, or may not be, leave the packet to tc.
static void drop_ports(const struct pt_setup *s, int map)
{
	struct bpf_devmap_val val;

	for (uint32_t slot = 0; slot < PT_XDP_LANS; slot++)
		if (!bpf_map_lookup_elem(map, &slot, &val) && val.ifindex &&
			!takes_frames(s, pt_links_at(s->links, val.ifindex)))
			(void)bpf_map_delete_elem(map, &slot); // or it went with its device
}

// Of two devices that share a slot the first has it.
static int put_ports(const struct pt_setup *s, const struct maps *m, struct pt_err *err)
{
	int ret = 0;

	drop_ports(s, m->port);
	for (uint32_t i = 0; i < s->links->n_link && !ret; i++) {
		const struct pt_link *link = &s->links->link[i];
		struct bpf_devmap_val val = { .ifindex = link->ifindex }, there;
		uint32_t slot = PT_XDP_SLOT(link->ifindex);

		if (!takes_frames(s, link) || !bpf_map_lookup_elem(m->port, &slot, &there))
			continue;
		ret = bpf_map_update_elem(m->port, &slot, &val, BPF_ANY);
		if (ret)
			ret = pt_err_errno(err, ret, "%s: pt_xdp_port", link->name);
	}
	return ret;
}

static int put_lan(struct pt_plane *p, const struct pt_setup *s, struct pt_programs *progs,
	const struct pt_link *link, struct maps *m, struct pt_err *err)
{
	struct pt_xdp_facts facts;
	struct pt_xdp_lan *slot = &m->lan[PT_XDP_SLOT(link->ifindex)];
	bool skip;
	int ret = check_lan(link, &facts, &skip, err);

	if (skip || (ret && !s->strict))
		return 0;
	if (ret)
		return ret;
	memcpy(slot->mac, facts.mac, sizeof(slot->mac));
	slot->ifindex = link->ifindex;
	return pt_hook_attach(p, progs, link, PT_HOOK_XDP, PT_HOOK_KIND_XDP, err);
}

struct kept {
	const struct pt_setup *s;
	bool wanted;
};

static bool keep(void *ctx, const struct pt_hook_key *key, const struct pt_hook *hook)
{
	const struct kept *k = ctx;
	const struct pt_link *link = pt_links_at(k->s->links, key->ifindex);

	if (key->dir != PT_HOOK_XDP)
		return true;
	return k->wanted && link && !strcmp(link->name, hook->device) &&
		pt_setup_is_lan(k->s, link->name);
}

int pt_xdp_put(
	struct pt_plane *p, const struct pt_setup *s, struct pt_programs *progs, struct pt_err *err)
{
	struct kept kept = { .s = s, .wanted = p->meta->flags & PT_META_XDP };
	struct maps m = { .port = -1 };
	int ret = 0;

	if (kept.wanted && progs->fd[PT_PROGRAM_XDP] >= 0) {
		ret = open_maps(p, &m, err);
		if (!ret)
			ret = put_ports(s, &m, err);
		for (uint32_t i = 0; i < s->links->n_link && !ret; i++)
			if (pt_setup_is_lan(s, s->links->link[i].name))
				ret = put_lan(p, s, progs, &s->links->link[i], &m, err);
		close_maps(&m);
	}
	return ret ? ret : pt_hook_sweep(p, keep, &kept, err);
}
