// SPDX-License-Identifier: MIT
#include "select/classify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "bpf/share.h"
#include "model/network_shared.h"

const char *const pt_class_reasons[] = {
	[PT_CLASS_SCOPE] = "never forwarded: multicast, link-local, loopback or unset address",
	[PT_CLASS_NO_SITE] = "no site has this destination",
	[PT_CLASS_LOCAL] = "this edge's own site",
	[PT_CLASS_NO_POLICY] = "no policy matches",
	[PT_CLASS_NO_PATH] = "no path leads there from here",
	[PT_CLASS_COUNT] = NULL,
};

#define V4(a, b, bits)                                       \
	{                                                    \
		.addr = { AF_INET, { a, b } }, .len = (bits) \
	}
#define V6(a, b, bits)                                        \
	{                                                     \
		.addr = { AF_INET6, { a, b } }, .len = (bits) \
	}

// As bpf/steer.bpf.c leaves them to the kernel, whether source or destination.
static const struct pt_prefix unforwarded[] = {
	V4(0, 0, 8),
	V4(127, 0, 8),
	V4(169, 254, 16),
	V4(224, 0, 3), // and class E
	V6(0, 0, 127),
	V6(0xfe, 0x80, 10),
	V6(0xff, 0, 8),
};

static bool is_unforwarded(const struct pt_addr *a)
{
	for (size_t i = 0; i < sizeof(unforwarded) / sizeof(unforwarded[0]); i++)
		if (pt_prefix_contains(&unforwarded[i], a))
			return true;
	return false;
}

// ---- policies ----

static bool in_ranges(
	const struct pt_port_range *range, uint32_t n, const struct pt_flow *flow, uint16_t port)
{
	for (uint32_t i = 0; i < n && flow->has_port; i++)
		if (port >= range[i].lo && port <= range[i].hi)
			return true;
	return n == 0;
}

static bool enters_by(const struct pt_match *m, const char *device)
{
	for (uint32_t i = 0; i < m->n_devices; i++)
		if (!strcmp(m->devices[i], device))
			return true;
	return !m->n_devices;
}

static bool comes_from(const struct pt_match *m, const struct pt_addr *src)
{
	for (uint32_t i = 0; i < m->n_src_prefixes; i++)
		if (pt_prefix_contains(&m->src_prefixes[i], src))
			return true;
	return !m->n_src_prefixes;
}

const char *pt_match_refuses(const struct pt_match *m, const struct pt_flow *flow)
{
	uint8_t proto = pt_protocol_number(m->protocol);

	if (proto && proto != flow->proto)
		return "protocol";
	if (m->dscp != PT_NULL && m->dscp != flow->dscp)
		return "dscp";
	if (!in_ranges(m->src_ports, m->n_src_ports, flow, flow->sport))
		return "src_ports";
	if (!in_ranges(m->dst_ports, m->n_dst_ports, flow, flow->dport))
		return "dst_ports";
	if (!enters_by(m, flow->device))
		return "devices";
	if (!comes_from(m, &flow->src))
		return "src_prefixes";
	return NULL;
}

static void put_part(struct pt_buf *b, const char *part)
{
	pt_buf_printf(b, "%s%s", b->len ? ", " : "", part);
}

static void put_ports(
	struct pt_buf *b, const char *what, const struct pt_port_range *range, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (i == 0)
			put_part(b, what);
		pt_buf_printf(b, "%s%d", i ? " or " : "", range[i].lo);
		if (range[i].hi != range[i].lo)
			pt_buf_printf(b, "-%d", range[i].hi);
	}
}

static void put_either(struct pt_buf *b, uint32_t i, const char *what, const char *word)
{
	if (i == 0)
		put_part(b, what);
	pt_buf_printf(b, "%s%s", i ? " or " : "", word);
}

void pt_match_words(struct pt_buf *b, const struct pt_match *m)
{
	static const char *const names[] = { [PT_PROTO_TCP] = "tcp",
		[PT_PROTO_UDP] = "udp",
		[PT_PROTO_ICMP] = "icmp",
		[PT_PROTO_ICMP6] = "icmp6",
		[PT_PROTO_SCTP] = "sctp" };
	const char *dscp = m->dscp == PT_NULL ? NULL : pt_dscp_name((uint8_t)m->dscp);

	if (m->protocol != PT_PROTO_ANY)
		put_part(b, names[m->protocol]);
	if (m->dscp != PT_NULL) {
		put_part(b, "dscp ");
		if (dscp)
			pt_buf_puts(b, dscp);
		else
			pt_buf_printf(b, "%d", (int)m->dscp);
	}
	put_ports(b, "from port ", m->src_ports, m->n_src_ports);
	put_ports(b, "to port ", m->dst_ports, m->n_dst_ports);
	for (uint32_t i = 0; i < m->n_devices; i++)
		put_either(b, i, "in ", m->devices[i]);
	for (uint32_t i = 0; i < m->n_src_prefixes; i++) {
		char text[PT_PREFIX_LEN];

		pt_prefix_format(&m->src_prefixes[i], text);
		put_either(b, i, "from ", text);
	}
	if (!b->len)
		pt_buf_puts(b, "everything");
}

// ---- the whole ----

// Whether site a owns what b claims with the same prefix.
static bool outranks(const struct pt_site *a, const struct pt_site *b, const struct pt_site *self)
{
	if (a == self || b == self)
		return a == self;
	return a->preference > b->preference;
}

static void find_site(const struct pt_network *net, const struct pt_site *self,
	const struct pt_addr *dst, struct pt_class *out)
{
	for (uint32_t i = 0; i < net->n_sites; i++) {
		const struct pt_site *site = &net->sites[i];

		for (uint32_t j = 0; j < site->n_prefixes; j++) {
			const struct pt_prefix *p = &site->prefixes[j];

			if (!pt_prefix_contains(p, dst))
				continue;
			if (out->prefix &&
				(p->len < out->prefix->len ||
					(p->len == out->prefix->len &&
						!outranks(site, out->site, self))))
				continue;
			out->site = site;
			out->prefix = p;
		}
	}
}

static void find_policy(
	const struct pt_network *net, const struct pt_flow *flow, struct pt_class *out)
{
	for (uint32_t i = 0; i < net->n_policies && !out->policy; i++)
		if (!pt_match_refuses(&net->policies[i].match, flow))
			out->policy = &net->policies[i];
}

// Who else holds the prefix, by preference; the site itself is the first.
static uint32_t find_sharers(
	const struct pt_network *net, const struct pt_class *got, const struct pt_site **out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < net->n_sites; i++) {
		const struct pt_site *site = &net->sites[i];
		uint32_t at;
		bool holds = false;

		for (uint32_t j = 0; j < site->n_prefixes && !holds; j++)
			holds = pt_prefix_cmp(&site->prefixes[j], got->prefix) == 0;
		if (!holds || (n == PT_SHARED_SITES && site->preference <= out[n - 1]->preference))
			continue;
		n -= n == PT_SHARED_SITES;
		for (at = n; at > 0 && out[at - 1]->preference < site->preference; at--)
			out[at] = out[at - 1];
		out[at] = site;
		n++;
	}
	return n;
}

// Of the preferred site, then of the others that hold the prefix, too.
static void find_paths(
	const struct pt_network *net, const struct pt_site *self, struct pt_class *out)
{
	const struct pt_path *path[PT_SHARED_SITES][PT_GROUP_PATHS];
	uint32_t have[PT_SHARED_SITES], places[PT_SHARED_SITES];

	out->n_sites = find_sharers(net, out, out->sites);
	for (uint32_t i = 0; i < out->n_sites; i++) {
		have[i] = pt_network_candidates(
			net, self, out->sites[i], out->policy, path[i], PT_GROUP_PATHS);
		if (have[i] > PT_GROUP_PATHS)
			have[i] = PT_GROUP_PATHS;
	}
	pt_shared_places(have, out->n_sites, PT_GROUP_PATHS, places);
	for (uint32_t i = 0; i < out->n_sites; i++)
		for (uint32_t k = 0; k < places[i]; k++)
			out->paths[out->n_paths++] = path[i][k];
}

// ---- weights ----

static struct pt_share_end end_of(const struct pt_addr *addr, uint16_t port)
{
	struct pt_share_end end = { .port = port };
	uint32_t words = addr->family == AF_INET ? 1 : 4;

	for (uint32_t i = 0; i < words; i++)
		for (uint32_t k = 0; k < 4; k++)
			end.addr[i] = end.addr[i] << 8 | addr->bytes[4 * i + k];
	return end;
}

struct offer {
	const struct pt_path *path;
	uint32_t cost, weight;
};

// As pt_share in bpf/decide.h takes one after the other where those before are out of use.
static void order_by_flow(
	const struct pt_network *net, const struct pt_flow *flow, struct pt_class *out)
{
	bool ports = flow->has_port && pt_policy_by_ports(out->policy);
	const struct pt_share_end src = end_of(&flow->src, ports ? flow->sport : 0);
	const struct pt_share_end dst = end_of(&flow->dst, ports ? flow->dport : 0);
	uint32_t number = pt_share_flow(&src, &dst);
	struct offer offers[PT_GROUP_PATHS];

	for (uint32_t i = 0, at; i < out->n_paths; i++) {
		const struct offer o = { out->paths[i],
			pt_share_cost(number, pt_path_salt(out->paths[i]->id)),
			pt_network_weight(net, out->policy, out->paths[i]) };

		for (at = i; at > 0 &&
			pt_share_cheaper(
				o.cost, o.weight, offers[at - 1].cost, offers[at - 1].weight);
			at--)
			offers[at] = offers[at - 1];
		offers[at] = o;
	}
	for (uint32_t i = 0; i < out->n_paths; i++)
		out->paths[i] = offers[i].path;
}

void pt_classify(const struct pt_network *net, const struct pt_site *self,
	const struct pt_flow *flow, struct pt_class *out)
{
	*out = (struct pt_class){ 0 };
	if (is_unforwarded(&flow->src) || is_unforwarded(&flow->dst)) {
		out->verdict = PT_CLASS_SCOPE;
		return;
	}
	find_site(net, self, &flow->dst, out);
	if (!out->site || out->site == self) {
		out->verdict = out->site ? PT_CLASS_LOCAL : PT_CLASS_NO_SITE;
		return;
	}
	find_policy(net, flow, out);
	if (!out->policy) {
		out->verdict = PT_CLASS_NO_POLICY;
		return;
	}
	find_paths(net, self, out);
	if (out->policy->strategy == PT_STRATEGY_WEIGHTED)
		order_by_flow(net, flow, out);
	out->verdict = out->n_paths ? PT_CLASS_OK : PT_CLASS_NO_PATH;
}
