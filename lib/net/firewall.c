// SPDX-License-Identifier: MIT
#include "net/firewall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "net/attrs.h"
#include "net/firewall_legacy.h"
#include "net/rtnl.h"

static uint32_t get_be32(const struct nlattr *attr, uint32_t otherwise)
{
	return attr && mnl_attr_get_payload_len(attr) >= sizeof(uint32_t)
		? ntohl(mnl_attr_get_u32(attr))
		: otherwise;
}

static const char *get_name(const struct nlattr *attr)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(attr)
									 : "?";
}

void pt_firewall_add(
	struct pt_firewall *f, const char *family, const char *table, const char *chain)
{
	size_t used = strlen(f->names);

	f->chains++;
	(void)snprintf(f->names + used, sizeof(f->names) - used, "%s%s %s %s", used ? ", " : "",
		family, table, chain); // cut short is as good
}

static const char *family_name(uint8_t family)
{
	return family == NFPROTO_INET    ? "inet"
		: family == NFPROTO_IPV4 ? "ip"
		: family == NFPROTO_IPV6 ? "ip6"
					 : NULL; // bridges and the like
}

// A base chain that accepts and has no rule changes nothing: iptables makes such when it is looked
// at.
static int on_chain(const struct nlmsghdr *nlh, void *data)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	const char *family = family_name(nfg->nfgen_family);
	struct pt_attrs c, hook;

	if ((nlh->nlmsg_type & 0xff) != NFT_MSG_NEWCHAIN || !family)
		return MNL_CB_OK;
	c = pt_attrs_of(nlh, sizeof(*nfg));
	if (!c.at[NFTA_CHAIN_HOOK])
		return MNL_CB_OK;
	hook = pt_attrs_in(c.at[NFTA_CHAIN_HOOK]);
	if (get_be32(hook.at[NFTA_HOOK_HOOKNUM], UINT32_MAX) != NF_INET_FORWARD)
		return MNL_CB_OK;
	if (get_be32(c.at[NFTA_CHAIN_POLICY], NF_ACCEPT) != NF_ACCEPT ||
		get_be32(c.at[NFTA_CHAIN_USE], 1))
		pt_firewall_add(data, family, get_name(c.at[NFTA_CHAIN_TABLE]),
			get_name(c.at[NFTA_CHAIN_NAME]));
	return MNL_CB_OK;
}

static void ask_chains(void *ctx, struct nlmsghdr *nlh)
{
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));

	(void)ctx;
	nfg->nfgen_family = NFPROTO_UNSPEC;
	nfg->version = NFNETLINK_V0;
}

int pt_firewall_read(struct pt_firewall *out, struct pt_err *err)
{
	struct pt_firewall got = {};
	struct pt_rtnl *n = NULL;
	int ret = pt_rtnl_new(NETLINK_NETFILTER, &n, err);

	if (ret == -EPROTONOSUPPORT) { // a kernel without netfilter
		*out = got;
		return 0;
	}
	if (ret)
		return ret;
	ret = pt_rtnl_dump(
		n, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, ask_chains, on_chain, &got);
	pt_rtnl_free(n);
	if (ret && ret != -EINVAL && ret != -EOPNOTSUPP) // a kernel without nftables
		return pt_err_errno(err, ret, "nftables");
	pt_firewall_legacy_read(&got);
	*out = got;
	return 0;
}

// ---- changes ----

struct pt_firewall_monitor {
	struct mnl_socket *sock;
};

int pt_firewall_monitor_new(struct pt_firewall_monitor **out, struct pt_err *err)
{
	struct pt_firewall_monitor *m = calloc(1, sizeof(*m));
	int group = NFNLGRP_NFTABLES, ret;

	if (!m)
		return pt_err_set(err, -ENOMEM, "out of memory");
	m->sock = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!m->sock || mnl_socket_bind(m->sock, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_setsockopt(m->sock, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
		ret = pt_err_errno(err, -errno, "netlink: watching nftables");
		pt_firewall_monitor_free(m);
		return ret;
	}
	*out = m;
	return 0;
}

void pt_firewall_monitor_free(struct pt_firewall_monitor *m)
{
	if (m && m->sock)
		(void)mnl_socket_close(m->sock);
	free(m);
}

int pt_firewall_monitor_fd(const struct pt_firewall_monitor *m)
{
	return mnl_socket_get_fd(m->sock);
}

// What it says is read anew anyway; a full buffer says as much.
void pt_firewall_monitor_drain(struct pt_firewall_monitor *m)
{
	char buf[8192];

	while (recv(mnl_socket_get_fd(m->sock), buf, sizeof(buf), 0) > 0 || errno == ENOBUFS ||
		errno == EINTR)
		;
}
