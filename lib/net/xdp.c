// SPDX-License-Identifier: MIT
#include "net/xdp.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "net/ethtool.h"
#include "net/rtnl.h"

// linux/netdev.h, which headers before 6.3 do not have.
#define NETDEV_GENL       "netdev"
#define NETDEV_DEV_GET    1
#define NETDEV_A_IFINDEX  1
#define NETDEV_A_FEATURES 3
#define XDP_ACT_BASIC     (1u << 0)
#define XDP_ACT_REDIRECT  (1u << 1)
#define XDP_ACT_NDO_XMIT  (1u << 2)

struct look {
	uint32_t ifindex;
	uint16_t family;
	uint64_t features;
	bool found;
	char shaper[16];
};

// ---- what the driver says ----

static void put_genl(struct nlmsghdr *nlh, uint8_t command, uint8_t version)
{
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	genl->cmd = command;
	genl->version = version;
}

static void put_families(void *ctx, struct nlmsghdr *nlh)
{
	(void)ctx;
	put_genl(nlh, CTRL_CMD_GETFAMILY, 1);
}

static void put_devices(void *ctx, struct nlmsghdr *nlh)
{
	(void)ctx;
	put_genl(nlh, NETDEV_DEV_GET, 1);
}

struct family {
	const char *name;
	uint16_t id;
};

static int on_family_attr(const struct nlattr *attr, void *data)
{
	struct family *f = data;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_NAME &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		f->name = mnl_attr_get_str(attr);
	else if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		f->id = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int on_family(const struct nlmsghdr *nlh, void *data)
{
	struct family f = { .name = "" };
	struct look *look = data;

	(void)mnl_attr_parse(nlh, sizeof(struct genlmsghdr), on_family_attr, &f); // never fails
	if (!strcmp(f.name, NETDEV_GENL))
		look->family = f.id;
	return MNL_CB_OK;
}

static int on_device_attr(const struct nlattr *attr, void *data)
{
	struct look *device = data;

	if (mnl_attr_get_type(attr) == NETDEV_A_IFINDEX)
		device->ifindex = mnl_attr_get_u32(attr);
	else if (mnl_attr_get_type(attr) == NETDEV_A_FEATURES &&
		mnl_attr_get_payload_len(attr) == sizeof(device->features))
		device->features = mnl_attr_get_u64(attr);
	return MNL_CB_OK;
}

static int on_device(const struct nlmsghdr *nlh, void *data)
{
	struct look device = { 0 }, *look = data;

	(void)mnl_attr_parse(nlh, sizeof(struct genlmsghdr), on_device_attr, &device); // same
	if (device.ifindex == look->ifindex) {
		look->features = device.features;
		look->found = true;
	}
	return MNL_CB_OK;
}

static int look_at_features(struct look *look, struct pt_err *err)
{
	struct pt_rtnl *n = NULL;
	int ret = pt_rtnl_new(NETLINK_GENERIC, &n, err);

	if (ret)
		return ret;
	ret = pt_rtnl_dump(n, GENL_ID_CTRL, put_families, on_family, look);
	if (!ret && look->family)
		ret = pt_rtnl_dump(n, look->family, put_devices, on_device, look);
	pt_rtnl_free(n);
	return ret ? pt_err_errno(err, ret, "netdev") : 0;
}

static int ask_driver(const struct pt_link *link, char driver[32], struct pt_err *err)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = { .ifr_data = (void *)&info };
	pt_autofd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	driver[0] = '\0';
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", link->name);
	if (fd < 0)
		return pt_err_errno(err, -errno, "%s: driver", link->name);
	if (!ioctl(fd, SIOCETHTOOL, &ifr)) // some have no name
		(void)snprintf(driver, 32, "%s", info.driver);
	return 0;
}

static int ask_mac(const struct pt_link *link, uint8_t mac[6], struct pt_err *err)
{
	struct ifreq ifr = { 0 };
	pt_autofd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", link->name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ifr))
		return pt_err_errno(err, -errno, "%s: address", link->name);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	return 0;
}

// Whether the hardware takes tags off: XDP sees a frame of the device itself then.
static int ask_untags(const struct pt_link *link, bool *out, struct pt_err *err)
{
	struct pt_ethtool_socket *sock = NULL;
	struct pt_ethtool told = { 0 };
	int ret = pt_ethtool_open(&sock, err);

	if (!ret)
		ret = pt_ethtool_read(sock, link->name, &told, err);
	pt_ethtool_close(sock);
	*out = pt_ethtool_active(&told, "rx-vlan-hw-parse") ||
		pt_ethtool_active(&told, "rx-vlan-stag-hw-parse");
	return ret;
}

// ---- queueing ----

static void put_qdiscs(void *ctx, struct nlmsghdr *nlh)
{
	const struct look *look = ctx;
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

	tc->tcm_ifindex = (int)look->ifindex;
}

// What has no handle is what the kernel gives every device; these order nothing, either.
static bool shapes(const struct tcmsg *tc, const char *kind)
{
	static const char *const plain[] = {
		"noqueue",
		"mq",
		"pfifo_fast",
		"pfifo",
		"bfifo",
		"clsact",
		"ingress",
	};

	for (size_t i = 0; i < PT_ARRAY_LEN(plain); i++)
		if (!strcmp(kind, plain[i]))
			return false;
	return tc->tcm_handle != 0;
}

static int on_qdisc_attr(const struct nlattr *attr, void *data)
{
	const char **kind = data;

	if (mnl_attr_get_type(attr) == TCA_KIND &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		*kind = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

static int on_qdisc(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	struct look *look = data;
	const char *kind = "?";

	if (nlh->nlmsg_type != RTM_NEWQDISC || (uint32_t)tc->tcm_ifindex != look->ifindex)
		return MNL_CB_OK;
	(void)mnl_attr_parse(nlh, sizeof(*tc), on_qdisc_attr, &kind); // never fails
	if (shapes(tc, kind))
		(void)snprintf(look->shaper, sizeof(look->shaper), "%s", kind);
	return MNL_CB_OK;
}

static int look_at_queues(struct look *look, struct pt_err *err)
{
	struct pt_rtnl *n = NULL;
	int ret = pt_rtnl_new(NETLINK_ROUTE, &n, err);

	if (ret)
		return ret;
	ret = pt_rtnl_dump(n, RTM_GETQDISC, put_qdiscs, on_qdisc, look);
	pt_rtnl_free(n);
	return ret ? pt_err_errno(err, ret, "queueing disciplines") : 0;
}

int pt_xdp_facts(const struct pt_link *link, struct pt_xdp_facts *out, struct pt_err *err)
{
	struct look look = { .ifindex = link->ifindex };
	struct pt_xdp_facts facts = { 0 };
	char driver[32];
	int ret = look_at_features(&look, err);

	if (!ret)
		ret = look_at_queues(&look, err);
	if (!ret)
		ret = ask_driver(link, driver, err);
	if (!ret)
		ret = ask_mac(link, facts.mac, err);
	if (!ret)
		ret = ask_untags(link, &facts.untags, err);
	if (ret)
		return ret;
	facts.told = look.found;
	facts.native = look.features & XDP_ACT_BASIC && look.features & XDP_ACT_REDIRECT;
	facts.target = look.features & XDP_ACT_NDO_XMIT;
	facts.veth = !strcmp(driver, "veth");
	facts.vlan = !strncmp(driver, "802.1Q", 6);
	memcpy(facts.shaper, look.shaper, sizeof(facts.shaper));
	*out = facts;
	return 0;
}
