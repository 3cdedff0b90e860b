// SPDX-License-Identifier: MIT
#include "net/firewall_legacy.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "base/cleanup.h"

// Both families have the same calls, with structures of their own.
static const struct tables {
	int family, level, get_info, get_entries;
	const char *word, *names;
	size_t head;          // of an answer, before the entries
	size_t target_offset; // in an entry
} families[] = {
	{ AF_INET, IPPROTO_IP, IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES, "ip",
		"/proc/net/ip_tables_names", offsetof(struct ipt_get_entries, entrytable),
		offsetof(struct ipt_entry, target_offset) },
	{ AF_INET6, IPPROTO_IPV6, IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES, "ip6",
		"/proc/net/ip6_tables_names", offsetof(struct ip6t_get_entries, entrytable),
		offsetof(struct ip6t_entry, target_offset) },
};
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo) &&
		offsetof(struct ipt_getinfo, underflow) ==
			offsetof(struct ip6t_getinfo, underflow) &&
		offsetof(struct ipt_get_entries, size) == offsetof(struct ip6t_get_entries, size),
	"both are read as one");

// The verdict that the chain ends with stands in its last entry, the underflow.
static bool accepts(int sock, const struct tables *t, const struct ipt_getinfo *info)
{
	socklen_t len = (socklen_t)(t->head + info->size);
	pt_autofree char *answer = calloc(1, len);
	struct ipt_get_entries *get = (void *)answer;
	size_t at = t->head + info->underflow[NF_INET_FORWARD];
	struct xt_standard_target target;
	uint16_t offset;

	if (!answer)
		return false;
	memcpy(get->name, info->name, sizeof(get->name));
	get->size = info->size;
	if (getsockopt(sock, t->level, t->get_entries, answer, &len))
		return false; // changed meanwhile, or not to be read: be careful
	if (at + t->target_offset + sizeof(offset) > len)
		return false;
	memcpy(&offset, answer + at + t->target_offset, sizeof(offset));
	if (at + offset + sizeof(target) > len)
		return false;
	memcpy(&target, answer + at + offset, sizeof(target));
	return target.verdict == -NF_ACCEPT - 1;
}

static void read_table(struct pt_firewall *f, int sock, const struct tables *t, const char *name)
{
	struct ipt_getinfo info = {};
	socklen_t len = sizeof(info);

	(void)snprintf(info.name, sizeof(info.name), "%s", name);
	if (getsockopt(sock, t->level, t->get_info, &info, &len) ||
		!(info.valid_hooks & 1u << NF_INET_FORWARD))
		return;
	if (info.hook_entry[NF_INET_FORWARD] != info.underflow[NF_INET_FORWARD] ||
		!accepts(sock, t, &info))
		pt_firewall_add(f, t->word, name, "FORWARD");
}

void pt_firewall_legacy_read(struct pt_firewall *f)
{
	for (size_t i = 0; i < PT_ARRAY_LEN(families); i++) {
		pt_autofile FILE *names = fopen(families[i].names, "re");
		pt_autofd sock = names ? socket(families[i].family, SOCK_DGRAM | SOCK_CLOEXEC, 0)
				       : -1;
		char name[XT_TABLE_MAXNAMELEN];

		while (sock >= 0 && fgets(name, sizeof(name), names)) {
			name[strcspn(name, "\n")] = 0;
			read_table(f, sock, &families[i], name);
		}
	}
}
