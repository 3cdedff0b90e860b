// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "net/ethtool.h"
#include "net/rtnl.h"
#include "net/xdp.h"

#define NETNS_DIR "/run/netns"

struct peer {
	uint32_t of, ifindex;
	int32_t nsid; // -1: in this namespace
};

static int on_link_attr(const struct nlattr *attr, void *data)
{
	struct peer *p = data;

	if (mnl_attr_get_type(attr) == IFLA_LINK)
		p->ifindex = mnl_attr_get_u32(attr);
	else if (mnl_attr_get_type(attr) == IFLA_LINK_NETNSID)
		p->nsid = (int32_t)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int on_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct peer *p = data;

	if (nlh->nlmsg_type == RTM_NEWLINK && (uint32_t)ifi->ifi_index == p->of)
		(void)mnl_attr_parse(nlh, sizeof(*ifi), on_link_attr, p); // never fails
	return MNL_CB_OK;
}

static void put_links(void *ctx, struct nlmsghdr *nlh)
{
	(void)ctx;
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
}

static int on_nsid_attr(const struct nlattr *attr, void *data)
{
	int32_t *id = data;

	if (mnl_attr_get_type(attr) == NETNSA_NSID)
		*id = (int32_t)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int on_nsid(const struct nlmsghdr *nlh, void *data)
{
	(void)mnl_attr_parse(nlh, sizeof(struct rtgenmsg), on_nsid_attr, data); // never fails
	return MNL_CB_OK;
}

// The number by which this namespace knows that of fd; -1 it does not.
static int32_t nsid_of(int fd)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct mnl_socket *sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int32_t id = -1;
	ssize_t n = -1;

	nlh->nlmsg_type = RTM_GETNSID;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)fd);
	if (sock && mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) > 0)
		n = mnl_socket_recvfrom(sock, buf, sizeof(buf));
	if (n > 0)
		(void)mnl_cb_run(buf, (size_t)n, 0, 0, on_nsid, &id);
	if (sock)
		(void)mnl_socket_close(sock); // only read
	return id;
}

// -1 where no file of /run/netns is that namespace.
static int open_nsid(int32_t id)
{
	DIR *dir = opendir(NETNS_DIR);
	const struct dirent *e;
	int fd = -1;

	while (dir && (e = readdir(dir))) {
		fd = e->d_name[0] == '.' ? -1 : openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && nsid_of(fd) == id)
			break;
		if (fd >= 0)
			(void)close(fd);
		fd = -1;
	}
	if (dir)
		(void)closedir(dir);
	return fd;
}

static int read_features(uint32_t ifindex, struct pt_xdp_peer *out)
{
	struct pt_ethtool_socket *sock = NULL;
	struct pt_ethtool told = { 0 };
	char name[IF_NAMESIZE];
	int ret = if_indextoname(ifindex, name) ? pt_ethtool_open(&sock, NULL) : -errno;

	if (!ret)
		ret = pt_ethtool_read(sock, name, &told, NULL);
	pt_ethtool_close(sock);
	*out = (struct pt_xdp_peer){
		.partial = pt_ethtool_active(&told, "tx-checksum-ip-generic"),
		.untags = pt_ethtool_active(&told, "tx-vlan-hw-insert") ||
			pt_ethtool_active(&told, "tx-vlan-stag-hw-insert"),
	};
	return ret;
}

int pt_xdp_peer_read(const struct pt_link *link, struct pt_xdp_peer *out, struct pt_err *err)
{
	struct peer peer = { .of = link->ifindex, .nsid = -1 };
	pt_autofd home = -1, there = -1;
	struct pt_rtnl *n = NULL;
	int ret = pt_rtnl_new(NETLINK_ROUTE, &n, err);

	if (ret)
		return ret;
	ret = pt_rtnl_dump(n, RTM_GETLINK, put_links, on_link, &peer);
	pt_rtnl_free(n);
	if (ret)
		return pt_err_errno(err, ret, "%s: other end", link->name);
	if (peer.nsid >= 0) {
		home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		there = open_nsid(peer.nsid);
		if (home < 0 || there < 0 || setns(there, CLONE_NEWNET))
			return -ENOENT;
	}
	ret = read_features(peer.ifindex, out);
	if (peer.nsid >= 0 && setns(home, CLONE_NEWNET))
		abort(); // nothing that follows may happen in the wrong place
	return ret ? pt_err_errno(err, ret, "%s: other end", link->name) : 0;
}
