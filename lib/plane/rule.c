// SPDX-License-Identifier: MIT
#include "plane/rule.h"

#include <string.h>

static void set_range(__u64 *word, uint32_t lo, uint32_t hi, __u64 bit)
{
	for (uint32_t i = lo; i <= hi; i++)
		word[i] |= bit;
}

static void set_ports(__u64 *word, const struct pt_port_range *range, uint32_t n, __u64 bit)
{
	if (n == 0)
		set_range(word, 0, 65535, bit);
	for (uint32_t i = 0; i < n; i++)
		set_range(word, range[i].lo, range[i].hi, bit);
}

void pt_rule_fill(const struct pt_network *net, struct pt_rule *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < net->n_policies && i < PT_MAX_POLICY; i++) {
		const struct pt_match *m = &net->policies[i].match;
		uint8_t proto = pt_protocol_number(m->protocol);
		__u64 bit = 1ull << i;

		set_range(out->proto, proto, proto ? proto : 255, bit);
		if (m->dscp == PT_NULL)
			set_range(out->dscp, 0, 63, bit);
		else
			out->dscp[m->dscp & 63] |= bit;
		set_ports(out->sport, m->src_ports, m->n_src_ports, bit);
		set_ports(out->dport, m->dst_ports, m->n_dst_ports, bit);
		if (!m->n_src_ports && !m->n_dst_ports)
			out->no_port |= bit;
	}
}
