// SPDX-License-Identifier: MIT
// WireGuard: keys as wg(8) writes them, and the messages of generic netlink, held to
// linux/wireguard.h byte by byte.
#include "net/wireguard_netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>

#include "test.h"

static void keys(void)
{
	static const struct {
		uint8_t first, step;
		const char *base64;
	} rows[] = {
		{ 0, 0, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
		{ 255, 0, "//////////////////////////////////////////8=" },
		{ 1, 1, "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t key[PT_WG_KEY], back[PT_WG_KEY];
		char text[PT_WG_BASE64];
		for (unsigned k = 0; k < PT_WG_KEY; k++)
			key[k] = (uint8_t)(rows[i].first + k * rows[i].step);
		pt_wg_base64(key, text);
		T_STR(text, rows[i].base64);
		T_EQ(pt_wg_parse_base64(text, back), 0);
		T_OK(memcmp(key, back, sizeof(key)) == 0);
	}
}

static void bad_keys(void)
{
	static const char *const bad[] = { "", "AAAA",
		"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAA", // no '='
		"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHy==", // short of a byte
		"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyB=", // bits over
		"AQIDBAUGBwgJCgsMDQ4PEBESExQV-hcYGRobHB0eHyA=", // no digit
		"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=A" };
	uint8_t key[PT_WG_KEY];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		T_EQ(pt_wg_parse_base64(bad[i], key), -EINVAL);
}

// The attributes of a peer that is told one number, laid out by hand.
static void set_is_the_headers(void)
{
	char buf[512] = { 0 };
	uint8_t key[PT_WG_KEY], want[256] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	size_t n = 0;

	for (unsigned i = 0; i < PT_WG_KEY; i++)
		key[i] = (uint8_t)(i + 1);
	pt_wg_put_keepalive(nlh, "wg0", key, 25);
#define PUT16(v)                                   \
	do {                                       \
		uint16_t v_ = (uint16_t)(v);       \
		memcpy(want + n, &v_, sizeof(v_)); \
		n += sizeof(v_);                   \
	} while (0)
	want[n++] = WG_CMD_SET_DEVICE;
	want[n++] = 1; // version
	PUT16(0);
	PUT16(8); // "wg0" and its NUL
	PUT16(2); // WGDEVICE_A_IFNAME
	memcpy(want + n, "wg0", 4);
	n += 4;
	PUT16(4 + 4 + 36 + 8 + 8);
	PUT16(8 | NLA_F_NESTED); // WGDEVICE_A_PEERS
	PUT16(4 + 36 + 8 + 8);
	PUT16(0 | NLA_F_NESTED); // one
	PUT16(36);
	PUT16(1); // WGPEER_A_PUBLIC_KEY
	memcpy(want + n, key, sizeof(key));
	n += sizeof(key);
	PUT16(8);
	PUT16(3); // WGPEER_A_FLAGS
	PUT16(4); // update only, in 32 bits
	PUT16(0);
	PUT16(6);
	PUT16(5); // WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL
	PUT16(25);
	PUT16(0);
	T_EQ(mnl_nlmsg_get_payload_len(nlh), n);
	T_OK(memcmp(mnl_nlmsg_get_payload(nlh), want, n) == 0);
	T_EQ(WGDEVICE_A_PEERS, 8);
	T_EQ(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 5);
}

static void put_answer_peer(struct nlmsghdr *nlh, uint8_t first, uint16_t keepalive_s,
	const struct sockaddr_in6 *endpoint, unsigned allowed)
{
	struct nlattr *peer = mnl_attr_nest_start(nlh, 0);
	uint8_t key[PT_WG_KEY] = { first };

	mnl_attr_put(nlh, WGPEER_A_PUBLIC_KEY, sizeof(key), key);
	if (keepalive_s)
		mnl_attr_put_u16(nlh, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, keepalive_s);
	if (endpoint)
		mnl_attr_put(nlh, WGPEER_A_ENDPOINT, sizeof(*endpoint), endpoint);
	struct nlattr *list = mnl_attr_nest_start(nlh, WGPEER_A_ALLOWEDIPS);
	for (unsigned i = 0; i < allowed; i++) {
		struct nlattr *one = mnl_attr_nest_start(nlh, 0);
		mnl_attr_put_u16(nlh, WGALLOWEDIP_A_FAMILY, AF_INET);
		mnl_attr_put_u8(nlh, WGALLOWEDIP_A_CIDR_MASK, 24);
		mnl_attr_nest_end(nlh, one);
	}
	mnl_attr_nest_end(nlh, list);
	mnl_attr_nest_end(nlh, peer);
}

static struct nlmsghdr *begin_answer(char *buf, const char *device)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	g->cmd = WG_CMD_GET_DEVICE;
	mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME, device);
	return nlh;
}

// A peer whose addresses do not fit goes on in the next message, with its key alone.
static void answers(void)
{
	char buf[4096] = { 0 };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(51820) };
	pt_autowg d = { 0 };

	struct nlmsghdr *nlh = begin_answer(buf, "wg0");
	mnl_attr_put_u32(nlh, WGDEVICE_A_FWMARK, 77);
	struct nlattr *peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	put_answer_peer(nlh, 1, 25, NULL, 2);
	put_answer_peer(nlh, 2, 0, &to, 3);
	mnl_attr_nest_end(nlh, peers);
	T_EQ(pt_wg_take(nlh, &d), 0);
	memset(buf, 0, sizeof(buf));
	nlh = begin_answer(buf, "wg0");
	peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	put_answer_peer(nlh, 2, 0, NULL, 4);
	mnl_attr_nest_end(nlh, peers);
	T_EQ(pt_wg_take(nlh, &d), 0);
	T_EQ(d.fwmark, 77);
	T_NEED(d.n == 2);
	T_EQ(d.peer[0].keepalive_s, 25);
	T_EQ(d.peer[0].n_allowed, 2);
	T_EQ(d.peer[0].endpoint.ss_family, 0);
	T_EQ(d.peer[1].keepalive_s, 0);
	T_EQ(d.peer[1].n_allowed, 7);
	T_EQ(d.peer[1].endpoint.ss_family, AF_INET6);
}

T_MAIN({ "keys as wg(8) writes them", keys }, { "what is no key", bad_keys },
	{ "a request is the header's", set_is_the_headers },
	{ "an answer, in several messages", answers })
