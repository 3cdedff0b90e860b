// SPDX-License-Identifier: MIT
#include "net/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/attrs.h"
#include "net/rtnl.h"

#define KEY_ROOM 256 // a tuple, an id and a zone

// One to be forgotten: what names it to the kernel, as the kernel gave it.
struct key {
	uint8_t family;
	uint16_t len;
	char attrs[KEY_ROOM];
};

struct sweep {
	pt_conntrack_fn *doomed;
	void *ctx;
	struct key *key;
	uint32_t n;
	bool failed;
};

static struct pt_addr get_addr(const struct pt_attrs *ip, int v4, int v6)
{
	struct pt_addr a = {};

	if (ip->at[v4] && mnl_attr_get_payload_len(ip->at[v4]) == 4) {
		a.family = AF_INET;
		memcpy(a.bytes, mnl_attr_get_payload(ip->at[v4]), 4);
	} else if (ip->at[v6] && mnl_attr_get_payload_len(ip->at[v6]) == 16) {
		a.family = AF_INET6;
		memcpy(a.bytes, mnl_attr_get_payload(ip->at[v6]), 16);
	}
	return a;
}

static uint32_t get_be32(const struct nlattr *attr)
{
	return attr && mnl_attr_get_payload_len(attr) == sizeof(uint32_t)
		? ntohl(mnl_attr_get_u32(attr))
		: 0;
}

static void parse(const struct pt_attrs *top, struct pt_conntrack *out)
{
	struct pt_attrs orig = pt_attrs_in(top->at[CTA_TUPLE_ORIG]);
	struct pt_attrs reply = pt_attrs_in(top->at[CTA_TUPLE_REPLY]);
	struct pt_attrs there = pt_attrs_in(orig.at[CTA_TUPLE_IP]),
			back = pt_attrs_in(reply.at[CTA_TUPLE_IP]);
	struct pt_attrs proto = pt_attrs_in(orig.at[CTA_TUPLE_PROTO]);

	*out = (struct pt_conntrack){
		.src = get_addr(&there, CTA_IP_V4_SRC, CTA_IP_V6_SRC),
		.dst = get_addr(&there, CTA_IP_V4_DST, CTA_IP_V6_DST),
		.seen = get_addr(&back, CTA_IP_V4_DST, CTA_IP_V6_DST),
		.mark = get_be32(top->at[CTA_MARK]),
		.snat = get_be32(top->at[CTA_STATUS]) & IPS_SRC_NAT,
	};
	if (proto.at[CTA_PROTO_NUM] && mnl_attr_get_payload_len(proto.at[CTA_PROTO_NUM]))
		out->proto = mnl_attr_get_u8(proto.at[CTA_PROTO_NUM]);
}

static void remember(struct sweep *s, uint8_t family, const struct pt_attrs *top)
{
	static const int names[] = { CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE };
	struct key k = { .family = family };

	for (size_t i = 0; i < PT_ARRAY_LEN(names); i++) {
		const struct nlattr *attr = top->at[names[i]];
		size_t len = attr ? MNL_ALIGN(attr->nla_len) : 0;

		if (k.len + len > sizeof(k.attrs))
			return;
		if (attr)
			memcpy(k.attrs + k.len, attr, attr->nla_len);
		k.len = (uint16_t)(k.len + len);
	}
	if (!(s->n & (s->n - 1))) { // doubles at powers of two
		struct key *grown = realloc(s->key, (s->n ? 2 * (size_t)s->n : 1) * sizeof(k));

		s->failed |= !grown;
		if (!grown)
			return;
		s->key = grown;
	}
	s->key[s->n++] = k;
}

static int on_connection(const struct nlmsghdr *nlh, void *data)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	struct sweep *s = data;
	struct pt_attrs top = pt_attrs_of(nlh, sizeof(*nfg));
	struct pt_conntrack c;

	parse(&top, &c);
	if (top.at[CTA_TUPLE_ORIG] && s->doomed(s->ctx, &c))
		remember(s, nfg->nfgen_family, &top);
	return MNL_CB_OK;
}

static void put_header(struct nlmsghdr *nlh, uint8_t family)
{
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));

	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
}

static void ask_all(void *ctx, struct nlmsghdr *nlh)
{
	(void)ctx;
	put_header(nlh, AF_UNSPEC);
}

static void forget(struct pt_rtnl *n, const struct key *k)
{
	struct nlmsghdr *nlh = pt_rtnl_begin(
		n, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, ENOENT);

	put_header(nlh, k->family);
	memcpy(mnl_nlmsg_get_payload_tail(nlh), k->attrs, k->len);
	nlh->nlmsg_len += k->len;
	pt_rtnl_end(n, nlh, "conntrack");
}

int pt_conntrack_forget(pt_conntrack_fn *doomed, void *ctx, uint32_t *forgotten, struct pt_err *err)
{
	struct sweep s = { .doomed = doomed, .ctx = ctx };
	struct pt_rtnl *n = NULL;
	int ret = pt_rtnl_new(NETLINK_NETFILTER, &n, err);

	*forgotten = 0;
	if (ret)
		return ret == -EPROTONOSUPPORT ? 0 : ret;
	ret = pt_rtnl_dump(
		n, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, ask_all, on_connection, &s);
	if (ret == -EINVAL || ret == -EOPNOTSUPP)
		ret = 0;
	else if (ret || s.failed)
		ret = pt_err_errno(err, ret ? ret : -ENOMEM, "conntrack");
	for (uint32_t i = 0; i < s.n; i++)
		forget(n, &s.key[i]);
	if (!ret)
		ret = pt_rtnl_flush(n, err);
	*forgotten = s.n;
	pt_rtnl_free(n);
	free(s.key);
	return ret;
}
