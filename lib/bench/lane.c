// SPDX-License-Identifier: MIT
#include "bench/lane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/ethtool.h"

#define MAC_OUT "02:00:00:00:01:02"
#define MAC_LAN "02:00:00:00:01:01"
#define MAC_WAN "02:00:00:00:02:01"
#define MAC_IN  "02:00:00:00:02:02"

static const char *const names[PT_LANE_NODES] = {
	[PT_LANE_FROM] = "from",
	[PT_LANE_ROUTER] = "router",
	[PT_LANE_TO] = "to",
};

static const char *const lines[PT_LANE_NODES] = {
	[PT_LANE_FROM] = "link set out0 up\n"
			 "addr add " PT_LANE_SENDER "/24 dev out0\n"
			 "neigh add 11.0.0.1 lladdr " MAC_LAN " dev out0 nud permanent\n"
			 "route add default via 11.0.0.1\n",
	[PT_LANE_ROUTER] = "link set lan0 up\n"
			   "link set wan0 up\n"
			   "addr add 11.0.0.1/24 dev lan0\n"
			   "addr add 192.0.2.254/24 dev wan0\n"
			   "addr add 2001:db8::254/64 dev wan0 nodad\n"
			   "neigh add " PT_LANE_SENDER " lladdr " MAC_OUT
			   " dev lan0 nud permanent\n"
			   "neigh add 192.0.2.1 lladdr " MAC_IN " dev wan0 nud permanent\n"
			   "neigh add 192.0.2.2 lladdr " MAC_IN " dev wan0 nud permanent\n"
			   "neigh add 2001:db8::1 lladdr " MAC_IN " dev wan0 nud permanent\n"
			   "route add 11.0.0.0/8 via 192.0.2.1\n",
	[PT_LANE_TO] = "link set lo up\n"
		       "link set in0 up\n"
		       "addr add 192.0.2.1/24 dev in0\n"
		       "addr add 192.0.2.2/24 dev in0\n"
		       "addr add " PT_LANE_RECEIVER "/32 dev lo\n"
		       "neigh add 192.0.2.254 lladdr " MAC_WAN " dev in0 nud permanent\n"
		       "route add 11.0.0.0/24 via 192.0.2.254\n",
};

static int make_links(const struct pt_lane *l, struct pt_err *err)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		"link add out0 netns %s address " MAC_OUT
		" type veth peer name lan0 netns %s address " MAC_LAN "\n"
		"link add wan0 netns %s address " MAC_WAN
		" type veth peer name in0 netns %s address " MAC_IN "\n",
		l->nodes.netns[PT_LANE_FROM], l->nodes.netns[PT_LANE_ROUTER],
		l->nodes.netns[PT_LANE_ROUTER], l->nodes.netns[PT_LANE_TO]);
	return pt_nodes_ip(NULL, text, err);
}

static int read_links(void *ctx, struct pt_err *err)
{
	static const struct {
		const char *name;
		size_t at;
	} rows[] = {
		{ "out0", offsetof(struct pt_lane, out) },
		{ "lan0", offsetof(struct pt_lane, lan) },
		{ "wan0", offsetof(struct pt_lane, wan) },
		{ "in0", offsetof(struct pt_lane, in) },
	};
	pt_autolinks links = { 0 };
	int ret = pt_links_read(&links, err);

	for (size_t i = 0; i < PT_ARRAY_LEN(rows) && !ret; i++) {
		const struct pt_link *link = pt_links_named(&links, rows[i].name);

		if (link)
			memcpy((char *)ctx + rows[i].at, link, sizeof(*link));
	}
	return ret;
}

static int build(struct pt_lane *l, struct pt_err *err)
{
	static const uint8_t lan[12] = { 2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 1, 2 };
	static const uint8_t wan[12] = { 2, 0, 0, 0, 2, 2, 2, 0, 0, 0, 2, 1 };
	int ret = pt_nodes_up(names, PT_LANE_NODES, &l->nodes, err);

	memcpy(l->lan_mac, lan, sizeof(lan));
	memcpy(l->wan_mac, wan, sizeof(wan));
	if (!ret)
		ret = make_links(l, err);
	for (unsigned i = 0; i < PT_LANE_NODES && !ret; i++)
		ret = pt_nodes_ip(l->nodes.netns[i], lines[i], err);
	for (unsigned i = 0; i < PT_LANE_NODES && !ret; i++)
		ret = pt_nodes_in(&l->nodes, i, read_links, l, err);
	if (!ret && !(l->out.ifindex && l->lan.ifindex && l->wan.ifindex && l->in.ifindex))
		ret = pt_err_set(err, -ENODEV, "a device of the lane is missing");
	return ret;
}

int pt_lane_up(struct pt_lane *l, struct pt_err *err)
{
	*l = (struct pt_lane){ .nodes = PT_NODES_NONE };
	int ret = build(l, err);

	if (ret)
		pt_lane_down(l);
	return ret;
}

void pt_lane_down(struct pt_lane *l)
{
	pt_nodes_down(&l->nodes);
}

struct offloads {
	const char *device, *feature[4];
	bool on;
};

static int set_offloads(void *ctx, struct pt_err *err)
{
	const struct offloads *o = ctx;
	struct pt_ethtool_socket *sock = NULL;
	int ret = pt_ethtool_open(&sock, err);

	for (int i = 0; o->feature[i] && !ret; i++)
		ret = pt_ethtool_set_feature(sock, o->device, o->feature[i], o->on, err);
	pt_ethtool_close(sock);
	return ret;
}

int pt_lane_for_xdp(const struct pt_lane *l, bool on, struct pt_err *err)
{
	struct offloads poll = { l->lan.name, { "rx-gro" }, on };
	struct offloads leave = { l->out.name,
		{ "tx-checksum-ip-generic", "tx-vlan-hw-insert", "tx-vlan-stag-hw-insert" }, !on };
	int ret = pt_nodes_in(&l->nodes, PT_LANE_ROUTER, set_offloads, &poll, err);

	return ret ? ret : pt_nodes_in(&l->nodes, PT_LANE_FROM, set_offloads, &leave, err);
}
