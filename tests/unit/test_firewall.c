// SPDX-License-Identifier: MIT
// What counts as a firewall, in a network namespace of its own; nft(8) and iptables-legacy make it.
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "net/firewall.h"
#include "tests/unit/ip.h"
#include "tests/unit/test.h"

#define NFT(...) RUN("nft", __VA_ARGS__)

static bool own_namespace;
static struct pt_err err;

#define NEED_NAMESPACE()                                          \
	do {                                                      \
		if (!own_namespace)                               \
			T_SKIP("needs root, namespaces, nft(8)"); \
	} while (0)

static struct pt_firewall read_it(void)
{
	struct pt_firewall f = {};

	T_EQ(pt_firewall_read(&f, &err), 0);
	return f;
}

static void test_harmless(void)
{
	struct pt_firewall f;

	NEED_NAMESPACE();
	T_EQ(read_it().chains, 0);
	T_EQ(NFT("add table inet t"), 0);
	T_EQ(NFT("add chain inet t in { type filter hook input priority 0; policy drop; }"), 0);
	T_EQ(NFT("add chain inet t plain"), 0);
	T_EQ(NFT("add rule inet t plain drop"), 0);
	T_EQ(NFT("add chain inet t empty { type filter hook forward priority 0; }"), 0);
	T_EQ(NFT("add table bridge t"), 0);
	T_EQ(NFT("add chain bridge t f { type filter hook forward priority 0; policy drop; }"), 0);
	f = read_it();
	T_EQ(f.chains, 0);
	T_STR(f.names, "");
}

static void test_nftables(void)
{
	struct pt_firewall f;

	NEED_NAMESPACE();
	T_EQ(NFT("add rule inet t empty ct state invalid drop"), 0);
	f = read_it();
	T_EQ(f.chains, 1);
	T_STR(f.names, "inet t empty");
	T_EQ(NFT("add table ip6 six"), 0);
	T_EQ(NFT("add chain ip6 six onward { type filter hook forward priority 5; policy drop; }"),
		0);
	f = read_it();
	T_EQ(f.chains, 2);
	T_HAS(f.names, "ip6 six onward");
	T_EQ(NFT("flush ruleset"), 0);
	T_EQ(read_it().chains, 0);
}

static void test_legacy(void)
{
	NEED_NAMESPACE();
	if (RUN("sh", "-c", "command -v iptables-legacy >/dev/null"))
		T_SKIP("needs iptables-legacy");
	if (RUN("iptables-legacy", "-A", "INPUT", "-j", "ACCEPT"))
		T_SKIP("the kernel has no legacy iptables");
	T_EQ(read_it().chains, 0);
	T_EQ(RUN("iptables-legacy", "-A", "FORWARD", "-j", "ACCEPT"), 0);
	T_STR(read_it().names, "ip filter FORWARD");
	T_EQ(RUN("iptables-legacy", "-F", "FORWARD"), 0);
	T_EQ(read_it().chains, 0);
	T_EQ(RUN("ip6tables-legacy", "-P", "FORWARD", "DROP"), 0);
	T_STR(read_it().names, "ip6 filter FORWARD");
	T_EQ(RUN("ip6tables-legacy", "-P", "FORWARD", "ACCEPT"), 0);
	T_EQ(read_it().chains, 0);
}

static void test_monitor(void)
{
	struct pt_firewall_monitor *m = NULL;
	struct pollfd p;

	NEED_NAMESPACE();
	T_EQ(pt_firewall_monitor_new(&m, &err), 0);
	T_NEED(m);
	p = (struct pollfd){ .fd = pt_firewall_monitor_fd(m), .events = POLLIN };
	T_EQ(poll(&p, 1, 0), 0);
	T_EQ(NFT("add table inet t"), 0);
	T_EQ(poll(&p, 1, 1000), 1);
	pt_firewall_monitor_drain(m);
	T_EQ(poll(&p, 1, 0), 0);
	pt_firewall_monitor_free(m);
}

static const struct t_case cases[] = {
	{ "other hooks, other families and empty chains are none", test_harmless },
	{ "forward chains of nftables, by name", test_nftables },
	{ "forward chains of legacy iptables", test_legacy },
	{ "changes are told", test_monitor },
};

int main(void)
{
	own_namespace = geteuid() == 0 && !unshare(CLONE_NEWNET) && !NFT("list", "ruleset");
	return t_run(cases, sizeof(cases) / sizeof(cases[0]));
}
