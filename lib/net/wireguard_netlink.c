// SPDX-License-Identifier: MIT
#include "net/wireguard_netlink.h"

#include <stdbool.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <string.h>

#include "net/attrs.h"
#include "net/rtnl.h"

// libmnl's loops over attributes count in int.
#pragma GCC diagnostic ignored "-Wconversion"

static void put_head(struct nlmsghdr *nlh, uint8_t cmd, const char *device)
{
	struct genlmsghdr *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	g->cmd = cmd;
	g->version = WG_GENL_VERSION;
	mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME, device);
}

void pt_wg_put_get(struct nlmsghdr *nlh, const char *device)
{
	put_head(nlh, WG_CMD_GET_DEVICE, device);
}

void pt_wg_put_keepalive(struct nlmsghdr *nlh, const char *device, const uint8_t key[PT_WG_KEY],
	uint16_t keepalive_s)
{
	put_head(nlh, WG_CMD_SET_DEVICE, device);
	struct nlattr *peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	struct nlattr *peer = mnl_attr_nest_start(nlh, 0);
	mnl_attr_put(nlh, WGPEER_A_PUBLIC_KEY, PT_WG_KEY, key);
	mnl_attr_put_u32(nlh, WGPEER_A_FLAGS, WGPEER_F_UPDATE_ONLY); // none is made
	mnl_attr_put_u16(nlh, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, keepalive_s);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, peers);
}

static bool has(const struct pt_attrs *a, unsigned type, size_t len)
{
	return a->at[type] && mnl_attr_get_payload_len(a->at[type]) >= len;
}

static void take_endpoint(struct pt_wg_peer *p, const struct nlattr *attr)
{
	const struct sockaddr *sa = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if ((sa->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) ||
		(sa->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)))
		memcpy(&p->endpoint, sa, len < sizeof(p->endpoint) ? len : sizeof(p->endpoint));
}

static int take_peer(struct pt_wg_device *d, const struct nlattr *attr)
{
	const struct pt_attrs a = pt_attrs_in(attr);
	const struct nlattr *one;

	if (!has(&a, WGPEER_A_PUBLIC_KEY, PT_WG_KEY))
		return -EPROTO;
	const void *key = mnl_attr_get_payload(a.at[WGPEER_A_PUBLIC_KEY]);
	struct pt_wg_peer *p = d->n ? &d->peer[d->n - 1] : NULL;
	if (!p || memcmp(p->key, key, PT_WG_KEY) != 0) {
		p = pt_wg_add(d);
		if (!p)
			return -ENOMEM;
		memcpy(p->key, key, PT_WG_KEY);
	}
	if (has(&a, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, sizeof(uint16_t)))
		p->keepalive_s = mnl_attr_get_u16(a.at[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL]);
	if (has(&a, WGPEER_A_ENDPOINT, sizeof(struct sockaddr_in)))
		take_endpoint(p, a.at[WGPEER_A_ENDPOINT]);
	if (a.at[WGPEER_A_ALLOWEDIPS]) {
		mnl_attr_for_each_nested(one, a.at[WGPEER_A_ALLOWEDIPS]) p->n_allowed++;
	}
	return 0;
}

int pt_wg_take(const struct nlmsghdr *nlh, struct pt_wg_device *out)
{
	const struct pt_attrs a = pt_attrs_of(nlh, sizeof(struct genlmsghdr));
	const struct nlattr *one;
	int rc = 0;

	if (has(&a, WGDEVICE_A_FWMARK, sizeof(uint32_t)))
		out->fwmark = mnl_attr_get_u32(a.at[WGDEVICE_A_FWMARK]);
	if (!a.at[WGDEVICE_A_PEERS])
		return 0;
	mnl_attr_for_each_nested(one, a.at[WGDEVICE_A_PEERS]) rc = rc ? rc : take_peer(out, one);
	return rc;
}

// ---- the kernel ----

struct asking {
	const char *device;
	struct pt_wg_device *out;
	uint16_t family;
};

static void put_family(void *ctx, struct nlmsghdr *nlh)
{
	struct genlmsghdr *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	(void)ctx;
	g->cmd = CTRL_CMD_GETFAMILY;
	g->version = 1;
}

static int on_family(const struct nlmsghdr *nlh, void *data)
{
	const struct pt_attrs a = pt_attrs_of(nlh, sizeof(struct genlmsghdr));
	struct asking *q = data;

	if (a.at[CTRL_ATTR_FAMILY_NAME] && has(&a, CTRL_ATTR_FAMILY_ID, sizeof(uint16_t)) &&
		strcmp(mnl_attr_get_str(a.at[CTRL_ATTR_FAMILY_NAME]), WG_GENL_NAME) == 0)
		q->family = mnl_attr_get_u16(a.at[CTRL_ATTR_FAMILY_ID]);
	return MNL_CB_OK;
}

static int open_family(struct pt_rtnl **n, struct asking *q, struct pt_err *err)
{
	int rc = pt_rtnl_new(NETLINK_GENERIC, n, err);

	if (rc == 0)
		rc = pt_rtnl_dump(*n, GENL_ID_CTRL, put_family, on_family, q);
	if (rc == 0 && q->family)
		return 0;
	pt_rtnl_free(*n);
	*n = NULL;
	return pt_err_set(err, -ENODEV, "this kernel has no WireGuard");
}

static void put_device(void *ctx, struct nlmsghdr *nlh)
{
	pt_wg_put_get(nlh, ((const struct asking *)ctx)->device);
}

static int on_device(const struct nlmsghdr *nlh, void *data)
{
	int rc = pt_wg_take(nlh, ((struct asking *)data)->out);

	errno = -rc;
	return rc < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

int pt_wg_kernel_read(const char *device, struct pt_wg_device *out, struct pt_err *err)
{
	struct asking q = { .device = device, .out = out };
	struct pt_rtnl *n = NULL;
	int rc = open_family(&n, &q, err);

	if (rc < 0)
		return rc;
	rc = pt_rtnl_dump(n, q.family, put_device, on_device, &q);
	pt_rtnl_free(n);
	if (rc == -EOPNOTSUPP) // a device of another kind
		rc = -ENODEV;
	return rc < 0 ? pt_err_errno(err, rc, "%s: WireGuard", device) : 0;
}

int pt_wg_kernel_set(
	const char *device, const uint8_t key[PT_WG_KEY], uint16_t keepalive_s, struct pt_err *err)
{
	struct asking q = { .device = device };
	struct pt_rtnl *n = NULL;
	int rc = open_family(&n, &q, err);

	if (rc < 0)
		return rc;
	struct nlmsghdr *nlh = pt_rtnl_begin(n, q.family, 0, 0);
	pt_wg_put_keepalive(nlh, device, key, keepalive_s);
	pt_rtnl_end(n, nlh, "WireGuard's keepalive");
	rc = pt_rtnl_flush(n, err);
	pt_rtnl_free(n);
	return rc;
}
